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
	"strconv"
	"strings"
	"sync"
	"time"

	"jeton/internal/event"
	"jeton/internal/fetch"
	"jeton/internal/gate"
	"jeton/internal/httpkit"
	"jeton/internal/limit"
	"jeton/internal/problem"
	"jeton/internal/push"
	"jeton/internal/right"
	"jeton/internal/token"
)

// Options are what the door needs. All but the times and Now are required.
type Options struct {
	Gate         *gate.Gate
	Tokens       *token.Room
	Fetch        *fetch.Flow
	Push         *push.Flow
	MaxPack      int64         // bytes of a push's body
	FetchTimeout time.Duration // of a whole fetch; 0: an hour
	PushTimeout  time.Duration // of a whole push; 0: an hour
	Now          func() time.Time
}

// How many requests may be under way. No account gets more than a quarter, a
// class of visitors behind one address an eighth, all visitors a half.
const (
	requestsInAll      = 1024
	requestsPerActor   = requestsInAll / 4
	visitorsInAll      = requestsInAll / 2
	visitorsPerNetwork = requestsInAll / 8
)

// Door answers git.
type Door struct {
	o Options

	requests, visitors *limit.Gate

	mu      sync.Mutex
	running int           // requests; guarded by mu
	idle    chan struct{} // closed when none runs any more; nil while nobody waits; guarded by mu
}

// New makes the door.
func New(o Options) *Door {
	if o.Gate == nil || o.Tokens == nil || o.Fetch == nil || o.Push == nil || o.MaxPack <= 0 {
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
	return &Door{o: o,
		requests: limit.NewGate(limit.GateOptions{PerKey: requestsPerActor, Total: requestsInAll}),
		visitors: limit.NewGate(limit.GateOptions{PerKey: visitorsPerNetwork, Total: visitorsInAll})}
}

// service is one of git's two services.
type service struct {
	name   string // as in paths and in ?service=
	action right.Action
}

var (
	uploadPack  = service{name: "git-upload-pack", action: right.RepoFetch}
	receivePack = service{name: "git-receive-pack", action: right.RepoPush}
)

// Routes lists what the door answers, for the tests that walk every route.
func (d *Door) Routes() []httpkit.RouteInfo {
	var out []httpkit.RouteInfo
	for _, s := range []service{uploadPack, receivePack} {
		out = append(out,
			httpkit.RouteInfo{Door: "git", Method: http.MethodGet, Path: "/{owner}/{repo}/info/refs?service=" + s.name, Action: s.action},
			httpkit.RouteInfo{Door: "git", Method: http.MethodPost, Path: "/{owner}/{repo}/" + s.name, Action: s.action})
	}
	return out
}

// Serves reports whether path is one of git's.
func Serves(path string) bool {
	_, ok := parsePath(path)
	return ok
}

// target is what a path names.
type target struct {
	owner, repo string
	discovery   bool    // info/refs
	service     service // unless discovery, where the query says it
}

// parsePath reads /OWNER/REPO/info/refs and /OWNER/REPO/SERVICE. The service of
// a request is what its path says, whatever its query says.
func parsePath(path string) (target, bool) {
	parts := strings.Split(path, "/")
	if len(parts) < 4 || parts[0] != "" || parts[1] == "" || parts[2] == "" {
		return target{}, false
	}
	t := target{owner: parts[1], repo: parts[2]}
	switch rest := strings.Join(parts[3:], "/"); rest {
	case "info/refs":
		t.discovery = true
	case uploadPack.name:
		t.service = uploadPack
	case receivePack.name:
		t.service = receivePack
	default:
		return target{}, false
	}
	return t, true
}

// ServeHTTP answers one request of git.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer d.begin()()
	httpkit.Frame(d.render, d.serve).ServeHTTP(w, r)
}

// begin counts a request that runs, until the returned function is called.
func (d *Door) begin() (leave func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.running++
	return sync.OnceFunc(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.running--; d.running == 0 && d.idle != nil {
			close(d.idle)
			d.idle = nil
		}
	})
}

// Running returns how many requests run now, for metrics.
func (d *Door) Running() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.running
}

// Drain waits until no request runs, or ctx has ended. New ones may come
// meanwhile, which a sync.WaitGroup would not stand.
func (d *Door) Drain(ctx context.Context) {
	d.mu.Lock()
	if d.running == 0 {
		d.mu.Unlock()
		return
	}
	if d.idle == nil {
		d.idle = make(chan struct{})
	}
	idle := d.idle
	d.mu.Unlock()
	select {
	case <-idle:
	case <-ctx.Done():
	}
}

