package matrix

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/config"
	"jeton/internal/gate"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/token"
)

// plot is a repository of the explained world, as it is made again when a token
// has deleted it.
type plot struct {
	owner    account.Account
	name     string
	private  bool
	archived bool
	relation right.Level // of bob, beside what is public
	rule     bool        // only administrators push to locked
}

func (p plot) String() string { return p.owner.Login + "/" + p.name }

// explained is a small world: what bob's tokens do in it is explained and done.
type explained struct {
	*apptest.Server
	ada, bob account.Account
	plots    []plot
	ids      map[string]id.Repo
	made     int
	person   right.Actor // bob, signed in
	adas     string      // a token that makes what is there
}

func explainedWorld(t *testing.T) *explained {
	t.Helper()
	w := &explained{Server: apptest.Start(t, func(c *config.Config) { c.APIRateLimit = 100_000_000 }), ids: map[string]id.Repo{}}
	w.ada, w.bob = w.User(t, "ada"), w.User(t, "bob")
	_, w.adas = w.Token(t, w.ada, "all", "repo")
	_, bobs := w.Token(t, w.bob, "all", "repo")
	actor, err := w.Gate.IdentifySession(t.Context(), w.Session(t, w.bob))
	if err != nil {
		t.Fatal(err)
	}
	w.person = actor
	for i := range 8 {
		private, archived, rule := i&1 != 0, i&2 != 0, i&4 != 0
		for _, level := range []right.Level{right.None, right.Read, right.Write, right.Admin} {
			w.plots = append(w.plots, plot{w.ada, fmt.Sprintf("r%d-%s", i, level), private, archived, level, rule})
		}
		w.plots = append(w.plots, plot{w.bob, fmt.Sprintf("r%d", i), private, archived, right.Admin, rule})
	}
	for _, p := range w.plots {
		plain := w.adas
		if p.owner.ID == w.bob.ID {
			plain = bobs
		}
		w.build(t, p, plain)
	}
	w.plots = append(w.plots, plot{owner: w.ada, name: "missing"})
	return w
}

// build makes the repository of a plot.
func (w *explained) build(t *testing.T, p plot, plain string) {
	t.Helper()
	r := w.Repo(t, p.owner, p.name, p.private)
	w.ids[p.String()] = r.ID
	for _, branch := range []string{"main", "locked"} {
		if a := w.ask(t, plain, "PUT", "/api/v3/repos/"+p.String()+"/contents/"+branch, `{"message":"a","content":"YQ=="}`); a != 201 {
			t.Fatalf("%s: the first commit: %d", p, a)
		}
		if branch == "main" {
			sha := ""
			a := w.Do(t, "GET", "/api/v3/repos/"+p.String()+"/git/ref/heads/main", "", "Authorization: Bearer "+plain)
			var ref struct{ Object struct{ SHA string } }
			if err := json.Unmarshal([]byte(a.Text), &ref); err != nil {
				t.Fatal(err)
			}
			sha = ref.Object.SHA
			if a := w.ask(t, plain, "POST", "/api/v3/repos/"+p.String()+"/git/refs", `{"ref":"refs/heads/locked","sha":"`+sha+`"}`); a != 201 {
				t.Fatalf("%s: the other branch: %d", p, a)
			}
		}
	}
	if p.relation > right.None && p.owner.ID != w.bob.ID {
		w.Share(t, r, w.bob, p.relation)
	}
	if p.rule {
		if _, err := w.Repos.CreateRule(t.Context(), right.Operator(), r.ID, repo.Rule{Pattern: "locked", Push: repo.AdminsPush}); err != nil {
			t.Fatal(err)
		}
	}
	if p.archived {
		if a := w.ask(t, plain, "PATCH", "/api/v3/repos/"+p.String(), `{"archived":true}`); a != 200 {
			t.Fatalf("%s: archive: %d", p, a)
		}
	}
}

func (w *explained) ask(t *testing.T, plain, method, path, body string) int {
	t.Helper()
	return w.Do(t, method, path, body, "Authorization: Bearer "+plain).StatusCode
}

// deed is one thing that a token asks of a door: what it is called in an
// explanation, and how it is done.
type deed struct {
	action, ref string
	do          func(t *testing.T, w *explained, plain string, p plot) int
}

