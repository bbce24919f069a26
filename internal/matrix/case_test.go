package matrix

import (
	"context"
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"jeton/internal/application"
	"jeton/internal/httpkit"
	"jeton/internal/id"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/token"
)

// route is one line of a door's table, without the action that it names.
type route struct{ door, method, path string }

func (r route) String() string { return r.door + " " + r.method + " " + r.path }

func (r route) ofRepo() bool { return strings.Contains(r.path, "{repo}") && !r.ofOrg() }

func (r route) ofOrg() bool { return strings.Contains(r.path, "{org}") }

func routesOf(t *testing.T, w *world) []route {
	t.Helper()
	var out []route
	for _, table := range [][]httpkit.RouteInfo{w.s.Rest.Routes(), w.s.GraphQL.Routes(), w.s.GitHTTP.Routes(), w.s.LFS.Routes(), w.s.OAuth.Routes(), w.s.Web.Routes()} {
		if len(table) == 0 {
			t.Fatal("a door has no routes")
		}
		for _, r := range table {
			out = append(out, route{r.Door, r.Method, r.Path})
		}
	}
	return out
}

// The carriers: where in a request the credential stands.
type carrier string

const (
	basicPassword carrier = "Basic, as the password"
	basicUser     carrier = "Basic, as the user name"
	bearer        carrier = "Bearer"
	tokenScheme   carrier = "token"
	inCookie      carrier = "cookie"
	inQuery       carrier = "query string"
	nowhere       carrier = "nowhere"
)

var headers = []carrier{basicPassword, basicUser, bearer, tokenScheme}

// kase is one request of the matrix.
type kase struct {
	route
	private    bool
	relation   relation
	carrier    carrier
	credential string // the name of a scope set or of a fine-grained token, "expired", "revoked", a kind of session, or "none"
	suspended  bool
}

func (c kase) String() string {
	of := ""
	if c.ofRepo() {
		of = map[bool]string{true: ", private", false: ", public"}[c.private]
	}
	if c.suspended {
		of += ", suspended"
	}
	return fmt.Sprintf("%s%s, %s, %s (%s)", c.route, of, c.relation, c.credential, c.carrier)
}

func (c kase) inHeader() bool { return slices.Contains(headers, c.carrier) }

func (c kase) hash() uint32 {
	h := fnv.New32a()
	_, _ = io.WriteString(h, c.String())
	return h.Sum32()
}

// casesOf lists the whole product for a route. A route that is of no repository
// has no visibility, and of the relations only whether one administers the site.
func casesOf(r route) []kase {
	visibilities, people := []bool{false, true}, relations
	if !r.ofRepo() {
		visibilities, people = []bool{false}, []relation{none, site}
	}
	if r.ofOrg() {
		people = relations
	}
	var out []kase
	for _, private := range visibilities {
		for _, rel := range people {
			for _, suspended := range []bool{false, true} {
				base := kase{route: r, private: private, relation: rel, suspended: suspended}
				out = append(out, base.presented()...)
			}
			out = append(out, kase{route: r, private: private, relation: rel, carrier: nowhere, credential: "none"})
		}
	}
	return out
}

// presented lists every credential in every carrier.
func (c kase) presented() []kase {
	var out []kase
	add := func(where carrier, credential string) {
		c.carrier, c.credential = where, credential
		out = append(out, c)
	}
	for _, name := range tokenNames() {
		for _, where := range append(slices.Clone(headers), inCookie, inQuery) {
			add(where, name)
		}
	}
	for _, kind := range []string{"recent", "stale", "lapsed", "ended"} {
		add(inCookie, kind)
	}
	return out
}

