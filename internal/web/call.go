package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"jeton/internal/event"
	"jeton/internal/gate"
	"jeton/internal/httpkit"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
)

// handler answers one route, or returns why it can't.
type handler func(c *call) error

// call is one request of a browser.
type call struct {
	door   *Door
	w      http.ResponseWriter
	r      *http.Request
	actor  right.Actor
	bearer secret.Value
	heard  uint64 // of the gate, from before the person was identified
	action right.Action
	repo   gate.Repo // loaded when the route's action is of a repository
	org    gate.Org  // loaded when it is of an organisation
	group  gate.Team // loaded when it is of a team
	of     *holding  // whose tokens the page is about; nil: the person's own
	held   []func()  // what letGo gives back
}

// hold keeps something scarce (a place for expensive work, an open repository)
// until the answer is sent or the handler ends. f may be called when it is
// given back already.
func (c *call) hold(f func()) { c.held = append(c.held, f) }

// letGo gives back what is held, the last first. It runs before an answer is
// written: somebody who reads slowly must hold nothing that others wait for.
func (c *call) letGo() {
	for i := len(c.held) - 1; i >= 0; i-- {
		c.held[i]()
	}
	c.held = nil
}

type callKey struct{}

func withCall(ctx context.Context, c *call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

func callOf(r *http.Request) *call {
	c, _ := r.Context().Value(callKey{}).(*call)
	return c
}

// contentPolicy is the content security policy of pages: everything from here, no
// inline script or style, no frame around them.
const contentPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// enter refuses what no page accepts and identifies the person.
func (c *call) enter() error {
	if len(c.r.Header.Values("Authorization")) > 0 {
		return problem.New(problem.Forbidden, "Pages accept no token and no password in the Authorization header.",
			"Sign in on the page. Tokens are for Git and for the API at "+c.door.o.Gate.URL("/api/v3/")+".")
	}
	if err := c.door.crossSite.Check(c.r); err != nil {
		return problem.Wrap(err, problem.Forbidden, "This form was sent from another site, so nothing was done.", "Open the page on this site and send the form there.")
	}
	c.forgetShown()
	c.bearer = c.sessionCookie()
	return c.identify()
}

func (c *call) identify() error {
	c.heard = c.door.o.Gate.Heard()
	actor, err := c.door.o.Gate.IdentifySession(c.r.Context(), c.bearer)
	if err != nil {
		c.actor = right.Anonymous()
		if problem.Is(err, problem.Forbidden) {
			c.clearSession() // a suspended account's cookie opens nothing
		}
		return err
	}
	c.actor = actor
	if !actor.IsAnonymous() {
		event.From(c.r.Context()).Add(slog.String("actor", actor.Login), slog.Int64("session", int64(actor.Sess)))
	}
	return nil
}

// arrived asks who it is once more, if anything has changed since, when the form
// is there: who keeps it back must not act by a session that has ended meanwhile.
func (c *call) arrived() error {
	if c.door.o.Gate.Heard() == c.heard {
		return nil
	}
	return c.identify()
}

// noted puts err into the request's event, for an error that is rendered
// outside httpkit's frame.
func (c *call) noted(err error) error {
	event.From(c.r.Context()).Add(slog.String("problem", problem.KindOf(err).String()), slog.String("err", err.Error()))
	return err
}

// wrap asks the gate before the handler runs. A refusal that a sign-in or a
// confirmation can lift leads there.
func (d *Door) wrap(route httpkit.Route[handler]) http.Handler {
	return httpkit.Frame(d.renderError, func(w http.ResponseWriter, r *http.Request) error {
		c := callOf(r)
		c.w, c.r, c.action = w, r, route.Action
		defer c.letGo()
		if r.Method == http.MethodPost {
			if err := c.readForm(); err != nil {
				return err
			}
			if err := c.arrived(); err != nil {
				return err
			}
		}
		err := c.run(route.Handle)
		denied, ok := errors.AsType[*gate.Denied](err)
		switch {
		case !ok:
			return err
		case denied.Reason == right.NotRecent:
			return c.confirmFirst(route.Handle)
		case denied.Reason == right.SignIn && denied.Tell:
			return c.signInFirst()
		case !denied.Tell && c.actor.IsAnonymous():
			return errMissing()
		}
		return err
	})
}

func (c *call) run(h handler) error {
	if err := c.authorize(); err != nil {
		return err
	}
	if c.repo.ID != 0 && c.redirected() {
		return nil
	}
	return c.led(h(c))
}

func (c *call) authorize() error {
	g := c.door.o.Gate
	var err error
	switch c.action.Info().Subject {
	case right.OfSite, right.OfSelf, right.OfApp:
		return g.Check(&c.actor, c.action)
	case right.OfOrg:
		c.org, err = g.Org(c.r.Context(), &c.actor, c.action, c.r.PathValue("org"))
		return err
	case right.OfTeam:
		c.group, err = g.Team(c.r.Context(), &c.actor, c.action, c.r.PathValue("org"), c.r.PathValue("team_slug"))
		return err
	}
	c.repo, err = g.Repo(c.r.Context(), &c.actor, c.action, c.r.PathValue("owner"), c.r.PathValue("repo"))
	return err
}

// may reports whether a further action on the loaded repository is allowed, to
// show a link or not.
func (c *call) may(a right.Action) bool { return c.door.o.Gate.Allows(&c.actor, a, &c.repo) }

// redirected leads from an old name, or one in another form, to today's. The
// gate has allowed the target by now.
func (c *call) redirected() bool {
	owner, name := c.r.PathValue("owner"), c.r.PathValue("repo")
	if c.r.Method == http.MethodPost || owner == c.repo.OwnerLogin && name == c.repo.Name {
		return false
	}
	_, rest, _ := strings.Cut(strings.TrimPrefix(c.r.URL.EscapedPath(), "/"), "/")
	_, rest, deeper := strings.Cut(rest, "/")
	to := "/" + c.repo.OwnerLogin + "/" + c.repo.Name
	if deeper {
		to += "/" + rest
	}
	if c.r.URL.RawQuery != "" {
		to += "?" + c.r.URL.RawQuery
	}
	c.w.Header().Set("Location", to)
	c.w.WriteHeader(http.StatusMovedPermanently)
	return true
}

func (c *call) readForm() error {
	if kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err == nil && kind == "multipart/form-data" {
		c.r.PostForm = url.Values{} // its handler reads it, with a bound of its own
		return nil
	}
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, maxForm)
	return formError(c.r.ParseForm())
}

