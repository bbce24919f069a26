// Package lfs is the door of Git LFS, for unchanged git-lfs clients: the Batch
// API, the basic transfers and the locking API (git-lfs's docs/api). What is
// asked for is said by path and method, and in a batch by its operation; the
// gate is asked about that and nothing else. It must never put a secret into a
// link, decide anything itself, or hold a rule about objects and locks: the room
// largefile does.
package lfs

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"jeton/internal/db"
	"jeton/internal/event"
	"jeton/internal/gate"
	"jeton/internal/httpkit"
	"jeton/internal/keys"
	"jeton/internal/largefile"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// Options are what the door needs. All but Off, the times and Now are required.
type Options struct {
	DB              *db.DB
	Gate            *gate.Gate
	Files           *largefile.Room
	Keys            *keys.Ring
	Off             bool          // every answer is that there is no Git LFS here
	DownloadTimeout time.Duration // of one object; 0: an hour
	UploadTimeout   time.Duration // of one object; 0: an hour
	Now             func() time.Time
}

// Door answers git-lfs.
type Door struct {
	o     Options
	crowd *httpkit.Crowd
}

// New makes the door.
func New(o Options) *Door {
	if o.DB == nil || o.Gate == nil || o.Files == nil || o.Keys == nil {
		panic("lfs: New without a required option")
	}
	if o.DownloadTimeout == 0 {
		o.DownloadTimeout = time.Hour
	}
	if o.UploadTimeout == 0 {
		o.UploadTimeout = time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Door{o: o, crowd: httpkit.NewCrowd()}
}

// handler answers a request that the gate has let in.
type handler func(d *Door, c *call) error

// route is one line of the door's table: a pattern below info/lfs, in which one
// part may be {oid} or {lock}.
type route struct {
	method, pattern string
	action          right.Action
	transfer        operation // a credential of this operation is taken as well
	handle          handler
}

// batchPattern is the one address whose action its body says.
const batchPattern = "objects/batch"

// table is every route. The batch stands in it for each operation: what is in
// its query there stands in the body of the request.
var table = [...]route{
	{http.MethodPost, batchPattern + "?operation=download", right.RepoFetch, 0, batchDownload},
	{http.MethodPost, batchPattern + "?operation=upload", right.RepoPush, 0, batchUpload},
	{http.MethodGet, "objects/{oid}", right.RepoFetch, download, sendObject},
	{http.MethodPut, "objects/{oid}", right.RepoPush, upload, takeObject},
	{http.MethodPost, "objects/{oid}/verify", right.RepoPush, upload, verifyObject},
	{http.MethodGet, "locks", right.RepoFetch, 0, listLocks},
	{http.MethodPost, "locks", right.RepoPush, 0, lockFile},
	{http.MethodPost, "locks/verify", right.RepoPush, 0, verifyLocks},
	{http.MethodPost, "locks/{lock}/unlock", right.RepoPush, 0, unlockFile},
}

// prefix is what stands between a repository's path and the door's.
const prefix = "info/lfs"

// Routes lists what the door answers, for the tests that walk every route.
func (d *Door) Routes() []httpkit.RouteInfo {
	out := make([]httpkit.RouteInfo, 0, len(table))
	for _, r := range table {
		out = append(out, httpkit.RouteInfo{Door: "lfs", Method: r.method, Path: "/{owner}/{repo}/" + prefix + "/" + r.pattern, Action: r.action})
	}
	return out
}

// Serves reports whether path is one of this door's: whatever lies below a
// repository's info/lfs.
func Serves(path string) bool {
	_, ok := parsePath(path)
	return ok
}

// target is what a path names.
type target struct{ owner, repo, rest string }

func parsePath(path string) (target, bool) {
	owner, repo, rest, ok := httpkit.RepoPath(path)
	if !ok || !strings.HasPrefix(rest, prefix) {
		return target{}, false
	}
	rest, below := strings.CutPrefix(rest[len(prefix):], "/")
	return target{owner: owner, repo: repo, rest: rest}, below || rest == ""
}

// match finds the route of a request and what stands in its path's place. The
// batch gives the first of its two lines; whoever reads the body chooses.
func match(method, rest string) (route, string, error) {
	var allowed []string
	for _, r := range table {
		pattern, _, _ := strings.Cut(r.pattern, "?")
		arg, ok := fits(pattern, rest)
		if !ok {
			continue
		}
		if r.method == method || r.method == http.MethodGet && method == http.MethodHead {
			return r, arg, nil
		}
		allowed = append(allowed, r.method)
	}
	if allowed != nil {
		return route{}, "", &httpkit.Wrong{Status: http.StatusMethodNotAllowed, Allow: strings.Join(allowed, ", "), Text: "This address does not take " + verb(method) + " requests."}
	}
	return route{}, "", problem.New(problem.NotFound, "Not Found", "This server speaks the Batch API, basic transfers and the locking API of Git LFS.")
}

// verb is a method that may be anything, for a sentence.
func verb(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions:
		return method
	}
	return "such"
}

func fits(pattern, path string) (arg string, ok bool) {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return "", false
	}
	for i := range want {
		switch {
		case want[i] == got[i]:
		case want[i] == "{oid}":
			if _, ok := largefile.ParseOID(got[i]); !ok {
				return "", false
			}
			arg = got[i]
		case want[i] == "{lock}" && got[i] != "":
			arg = got[i]
		default:
			return "", false
		}
	}
	return arg, true
}

