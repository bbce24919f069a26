package rest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"jeton/internal/event"
	"jeton/internal/gate"
	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/httpkit"
	"jeton/internal/limit"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// How much of what walks a repository runs at a time, and for how long.
const (
	walksPerActor = 4
	walksInAll    = 24
	walkFor       = 20 * time.Second

	// Programs ask for many things at once: so many wait, for so long.
	maxWaiting = 100
	waitFor    = 20 * time.Second
)

// walks gives an answer that reads a repository's history or many of its objects
// a place among the others of its caller, and a deadline.
func (d *Door) walks(h handler) handler {
	return func(c *call) (any, error) {
		leave, err := d.walking.Enter(c.ctx(), c.who())
		if err != nil {
			return nil, err
		}
		defer leave()
		ctx, cancel := context.WithTimeout(c.r.Context(), walkFor)
		defer cancel()
		before := c.r
		c.r = c.r.WithContext(ctx)
		defer func() { c.r = before }()
		return h(c)
	}
}

// placed is walks without the deadline, for what ends in a push, which has its own.
func (d *Door) placed(h handler) handler {
	return func(c *call) (any, error) {
		leave, err := d.walking.Enter(c.ctx(), c.who())
		if err != nil {
			return nil, err
		}
		defer leave()
		return h(c)
	}
}

// who names whose share of something bounded a request takes.
func (c *call) who() string {
	if c.actor.IsAnonymous() {
		return limit.Network(event.From(c.r.Context()).Address)
	}
	return "account " + strconv.FormatInt(int64(c.actor.Account), 10)
}

func (c *call) ctx() context.Context { return c.r.Context() }

// query is one parameter of the query.
func (c *call) query(name string) string { return c.r.URL.Query().Get(name) }

// git is the repository as the caller may see it. Whatever a handler reads of one it
// reads through this or sight: the gate trusts in that, see enter.
func (c *call) git() gitstore.Sight { return c.sight(&c.repo) }

func (c *call) sight(r *gate.Repo) gitstore.Sight {
	return c.door.o.Git.Repo(r.ID).Sight(c.actor.Grant.Limits.Sight())
}

// errEmptyRepo is GitHub's answer where there is no commit at all.
func errEmptyRepo() error { return status(http.StatusConflict, "Git Repository is empty.") }

func notFound(message string) error {
	return &statusError{code: http.StatusNotFound, problem: problem.New(problem.NotFound, message, "")}
}

// unprocessable is a 422 that names no field.
func unprocessable(message string) error { return status(http.StatusUnprocessableEntity, message) }

// instead turns what is not there into another error: GitHub's words depend on
// what was asked for.
func instead(err, other error) error {
	if problem.Is(err, problem.NotFound) {
		return other
	}
	return err
}

// view opens the repository at a revision; "" is the default branch. The caller
// closes it.
func (c *call) view(rev string) (*gitstore.View, error) { return c.git().View(c.ctx(), rev) }

// repoURL is the address of something of the repository in the API.
func (c *call) repoURL(rest string) string { return c.url("/repos/" + c.repo.FullName() + rest) }

// page address of something of the repository.
func (c *call) repoPage(rest string) string { return c.door.o.Gate.URL("/" + c.repo.FullName() + rest) }