// formError words why a form could not be read.
func formError(err error) error {
	if err == nil {
		return nil
	}
	if _, big := errors.AsType[*http.MaxBytesError](err); big {
		return problem.Wrap(err, problem.TooLarge, "This form is too large.", "")
	}
	return errBadForm(err)
}

func errBadForm(err error) error {
	return problem.Wrap(err, problem.Invalid, "This form could not be read.", "Go back and send it again.")
}

// missingIf is the answer for what was deleted meanwhile.
func missingIf(err error) error {
	if problem.Is(err, problem.NotFound) {
		return errMissing()
	}
	return err
}

// field is a field of the form that was sent, without white space around it.
func (c *call) field(name string) string { return strings.TrimSpace(c.r.PostForm.Get(name)) }

// hidden is a secret field of the form, as it was typed.
func (c *call) hidden(name string) secret.Value { return secret.New(c.r.PostForm.Get(name)) }

func (c *call) ctx() context.Context { return c.r.Context() }

// pathID reads a number of the path; anything else is a page that is missing.
func pathID[T ~int64](c *call, name string) (T, error) {
	n, ok := id.Parse[T](c.r.PathValue(name))
	if !ok {
		return 0, errMissing()
	}
	return n, nil
}

// framed is a page: every page's struct embeds Frame, some by way of RepoFrame.
type framed interface{ frame() *Frame }

func (f *Frame) frame() *Frame { return f }

// show answers with a page.
func (c *call) show(template string, p framed) error { return c.showAs(http.StatusOK, template, p) }