func tokenNames() []string {
	out := append([]string{"expired", "revoked"}, fineTokens...)
	for name := range scopeSets {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// combination is what must be in every run, by some carrier. What makes no
// difference to the answer stands for the others: of the tokens whose scopes have
// nothing to do with the route one, of people whose account or credential is worth
// nothing anywhere one, of tokens on pages and of sessions elsewhere one, of
// fine-grained tokens one that reaches and suffices, one that does not suffice and
// one that does not reach.
type combination struct {
	private, suspended bool
	relation           relation
	credential         string
}

func (c kase) combination() combination {
	out := combination{c.private, c.suspended, c.relation, c.credential}
	scopes, good := scopeSets[c.credential], isToken(c.credential)
	dead := c.credential == "expired" || c.credential == "revoked"
	switch {
	case c.door == "web" && (good || dead):
		out.credential = "a token"
	case c.door != "web" && !good && !dead && c.credential != "none":
		out.credential = "a session"
	case c.suspended && good:
		out.credential = "a token"
	case isFine(c.credential):
		out.credential = c.fineKind()
		if c.relation == site { // nothing to anybody, like none
			out.relation = none
		}
	case len(scopes) == 1 && !c.needs(scopes[0]):
		out.credential = "another scope"
	}
	if c.suspended || dead {
		out.relation = none
	}
	return out
}

// needs reports whether the scope has anything to do with the route.
func (c kase) needs(scope string) bool {
	r, _ := ruleFor(c.route)
	n := needOf(r.scope)
	return slices.Contains(slices.Concat(n.public, n.private, n.also), scope)
}

// sample takes one carrier of every combination, and one in n of the others.
func sample(all []kase, n uint32) []kase {
	chosen := map[combination]kase{}
	var out []kase
	for _, c := range all {
		k := c.combination()
		if best, ok := chosen[k]; !ok || c.hash() < best.hash() {
			chosen[k] = c
		}
	}
	for _, c := range all {
		if chosen[c.combination()] == c || c.hash()%n == 0 {
			out = append(out, c)
		}
	}
	return out
}

// answer is what a request got.
type answer struct {
	status int
	header http.Header
	body   string
}

// sender sends a request; the tests of the test put something in its place.
type sender func(*http.Request) (*http.Response, error)

// fixtures are the routes whose requests need something of their own.
var fixtures = merged(orgFixtures, contentFixtures, oauthFixtures, machineFixtures, map[string]fixture{
	"rest POST /api/v3/user/token/narrow":                                {body: `{"read":true}`},
	"rest POST /api/v3/user/repos":                                       {body: `{"private":false}`}, // without a word it would be private, and need repo
	"lfs POST /{owner}/{repo}/info/lfs/objects/batch?operation=download": {body: `{"operation":"download","objects":[]}`},
	"lfs POST /{owner}/{repo}/info/lfs/objects/batch?operation=upload":   {body: `{"operation":"upload","objects":[]}`},
	"lfs POST /{owner}/{repo}/info/lfs/locks/{lock}/unlock":              {reached: func(a *answer) bool { return strings.Contains(a.body, "no such lock") }},
	"rest POST /api/v3/repos/{owner}/{repo}/statuses/{sha}":              {body: `{"state":"success","context":"matrix"}`},

	"rest POST /api/v3/repos/{owner}/{repo}/deployments":                          {body: `{"ref":"main","required_contexts":[]}`},
	"rest POST /api/v3/repos/{owner}/{repo}/deployments/{deployment_id}/statuses": {body: `{"state":"pending"}`},

	"rest POST /api/v3/repos/{owner}/{repo}/releases":                     {body: `{"tag_name":"v2.0","draft":true}`},
	"rest POST /api/v3/repos/{owner}/{repo}/releases/generate-notes":      {body: `{"tag_name":"v2.0"}`},
	"rest POST /api/v3/repos/{owner}/{repo}/releases/{release_id}/assets": {query: "name=another"},

	"web POST /login":                              {reached: status(401, 429)},
	"web POST /logout":                             {hermit: true},
	"web POST /setup":                              {reached: formAgain(404, "link")},
	"web POST /join":                               {reached: formAgain(404, "link")},
	"web POST /password_reset":                     {reached: formAgain(404, "link")},
	"web POST /settings/emails/confirm":            {reached: formAgain(404, "link")},
	"web POST /sessions/sudo":                      {form: "sudo_password=PASSWORD", hermit: true},
	"web POST /settings/admin/password":            {form: "old_password=PASSWORD&password=short"},
	"web POST /settings/sessions/end_others":       {hermit: true},
	"web GET /settings/security-log/export":        {query: "format=csv"},
	"web GET /admin/log/export":                    {query: "format=csv"},
	"web GET /admin/tokens/export":                 {query: "format=csv"},
	"web GET /settings/tokens/{token}/uses/export": {query: "format=csv"},
	"web POST /settings/tokens/{token}/shrink":     {form: "scopes=", anew: true},
	"web POST /settings/tokens/{token}/delete":     {anew: true},
	"web POST " + finePages + "/delete":            {anew: true},
	"web POST /admin/token-policy":                 {form: "kinds=classic&kinds=fine-grained&kinds=oauth&kinds=deploy&kinds=exchanged"},
	"web POST /admin/users/{user}/suspend":         {form: "suspend=no"},
})

func merged(all ...map[string]fixture) map[string]fixture {
	out := map[string]fixture{}
	for _, one := range all {
		maps.Copy(out, one)
	}
	return out
}

// matrix sends cases and compares.
type matrix struct {
	alive, suspended *world
	send             sender
	keys             sync.Map // that were made for a request, by its case
	fine             sync.Map // fine-grained tokens, likewise
	standing         sync.Mutex
	deployments      map[kase][2]int64 // guarded by standing
	notes            notes
	tamper           func(kase) kase // nil: the server is as it is
}

func (m *matrix) world(c kase) *world {
	if c.suspended {
		return m.suspended
	}
	return m.alive
}

func (m *matrix) person(c kase) *person {
	w := m.world(c)
	if fixtures[c.route.String()].hermit {
		return w.people[map[bool]relation{false: "hermit", true: "hermit, site"}[c.relation == site]]
	}
	return w.people[c.relation]
}

// run sends c and reports what came instead of what must.
func (m *matrix) run(t testing.TB, c kase) (want, got verdict, ans *answer) {
	t.Helper()
	sent := c
	if m.tamper != nil {
		sent = m.tamper(c)
	}
	resp, err := m.send(m.request(t, sent))
	if err != nil {
		t.Fatalf("%s: %v", c, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s: %v", c, err)
	}
	ans = &answer{resp.StatusCode, resp.Header, string(body)}
	got = verdictOf(c.route, ans)
	m.restore(t, sent, ans)
	return expect(c), got, ans
}

// restore makes again what a request was allowed to take away.
func (m *matrix) restore(t testing.TB, c kase, ans *answer) {
	t.Helper()
	m.dropKey(t, c)
	m.dropFine(t, c)
	w := m.world(c)
	if c.ofOrg() {
		m.restoreOrg(t, c, ans)
		return
	}
	switch c.route.String() {
	case "rest DELETE /api/v3/repos/{owner}/{repo}":
		if ans.status != http.StatusNoContent {
			return
		}
		r, err := w.s.Lifecycle.CreateRepo(t.Context(), right.Operator(), repo.NewRepo{Owner: w.people[owner].ID, Name: m.repoName(c), Private: c.private})
		if err != nil {
			t.Fatal(err)
		}
		for rel, level := range map[relation]right.Level{admin: right.Admin, write: right.Write, read: right.Read} {
			if err := w.s.Repos.SetCollaborator(t.Context(), right.Operator(), r.ID, w.people[rel].ID, level); err != nil {
				t.Fatal(err)
			}
		}
	case revokeRoute:
		if p := m.person(c); ans.status == http.StatusSeeOther && c.credential == "recent" {
			w.allow(t, p, application.GCM)
		}
	case "web POST /{owner}/{repo}/leave":
		if ans.status != http.StatusSeeOther || strings.HasPrefix(ans.header.Get("Location"), "/login") {
			return
		}
		r, err := w.s.Repos.Find(t.Context(), w.s.DB, w.people[owner].Login, m.repoName(c), 0)
		if err != nil {
			t.Fatal(err)
		}
		level := map[relation]right.Level{admin: right.Admin, write: right.Write, read: right.Read}[c.relation]
		if err := w.s.Repos.SetCollaborator(t.Context(), right.Operator(), r.ID, w.people[c.relation].ID, level); err != nil {
			t.Fatal(err)
		}
	case "web POST /{owner}/{repo}/settings/archive":
		r, err := w.s.Repos.Find(t.Context(), w.s.DB, w.people[owner].Login, m.repoName(c), 0)
		if err != nil || !r.Archived {
			return
		}
		if _, err := w.s.Repos.SetArchived(t.Context(), right.Operator(), r.ID, false); err != nil {
			t.Fatal(err)
		}
	}
}

// revokeRoute takes away what others look at, so it has an application of its own.
const revokeRoute = "web POST /settings/connections/applications/{client_id}/revoke"

// ownRepos are routes whose requests change what others look at.
var ownRepos = map[string]string{
	"rest DELETE /api/v3/repos/{owner}/{repo}":  "delete",
	"web POST /{owner}/{repo}/settings/archive": "archive",
	"web POST /{owner}/{repo}/leave":            "leave",
}

func (m *matrix) repoName(c kase) string {
	name := m.world(c).repos[c.private].Name
	if own, ok := ownRepos[c.route.String()]; ok {
		name += "-" + own
	}
	return name
}

// prepare makes the repositories of the routes that have their own.
func (m *matrix) prepare(t *testing.T) {
	t.Helper()
	for _, w := range []*world{m.alive, m.suspended} {
		for _, own := range ownRepos {
			for private, r := range w.repos {
				w.share(t, w.s.Repo(t, w.people[owner].Account, r.Name+"-"+own, private))
			}
		}
	}
}

func (m *matrix) request(t testing.TB, c kase) *http.Request {
	t.Helper()
	f := fixtures[c.route.String()]
	target := m.path(t, c)
	path, query, _ := strings.Cut(target, "?")
	params, _ := url.ParseQuery(query)
	for k, v := range must(url.ParseQuery(f.query)) {
		params[k] = v
	}
	if c.carrier == inQuery {
		names := []string{"access_token", "private_token", "token", "code"}
		params.Set(names[c.hash()/7%4], m.value(t, c))
	}
	if len(params) > 0 {
		path += "?" + params.Encode()
	}
	method, body, kind := c.method, "", ""
	switch {
	case c.door == "web" && c.method == http.MethodPost:
		body, kind = strings.ReplaceAll(f.form, "PASSWORD", url.QueryEscape(password)), "application/x-www-form-urlencoded"
	case c.door == "oauth":
		body, kind = f.form, "application/x-www-form-urlencoded"
	case c.door == "rest" && c.method != http.MethodGet && (c.method != http.MethodDelete || f.body != ""):
		body, kind = "{}", "application/json"
		if f.body != "" {
			body = f.body
		}
	case c.door == "graphql":
		body, kind = `{"query":"{viewer{login}}"}`, "application/json"
	case c.door == "lfs" && c.method == http.MethodPost:
		body, kind = "{}", "application/vnd.git-lfs+json"
		if f.body != "" {
			body = f.body
		}
	case c.method == http.MethodGet && f.reached == nil && c.hash()/3%8 == 0: // which would say nothing that tells it was reached
		method = http.MethodHead
	}
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, m.alive.s.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	m.present(t, req, c)
	return req
}

func must(v url.Values, err error) url.Values {
	if err != nil {
		panic(err)
	}
	return v
}

func (m *matrix) path(t testing.TB, c kase) string {
	t.Helper()
	w, p := m.world(c), m.person(c)
	tok := p.decoy
	switch fine, anew := strings.HasPrefix(c.path, finePages), fixtures[c.route.String()].anew; {
	case strings.Contains(c.path, "/deploy-tokens/{token}"):
		tok = m.machineToken(t, c)
	case strings.Contains(c.path, "{machine}"): // below
	case fine && anew:
		tok = m.newFine(t, c)
	case fine:
		tok = p.fine
	case anew:
		made, _, err := w.s.Tokens.Create(context.WithoutCancel(t.Context()), right.Operator(), p.ID, token.NewToken{Note: m.notes.next()})
		if err != nil {
			t.Fatal(err)
		}
		tok = made.ID
	}
	var key id.PublicKey
	if keyRoutes.MatchString(c.path) {
		key = m.key(t, c)
	}
	var dep id.Deployment
	var depStatus id.Status
	if deploymentRoutes.MatchString(c.path) {
		dep, depStatus = m.deployment(t, c)
	}
	var rel id.Release
	var asset id.Asset
	if releaseRoutes.MatchString(c.path) {
		rel, asset = m.release(t, c)
	}
	email := p.email
	if strings.Contains(c.path, "{user}") {
		email = w.address
	}
	rule := w.rules[c.private]
	if strings.HasSuffix(c.path, "/{rule}/delete") && c.method == http.MethodPost {
		rule = 1 << 40 // none: the others need theirs
	}
	client := application.GitHubCLI
	if c.route.String() == revokeRoute {
		client = application.GCM
	}
	num := func(n int64) string { return strconv.FormatInt(n, 10) }
	if c.ofOrg() {
		return m.orgPath(t, c)
	}
	pairs := []string{"{$}", "", "{owner}", w.people[owner].Login, "{username}", w.people[owner].Login, "{repo}", m.repoName(c),
		"{path...}", "README.md", "{dir...}", "", "{ref...}", "heads/main", "{ref}", "main", "{branch}", map[bool]string{true: "kept", false: "main"}[c.method == http.MethodGet], "{basehead...}", "main...main",
		"{file_sha}", w.blob, "{tree_sha...}", "main", "{commit_sha}", w.commit, "{tag_sha}", w.tag,
		"{rest...}", m.file(c), "{oid}", w.large, "{lock}", num(1 << 40), "{sha}", w.commit, "{release_id}", num(int64(rel)), "{asset_id}", num(int64(asset)), "{assets}", "assets", "{tag}", releaseTag, "{asset}", "file", "{deployment_id}", num(int64(dep)), "{status_id}", num(int64(depStatus)),
		"{ssh_signing_key_id}", num(int64(key)), "{gpg_key_id}", num(int64(key)), "{key}", num(int64(key)), "{user}", num(int64(w.victim.ID)), "{email}", num(int64(email)),
		"{token}", num(int64(tok)), "{node}", "000102030405060708090a0b0c0d0e0f", "{invitation_id}", num(1 << 40), "{invitation}", num(1 << 40), "{repository_id}", num(int64(w.repos[false].ID)), "{session}", num(1 << 40), "{rule}", num(int64(rule)), "{app}", num(int64(p.app)), "{secret}", num(1 << 40), "{client_id}", client}
	if strings.Contains(c.path, "/secret-scanning/") {
		pairs = append(pairs, m.alertPath(t, c)...)
	}
	if strings.Contains(c.path, "{machine}") {
		pairs = append(m.machinePath(t, c), pairs...)
	}
	if strings.Contains(c.path, "{hook") {
		pairs = append(pairs, m.hookPath(t, c)...)
	}
	if strings.Contains(c.path, "{trust}") {
		pairs = append(pairs, m.trustPath(c)...)
	}
	return strings.NewReplacer(pairs...).Replace(c.path)
}

// file is the path of a file in the repository: a pointer for the route that
// needs one.
func (m *matrix) file(c kase) string {
	if strings.Contains(c.path, "/media/") {
		return "main/large.bin"
	}
	return "main/README.md"
}

// value is the secret that the case presents.
func (m *matrix) value(t testing.TB, c kase) string {
	t.Helper()
	p := m.person(c)
	switch c.credential {
	case ofMachine:
		return m.world(c).machines.secret
	case ofDeploy:
		return m.world(c).machines.secrets[c.private]
	}
	if plain, ok := p.tokens[c.credential]; ok {
		return plain
	}
	if fixtures[c.route.String()].hermit && !c.suspended && c.credential != "lapsed" && c.credential != "ended" {
		return m.world(c).session(t, p, c.credential)
	}
	return p.sessions[c.credential]
}

func (m *matrix) present(t testing.TB, req *http.Request, c kase) {
	t.Helper()
	basic := func(user, password string) {
		req.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
	}
	switch c.carrier {
	case basicPassword:
		basic(m.person(c).Login, m.value(t, c))
	case basicUser:
		basic(m.value(t, c), []string{"", "x-oauth-basic"}[c.hash()%2])
	case bearer:
		req.Header.Set("Authorization", "Bearer "+m.value(t, c))
	case tokenScheme:
		req.Header.Set("Authorization", "token "+m.value(t, c))
	case inCookie:
		req.AddCookie(&http.Cookie{Name: "__Host-session", Value: m.value(t, c)})
	}
}

// verdictOf reads how a request ended from the answer alone.
func verdictOf(r route, a *answer) verdict {
	to := a.header.Get("Location")
	switch {
	case fixtures[r.String()].reached != nil && fixtures[r.String()].reached(a):
		return allowed
	case r.door == "web" && a.status == http.StatusSeeOther && strings.HasPrefix(to, "/login?return_to="):
		return signIn
	case r.door == "web" && a.status == http.StatusSeeOther && strings.HasPrefix(to, "/sessions/sudo?"),
		r.door == "web" && a.status == http.StatusForbidden && strings.Contains(a.body, `name="sudo_password"`):
		return confirm
	case a.status >= 200 && a.status < 400, a.status == http.StatusConflict, a.status == http.StatusUnprocessableEntity,
		r.door == "git" && (a.status == http.StatusUnsupportedMediaType || a.status == http.StatusGone): // a bundle that is not there
		return allowed
	}
	return verdict(strconv.Itoa(a.status))
}
