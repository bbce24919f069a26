package httpkit

import (
	"net/http"
	"net/url"
	"strings"

	"jeton/internal/problem"
	"jeton/internal/token"
)

// Headers sets what every answer carries: no sniffing, no framing, nothing
// loaded from elsewhere, and nothing kept in shared caches unless a handler says
// otherwise; and, for those requests that a browser may make, how far other
// origins are let in. HSTS is set only when hsts is true: a browser must be able
// to come back to a host whose authority is a local one.
func Headers(hsts bool, browser func(*http.Request) bool) Middleware {
	all := fixedHeader{
		{"X-Content-Type-Options", []string{"nosniff"}},
		{"X-Frame-Options", []string{"DENY"}},
		{"Content-Security-Policy", []string{"default-src 'none'; sandbox; frame-ancestors 'none'"}},
		{"Cache-Control", []string{"private, no-store"}},
		{"Vary", []string{"Authorization, Cookie"}},
	}
	if hsts {
		all = append(all, fixedLine{"Strict-Transport-Security", []string{"max-age=31536000"}})
	}
	more := fixedHeader{
		{"Referrer-Policy", []string{"same-origin"}},
		{"Cross-Origin-Opener-Policy", []string{"same-origin"}},
		{"Cross-Origin-Resource-Policy", []string{"same-origin"}},
		{"Permissions-Policy", []string{"camera=(), geolocation=(), microphone=(), payment=(), usb=()"}},
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			all.set(w.Header())
			if browser(r) {
				more.set(w.Header())
			}
			next.ServeHTTP(w, r)
		})
	}
}

// fixedHeader are header lines that are the same each time, with their keys as
// net/http writes them. The values are shared: they have no room behind them, so
// that who adds to one gets a copy, and nobody changes one in place.
type fixedHeader []fixedLine

type fixedLine struct {
	key    string
	values []string
}

func (f fixedHeader) set(h http.Header) {
	for _, l := range f {
		h[l.key] = l.values
	}
}

// Host answers 421 to a request for another host than the public URL's.
// Absolute URLs are made from the public URL alone, and a page under another
// name would be another origin.
func Host(public *url.URL, render Renderer) Middleware {
	want := canonicalHost(public.Scheme, public.Host)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Host != want && canonicalHost(public.Scheme, r.Host) != want {
				render(w, r, http.StatusMisdirectedRequest, problem.New(problem.Invalid,
					"This server does not answer for that host name.", "Use "+public.Scheme+"://"+public.Host+" instead."))
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func canonicalHost(scheme, host string) string {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if scheme == "https" {
		return strings.TrimSuffix(host, ":443")
	}
	return strings.TrimSuffix(host, ":80")
}

// NoSecretsInURLs refuses a request that carries a token in its URL: proxies,
// histories and logs keep URLs. Such a token should be replaced.
func NoSecretsInURLs(render Renderer) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if secretInURL(r.URL) {
				// The URL is cut before anything can log it.
				r.URL.RawQuery, r.RequestURI = "", ""
				if _, found := token.Find(r.URL.Path); found {
					r.URL.Path, r.URL.RawPath = "/", ""
				}
				render(w, r, http.StatusBadRequest, problem.New(problem.Invalid,
					"A token must not stand in a URL: URLs are kept in logs and histories.",
					"Send it in the Authorization header. Delete the token that was in the URL and make a new one."))
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func secretInURL(u *url.URL) bool {
	if _, found := token.Find(u.Path); found {
		return true
	}
	if u.RawQuery == "" {
		return false
	}
	plain, err := url.QueryUnescape(u.RawQuery)
	if err != nil {
		plain = u.RawQuery
	}
	if _, found := token.Find(plain); found {
		return true
	}
	if err == nil && !strings.Contains(plain, "_token") && !strings.Contains(plain, "_secret") {
		return false // no key can be one of these
	}
	q := u.Query()
	return q.Has("access_token") || q.Has("private_token") || q.Has("refresh_token") || q.Has("client_secret")
}