func (c *call) showAs(status int, template string, p framed) error {
	c.fill(p.frame())
	body, err := c.door.pages.render(template, p)
	if err != nil {
		return err
	}
	c.letGo()
	c.writeWithin(pageWrite)
	h := c.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body) // a reader who went away is no error of ours
	return nil
}

// pageWrite is how long a reader may take for a whole page, and chunkWrite for
// each part of a long answer.
const pageWrite, chunkWrite = 2 * time.Minute, time.Minute

func (c *call) writeWithin(d time.Duration) {
	_ = http.NewResponseController(c.w).SetWriteDeadline(time.Now().Add(d)) // every server of ours can; a test's recorder can't
}

// steady writes a long answer, as long as the reader keeps reading.
type steady struct{ c *call }

// Write implements io.Writer.
func (s steady) Write(b []byte) (int, error) {
	s.c.writeWithin(chunkWrite)
	return s.c.w.Write(b)
}

// fill adds what every page has around its content.
func (c *call) fill(f *Frame) {
	f.Path, f.Theme = c.r.URL.Path, c.theme()
	f.Scripts = append([]string{"copy.js", "time.js", "menu.js", "dialog.js"}, f.Scripts...)
	if c.actor.IsAnonymous() {
		return
	}
	f.Viewer = &Viewer{ID: c.actor.Account, Login: c.actor.Login, SiteAdmin: c.actor.SiteAdmin}
	if f.Flash == nil && f.Problem == nil && c.mayTake() {
		if text, ok := c.door.o.Reveals.Take(c.actor.Sess, "flash"); ok {
			f.Flash = &Flash{Tone: "good", Text: text.Reveal()}
		}
	}
}

// mayTake reports whether this request is a person looking: what is shown once
// is not spent on a look ahead.
func (c *call) mayTake() bool {
	return c.r.Method == http.MethodGet && c.r.Header.Get("Sec-Purpose") == "" && c.r.Header.Get("Purpose") == ""
}

// again shows a form once more with what is wrong with it, or with what hinders the
// server, so that what was typed can be sent once more. An error that the person can
// do nothing about with this form is returned.
func (c *call) again(err error, template string, p framed) error {
	e := problem.Of(err)
	switch e.Kind {
	case problem.Invalid, problem.Conflict, problem.TooLarge, problem.TooMany, problem.Unauthenticated, problem.Unavailable:
	default:
		return err
	}
	if _, ok := errors.AsType[*gate.Denied](err); ok {
		return err
	}
	c.noted(err)
	if e.After > 0 {
		c.w.Header().Set("Retry-After", strconv.Itoa(e.After))
	}
	p.frame().Problem = &Wrongs{Field: e.Field, Public: sentence(e.Public), Remedy: sentence(e.Remedy)}
	return c.showAs(httpkit.Status(err), template, p)
}

// done says what happened and leads on.
func (c *call) done(text, to string) error {
	if text != "" && !c.actor.IsAnonymous() {
		c.door.o.Reveals.Put(c.actor.Sess, "flash", secret.New(text))
	}
	return c.seeOther(to)
}

func (c *call) seeOther(to string) error {
	c.w.Header().Set("Location", to)
	c.w.WriteHeader(http.StatusSeeOther)
	return nil
}

// href makes the escaped URL of a path on this host.
func href(format string, args ...any) string {
	return (&url.URL{Path: fmt.Sprintf(format, args...)}).EscapedPath()
}

// sentence gives a problem's text the form of a sentence, in the pages'
// spelling: the rooms speak in GitHub's words, which write "username".
func sentence(s string) string {
	if s == "" {
		return s
	}
	s = strings.ToUpper(s[:1]) + s[1:]
	if rest, ok := strings.CutPrefix(s, "Username "); ok {
		s = "User name " + rest
	} else if rest, ok := strings.CutPrefix(s, "Incorrect username "); ok {
		s = "Incorrect user name " + rest
	}
	// What has lines ends in a command, which a full stop would spoil.
	if strings.ContainsAny(s[len(s)-1:], ".!?)") || strings.Contains(s, "\n") || strings.Contains(s[strings.LastIndexByte(s, ' ')+1:], "://") {
		return s
	}
	return s + "."
}
