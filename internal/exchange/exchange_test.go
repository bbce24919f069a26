package exchange_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/audit"
	"jeton/internal/config"
	"jeton/internal/id"
	"jeton/internal/issuertest"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/token"
	"jeton/internal/trust"
)

// TestExchange: a machine that a repository trusts gets a token for minutes, clones and
// pushes by it, and its owner's log says so.
func TestExchange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.exchange(t, w.issuer.Token(t, w.job()))
	if r.Status != 200 || !strings.HasPrefix(r.Access, "jts_") || r.Type != "bearer" || r.Issued != "urn:ietf:params:oauth:token-type:access_token" || r.Refresh != "" ||
		r.ExpiresIn < 895 || r.ExpiresIn > 900 || r.Scope != "statuses=write contents=write metadata=read" {
		t.Fatalf("%+v", r)
	}
	g := w.Git(t, "x", r.Access)
	g.Run(t, "init", "-q")
	g.Commit(t, "README.md", "hello\n", "Say hello")
	g.Run(t, "push", "-q", w.URL()+"/ada/engine.git", "HEAD:refs/heads/main")
	g.Run(t, "clone", "-q", w.URL()+"/ada/engine.git", "copy")
	all := w.lines(t, "trust.exchange")
	if len(all) != 1 || all[0].Detail["trust"] != "Deploys" || all[0].Detail["subject"] != subject || all[0].Repo != w.repo.ID || all[0].Token == 0 || strings.Contains(all[0].Detail["subject"], r.Access) {
		t.Errorf("the log says %+v", all)
	}
	// It is the repository's alone, and nothing of the account's.
	other := w.Repo(t, w.ada, "other", true)
	for path, want := range map[string]int{"/api/v3/repos/ada/engine": 200, "/api/v3/repos/" + other.FullName(): 404, "/api/v3/user/emails": 403} {
		if a := w.Do(t, "GET", path, "", "Authorization: Bearer "+r.Access); a.StatusCode != want {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.Text)
		}
	}
	if a := w.Do(t, "POST", "/api/v3/user/token/rotate", "", "Authorization: Bearer "+r.Access); a.StatusCode != 403 {
		t.Errorf("it rotates itself: %d", a.StatusCode)
	}
	w.Advance(14 * time.Minute)
	if !w.works(t, r.Access) {
		t.Error("it died before its minute")
	}
	w.Advance(time.Minute + time.Second)
	if w.works(t, r.Access) {
		t.Error("it lives beyond its minute")
	}
	out, code := g.Try(t, "ls-remote", w.URL()+"/ada/engine.git")
	if code == 0 || !strings.Contains(out, "expired") || strings.Contains(out, "regenerate") {
		t.Errorf("%d\n%s", code, out)
	}
}

// TestExchange_json: JSON is taken as a form is, and less can be asked for.
func TestExchange_json(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body, err := json.Marshal(map[string]string{"grant_type": grant, "subject_token": w.issuer.Token(t, w.job()), "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
		"resource": w.URL() + "/ada/engine.git", "scope": "contents=read"})
	if err != nil {
		t.Fatal(err)
	}
	r := read(t, w.Do(t, "POST", endpoint, string(body), "Content-Type: application/json", "Accept: application/json"))
	if r.Status != 200 || r.Scope != "contents=read metadata=read" {
		t.Fatalf("%+v", r)
	}
	g := w.Git(t, "x", r.Access)
	g.Run(t, "init", "-q")
	g.Commit(t, "a", "b", "c")
	if out, code := g.Try(t, "push", w.URL()+"/ada/engine.git", "HEAD:refs/heads/main"); code == 0 {
		t.Errorf("it writes\n%s", out)
	}
	for _, scope := range []string{"administration=read", "contents=admin", "contents", "workflows=write", "repo", "statuses=write,contents=write"} {
		if r := w.exchange(t, w.issuer.Token(t, w.job()), "scope", scope); r.Status != 400 || r.Error != "invalid_scope" {
			t.Errorf("%s: %+v", scope, r)
		}
	}
	for field, bad := range map[string]string{"subject_token": "", "subject_token_type": "urn:ietf:params:oauth:token-type:saml2", "resource": "", "actor_token": "x", "requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"} {
		if r := w.exchange(t, w.issuer.Token(t, w.job()), field, bad); r.Status != 400 || r.Error != "invalid_request" {
			t.Errorf("%s: %+v", field, r)
		}
	}
}

