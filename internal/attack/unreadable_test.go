package attack

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/application"
	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/policy"
	"jeton/internal/right"
)

// spoil makes text the policy of an organisation, and the only one that there is.
func (s *scene) spoil(t *testing.T, of id.Account, text string) error {
	return s.DB.Write(t.Context(), func(tx *db.Tx) error {
		if _, err := tx.Exec(t.Context(), `DELETE FROM policies`); err != nil {
			return err
		}
		if _, err := tx.Exec(t.Context(), `INSERT INTO policies (account_id, rules, updated_at, updated_by) VALUES ($1, $2, 1, 0)`, of, text); err != nil {
			return err
		}
		return s.Change.Record(t.Context(), tx, change.Change{Kind: change.PolicyChanged, Subject: int64(of)})
	})
}

// TestS6_WhatCantBeReadLetsNothingThrough: a policy that is spoilt in the database
// refuses every token, hinders nobody on the pages, and can be set anew.
func TestS6_WhatCantBeReadLetsNothingThrough(t *testing.T) {
	t.Parallel()
	g := newGoverned(t, false)
	session, owner := g.session(t, g.eve), g.session(t, g.ada)
	for _, text := range []string{"", "{", "null {}", "[]", `{"without":["all"]}`, `{"networks":["everywhere"]}`, `{"max_days":-1}`, `{"wont":1}`, `{} {"must_end":true}`} {
		if err := g.spoil(t, g.works.ID, text); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/works/plans.git" + refs, "/api/v3/repos/works/site", "/api/v3/user", "/eve/pub.git" + refs} {
			want(t, text+", "+path, g.Do(t, "GET", path, "", bearer(g.creds[0].plain)), 503)
		}
		want(t, "a visitor", g.Do(t, "GET", "/eve/pub.git"+refs, ""), 200)
		g.untouched(t, session, text)
		for _, path := range []string{"/organizations/works/settings/personal-access-tokens", "/organizations/works/settings/personal-access-token-requests"} {
			a := g.Do(t, "GET", path, "", cookie(owner))
			want(t, text+", "+path, a, 200)
			if !strings.Contains(a.Text, "be read") || strings.Contains(a.Text, "Fine-grained tokens need no approval") {
				t.Errorf("%s, %s does not say that the policy can't be read", text, path)
			}
		}
		g.set(t, g.works.ID, right.Policy{MustEnd: true})
		want(t, text+", set anew", g.Do(t, "GET", "/works/plans.git"+refs, "", bearer(g.creds[0].plain)), 200)
	}
}

// TestS6_NoFormIsLost: while a policy can't be read every form for a token says so and
// keeps what was typed, nothing is made or changed, and what there is can still be
// looked at and deleted.
func TestS6_NoFormIsLost(t *testing.T) {
	t.Parallel()
	g := newGoverned(t, false)
	person := g.Person(t, g.eve)
	own, err := g.Repos.Find(t.Context(), g.DB, "eve", "own", g.eve.ID)
	if err != nil {
		t.Fatal(err)
	}
	tokens := func() (n int) {
		t.Helper()
		if err := g.DB.QueryRow(t.Context(), `SELECT COUNT(*) FROM tokens WHERE revoked_at = 0`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := tokens()
	if err := g.spoil(t, g.works.ID, "{"); err != nil {
		t.Fatal(err)
	}
	says := func(what string, a apptest.Answer, code int, kept ...string) {
		t.Helper()
		for _, text := range append(kept, "A policy about tokens can&#39;t be read", "has to save it again") {
			if a.StatusCode != code || !strings.Contains(a.Text, text) {
				t.Errorf("%s: %d, want %d with %q", what, a.StatusCode, code, text)
			}
		}
		if strings.Contains(a.Text, "unexpected EOF") || strings.Contains(a.Text, "policy of works") {
			t.Errorf("%s: the cause is shown", what)
		}
	}
	classic, fine := fmt.Sprintf("/settings/tokens/%d", g.creds[0].tid), fmt.Sprintf("/settings/personal-access-tokens/%d", g.creds[2].tid)
	for _, path := range []string{"/settings/tokens/new", "/settings/personal-access-tokens/new", "/settings/personal-access-tokens/new?target_name=works",
		classic + "/regenerate", classic + "/rotate", fine + "/regenerate", fine + "/rotate", "/eve/own/settings/deploy-tokens/new"} {
		says("GET "+path, person.Get(t, path), 503)
	}
	for _, path := range []string{"/settings/tokens", "/settings/personal-access-tokens"} {
		if a := person.Get(t, path); a.StatusCode != 200 || path != "/settings/tokens" && !strings.Contains(a.Text, "Blocked by a policy") {
			t.Errorf("GET %s: %d", path, a.StatusCode)
		}
	}
	says("a classic token's page", person.Get(t, classic), 200)
	says("a fine-grained token's page", person.Get(t, fine), 200)
	for path, c := range map[string]struct {
		form url.Values
		kept []string
	}{
		"/settings/tokens": {url.Values{"note": {"my long note"}, "expires": {"7"}, "scopes": {"repo"}}, []string{`value="my long note"`, `value="repo" checked`}},
		"/settings/personal-access-tokens": {url.Values{"name": {"my long name"}, "description": {"what I typed"}, "target_name": {"works"}, "expires": {"7"}, "access": {"all"}, "contents": {"write"}},
			[]string{`value="my long name"`, "what I typed"}},
		"/eve/own/settings/deploy-tokens": {url.Values{"note": {"my deploy"}, "level": {"write"}, "expires": {"7"}}, []string{`value="my deploy"`}},
		classic:                           {url.Values{"note": {"another note"}, "scopes": {"repo", "workflow"}}, []string{`value="another note"`}},
		fine:                              {url.Values{"name": {"another name"}, "access": {"all"}, "contents": {"write"}, "statuses": {"write"}}, []string{`value="another name"`}},
		classic + "/regenerate":           {url.Values{"expires": {"7"}}, nil},
		classic + "/rotate":               {url.Values{"expires": {"7"}, "window": {"1d"}}, nil},
		fine + "/regenerate":              {url.Values{"expires": {"7"}}, nil},
	} {
		says("POST "+path, person.Post(t, path, c.form), 503, c.kept...)
	}
	if n := tokens(); n != before {
		t.Errorf("%d tokens, and %d before", n, before)
	}
	if list, err := g.Lifecycle.DeployTokens(t.Context(), own.ID); err != nil || len(list) != 0 {
		t.Errorf("%d deploy tokens, %v", len(list), err)
	}
	if err := g.spoil(t, policy.Site, "{"); err != nil {
		t.Fatal(err)
	}
	device := g.post(t, "/login/device/code", url.Values{"client_id": {application.GitHubCLI}, "scope": {"repo"}}, "Accept: application/json")
	if device.StatusCode != 503 || !strings.Contains(device.Text, "temporarily_unavailable") || !strings.Contains(device.Text, "can't be read") {
		t.Errorf("the device flow: %d %s", device.StatusCode, device.Text)
	}
	want(t, "delete one", person.Post(t, classic+"/delete", url.Values{}), http.StatusSeeOther)
	g.set(t, policy.Site, right.Policy{})
	want(t, "once more", person.Post(t, "/settings/tokens", url.Values{"note": {"my long note"}, "expires": {"7"}, "scopes": {"repo"}}), http.StatusSeeOther)
}
