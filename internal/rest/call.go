package rest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"jeton/internal/event"
	"jeton/internal/gate"
	"jeton/internal/httpkit"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// handler answers one route with a value to encode. A nil value is a 204, and a
// body writes itself.
type handler func(c *call) (any, error)

// body is an answer that is not JSON: a file, an archive, a diff.
type body interface{ writeTo(c *call) error }

// call is one request to the API.
type call struct {
	door   *Door
	w      http.ResponseWriter
	r      *http.Request
	actor  right.Actor
	use    *gate.Use // of the actor's token
	action right.Action
	repo   gate.Repo // loaded when the route's action is of a repository
	org    gate.Org  // loaded when it is of an organisation
	group  gate.Team // loaded when it is of a team
	heard  uint64    // how many changes the gate had heard of when the request came
	large  io.Reader // a body that was read before; nil: it is in r
	status int       // of a good answer, from the route's line; 0: 200, or 204 without a value

	metered   *gate.Meter // nil for a token without a budget
	changedAt time.Time   // what is answered was last changed then; zero: nobody knows
}

type callKey struct{}

func withCall(ctx context.Context, c *call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

const apiVersion = "2022-11-28"

// enter identifies the caller and counts the request.
func (c *call) enter() error {
	h := c.w.Header()
	c.heard = c.door.o.Gate.Heard()
	actor, err := c.identify()
	if err != nil {
		return err
	}
	c.actor = actor
	c.actor.Filtered = true // by call.sight, and in GraphQL by repository.sight
	c.use = c.door.o.Gate.Begin(c.r.Context(), &actor)
	event.From(c.r.Context()).Add(slog.String("actor", actor.Login), slog.Int64("token", int64(actor.Token)))
	if actor.IsToken() {
		if !actor.Kind.Fine() { // GitHub: none for these
			h.Set("X-OAuth-Scopes", actor.Scopes.String())
		}
		if actor.App != "" {
			h.Set("X-OAuth-Client-Id", actor.App)
		}
		if !actor.Until.IsZero() {
			h.Set("GitHub-Authentication-Token-Expiration", actor.Until.UTC().Format("2006-01-02 15:04:05 UTC"))
			if text, url := c.door.o.Gate.Ending(&actor); text != "" {
				h.Set("Jeton-Notice", ascii(text)+"; "+url)
			}
		}
	}
	if v := c.r.Header.Get("X-GitHub-Api-Version"); v != "" && v != apiVersion {
		return status(http.StatusBadRequest, fmt.Sprintf("API version %q is not supported. Send %s, or no version.", cut(v, 40), apiVersion))
	}
	if err := c.count(); err != nil {
		return err
	}
	return c.meter()
}

// meter counts the request, and the bytes of what it sends and gets, if the token
// has a budget.
func (c *call) meter() error {
	m := c.door.o.Gate.Meter(&c.actor)
	if m == nil {
		return nil
	}
	ctx := c.r.Context()
	if err := m.Use(ctx); err != nil {
		return err
	}
	c.w, c.metered = httpkit.Through(c.w, m.Writer(ctx, c.w)), m
	c.r.Body = struct {
		io.Reader
		io.Closer
	}{m.Reader(ctx, c.r.Body), c.r.Body}
	return nil
}

// ascii is text fit for a header: what is beyond ASCII is escaped.
func ascii(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < ' ' || r > '~' {
			fmt.Fprintf(&b, `\u{%04X}`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func (c *call) identify() (right.Actor, error) {
	identify := c.door.o.Gate.Identify
	if strings.HasPrefix(c.r.URL.Path, Prefix+"/applications/") {
		identify = c.door.o.Gate.IdentifyApp
	}
	return identify(c.r.Context(), gate.ParseAuthorization(c.r.Header.Values("Authorization")))
}

// arrived asks everything once more, if anything has changed since, when the body
// is there: who keeps it back must not act by what was taken away meanwhile.
func (c *call) arrived() error {
	if c.door.o.Gate.Heard() == c.heard {
		return nil
	}
	c.heard = c.door.o.Gate.Heard()
	who, err := c.identify()
	if err != nil {
		return err
	}
	if c.actor = who; c.action == 0 {
		return nil // the other door asks by itself
	}
	was := c.repo
	if err := c.authorize(); err != nil {
		return err
	}
	return gate.Same(&was, &c.repo)
}

// wrap asks the gate before the handler runs, and encodes what it returns.
func (d *Door) wrap(route httpkit.Route[route]) http.Handler {
	return httpkit.Frame(d.render, func(w http.ResponseWriter, r *http.Request) error {
		c := r.Context().Value(callKey{}).(*call)
		c.w, c.r, c.action, c.status = w, r, route.Action, route.Handle.code
		err := c.answer(route.Handle.handle)
		c.use.End(err)
		return err
	})
}

// answer asks the gate and then the handler.
func (c *call) answer(handle handler) error {
	c.use.About(c.action, nil, c.r.PathValue("owner"), c.r.PathValue("repo"))
	if err := c.authorize(); err != nil {
		return err
	}
	c.use.About(c.action, &c.repo, "", "")
	if done := c.redirected(); done {
		return nil
	}
	v, err := handle(c)
	if err != nil {
		return err
	}
	return c.write(v)
}

func (c *call) authorize() error {
	g := c.door.o.Gate
	info := c.action.Info()
	c.accepted(right.ScopesFor(c.action, info.OfPublic))
	c.acceptedPermission()
	var err error
	switch info.Subject {
	case right.OfSite, right.OfSelf, right.OfApp:
		return g.Check(&c.actor, c.action)
	case right.OfOrg:
		c.org, err = g.Org(c.r.Context(), &c.actor, c.action, c.r.PathValue("org"))
		return err
	case right.OfTeam:
		c.group, err = g.Team(c.r.Context(), &c.actor, c.action, c.r.PathValue("org"), c.r.PathValue("team_slug"))
		return err
	}
	if text := c.r.PathValue("repository_id"); text != "" {
		n, _ := id.Parse[id.Repo](text)
		c.repo, err = g.RepoByID(c.r.Context(), &c.actor, c.action, n)
		return err
	}
	c.repo, err = g.Repo(c.r.Context(), &c.actor, c.action, c.r.PathValue("owner"), c.r.PathValue("repo"))
	return err
}

// acceptedPermission says which permission of a fine-grained token the route
// needs, as GitHub does.
func (c *call) acceptedPermission() {
	if need := right.FineFor(c.action); need != "" {
		c.w.Header().Set("X-Accepted-GitHub-Permissions", need)
	}
}

func (c *call) accepted(scopes []string) {
	c.w.Header().Set("X-Accepted-OAuth-Scopes", strings.Join(scopes, ", "))
}

// also asks the gate about a further action on the loaded repository.
func (c *call) also(a right.Action) error {
	return c.door.o.Gate.CheckRepo(&c.actor, a, &c.repo)
}

// alsoOrg is also for the loaded organisation.
func (c *call) alsoOrg(a right.Action) error {
	return c.door.o.Gate.CheckOrg(&c.actor, a, &c.org)
}

// redirected sends the caller from an old name to the present one. The gate has
// allowed the target by now.
func (c *call) redirected() bool {
	if !c.repo.Renamed {
		return false
	}
	to := c.url("/repos/" + c.repo.OwnerLogin + "/" + c.repo.Name + c.below())
	code := http.StatusTemporaryRedirect
	if c.r.Method == http.MethodGet || c.r.Method == http.MethodHead {
		code = http.StatusMovedPermanently
	}
	c.w.Header().Set("Location", to)
	c.encode(code, map[string]string{"message": "Moved Permanently", "url": to, "documentation_url": documentation})
	return true
}

// below is what the request's path and query have behind the repository's name.
func (c *call) below() string {
	parts := strings.SplitN(strings.TrimPrefix(c.r.URL.EscapedPath(), Prefix+"/repos/"), "/", 3)
	out := ""
	if len(parts) == 3 {
		out = "/" + parts[2]
	}
	if c.r.URL.RawQuery != "" {
		out += "?" + c.r.URL.RawQuery
	}
	return out
}

// write encodes v, or answers 304 when the caller has it already.
func (c *call) write(v any) error {
	if v == nil {
		c.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if b, ok := v.(body); ok {
		return b.writeTo(c)
	}
	code := c.status
	if code == 0 {
		code = http.StatusOK
	}
	c.encode(code, v)
	return nil
}

func (c *call) encode(code int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("rest: %T cannot be encoded", v)) // every answer is a plain struct of ours
	}
	c.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = c.send(code, body)
}

// send answers with body, or with 304 when the caller has it already.
func (c *call) send(code int, body []byte) error {
	h := c.w.Header()
	if code == http.StatusOK && (c.r.Method == http.MethodGet || c.r.Method == http.MethodHead) {
		sum := sha256.Sum256(body)
		etag := `W/"` + hex.EncodeToString(sum[:]) + `"`
		h.Set("ETag", etag)
		modified := c.lastModified()
		if modified != "" {
			h.Set("Last-Modified", modified)
		}
		if c.has(etag, modified) {
			h.Del("Content-Type")
			c.w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_ = http.NewResponseController(c.w).SetWriteDeadline(time.Now().Add(writeWithin))
	c.w.WriteHeader(code)
	_, err := c.w.Write(body)
	return err
}

const (
	maxBody     = 1 << 20
	writeWithin = time.Minute // for a reader to take a whole answer
)

// decode reads the body as a JSON object into v.
func (c *call) decode(v any) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	return decodeObject(body, v)
}

// decodeAny is decode for a body that may be a list.
func (c *call) decodeAny(v any) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return status(http.StatusBadRequest, "Problems parsing JSON")
	}
	return nil
}

// decodeOptional is decode for routes that can do without a body.
func (c *call) decodeOptional(v any) error {
	if c.r.ContentLength == 0 {
		return nil
	}
	return c.decode(v)
}

// wants reports whether the caller asks for one of GitHub's media types, as
// "application/vnd.github.v3.repository+json".
func (c *call) wants(kind string) bool {
	accept := c.r.Header.Get("Accept")
	return strings.Contains(accept, "vnd.github") && (strings.Contains(accept, "."+kind+"+") || strings.HasSuffix(accept, "."+kind))
}

// cutName cuts a full name, OWNER/NAME, into its parts.
func cutName(full string) (owner, name string, ok bool) {
	owner, name, ok = strings.Cut(full, "/")
	return owner, name, ok && owner != "" && name != "" && !strings.Contains(name, "/")
}

func (c *call) body() ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, problem.New(problem.TooLarge, "The body is larger than 1 MiB.", "")
	}
	if err != nil {
		return nil, status(http.StatusBadRequest, "Problems parsing JSON")
	}
	return body, c.arrived()
}