// call is one request.
type call struct {
	door  *Door
	w     http.ResponseWriter
	r     *http.Request
	actor right.Actor
	repo  gate.Repo
	route route
	arg   string // what stands for {oid} or {lock}
	batch *batchRequest
	heard uint64
	body  io.Reader // of a transfer, as it is counted; nil: r's
	via   *ticket   // the transfer credential that was presented; nil for another
}

func (c *call) ctx() context.Context { return c.r.Context() }

// ServeHTTP answers one request of git-lfs.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer d.crowd.Begin()()
	httpkit.Frame(d.render, d.serve).ServeHTTP(w, r)
}

func (c *call) identify() (err error) {
	c.heard = c.door.o.Gate.Heard()
	c.actor, c.via, err = c.door.identify(c.ctx(), c.r, true)
	return err
}

// Drain waits until no request runs, or ctx has ended.
func (d *Door) Drain(ctx context.Context) { d.crowd.Drain(ctx) }

func (d *Door) serve(w http.ResponseWriter, r *http.Request) error {
	c := &call{door: d, w: w, r: r}
	if err := c.identify(); err != nil {
		return err
	}
	event.From(c.ctx()).Add(slog.String("actor", c.actor.Login), slog.Int64("token", int64(c.actor.Token)))
	use := d.o.Gate.Begin(c.ctx(), &c.actor)
	defer use.Broken() // whatever ends this without an error or an answer
	err := d.within(c, use)
	use.End(err)
	return err
}

// within answers a request of an actor.
func (d *Door) within(c *call, use *gate.Use) error {
	if d.o.Off {
		return &httpkit.Wrong{Status: http.StatusNotImplemented, Text: "Git LFS is switched off on this server."}
	}
	t, err := d.parse(c)
	if err != nil {
		return err
	}
	use.About(c.route.action, nil, t.owner, t.repo)
	if d.o.Gate.Heard() != c.heard { // while the body of a batch came
		if err := c.identify(); err != nil {
			return err
		}
	}
	if c.repo, err = d.load(c.ctx(), c, &c.actor, t); err != nil {
		return err
	}
	use.About(c.route.action, &c.repo, "", "")
	leave, err := d.crowd.Enter(c.r, &c.actor)
	if err != nil {
		return err
	}
	defer leave()
	return d.counted(c)
}

// counted answers within the budget of the token. The transfer of an object is a
// use of it; what leads to one is none, and is refused once there is nothing left.
func (d *Door) counted(c *call) error {
	meter := d.o.Gate.Meter(&c.actor)
	if meter == nil {
		return c.route.handle(d, c)
	}
	defer meter.Close(c.ctx())
	if c.route.method != http.MethodPut && c.route.pattern != "objects/{oid}" {
		if c.via == nil { // an upload that was the last use is verified still
			if err := meter.Check(c.ctx()); err != nil {
				return err
			}
		}
		return c.route.handle(d, c)
	}
	if err := meter.Use(c.ctx()); err != nil {
		return err
	}
	c.w = httpkit.Through(c.w, meter.Writer(c.ctx(), c.w))
	c.body = meter.Reader(c.ctx(), c.r.Body)
	return c.route.handle(d, c)
}

// parse reads what is asked for, and refuses what disagrees with itself.
func (d *Door) parse(c *call) (target, error) {
	t, ok := parsePath(c.r.URL.Path)
	if !ok {
		return target{}, problem.New(problem.NotFound, "Not Found", "")
	}
	// No address here has a service: a query that names one belongs to another
	// protocol, and whoever would read it could take a write for a read.
	if c.r.URL.Query().Has("service") {
		return target{}, &httpkit.Wrong{Status: http.StatusBadRequest, Text: "The addresses of Git LFS have no service in their query."}
	}
	var err error
	if c.route, c.arg, err = match(c.r.Method, t.rest); err != nil {
		return target{}, err
	}
	if t.rest == batchPattern {
		return t, d.parseBatch(c)
	}
	return t, nil
}

// load asks the gate. A transfer credential is good for one repository and one
// operation, whatever its account may do besides.
func (d *Door) load(ctx context.Context, c *call, actor *right.Actor, t target) (gate.Repo, error) {
	if c.via != nil && (c.route.transfer == 0 || c.via.op != c.route.transfer) {
		return gate.Repo{}, errTicket
	}
	repo, err := d.o.Gate.Repo(ctx, actor, c.route.action, t.owner, t.repo)
	if err != nil {
		return gate.Repo{}, err
	}
	if c.via != nil && c.via.repo != repo.ID {
		return gate.Repo{}, errTicket
	}
	return repo, nil
}

// again goes through what let the request in, while it runs. A transfer that
// has begun may outlast its credential; nothing else that it rests on.
func (d *Door) again(ctx context.Context, c *call) error {
	actor, _, err := d.identify(ctx, c.r, false)
	if err != nil {
		return err
	}
	if err := d.o.Gate.SameLimits(&c.actor, &actor); err != nil {
		return err
	}
	t, _ := parsePath(c.r.URL.Path)
	now, err := d.load(ctx, c, &actor, t)
	if err != nil {
		return err
	}
	return gate.Same(&c.repo, &now)
}

// watch returns a context that ends with the permission or after limit.
func (d *Door) watch(c *call, limit time.Duration) (context.Context, func()) {
	ctx, cancel := context.WithTimeout(c.ctx(), limit)
	ctx, stop := d.o.Gate.Watch(ctx, &c.actor, &c.repo, c.heard, func(ctx context.Context) error { return d.again(ctx, c) })
	release := httpkit.CutShort(ctx, c.w)
	return ctx, func() { release(); stop(); cancel() }
}