// escaped is a path as it stands in a URL: its slashes stay.
func escaped(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

var mediaType = regexp.MustCompile(`application/vnd\.github\.?(?:v3|VERSION)?\.?(raw|html|object|diff|patch|sha)(?:\+json)?\b`)

// media is the form of the answer that the caller asks for beside JSON: raw, html,
// object, diff, patch or sha; empty for none.
func (c *call) media() string {
	m := mediaType.FindStringSubmatch(c.r.Header.Get("Accept"))
	if m == nil {
		return ""
	}
	return m[1]
}

// plain is an answer in one of GitHub's own media types.
func (c *call) plain(param string, data []byte) file {
	c.w.Header().Set("X-GitHub-Media-Type", "github.v3; param="+param)
	return file{kind: "application/vnd.github." + param + "; charset=utf-8", bytes: data}
}

// modified sets Last-Modified to a commit's own time, as GitHub does. It answers no
// If-Modified-Since: what is told beside the commit (whose it is, whether a key
// verifies it) changes without it.
func (c *call) modified(at time.Time) {
	c.w.Header().Set("Last-Modified", at.UTC().Format(http.TimeFormat))
}

// stream is an answer of any length, which is watched while it lasts.
type stream struct {
	kind, name string // the media type; the name of the file, empty for none
	size       int64  // -1 when nobody knows
	etag       string
	open       func(context.Context) (io.ReadCloser, error)
}

func (s *stream) writeTo(c *call) error {
	h := c.w.Header()
	if s.etag != "" {
		h.Set("ETag", s.etag)
		if matches(c.r.Header.Get("If-None-Match"), s.etag) {
			c.w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	ctx, end := c.door.o.Gate.Watch(c.ctx(), &c.actor, &c.repo, c.heard, c.again)
	defer end()
	defer httpkit.CutShort(ctx, c.w)()
	body, err := s.open(ctx)
	if err != nil {
		return problem.Ended(ctx, err)
	}
	defer body.Close()
	// What fails at once is still told in words.
	head := make([]byte, 512)
	n, err := io.ReadFull(body, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return problem.Ended(ctx, err)
	}
	h.Set("Content-Type", s.kind)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	if s.name != "" {
		h.Set("Content-Disposition", "attachment; filename="+s.name)
	}
	if s.size >= 0 {
		h.Set("Content-Length", strconv.FormatInt(s.size, 10))
	}
	if c.r.Method == http.MethodHead {
		return nil
	}
	w := httpkit.NewSteady(ctx, c.w, httpkit.IdleLimit)
	_, err = w.Write(head[:n])
	if err == nil && n == len(head) {
		_, err = io.Copy(w, body)
	}
	if err != nil {
		// The answer has begun: ending the connection is the only way to say so.
		panic(http.ErrAbortHandler)
	}
	return nil
}

// again goes through what let the request in.
func (c *call) again(ctx context.Context) error {
	actor, err := c.door.o.Gate.Identify(ctx, gate.ParseAuthorization(c.r.Header.Values("Authorization")))
	if err != nil {
		return err
	}
	actor.Filtered = true
	if err := c.door.o.Gate.SameLimits(&c.actor, &actor); err != nil {
		return err
	}
	now, err := c.door.o.Gate.Repo(ctx, &actor, c.action, c.repo.OwnerLogin, c.repo.Name)
	if err != nil {
		return err
	}
	return gate.Same(&c.repo, &now)
}

// network is the caller's share of what the store bounds.
func (c *call) share() gitstore.Who {
	return gitstore.Who{Account: c.actor.Account, Network: limit.Network(event.From(c.ctx()).Address)}
}

// made is an object that the caller made through the API and that no ref reaches
// yet. Who may not write finds none.
func (c *call) made(id object.ID, kind object.Kind) (gitstore.Object, error) {
	if c.actor.IsAnonymous() || !c.door.o.Gate.Allows(&c.actor, right.RepoPush, &c.repo) {
		return gitstore.Object{}, problem.New(problem.NotFound, "Not Found", "")
	}
	o, err := c.git().Made(c.actor.Account, id)
	if err == nil && o.Kind != kind {
		err = problem.New(problem.NotFound, "Not Found", "")
	}
	return o, err
}

// object reads one that a ref reaches or that the caller made, as JSON can hold it.
func (c *call) object(v *gitstore.View, sha string, kind object.Kind, limit int64) (object.ID, []byte, error) {
	id, ok := v.Refs.Format.ParseID(strings.ToLower(sha))
	if !ok {
		return "", nil, errNotFound
	}
	data, err := v.Object(id, kind, limit)
	if problem.Is(err, problem.NotFound) {
		if o, merr := c.made(id, kind); merr == nil {
			return id, o.Data, nil
		}
		return "", nil, errNotFound
	}
	return id, data, err
}
