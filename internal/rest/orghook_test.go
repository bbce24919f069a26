package rest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/application"
	"jeton/internal/config"
	"jeton/internal/id"
	"jeton/internal/org"
	"jeton/internal/token"
)

// orgHookServer has an organisation that ada owns and bob belongs to.
func orgHookServer(t *testing.T) (ada, bob asking, to *httptest.Server) {
	t.Helper()
	to = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "got it")
	}))
	t.Cleanup(to.Close)
	s := apptest.Start(t, func(c *config.Config) { c.WebhookAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	owner, member := s.User(t, "ada"), s.User(t, "bob")
	s.Join(t, s.Org(t, owner, "acme"), org.Member, member)
	_, plain := s.Token(t, owner, "hooks", "admin:org_hook")
	_, members := s.Token(t, member, "hooks", "admin:org_hook", "admin:org", "repo")
	return asking{s, plain}, asking{s, members}, to
}

func TestOrgHooks(t *testing.T) {
	t.Parallel()
	q, bob, to := orgHookServer(t)
	const hooks, secret = "/orgs/acme/hooks", "only the two of us know"
	a := q.do(t, 201, "POST", hooks, fmt.Sprintf(`{"name":"web","events":["push","membership"],"config":{"url":%q,"content_type":"json","secret":%q}}`, to.URL, secret))
	made := object(t, a)
	if made["type"] != "Organization" || made["config"].(map[string]any)["secret"] != "********" || a.Header.Get("Location") != made["url"] || !strings.HasSuffix(fmt.Sprint(made["url"]), fmt.Sprintf("%s/%.0f", hooks, made["id"])) {
		t.Errorf("%s", a.Text)
	}
	one := fmt.Sprintf("%s/%.0f", hooks, made["id"])
	if list := array(t, q.do(t, 200, "GET", hooks, "")); len(list) != 1 || list[0]["id"] != made["id"] {
		t.Errorf("list: %v", list)
	}
	if a := q.do(t, 422, "POST", hooks, fmt.Sprintf(`{"events":["membership","push"],"config":{"url":%q}}`, to.URL)); !strings.Contains(a.Text, "already exists on this organization") {
		t.Errorf("%s", a.Text)
	}
	q.do(t, 422, "POST", hooks, `{"config":{"url":"https://x/"},"events":["nonsense"]}`)
	q.do(t, 200, "PATCH", one+"/config", `{"content_type":"form"}`)
	if c := object(t, q.do(t, 200, "GET", one+"/config", "")); c["secret"] != "********" || c["content_type"] != "form" {
		t.Errorf("config: %v", c)
	}
	if h := object(t, q.do(t, 200, "PATCH", one, `{"add_events":["team","personal_access_token_request"],"remove_events":["push"]}`)); fmt.Sprint(h["events"]) != "[membership personal_access_token_request team]" {
		t.Errorf("patched: %v", h)
	}
	q.do(t, 204, "POST", one+"/pings", "")
	list := q.until(t, one+"/deliveries", 2)
	if list[0]["event"] != "ping" || list[0]["status_code"] != float64(200) || list[0]["repository_id"] != nil {
		t.Errorf("%v", list[0])
	}
	delivery := fmt.Sprintf("%s/deliveries/%.0f", one, list[0]["id"])
	full := object(t, q.do(t, 200, "GET", delivery, ""))
	if head := full["request"].(map[string]any)["headers"].(map[string]any); head["X-GitHub-Hook-Installation-Target-Type"] != "organization" || head["X-Hub-Signature-256"] != "sha256=********" {
		t.Errorf("%v", head)
	}
	q.do(t, 202, "POST", delivery+"/attempts", "")
	if list = q.until(t, one+"/deliveries", 3); list[0]["guid"] != full["guid"] || list[0]["redelivery"] != true {
		t.Errorf("sent again: %v", list[0])
	}
	// D3, D6
	if strings.Contains(q.s.Log.String(), secret) {
		t.Error("the log holds a webhook's secret")
	}

	// A14: who belongs to the organisation does not own it, and no other scope does.
	for _, ask := range []string{"GET " + hooks, "POST " + hooks, "GET " + one, "PATCH " + one, "DELETE " + one, "GET " + one + "/config", "PATCH " + one + "/config", "POST " + one + "/pings",
		"GET " + one + "/deliveries", "GET " + delivery, "POST " + delivery + "/attempts"} {
		method, path, _ := strings.Cut(ask, " ")
		bob.do(t, 403, method, path, "{}")
		for _, scopes := range []string{"admin:org", "repo", "admin:repo_hook"} {
			owner, err := q.s.Accounts.ByLogin(t.Context(), q.s.DB, "ada")
			if err != nil {
				t.Fatal(err)
			}
			_, plain := q.s.Token(t, owner, ask+scopes, scopes)
			if a := (asking{q.s, plain}).do(t, 404, method, path, "{}"); a.Header.Get("X-Accepted-OAuth-Scopes") != "admin:org_hook" {
				t.Errorf("%s: accepted are %q", ask, a.Header.Get("X-Accepted-OAuth-Scopes"))
			}
		}
	}
	q.do(t, 204, "DELETE", one, "")
	q.do(t, 404, "DELETE", one, "")
}

// J8: a webhook's number is worth nothing in another place, nor in the hands of
// another application.
func TestOrgHooks_apart(t *testing.T) {
	t.Parallel()
	q, _, to := orgHookServer(t)
	ctx := t.Context()
	ada, err := q.s.Accounts.ByLogin(ctx, q.s.DB, "ada")
	if err != nil {
		t.Fatal(err)
	}
	q.s.Org(t, ada, "looms")
	q.s.Repo(t, ada, "engine", true)
	_, plain := q.s.Token(t, ada, "all", "admin:org_hook", "repo")
	q.token = plain
	body := fmt.Sprintf(`{"active":false,"config":{"url":%q}}`, to.URL)
	places := []string{"/orgs/acme/hooks", "/orgs/looms/hooks", "/repos/ada/engine/hooks"}
	made := map[string]float64{}
	for _, at := range places {
		made[at] = object(t, q.do(t, 201, "POST", at, body))["id"].(float64)
	}
	for _, at := range places {
		for of, n := range made {
			if at == of {
				continue
			}
			one := fmt.Sprintf("%s/%.0f", at, n)
			q.do(t, 404, "GET", one, "")
			q.do(t, 404, "PATCH", one, `{"active":true}`)
			q.do(t, 404, "DELETE", one, "")
			q.do(t, 404, "POST", one+"/pings", "")
			q.do(t, 404, "GET", one+"/deliveries", "")
		}
	}
	// What is of organisations alone a repository can't ask for.
	q.do(t, 422, "POST", places[2], `{"events":["membership"],"config":{"url":"https://x/"}}`)
	q.do(t, 422, "POST", places[2], `{"events":["personal_access_token_request"],"config":{"url":"https://x/"}}`)

	app := asking{q.s, q.s.OAuthToken(t, ada, application.GitHubCLI, "admin:org_hook")}
	other := asking{q.s, q.s.OAuthToken(t, ada, application.GCM, "admin:org_hook")}
	own := object(t, app.do(t, 201, "POST", places[0], `{"active":false,"config":{"url":"https://ci.example.com/"}}`))["id"].(float64)
	for who, sees := range map[*asking][]float64{&q: {made[places[0]]}, &app: {own}, &other: nil} {
		list := array(t, who.do(t, 200, "GET", places[0], ""))
		if len(list) != len(sees) || len(list) == 1 && list[0]["id"] != sees[0] {
			t.Errorf("%v, want %v", list, sees)
		}
	}
	q.do(t, 404, "DELETE", fmt.Sprintf("%s/%.0f", places[0], own), "")
	app.do(t, 404, "GET", fmt.Sprintf("%s/%.0f", places[0], made[places[0]]), "")
	other.do(t, 404, "PATCH", fmt.Sprintf("%s/%.0f", places[0], own), "{}")
	app.do(t, 204, "DELETE", fmt.Sprintf("%s/%.0f", places[0], own), "")
}

// TestOrgHooks_fine: a fine-grained token of the organization needs
// organization_hooks, and one of another owner reaches none of them.
func TestOrgHooks_fine(t *testing.T) {
	t.Parallel()
	q, _, _ := orgHookServer(t)
	ada, err := q.s.Accounts.ByLogin(t.Context(), q.s.DB, "ada")
	if err != nil {
		t.Fatal(err)
	}
	acme, err := q.s.Orgs.Find(t.Context(), q.s.DB, "acme", 0)
	if err != nil {
		t.Fatal(err)
	}
	of := func(name string, owner id.Account, permissions string) client {
		return fineAs(t, q.s, ada, token.NewFine{Name: name, Owner: owner, OwnerIsOrg: owner == acme.ID, Access: token.AllOf}, permissions)
	}
	write, read, none := of("write", acme.ID, "organization_hooks=write"), of("read", acme.ID, "organization_hooks=read"), of("none", acme.ID, "organization_administration=write,repository_hooks=write")
	const create = `POST /orgs/acme/hooks {"active":false,"config":{"url":"https://ci.example.com/"}}`
	n := object(t, write.want(201, create))["id"].(float64)
	one := fmt.Sprintf(" /orgs/acme/hooks/%.0f", n)
	read.want(200, "GET"+one)
	read.want(403, create, "organization_hooks: write")
	read.want(403, "DELETE"+one)
	none.want(403, "GET"+one, "organization_hooks: read")
	if a := q.s.Do(t, "GET", "/api/v3"+strings.TrimSpace(one), "", of("own", ada.ID, "contents=read").header); a.StatusCode != 403 && a.StatusCode != 404 {
		t.Errorf("a token of ada's own: %d %s", a.StatusCode, a.Text)
	}
	write.want(204, "DELETE"+one)
}
