package application

import (
	"net/url"
	"strings"

	"jeton/internal/problem"
)

// Redirect returns the address that a person is led to at the end of the
// browser's flow, and whether it is one that the application registered: the
// same scheme, host and port, byte by byte, and the same path or one beneath
// it. On the machine that the browser runs on, the port may be any (RFC 8252,
// 7.3). Without an asked address it is the registered one.
func (a *App) Redirect(asked string) (string, bool) {
	if asked == "" {
		return a.Callback, a.Callback != ""
	}
	to, ok := cleanRedirect(asked)
	if !ok {
		return "", false
	}
	registered := a.callbacks
	if a.Callback != "" {
		registered = []string{a.Callback}
	}
	for _, one := range registered {
		if from, ok := cleanRedirect(one); ok && within(from, to) {
			return asked, true
		}
	}
	return "", false
}

// cleanRedirect parses an address and refuses whatever a browser might read
// otherwise than this parser does.
func cleanRedirect(s string) (*url.URL, bool) {
	if len(s) > maxURL {
		return nil, false
	}
	for i := range len(s) {
		// Spaces, control characters, backslashes and everything beyond ASCII
		// are encoded in an address, or it is none.
		if s[i] <= ' ' || s[i] >= 0x7f || s[i] == '\\' || s[i] == '#' || s[i] == '"' || s[i] == '<' || s[i] == '>' {
			return nil, false
		}
	}
	u, err := url.Parse(s)
	if err != nil || u.User != nil || u.Opaque != "" || u.Host == "" || u.Fragment != "" || strings.Contains(u.Host, "%") {
		return nil, false
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u)) || u.Scheme+"://" != s[:len(u.Scheme)+3] {
		return nil, false
	}
	path := strings.ToLower(u.EscapedPath())
	if strings.Contains(path, "%2e") || strings.Contains(path, "%2f") || strings.Contains(path, "%5c") || strings.Contains(path, "//") {
		return nil, false
	}
	for _, segment := range strings.Split(u.Path, "/") {
		if segment == "." || segment == ".." {
			return nil, false
		}
	}
	return u, true
}

// loopback reports whether u is on the machine that the browser runs on.
func loopback(u *url.URL) bool {
	h := u.Hostname()
	return h == "127.0.0.1" || h == "::1" || h == "localhost"
}

func within(from, to *url.URL) bool {
	if from.Scheme != to.Scheme || from.Hostname() != to.Hostname() || !loopback(from) && from.Port() != to.Port() {
		return false
	}
	base, path := from.EscapedPath(), to.EscapedPath()
	if base == "" {
		base = "/"
	}
	if path == "" {
		path = "/"
	}
	if base == path || strings.HasSuffix(base, "/") && strings.HasPrefix(path, base) {
		return true
	}
	return strings.HasPrefix(path, base+"/")
}

func checkCallback(s string) error {
	if s == "" {
		return problem.Field("callback", "Callback URL can't be blank")
	}
	if _, ok := cleanRedirect(s); !ok {
		return problem.Field("callback", "Callback URL must be a whole https:// address without a fragment, or an http:// address of localhost")
	}
	return nil
}

func goodHomepage(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= maxURL && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
}