// TestExchange_refused: what does not fit gives no token, and the owner's log says what
// it was, once an hour.
func TestExchange_refused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := issuertest.Start(t)
	job := func(change func(*issuertest.Job)) string {
		j := w.job()
		change(&j)
		return w.issuer.Token(t, j)
	}
	for why, c := range map[string]struct{ identity, code, says string }{
		"issuer":            {other.Token(t, w.job()), "invalid_target", "Nothing at this resource"},
		"audience":          {job(func(j *issuertest.Job) { j.Audience = []string{"https://other.example.com"} }), "invalid_request", "audience"},
		"subject":           {job(func(j *issuertest.Job) { j.Subject = "repo:octo/site:ref:refs/tags/v1" }), "invalid_target", "Nothing at this resource"},
		"claim environment": {job(func(j *issuertest.Job) { j.Claims["environment"] = "staging" }), "invalid_request", "claim"},
		"expired":           {job(func(j *issuertest.Job) { j.Expires = in(-time.Second) }), "invalid_request", "expired"},
		"lifetime":          {job(func(j *issuertest.Job) { j.Expires = in(25 * time.Hour) }), "invalid_request", "24 hours"},
	} {
		for range 3 {
			if r := w.exchange(t, c.identity); r.Status != 400 || r.Error != c.code || !strings.Contains(r.Why, c.says) || r.Access != "" {
				t.Errorf("%s: %+v", why, r)
			}
		}
		if !w.refused(t, why) {
			t.Errorf("%s: the log does not say it: %+v", why, w.lines(t, "trust.refused"))
		}
	}
	if all := w.lines(t, "trust.refused"); len(all) != 6 {
		t.Errorf("%d lines: %+v", len(all), all)
	}
	w.Advance(-10 * time.Minute)
	if r := w.exchange(t, w.issuer.Token(t, w.job())); r.Error != "invalid_request" || !w.refused(t, "not yet valid") {
		t.Errorf("not yet valid: %+v", r)
	}
	if other.Asked.Load() > 1 { // by the test itself, for the token
		t.Error("an issuer was asked whom nobody trusts")
	}
	// What a stranger chose is in the log shortened and printable.
	w.Advance(10 * time.Minute)
	w.exchange(t, job(func(j *issuertest.Job) { j.Subject = "repo:evil\u202e/" + strings.Repeat("x", 900) }))
	for _, l := range w.lines(t, "trust.refused") {
		if len(l.Detail["subject"]) > 200 || strings.Contains(l.Detail["subject"], "\u202e") {
			t.Errorf("the log holds %q", l.Detail["subject"])
		}
	}
}

// TestExchange_alike: a place that is not there, one that is hidden, one without trusts
// and one that trusts others are answered alike.
func TestExchange_alike(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Repo(t, w.ada, "bare", true)
	stranger := w.job()
	stranger.Subject = "repo:evil/site:ref:refs/heads/main"
	for _, identity := range []string{w.issuer.Token(t, stranger), w.issuer.Token(t, w.job()) + "x"} {
		var first reply
		for i, place := range []string{"/ada/none", "/nobody/none", "/ada/bare", "/ada/engine", "/nobody", "/ada", "/ada/engine/x"} {
			r := w.exchange(t, identity, "resource", w.URL()+place)
			if i == 0 {
				first = r
			}
			if r != first || r.Status != 400 {
				t.Errorf("%s: %+v, want %+v", place, r, first)
			}
		}
	}
	for _, place := range []string{"https://elsewhere.example.com/ada/engine", "ada/engine", w.URL() + "/ada/engine?x=y", w.URL() + "/ada%2fengine", "", "//x"} {
		if r := w.exchange(t, w.issuer.Token(t, w.job()), "resource", place); r.Status != 400 || r.Access != "" {
			t.Errorf("%s: %+v", place, r)
		}
	}
}

