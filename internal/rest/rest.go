// Package rest is the door of the GitHub-compatible REST API under /api/v3.
// Each route is one line of a table: method, path, action, handler, and what it
// takes and gives. From the table come the routing, the question to the gate,
// the headers about scopes, the OpenAPI document and docs/api.md. Cookies are not accepted here, and no handler decides about rights.
package rest

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"jeton/internal/account"
	"jeton/internal/alert"
	"jeton/internal/application"
	"jeton/internal/commitstatus"
	"jeton/internal/db"
	"jeton/internal/deliver"
	"jeton/internal/deployment"
	"jeton/internal/gate"
	"jeton/internal/gitstore"
	"jeton/internal/hook"
	"jeton/internal/httpkit"
	"jeton/internal/lifecycle"
	"jeton/internal/limit"
	"jeton/internal/org"
	"jeton/internal/pubkey"
	"jeton/internal/publish"
	"jeton/internal/push"
	"jeton/internal/release"
	"jeton/internal/repo"
	"jeton/internal/token"
)

// Prefix is where the API lives: where GitHub's clients look for it on a host
// of one's own.
const Prefix = "/api/v3"

// Options are what the door needs. All but Now are required.
type Options struct {
	DB        *db.DB
	Gate      *gate.Gate
	Accounts  *account.Room
	Repos     *repo.Room
	Orgs      *org.Room
	Tokens    *token.Room
	Git       *gitstore.Store
	Push      *push.Flow
	Apps      *application.Room
	Lifecycle *lifecycle.Flow
	Hooks     *hook.Room
	Deliver   *deliver.Flow
	Alerts    *alert.Room
	Limit     *limit.Limiter
	PerHour   int    // requests an account may make in an hour; visitors of one address a tenth; 0: no limit
	Version   string // of this program
	Now       func() time.Time

	PublicKeys    *pubkey.Room
	Statuses      *commitstatus.Room
	Deployments   *deployment.Room
	Releases      *release.Room
	Publish       *publish.Flow
	UploadTimeout time.Duration // how long an upload may take; 0: an hour
}

// Door answers the API.
type Door struct {
	o       Options
	mux     *http.ServeMux
	routes  []httpkit.RouteInfo
	fixed   http.Header // of every answer; never changed
	walking *limit.Line // answers that walk a repository
	bulky   *limit.Line // requests and answers that are large in memory

	uploading *limit.Gate // assets on their way
	// described makes the OpenAPI document at the first request for it.
	described func() dict
}

// New builds the door from its table.
func New(o Options) *Door {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.UploadTimeout == 0 {
		o.UploadTimeout = time.Hour
	}
	d := &Door{o: o, mux: http.NewServeMux(), fixed: fixed(),
		walking: limit.NewLine(limit.LineOptions{PerKey: walksPerActor, Total: walksInAll, Waiting: maxWaiting, Wait: waitFor}),
		bulky:   limit.NewLine(limit.LineOptions{PerKey: bulkyPerActor, Total: bulkyInAll, Waiting: maxWaiting, Wait: waitFor}),

		uploading: limit.NewGate(limit.GateOptions{PerKey: transfersPerActor, Total: transfersInAll}),
	}
	d.described = sync.OnceValue(d.describe)
	for _, t := range d.table() {
		d.routes = append(d.routes, httpkit.Register(d.mux, "rest", t.register(), d.wrap)...)
	}
	d.mux.Handle("/", httpkit.Frame(d.render, func(_ http.ResponseWriter, r *http.Request) error {
		r.Context().Value(callKey{}).(*call).use.End(errNotFound)
		return errNotFound
	}))
	return d
}

// Routes lists the table, for the tests that walk every route.
func (d *Door) Routes() []httpkit.RouteInfo { return d.routes }

// table is all that the API has, by topic. A request is only ever answered by a
// line of it.
func (d *Door) table() []topic {
	return []topic{
		{"Meta", d.metaRoutes()},
		{"Users", d.userRoutes()},
		{"Keys", d.keyRoutes()},
		{"Applications", d.applicationRoutes()},
		{"Credentials", slices.Concat(d.credentialRoutes(), d.rotateRoutes())},
		{"Tokens", d.tokenRoutes()},
		{"Explanations", d.explainRoutes()},
		{"Organizations", d.orgRoutes()},
		{"Organizations' view of fine-grained tokens", append(d.orgTokenRoutes(), d.tokenRequestRoutes()...)},
		{"Organization members", d.memberRoutes()},
		{"Teams", d.teamRoutes()},
		{"Repositories", d.repoRoutes()},
		{"Commit statuses", d.statusRoutes()},
		{"Deployments", d.deploymentRoutes()},
		{"Releases", d.releaseRoutes()},
		{"Topics", d.topicRoutes()},
		{"Forks, templates and transfers", d.forkRoutes()},
		{"Collaborators and invitations", d.collaboratorRoutes()},
		{"Search", d.searchRoutes()},
		{"Contents", d.contentRoutes()},
		{"Commits", d.commitRoutes()},
		{"Branches", slices.Concat(d.branchRoutes(), d.mergeRoutes())},
		{"Git database", d.gitRoutes()},
		{"Webhooks", slices.Concat(d.hookRoutes(), d.orgHookRoutes())},
		{"Secret scanning", d.alertRoutes()},
	}
}

// ServeHTTP identifies before anything is routed: a bad credential is a 401 on
// every path, also on those that need none.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	maps.Copy(w.Header(), d.fixed)
	r = uploaded(r)
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	httpkit.Frame(d.render, func(w http.ResponseWriter, r *http.Request) error {
		c := &call{door: d, w: w, r: r}
		defer func() { c.use.Broken() }() // what was answered has ended it
		if err := c.enter(); err != nil {
			c.use.End(err)
			return err
		}
		defer c.metered.Close(r.Context())
		d.mux.ServeHTTP(c.w, slashed(r).WithContext(withCall(r.Context(), c)))
		return nil
	}).ServeHTTP(w, r)
}

// fixed are the headers that every answer has. They let any page's script call
// the API: it carries no cookies, so a script can do nothing that it has no token
// for.
func fixed() http.Header {
	return http.Header{
		"Access-Control-Allow-Origin":  {"*"},
		"Access-Control-Allow-Headers": {"Authorization, Content-Type, If-Match, If-Modified-Since, If-None-Match, Accept-Encoding, X-GitHub-Api-Version, X-Requested-With"},
		"Access-Control-Allow-Methods": {"GET, POST, PATCH, PUT, DELETE"},
		"Access-Control-Expose-Headers": {strings.Join([]string{"ETag", "Link", "Location", "Retry-After",
			"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Used", "X-RateLimit-Resource", "X-RateLimit-Reset",
			"X-OAuth-Scopes", "X-Accepted-OAuth-Scopes", "X-Accepted-GitHub-Permissions", "X-OAuth-Client-Id", "X-GitHub-Media-Type", "X-GitHub-Request-Id", "GitHub-Authentication-Token-Expiration", "Jeton-Notice"}, ", ")},
		"Cross-Origin-Resource-Policy":  {"cross-origin"},
		"Cache-Control":                 {"private, no-cache"},
		"Vary":                          {"Accept, Authorization, Cookie, Accept-Encoding"},
		"X-Github-Media-Type":           {"github.v3; format=json"},
		"X-Github-Api-Version-Selected": {apiVersion},
		"X-Github-Enterprise-Version":   {enterpriseVersion},
	}
}
