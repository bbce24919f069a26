package deliver_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/hook"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/token"
)

// TestTokens: a person's webhooks are told of their tokens, and those of an
// organization of the fine-grained ones that reach it, without from where they are
// used; nobody else's are, and no secret is in what is sent.
func TestTokens(t *testing.T) {
	t.Parallel()
	own, orgs, others := plainReceiver(t, nil), plainReceiver(t, nil), plainReceiver(t, nil)
	s := apptest.Start(t, loopback)
	ada, eve := s.User(t, "ada"), s.User(t, "eve")
	acme := s.Org(t, ada, "acme")
	r := s.Repo(t, ada, "engine", true)
	p := s.Person(t, ada)
	made := p.Post(t, "/settings/hooks/new", url.Values{"url": {own.URL + "/in"}, "content_type": {"json"}, "secret": {"between the two of us"}, "which": {"some"}, "events": {"personal_access_token"}, "active": {"yes"}})
	if made.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %s", made.StatusCode, made.Text)
	}
	ping := own.next(t, "ping").payload(t)
	if of, _ := ping["hook"].(map[string]any); of["type"] != "User" || of["url"] != nil {
		t.Errorf("the ping is about %v", ping["hook"])
	}
	kind, key := hook.JSON, secret.New("x")
	at := hook.Place{Owner: acme.ID, Name: acme.Login}
	if _, err := s.Hooks.Create(t.Context(), right.Actor{Account: ada.ID, Login: "ada"}, at, hook.Patch{URL: &orgs.URL, ContentType: &kind, Secret: &key, Events: []string{"personal_access_token"}}); err != nil {
		t.Fatal(err)
	}
	hookBy(t, s, owner(r), r, others.URL, "x", "*")
	if _, err := s.Hooks.Create(t.Context(), right.Actor{Account: eve.ID, Login: "eve"}, hook.Place{Owner: eve.ID, Name: "eve", Person: true}, hook.Patch{URL: &others.URL, ContentType: &kind, Secret: &key}); err != nil {
		t.Fatal(err)
	}
	others.next(t, "ping")
	others.next(t, "ping")
	orgs.next(t, "ping")

	said := func(g got) (string, map[string]any, map[string]any) {
		t.Helper()
		if strings.Contains(string(g.body), "jtp_") || strings.Contains(string(g.body), "jtf_") {
			t.Errorf("a token was sent: %s", g.body)
		}
		all := g.payload(t)
		tok, _ := all["personal_access_token"].(map[string]any)
		action, _ := all["action"].(string)
		return action, tok, all
	}
	got := p.Post(t, "/settings/tokens", url.Values{"note": {"ci"}, "scopes": {"repo"}, "expires": {"30"}}, "User-Agent: a browser")
	if got.StatusCode != http.StatusSeeOther {
		t.Fatal(got.Text)
	}
	g := own.next(t, "personal_access_token")
	action, tok, all := said(g)
	who, _ := tok["owner"].(map[string]any)
	if action != "created" || tok["name"] != "ci" || tok["kind"] != "classic" || who["login"] != "ada" || all["client"] != "a browser" || all["how"] != "made" {
		t.Errorf("created: %s", g.body)
	}
	if sent, _ := all["sender"].(map[string]any); sent["login"] != "ada" {
		t.Errorf("by %v", all["sender"])
	}
	if of := g.Get("X-GitHub-Hook-Installation-Target-Type"); of != "user" || !strings.HasPrefix(g.Get("X-Hub-Signature-256"), "sha256=") {
		t.Errorf("the head is %v", g.Header)
	}
	orgs.none(t)

	s.FineToken(t, ada, token.NewFine{Name: "fine", Owner: acme.ID, OwnerIsOrg: true, Access: token.AllOf, ExpiresAt: s.Now().Add(30 * 24 * time.Hour)}, "contents=read")
	if action, tok, _ := said(own.next(t, "personal_access_token")); action != "created" || tok["name"] != "fine" {
		t.Errorf("%s %v", action, tok)
	}
	g = orgs.next(t, "personal_access_token")
	action, tok, all = said(g)
	in, _ := all["organization"].(map[string]any)
	if action != "created" || tok["kind"] != "fine-grained" || in["login"] != "acme" || all["client"] != nil || all["address"] != nil {
		t.Errorf("the organization is told %s", g.body)
	}
	s.Advance(23*24*time.Hour + time.Hour)
	if err := s.Mail.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if action, tok, _ := said(orgs.next(t, "personal_access_token")); action != "expiring" || tok["name"] != "fine" || tok["expires_at"] == nil {
		t.Errorf("%s %v", action, tok)
	}

	// An account that is suspended is told nothing, nor one that is gone.
	if err := s.Accounts.Suspend(t.Context(), right.Operator(), eve.ID); err != nil {
		t.Fatal(err)
	}
	s.Token(t, eve, "hers", "repo")
	list, err := s.Hooks.List(t.Context(), s.DB, hook.Of{Person: eve.ID})
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	if why := delivered(t, s, list[0], 2)[0].Status; !strings.HasPrefix(why, "stopped:") {
		t.Errorf("a suspended account's webhook: %s", why)
	}
	others.none(t)
	if err := s.Lifecycle.DeleteAccount(t.Context(), right.Operator(), eve.ID, 0); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"hooks WHERE target = 'user' AND target_id", "notices WHERE account_id", "hook_events WHERE person_id"} {
		var n int
		if err := s.DB.QueryRow(t.Context(), `SELECT COUNT(*) FROM `+table+` = $1`, eve.ID).Scan(&n); err != nil || n != 0 {
			t.Errorf("%d are left of %s (%v)", n, table, err)
		}
	}
}

// TestTokens_others: nobody sees or changes the webhooks of another account.
func TestTokens_others(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, loopback)
	ada, eve := s.User(t, "ada"), s.User(t, "eve")
	to, kind := "https://example.com/x", hook.JSON
	h, err := s.Hooks.Create(t.Context(), right.Actor{Account: ada.ID, Login: "ada"}, hook.Place{Owner: ada.ID, Name: "ada", Person: true}, hook.Patch{URL: &to, ContentType: &kind})
	if err != nil {
		t.Fatal(err)
	}
	mine, hers := s.Person(t, ada), s.Person(t, eve)
	path := "/settings/hooks/" + fmt.Sprint(h.ID)
	if got := mine.Get(t, path); got.StatusCode != http.StatusOK {
		t.Errorf("the owner: %d", got.StatusCode)
	}
	for _, under := range []string{"", "/delete", "/deliveries/1"} {
		if got := hers.Get(t, path+under); under != "/delete" && got.StatusCode != http.StatusNotFound || strings.Contains(got.Text, to) {
			t.Errorf("GET %s by another: %d", under, got.StatusCode)
		}
	}
	for _, under := range []string{"", "/ping", "/delete"} {
		_ = hers.Post(t, path+under, url.Values{"url": {"https://evil.example.com/"}, "content_type": {"json"}, "which": {"all"}, "active": {"yes"}})
	}
	now, err := s.Hooks.ByID(t.Context(), s.DB, h.Of, h.ID)
	if err != nil || now.URL != to {
		t.Errorf("it is %+v, %v", now, err)
	}
	if got := mine.Post(t, "/settings/hooks/new", url.Values{"url": {to + "2"}, "content_type": {"json"}, "which": {"some"}, "events": {"push"}}); got.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a person's webhook for pushes: %d", got.StatusCode)
	}
}
