package app

import (
	"net/http"
	"net/url"
	"strconv"

	"jeton/internal/githttp"
	"jeton/internal/graphql"
	"jeton/internal/httpkit"
	"jeton/internal/lfs"
	"jeton/internal/oauth"
	"jeton/internal/problem"
	"jeton/internal/rest"
)

// handler is the whole chain: what every request passes, then the door that its
// path belongs to.
func (a *App) handler() (http.Handler, error) {
	public, err := url.Parse(a.Config.URL)
	if err != nil {
		return nil, err
	}
	proxies := &httpkit.Proxies{Prefixes: a.Config.TrustedProxies}
	_, local := a.Authority()
	doors := httpkit.Chain(http.HandlerFunc(a.route),
		httpkit.NoSecretsInURLs(plain), // first, since what others refuse is logged with its path
		httpkit.Host(public, plain),
		a.refuseWhileDraining,
	)
	return httpkit.Chain(a.entrance(doors, a.metrics.handler(proxies)),
		httpkit.Events(a.o.Log, proxies, a.metrics.seen),
		httpkit.Recover(a.o.Log, plain),
		httpkit.Headers(!local, func(r *http.Request) bool { return !githttp.Serves(r.URL.Path) }),
		httpkit.Bodies(httpkit.BodyTime),
	), nil
}

// entrance answers those who watch over the machine, under any host name, and
// sends everybody else to the doors. It is no mux: a mux would redirect paths
// with doubled slashes or dots, and git follows no such redirect.
func (a *App) entrance(doors, metrics http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/healthz":
			a.healthz(w, r)
		case "/readyz":
			a.readyz(w, r)
		case "/metrics":
			metrics.ServeHTTP(w, r)
		default:
			doors.ServeHTTP(w, r)
		}
	})
}

// route picks the door by the path alone.
func (a *App) route(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case rest.Serves(path):
		a.Rest.ServeHTTP(w, r)
	case path == graphql.Path:
		a.GraphQL.ServeHTTP(w, r)
	case oauth.Serves(path):
		a.OAuth.ServeHTTP(w, r)
	case lfs.Serves(path):
		a.LFS.ServeHTTP(w, r)
	case githttp.Serves(path):
		a.GitHTTP.ServeHTTP(w, r)
	default:
		a.Web.ServeHTTP(w, r)
	}
}

func (a *App) refuseWhileDraining(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.draining.Load() && !goesOn(r) {
			w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
			w.Header().Set("Connection", "close")
			plain(w, r, http.StatusServiceUnavailable, problem.New(problem.Unavailable, "The server is stopping.", "Try again in a few seconds."))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// goesOn reports whether r may belong to a clone or push that has begun, which
// may send its next request.
func goesOn(r *http.Request) bool {
	return lfs.Serves(r.URL.Path) || r.Method == http.MethodPost && githttp.Serves(r.URL.Path)
}

// plain renders an error before a door is known: as text, which git prints.
func plain(w http.ResponseWriter, _ *http.Request, status int, err error) {
	p := problem.Of(err)
	text := p.Public
	if text == "" {
		text = "Something went wrong on the server. Its log has the request id " + w.Header().Get(httpkit.RequestIDHeader) + "."
	}
	if p.Remedy != "" {
		text += "\n" + p.Remedy
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}

func (a *App) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n"))
}

// readyz says whether requests can be served: the database answers, changes of
// other processes are heard, and the server is not about to stop.
func (a *App) readyz(w http.ResponseWriter, r *http.Request) {
	switch {
	case a.draining.Load():
		plain(w, r, http.StatusServiceUnavailable, problem.New(problem.Unavailable, "stopping", ""))
	case a.DB.Ping(r.Context()) != nil:
		plain(w, r, http.StatusServiceUnavailable, problem.New(problem.Unavailable, "the database does not answer", ""))
	case !a.Change.Fresh():
		plain(w, r, http.StatusServiceUnavailable, problem.New(problem.Unavailable, "changes can't be read", ""))
	default:
		a.healthz(w, r)
	}
}