func (d *Door) serve(w http.ResponseWriter, r *http.Request) error {
	heard := d.o.Gate.Heard()
	actor, err := d.o.Gate.Identify(r.Context(), gate.ParseAuthorization(r.Header.Values("Authorization")))
	if err != nil {
		return err
	}
	event.From(r.Context()).Add(slog.String("actor", actor.Login), slog.Int64("token", int64(actor.Token)))
	t, err := parse(r)
	if err != nil {
		return err
	}
	repo, err := d.load(r, &actor, t)
	if err != nil {
		return err
	}
	if repo.Renamed && t.discovery {
		// git follows a redirect of its first request and stays at the new place.
		to := "/" + repo.OwnerLogin + "/" + repo.Name + ".git/info/refs?service=" + t.service.name
		http.Redirect(w, r, d.o.Gate.URL(to), http.StatusMovedPermanently)
		return nil
	}
	leave, err := d.enter(r, &actor)
	if err != nil {
		return err
	}
	defer leave()
	d.used(r, &actor, &repo, t.service)
	return d.answer(w, r, &actor, repo, t, heard)
}

// enter takes a place for a request.
func (d *Door) enter(r *http.Request, actor *right.Actor) (leave func(), err error) {
	if !actor.IsAnonymous() {
		return d.requests.Enter("account " + strconv.FormatInt(int64(actor.Account), 10))
	}
	network := limit.Network(event.From(r.Context()).Address)
	leaveVisitors, err := d.visitors.Enter(network)
	if err != nil {
		return nil, err
	}
	leaveAll, err := d.requests.Enter(network)
	if err != nil {
		leaveVisitors()
		return nil, err
	}
	return func() { leaveVisitors(); leaveAll() }, nil
}

// again goes through what let the request in, while it runs.
func (d *Door) again(ctx context.Context, r *http.Request, t target) error {
	actor, err := d.o.Gate.Identify(ctx, gate.ParseAuthorization(r.Header.Values("Authorization")))
	if err != nil {
		return err
	}
	_, err = d.load(r.WithContext(ctx), &actor, t)
	return err
}

// lastWords is how long a client has to take in why it was cut short.
const lastWords = time.Second

// cutShort makes reads and writes on the connection fail once ctx has ended,
// which nothing else would: a client that says nothing must not hold on to what
// was taken from it. The returned function lets go of the connection, and must be
// called before the handler returns: nobody may touch the response after that.
func cutShort(ctx context.Context, w http.ResponseWriter) func() {
	control := http.NewResponseController(w)
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		_ = control.SetReadDeadline(time.Now())
		_ = control.SetWriteDeadline(time.Now().Add(lastWords))
	})
	return func() {
		if !stop() {
			<-done // it has begun: over HTTP/2 it would end the program
		}
	}
}

// load asks the gate. Whether a push is allowed at all is known here, before
// anything is sent: git prints refusals of discovery best.
func (d *Door) load(r *http.Request, actor *right.Actor, t target) (gate.Repo, error) {
	if actor.IsAnonymous() && t.service.action == right.RepoPush {
		return gate.Repo{}, errAnonymousWrite
	}
	return d.o.Gate.Repo(r.Context(), actor, t.service.action, t.owner, t.repo)
}

var errAnonymousWrite = problem.New(problem.Unauthenticated, "No anonymous write access.", "")

func (d *Door) used(r *http.Request, actor *right.Actor, repo *gate.Repo, s service) {
	if !actor.IsToken() {
		return
	}
	ev := event.From(r.Context())
	d.o.Tokens.Used(actor.Token, token.Use{At: d.o.Now(), Address: ev.Address.String(), Client: ev.Client, Repo: repo.OwnerLogin + "/" + repo.Name, Action: s.action.String()})
}

func (d *Door) answer(w http.ResponseWriter, r *http.Request, actor *right.Actor, repo gate.Repo, t target, heard uint64) error {
	limit := d.o.FetchTimeout
	if t.service.action == right.RepoPush {
		limit = d.o.PushTimeout
	}
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	defer cancel()
	again := func(ctx context.Context) error { return d.again(ctx, r, t) }
	ctx, stop := d.o.Gate.Watch(ctx, actor, &repo, heard, again)
	defer stop()
	defer cutShort(ctx, w)()
	out := newAnswer(ctx, w, r, t)
	protocol := protocolHeader(r)
	if t.discovery {
		if t.service.action == right.RepoPush {
			return out.result(d.o.Push.Advertise(ctx, actor, repo, protocol, out))
		}
		return out.result(d.o.Fetch.Advertise(ctx, actor, repo, protocol, out))
	}
	in, err := d.body(ctx, w, r, t.service)
	if err != nil {
		return err
	}
	defer in.Close()
	if t.service.action == right.RepoPush {
		return out.result(d.o.Push.Receive(ctx, actor, repo, again, in, out))
	}
	return out.result(d.o.Fetch.Serve(ctx, actor, repo, protocol, in, out))
}