func call(method, path, body string) func(*testing.T, *explained, string, plot) int {
	return func(t *testing.T, w *explained, plain string, p plot) int {
		t.Helper()
		w.made++
		return w.ask(t, plain, method, strings.NewReplacer("REPO", p.String(), "N", fmt.Sprint(w.made)).Replace(path), body)
	}
}

// What lacks something in its body is refused for that only by who may do it.
var deeds = []deed{
	{"fetch", "", call("GET", "/REPO.git/info/refs?service=git-upload-pack", "")},
	{"fetch", "", call("GET", "/api/v3/repos/REPO/branches", "")},
	{"push", "", call("GET", "/REPO.git/info/refs?service=git-receive-pack", "")},
	{"push", "main", call("PUT", "/api/v3/repos/REPO/contents/fileN", `{"message":"a","content":"YQ==","branch":"main"}`)},
	{"push", "refs/heads/locked", call("PUT", "/api/v3/repos/REPO/contents/fileN", `{"message":"a","content":"YQ==","branch":"locked"}`)},
	{"read", "", call("GET", "/api/v3/repos/REPO", "")},
	{"admin", "", call("PATCH", "/api/v3/repos/REPO", `{"description":"a"}`)},
	{"delete", "", call("DELETE", "/api/v3/repos/REPO", "")},
	{"hook.read", "", call("GET", "/api/v3/repos/REPO/hooks", "")},
	{"hook.edit", "", call("POST", "/api/v3/repos/REPO/hooks", `{}`)},
	{"status.read", "", call("GET", "/api/v3/repos/REPO/commits/main/statuses", "")},
	{"status.write", "", call("POST", "/api/v3/repos/REPO/statuses/"+strings.Repeat("0", 40), `{"state":"success"}`)},
	{"release.write", "", call("POST", "/api/v3/repos/REPO/releases", `{}`)},
}

// draw makes a token of bob's, narrowed at random.
func (w *explained) draw(t *testing.T, r *rand.Rand, n int) (tok token.Token, plain, words string) {
	t.Helper()
	end := w.Now().Add(time.Hour)
	note := fmt.Sprintf("token %d", n)
	if r.IntN(2) == 0 {
		var scopes []string
		for _, s := range right.Scopes() {
			if r.IntN(6) == 0 || s.Name == right.ScopeRepo && r.IntN(2) == 0 || s.Name == right.ScopeDeleteRepo && r.IntN(3) == 0 {
				scopes = append(scopes, string(s.Name))
			}
		}
		tok, plain = w.TokenUntil(t, w.bob, note, end, scopes...)
		words = fmt.Sprintf("classic %v", scopes)
	} else {
		var f right.Fine
		for i, p := range right.Fines() {
			for level := right.Read; level < right.Admin; level++ {
				if p.Group == right.RepositoryGroup && p.Offers(level) && r.IntN(2) == 0 {
					f[i] = level
				}
			}
		}
		of := []account.Account{w.ada, w.bob}[r.IntN(2)]
		n := token.NewFine{Name: note, Owner: of.ID, Access: []token.Access{token.PublicOnly, token.AllOf, token.AllOf, token.Selected}[r.IntN(4)], ExpiresAt: end}
		if n.Access == token.PublicOnly {
			f = right.Fine{}
		}
		if n.Access == token.Selected {
			for _, p := range w.plots {
				if p.owner.ID == of.ID && p.name != "missing" && (r.IntN(3) == 0 || len(n.Repos) == 0) {
					n.Repos = append(n.Repos, w.ids[p.String()])
				}
			}
			slices.Sort(n.Repos)
		}
		tok, plain = w.FineToken(t, w.bob, n, f.String())
		words = fmt.Sprintf("fine-grained %s of %s, %s %v", f, of.Login, n.Access, n.Repos)
	}
	if limits := w.limits(r); len(limits) > 0 {
		if _, err := w.Tokens.SetLimits(t.Context(), right.Operator(), w.bob.ID, tok.ID, limits); err != nil {
			t.Fatal(err)
		}
		words += fmt.Sprintf(" limits %q", limits)
	}
	switch r.IntN(12) {
	case 0:
		if _, err := w.Tokens.RevokeAny(t.Context(), right.Operator(), w.bob.ID, tok.ID); err != nil {
			t.Fatal(err)
		}
		words += " revoked"
	case 1:
		w.Advance(2 * time.Hour)
		words += " expired"
		actor, err := w.Gate.IdentifySession(t.Context(), w.Session(t, w.bob))
		if err != nil {
			t.Fatal(err)
		}
		w.person = actor
	}
	return tok, plain, words
}

