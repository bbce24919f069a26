// Package githttp is the door of Git over HTTPS (gitprotocol-http(5)):
// discovery, fetch and push for unchanged git clients. It reads the service
// from the path, asks the gate, and hands what is inside to the flows fetch and
// push. Every refusal is plain text, one message a line, since that is what git
// shows to the person.
package githttp

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"jeton/internal/event"
	"jeton/internal/fetch"
	"jeton/internal/gate"
	"jeton/internal/httpkit"
	"jeton/internal/problem"
	"jeton/internal/push"
	"jeton/internal/right"
)

// Options are what the door needs. All but the times and Now are required.
type Options struct {
	Gate         *gate.Gate
	Fetch        *fetch.Flow
	Push         *push.Flow
	MaxPack      int64         // bytes of a push's body
	FetchTimeout time.Duration // of a whole fetch; 0: an hour
	PushTimeout  time.Duration // of a whole push; 0: an hour
	Now          func() time.Time
}

// Door answers git.
type Door struct {
	o      Options
	crowd  *httpkit.Crowd
	framed http.Handler // serve, with its errors rendered
}

// New makes the door.
func New(o Options) *Door {
	if o.Gate == nil || o.Fetch == nil || o.Push == nil || o.MaxPack <= 0 {
		panic("githttp: New without a required option")
	}
	if o.FetchTimeout == 0 {
		o.FetchTimeout = time.Hour
	}
	if o.PushTimeout == 0 {
		o.PushTimeout = time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	d := &Door{o: o, crowd: httpkit.NewCrowd()}
	d.framed = httpkit.Frame(d.render, d.serve)
	return d
}

// Routes lists what the door answers, for the tests that walk every route.
func (d *Door) Routes() []httpkit.RouteInfo {
	var out []httpkit.RouteInfo
	for _, s := range []*service{uploadPack, receivePack} {
		out = append(out,
			httpkit.RouteInfo{Door: "git", Method: http.MethodGet, Path: "/{owner}/{repo}/info/refs?service=" + s.name, Action: s.action},
			httpkit.RouteInfo{Door: "git", Method: http.MethodPost, Path: "/{owner}/{repo}/" + s.name, Action: s.action})
	}
	return append(out, httpkit.RouteInfo{Door: "git", Method: http.MethodGet, Path: "/{owner}/{repo}.git/" + fetch.BundleFolder + "/x.bundle", Action: uploadPack.action})
}

// Serves reports whether path is one of git's.
func Serves(path string) bool {
	_, ok := parsePath(path)
	return ok
}

// target is what a path names.
type target struct {
	owner, repo string
	discovery   bool     // info/refs
	service     *service // nil for discovery, until the query is read
	bundle      string   // the name of a bundle, which is a part of a fetch
}

// parsePath reads /OWNER/REPO/info/refs, /OWNER/REPO/SERVICE and
// /OWNER/REPO.git/bundles/NAME.bundle. The service of
// a request is what its path says, whatever its query says.
func parsePath(path string) (target, bool) {
	owner, repo, rest, ok := httpkit.RepoPath(path)
	if !ok {
		return target{}, false
	}
	t := target{owner: owner, repo: repo}
	switch rest {
	case "info/refs":
		t.discovery = true
	case uploadPack.name:
		t.service = uploadPack
	case receivePack.name:
		t.service = receivePack
	default:
		name, ok := strings.CutPrefix(rest, fetch.BundleFolder+"/")
		if !ok || !strings.HasSuffix(name, ".bundle") || strings.Contains(name, "/") || !strings.HasSuffix(t.repo, ".git") {
			return target{}, false
		}
		t.bundle, t.service = name, uploadPack
	}
	return t, true
}

// ServeHTTP answers one request of git.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer d.crowd.Begin()()
	d.framed.ServeHTTP(w, r)
}

// Running returns how many requests run now, for metrics.
func (d *Door) Running() int { return d.crowd.Running() }

// Drain waits until no request runs, or ctx has ended.
func (d *Door) Drain(ctx context.Context) { d.crowd.Drain(ctx) }

func (d *Door) serve(w http.ResponseWriter, r *http.Request) error {
	heard := d.o.Gate.Heard()
	actor, err := d.o.Gate.Identify(r.Context(), gate.ParseAuthorization(r.Header.Values("Authorization")))
	if err != nil {
		return err
	}
	actor.Filtered = true // by the flows fetch and push
	event.From(r.Context()).Add(slog.String("actor", actor.Login), slog.Int64("token", int64(actor.Token)))
	use := d.o.Gate.Begin(r.Context(), &actor)
	defer use.Broken() // whatever ends this without an error or an answer
	err = d.within(w, r, &actor, use, heard)
	use.End(err)
	return err
}

// within answers a request of an actor.
func (d *Door) within(w http.ResponseWriter, r *http.Request, actor *right.Actor, use *gate.Use, heard uint64) error {
	t, err := parse(r)
	if err != nil {
		return err
	}
	use.About(t.service.action, nil, t.owner, t.repo)
	repo, err := d.load(r, actor, t)
	if err != nil {
		return err
	}
	use.About(t.service.action, &repo, "", "")
	if repo.Renamed && t.discovery {
		// git follows a redirect of its first request and stays at the new place.
		to := "/" + repo.OwnerLogin + "/" + repo.Name + ".git/info/refs?service=" + t.service.name
		http.Redirect(w, r, d.o.Gate.URL(to), http.StatusMovedPermanently)
		return nil
	}
	leave, err := d.crowd.Enter(r, actor)
	if err != nil {
		return err
	}
	defer leave()
	return d.answer(w, r, actor, repo, t, heard)
}

// load asks the gate. Whether a push is allowed at all is known here, before
// anything is sent: git prints refusals of discovery best.
func (d *Door) load(r *http.Request, actor *right.Actor, t target) (gate.Repo, error) {
	if actor.IsAnonymous() && t.service.action == right.RepoPush {
		return gate.Repo{}, errAnonymousWrite
	}
	return d.o.Gate.RepoForGit(r.Context(), actor, t.service.action, t.owner, t.repo)
}

var errAnonymousWrite = problem.New(problem.Unauthenticated, "No anonymous write access.", "")

// askAgainFrom is from how large a request on it may be on its way for long, and
// from how large an answer: what is smaller fits into the buffers between here
// and the client.
const askAgainFrom = 64 << 10

func (d *Door) answer(w http.ResponseWriter, r *http.Request, actor *right.Actor, repo gate.Repo, t target, heard uint64) error {
	l := &lease{door: d, r: r, w: w, actor: actor, repo: &repo, target: t, heard: heard}
	defer l.over()
	out := newAnswer(l)
	protocol := protocolHeader(r)
	if t.discovery {
		if t.service.action == right.RepoPush {
			return out.result(d.o.Push.Advertise(r.Context(), actor, repo, protocol, out))
		}
		return out.result(d.o.Fetch.Advertise(r.Context(), actor, repo, protocol, out))
	}
	if t.bundle != "" {
		return out.result(d.bundle(l.Long(), actor, repo, t.bundle, out, r))
	}
	if t.service.action == right.RepoPush || r.ContentLength < 0 || r.ContentLength > askAgainFrom {
		l.Long()
	}
	in, err := d.body(l.context(), w, r, t.service)
	if err != nil {
		return err
	}
	defer in.Close()
	if t.service.action == right.RepoPush {
		return out.result(d.o.Push.Receive(l.Long(), actor, repo, l.again, in, out))
	}
	return out.result(d.o.Fetch.Serve(l.context(), actor, repo, protocol, in, out, l))
}