func (c *call) url(path string) string { return c.door.o.Gate.URL(Prefix + path) }

// page reads page and per_page, with GitHub's defaults and bounds.
func (c *call) page() (page, perPage int) {
	page, _ = strconv.Atoi(c.r.URL.Query().Get("page"))
	perPage, _ = strconv.Atoi(c.r.URL.Query().Get("per_page"))
	page = min(max(page, 1), 1_000_000)
	if perPage <= 0 {
		perPage = 30
	}
	return page, min(perPage, 100)
}

// link sets the Link header for page of a list of total entries.
func (c *call) link(page, perPage, total int) {
	last := max(1, (total+perPage-1)/perPage)
	if last == 1 && page == 1 {
		return
	}
	to := func(n int, rel string) string {
		q := c.r.URL.Query()
		q.Set("page", strconv.Itoa(n))
		return fmt.Sprintf(`<%s?%s>; rel="%s"`, c.door.o.Gate.URL(c.r.URL.EscapedPath()), q.Encode(), rel)
	}
	var parts []string
	if page > 1 {
		parts = append(parts, to(min(page-1, last), "prev"))
	}
	if page < last {
		parts = append(parts, to(page+1, "next"), to(last, "last"))
	}
	if page > 1 {
		parts = append(parts, to(1, "first"))
	}
	c.w.Header().Set("Link", strings.Join(parts, ", "))
}

func cut(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// moment is a time that is always there.
func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func stamp(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format(time.RFC3339)
	return &s
}