func (w *explained) limits(r *rand.Rand) (out []right.Limit) {
	if r.IntN(2) == 0 {
		return nil
	}
	some := []string{}
	for _, p := range w.plots {
		if r.IntN(3) == 0 && len(some) < 30 || len(some) == 0 {
			some = append(some, p.String())
		}
	}
	for _, l := range []right.Limit{
		{Name: right.LimitRead},
		{Name: right.LimitRepos, Values: some},
		{Name: right.LimitPermissions, Values: []string{"contents=read", "repository_hooks=read"}},
		{Name: right.LimitPermissions, Values: []string{"contents=write", "administration=write", "statuses=write"}},
		{Name: right.LimitNetworks, Values: []string{"127.0.0.0/8", "::1"}},
		{Name: right.LimitNetworks, Values: []string{"192.0.2.0/24"}},
		{Name: right.LimitRefs, Values: []string{"refs/heads/main"}},
		{Name: right.LimitPush, Values: []string{"refs/heads/l*"}},
		{Name: right.LimitForward},
	} {
		if r.IntN(7) == 0 {
			out = append(out, l)
		}
	}
	return out
}

// TestExplain: what an explanation says is what the doors do, whoever asks for it.
func TestExplain(t *testing.T) {
	t.Parallel()
	w := explainedWorld(t)
	seed, tokens, asks := uint64(1), 60, 20
	if os.Getenv("JETON_LONG") != "" {
		seed, tokens, asks = uint64(time.Now().UnixNano()), 1500, 40
	}
	r := rand.New(rand.NewPCG(seed, 0))
	ended := map[string]int{}
	for n := range tokens {
		tok, plain, words := w.draw(t, r, n)
		for range asks {
			p, d := w.plots[r.IntN(len(w.plots))], deeds[r.IntN(len(deeds))]
			what := fmt.Sprintf("seed %d: %s of %s %s (private %v, archived %v, %s, rule %v) by a token %s", seed, d.action, p, d.ref, p.private, p.archived, p.relation, p.rule, words)
			said := w.explain(t, what, tok, plain, p, d)
			status := d.do(t, w, plain, p)
			did := problem.Internal // allowed
			switch {
			case status == 401:
				did = problem.Unauthenticated
			case status == 404:
				did = problem.NotFound
			case status == 403, d.ref != "" && status >= 400 && status < 500:
				did = problem.Forbidden
			case status >= 500:
				t.Fatalf("%s: status %d", what, status)
			}
			ended[d.action+" "+did.String()]++
			if said != did {
				t.Errorf("%s: explained as %q, the door answered %d", what, said, status)
			}
			if d.action == "delete" && status == 204 {
				plain := w.adas
				if p.owner.ID == w.bob.ID {
					_, plain = w.Token(t, w.bob, fmt.Sprintf("builds again %d", w.made), "repo")
				}
				w.build(t, p, plain)
			}
		}
		if t.Failed() {
			return
		}
	}
	for _, d := range deeds {
		for _, k := range []problem.Kind{problem.Internal, problem.Unauthenticated, problem.Forbidden, problem.NotFound} {
			if !strings.HasSuffix(d.action, ".read") && d.action != "read" && ended[d.action+" "+k.String()] == 0 {
				t.Errorf("%s never ended as %q: the sample is too small. %v", d.action, k, slices.Sorted(maps.Keys(ended)))
			}
		}
	}
}