// TestExchange_once (L1): an identity token is exchanged once, however many come with
// it at the same time, and in whatever way its signature is written.
func TestExchange_once(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	identity := w.issuer.Token(t, w.job())
	var mu sync.Mutex
	var group sync.WaitGroup
	won := 0
	for range 8 {
		group.Go(func() {
			r := w.exchange(t, identity)
			mu.Lock()
			defer mu.Unlock()
			if r.Access != "" {
				won++
			} else if r.Error != "invalid_request" || !strings.Contains(r.Why, "already") {
				t.Errorf("%+v", r)
			}
		})
	}
	group.Wait()
	if won != 1 || !w.refused(t, "replayed") {
		t.Errorf("%d got one", won)
	}
	if r := w.exchange(t, w.issuer.Token(t, w.job())); r.Access == "" {
		t.Errorf("another one: %+v", r)
	}
	w.Advance(3 * time.Minute)
	if err := w.Trusts.Trim(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := w.exchange(t, identity); r.Access != "" {
		t.Error("forgotten before its end")
	}
}

// TestExchange_ends: what a trust gave ends with it, when it is changed, when it is
// deleted, and with the repository.
func TestExchange_ends(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fresh := func() string {
		t.Helper()
		r := w.exchange(t, w.issuer.Token(t, w.job()))
		if !w.works(t, r.Access) {
			t.Fatalf("%+v", r)
		}
		return r.Access
	}
	s := w.statement()
	s.Name = "Deployments"
	access := fresh()
	if _, err := w.Trusts.Update(t.Context(), w.by(), w.place(), w.trust.ID, s); err != nil || !w.works(t, access) {
		t.Errorf("another name ended it: %v", err)
	}
	s.Permissions = right.ParseFine("contents=read")
	if _, err := w.Trusts.Update(t.Context(), w.by(), w.place(), w.trust.ID, s); err != nil || w.works(t, access) {
		t.Errorf("it gives less, and the token lives: %v", err)
	}
	access = fresh()
	if err := w.Trusts.Delete(t.Context(), w.by(), w.place(), w.trust.ID); err != nil || w.works(t, access) {
		t.Errorf("the trust is deleted, and the token lives: %v", err)
	}
	if r := w.exchange(t, w.issuer.Token(t, w.job())); r.Error != "invalid_target" {
		t.Errorf("%+v", r)
	}
	w.trusts(t, w.statement())
	access = fresh()
	bob := w.User(t, "bob")
	if _, _, err := w.Lifecycle.TransferRepo(t.Context(), right.Operator(), w.repo.ID, "bob", ""); err != nil || w.works(t, access) {
		t.Errorf("the repository is bob's, and the token lives: %v", err)
	}
	if all, err := w.Trusts.List(t.Context(), w.DB, trust.Of{Repo: w.repo.ID}); err != nil || len(all) != 0 {
		t.Errorf("bob trusts whom ada did: %+v, %v", all, err)
	}
	if _, err := w.Trusts.Create(t.Context(), w.by(), trust.Place{Repo: w.repo.ID, Owner: bob.ID, Name: "bob/engine"}, w.statement()); err != nil {
		t.Fatal(err)
	}
	r := w.exchange(t, w.issuer.Token(t, w.job()), "resource", w.URL()+"/bob/engine")
	if err := w.Lifecycle.DeleteRepo(t.Context(), right.Operator(), w.repo.ID); err != nil || r.Access == "" {
		t.Fatal(err, r)
	}
	if a := w.Do(t, "GET", "/api/v3/user", "", "Authorization: Bearer "+r.Access); a.StatusCode != 401 {
		t.Errorf("the repository is gone, and the token lives: %d", a.StatusCode)
	}
}

// TestExchange_trim: what ended is forgotten after a day, unless the ledger has uses of
// it.
func TestExchange_trim(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	used, unused := w.exchange(t, w.issuer.Token(t, w.job())), w.exchange(t, w.issuer.Token(t, w.job()))
	if !w.works(t, used.Access) {
		t.Fatal("it does not work")
	}
	if err := w.Ledger.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := w.lines(t, "trust.exchange")
	rows := func() int {
		t.Helper()
		if err := w.Trusts.Trim(t.Context()); err != nil {
			t.Fatal(err)
		}
		found, err := w.Tokens.ByIDs(t.Context(), w.DB, []id.Token{all[0].Token, all[1].Token})
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := found[all[1].Token]; !ok {
			t.Error("the one that was used is gone")
		}
		return len(found)
	}
	w.Advance(24 * time.Hour)
	if n := rows(); n != 2 {
		t.Errorf("%d rows before a day was over", n)
	}
	w.Advance(time.Hour)
	if n := rows(); n != 1 || unused.Access == "" {
		t.Errorf("%d rows when a day was over", n)
	}
}

// TestExchange_org: an organization says as which service account, and on which
// repositories.
func TestExchange_org(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	acme := w.Org(t, w.ada, "acme")
	bot, err := w.Lifecycle.CreateMachine(t.Context(), w.by(), account.NewMachine{Login: "acme-ci", Manager: acme.ID})
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.Lifecycle.CreateRepo(t.Context(), right.Operator(), repo.NewRepo{Owner: acme.ID, Name: "site", Private: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Repos.SetCollaborator(t.Context(), w.by(), r.ID, bot.ID, right.Write); err != nil {
		t.Fatal(err)
	}
	s := w.statement()
	s.Access, s.Machine = token.AllOf, bot.ID
	at := trust.Place{Owner: acme.ID, Name: "acme"}
	saved, err := w.Trusts.Create(t.Context(), w.by(), at, s)
	if err != nil {
		t.Fatal(err)
	}
	got := w.exchange(t, w.issuer.Token(t, w.job()), "resource", w.URL()+"/acme")
	if got.Access == "" {
		t.Fatalf("%+v", got)
	}
	if a := w.Do(t, "GET", "/api/v3/repos/acme/site", "", "Authorization: Bearer "+got.Access); a.StatusCode != 200 {
		t.Errorf("%d %s", a.StatusCode, a.Text)
	}
	if a := w.Do(t, "GET", "/api/v3/user", "", "Authorization: Bearer "+got.Access); !strings.Contains(a.Text, `"acme-ci"`) {
		t.Errorf("%d %s", a.StatusCode, a.Text)
	}
	lines, err := w.Audit.List(t.Context(), audit.Query{Account: acme.ID, Action: "trust.exchange"})
	if err != nil || len(lines) != 1 || lines[0].Detail["trust_id"] != strconv.FormatInt(int64(saved.ID), 10) {
		t.Errorf("%+v, %v", lines, err)
	}
	if err := w.Accounts.Suspend(t.Context(), right.Operator(), bot.ID); err != nil {
		t.Fatal(err)
	}
	if r := w.exchange(t, w.issuer.Token(t, w.job()), "resource", w.URL()+"/acme"); r.Access != "" || !strings.Contains(r.Why, "service account") {
		t.Errorf("%+v", r)
	}
}

// TestExchange_crowd: strangers who use up the turns of a place don't keep out a
// machine whose issuer's keys are not at hand.
func TestExchange_crowd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *config.Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	from := func(address, identity string) reply {
		v := url.Values{"grant_type": {grant}, "subject_token": {identity}, "subject_token_type": {typeID}, "resource": {w.URL() + "/ada/engine"}}
		return read(t, w.Do(t, "POST", endpoint, v.Encode(), "Content-Type: application/x-www-form-urlencoded", "Accept: application/json", "X-Forwarded-For: "+address))
	}
	shut, madeUp := 0, unsigned(t, "https://nobody.example.com")
	for i := range 500 {
		if r := from(fmt.Sprintf("203.0.%d.7", i%5), madeUp); r.Status == 429 {
			shut++
		}
	}
	if shut == 0 {
		t.Fatal("strangers have as many turns as they like")
	}
	for i := range 3 {
		if r := from(fmt.Sprintf("198.51.%d.9", i), w.issuer.Token(t, w.job())); r.Access == "" {
			t.Errorf("a machine that is trusted: %+v", r)
		}
	}
	if r := from("198.51.9.9", madeUp); r.Status != 429 {
		t.Errorf("one more stranger: %+v", r)
	}
}

// unsigned is an identity token that anybody can make up.
func unsigned(t testing.TB, issuer string) string {
	t.Helper()
	claims, err := json.Marshal(map[string]any{"iss": issuer, "sub": subject, "aud": audience, "exp": in(5 * time.Minute).Unix(), "environment": "production"})
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"ES256","kid":"x"}`)) + "." + encode(claims) + "." + encode(make([]byte, 64))
}