// explain has all who may ask explain what the token may do, and returns the kind
// of the refusal; Internal when it is allowed.
func (w *explained) explain(t *testing.T, what string, tok token.Token, plain string, p plot, d deed) problem.Kind {
	t.Helper()
	q, err := gate.ParseQuestion(d.action, p.String(), d.ref, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.Gate.SubjectTokenByID(t.Context(), tok.ID)
	if err != nil {
		t.Fatal(err)
	}
	operator := right.Operator()
	byOperator, err := w.Gate.Explain(t.Context(), &operator, s, q)
	if err != nil {
		t.Fatal(err)
	}
	byPerson, err := w.Gate.Explain(t.Context(), &w.person, s, q)
	if err != nil {
		t.Fatal(err)
	}
	if byOperator.Allowed != byPerson.Allowed || byOperator.Kind != byPerson.Kind {
		t.Errorf("%s: explained to the operator as %v, to the owner as %v", what, byOperator, byPerson)
	}
	for _, l := range byPerson.Lines {
		if l.Decides && (l.Outcome != right.Failed || l.Says == "") {
			t.Errorf("%s: %+v", what, l)
		}
	}
	w.tellsNoMore(t, what, &w.person, s, q, p, byPerson)
	actor, err := w.Gate.Identify(t.Context(), gate.ParseAuthorization([]string{"Bearer " + plain}))
	if err != nil || !actor.Grant.Limits.Admit(netip.MustParseAddr("127.0.0.1")) {
		return byPerson.Kind // who is refused at the door has nothing explained there
	}
	w.tellsNoMore(t, what, &actor, gate.Subject{Actor: actor}, q, p, gate.Explanation{})
	a := w.Do(t, "GET", "/api/v3/user/token/explain?"+url.Values{"action": {d.action}, "repository": {p.String()}, "ref": {d.ref}}.Encode(), "", "Authorization: Bearer "+plain)
	var said struct {
		Allowed bool
		Answer  string
	}
	if err := json.Unmarshal([]byte(a.Text), &said); err != nil || a.StatusCode != 200 {
		t.Fatalf("%s: the API explains with %d %s %v", what, a.StatusCode, a.Text, err)
	}
	if said.Allowed != byPerson.Allowed || said.Allowed != (said.Answer == "") || !said.Allowed && said.Answer != byPerson.Kind.String() {
		t.Errorf("%s: explained to the owner as %v %s, by the API as %+v", what, byPerson.Allowed, byPerson.Kind, said)
	}
	return byPerson.Kind
}

// tellsNoMore holds that what the asker may not know of is explained as what does
// not exist.
func (w *explained) tellsNoMore(t *testing.T, what string, asker *right.Actor, s gate.Subject, q gate.Question, p plot, got gate.Explanation) {
	t.Helper()
	if _, err := w.Gate.Repo(t.Context(), asker, right.RepoRead, p.owner.Login, p.name); !problem.Is(err, problem.NotFound) {
		return
	}
	// By what it asks a token may know more than by reading.
	if _, err := w.Gate.Repo(t.Context(), asker, q.Action, p.owner.Login, p.name); !problem.Is(err, problem.NotFound) {
		return
	}
	missing := q
	missing.Owner, missing.Name = w.ada.Login, "missing"
	want, err := w.Gate.Explain(t.Context(), asker, s, missing)
	if err != nil {
		t.Fatal(err)
	}
	if got.Lines == nil {
		if got, err = w.Gate.Explain(t.Context(), asker, s, q); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(got.Lines, want.Lines) || !slices.Equal(got.Notes, want.Notes) {
		t.Errorf("%s: what is hidden is explained as %+v, what is missing as %+v", what, got.Lines, want.Lines)
	}
}

// TestExplain_others: nobody has the token of somebody else explained.
func TestExplain_others(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	s.Repo(t, ada, "open", false)
	tok, _ := s.Token(t, ada, "ada's", "repo")
	subject, err := s.Gate.SubjectTokenByID(t.Context(), tok.ID)
	if err != nil {
		t.Fatal(err)
	}
	q := gate.Question{Action: right.RepoRead, Owner: "ada", Name: "open"}
	visitor := right.Anonymous()
	for _, session := range []secret.Value{s.Session(t, bob), {}} {
		actor, err := s.Gate.IdentifySession(t.Context(), session)
		if err != nil {
			t.Fatal(err)
		}
		for _, asker := range []*right.Actor{&actor, &visitor} {
			if _, err := s.Gate.Explain(t.Context(), asker, subject, q); !problem.Is(err, problem.NotFound) {
				t.Errorf("%s is told: %v", asker.Login, err)
			}
		}
	}
	if a := s.Do(t, "GET", "/api/v3/user/token/explain?action=read&repository=ada/open", ""); a.StatusCode != 401 {
		t.Errorf("a visitor: %d", a.StatusCode)
	}
}
