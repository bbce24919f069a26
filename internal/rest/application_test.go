package rest_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/application"
	"jeton/internal/audit"
	"jeton/internal/right"
	"jeton/internal/token"
)

// shop is a server with an application of bob's and what it asks with.
type shop struct {
	*apptest.Server
	ada, bob account.Account
	app      application.App
	basic    string
	secret   string
}

func newShop(t *testing.T) *shop {
	t.Helper()
	w := &shop{Server: apptest.Start(t)}
	w.ada, w.bob = w.User(t, "ada"), w.User(t, "bob")
	var err error
	w.app, err = w.Apps.Register(t.Context(), right.Operator(), w.bob.ID, application.Form{Name: "Shop", Homepage: "https://shop.example.com", Callback: "https://shop.example.com/cb", DeviceFlow: true})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := w.Apps.NewSecret(t.Context(), right.Operator(), w.bob.ID, w.app.ID)
	if err != nil {
		t.Fatal(err)
	}
	w.secret, w.basic = plain.Reveal(), header(w.app.ClientID, plain.Reveal())
	return w
}

func header(user, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// about asks about a token, as the application unless headers say otherwise.
func (w *shop) about(t testing.TB, method, path, access string, headers ...string) apptest.Answer {
	t.Helper()
	if headers == nil {
		headers = []string{w.basic}
	}
	return w.Do(t, method, "/api/v3/applications/"+w.app.ClientID+path, fmt.Sprintf(`{"access_token":%q}`, access), headers...)
}

func (w *shop) works(t testing.TB, access string) bool {
	t.Helper()
	return w.Do(t, "GET", "/api/v3/user", "", "Authorization: Bearer "+access).StatusCode == 200
}

// TestApplications_tokens: an application checks, renews and gives back the tokens
// that it was given, and no others.
func TestApplications_tokens(t *testing.T) {
	t.Parallel()
	w := newShop(t)
	access := w.OAuthToken(t, w.ada, w.app.ClientID, "repo", "user:email")
	a := w.about(t, "POST", "/token", access)
	var got struct {
		ID     int64
		Scopes []string
		Token  string
		Last   string `json:"token_last_eight"`
		Hashed string `json:"hashed_token"`
		App    struct {
			ClientID string `json:"client_id"`
			Name     string
			URL      string
		}
		User    struct{ Login string }
		Expires *string `json:"expires_at"`
	}
	if err := json.Unmarshal([]byte(a.Text), &got); err != nil || a.StatusCode != 200 {
		t.Fatalf("%d %s", a.StatusCode, a.Text)
	}
	if got.Token != access || got.User.Login != "ada" || got.App.ClientID != w.app.ClientID || strings.Join(got.Scopes, " ") != "repo user:email" || got.Last != access[len(access)-8:] || len(got.Hashed) != 64 || got.Expires != nil {
		t.Errorf("got %s", a.Text)
	}

	// The others' are no business of it.
	_, personal := w.Token(t, w.ada, "x", "repo")
	other := w.OAuthToken(t, w.ada, application.GitHubCLI, "repo")
	for name, plain := range map[string]string{"a personal token": personal, "another application's": other, "its own secret": w.secret, "nothing of the kind": "x"} {
		for _, method := range []string{"POST", "PATCH", "DELETE"} {
			if a := w.about(t, method, "/token", plain); a.StatusCode != 404 {
				t.Errorf("%s %s: %d %s", method, name, a.StatusCode, a.Text)
			}
		}
		if a := w.about(t, "DELETE", "/grant", plain); a.StatusCode != 404 {
			t.Errorf("DELETE grant by %s: %d", name, a.StatusCode)
		}
	}
	if !w.works(t, personal) || !w.works(t, other) {
		t.Fatal("somebody else's token ended")
	}
	if a := w.about(t, "POST", "/token", ""); a.StatusCode != 422 {
		t.Errorf("a blank token: %d", a.StatusCode)
	}
	if a := w.Do(t, "POST", "/api/v3/applications/"+application.GitHubCLI+"/token", fmt.Sprintf(`{"access_token":%q}`, other), w.basic); a.StatusCode != 404 {
		t.Errorf("of another application's path: %d", a.StatusCode)
	}

	a = w.about(t, "PATCH", "/token", access)
	if err := json.Unmarshal([]byte(a.Text), &got); err != nil || a.StatusCode != 200 || got.Token == access || !w.works(t, got.Token) || w.works(t, access) {
		t.Fatalf("reset: %d %s", a.StatusCode, a.Text)
	}
	if a := w.about(t, "DELETE", "/token", got.Token); a.StatusCode != 204 || w.works(t, got.Token) {
		t.Errorf("delete: %d", a.StatusCode)
	}
	one, two := w.OAuthToken(t, w.ada, w.app.ClientID, "repo"), w.OAuthToken(t, w.ada, w.app.ClientID, "user")
	if a := w.about(t, "DELETE", "/grant", one); a.StatusCode != 204 || w.works(t, one) || w.works(t, two) {
		t.Errorf("delete the grant: %d", a.StatusCode)
	}

	// Whose account is shut is not told to applications.
	shut := w.OAuthToken(t, w.ada, w.app.ClientID, "repo")
	if err := w.Lifecycle.SuspendAccount(t.Context(), right.Operator(), w.ada.ID); err != nil {
		t.Fatal(err)
	}
	if a := w.about(t, "POST", "/token", shut); a.StatusCode != 404 {
		t.Errorf("a suspended account's: %d", a.StatusCode)
	}
}

// TestApplications_who: only an application with its id and secret may ask, and
// with them it may do nothing else anywhere.
func TestApplications_who(t *testing.T) {
	t.Parallel()
	w := newShop(t)
	access := w.OAuthToken(t, w.ada, w.app.ClientID, "repo")
	_, personal := w.Token(t, w.bob, "x", "repo")
	for name, c := range map[string]struct {
		header string
		want   int
	}{
		"nobody":              {"X-Nothing: x", 401},
		"a token":             {"Authorization: Bearer " + personal, 403},
		"the owner's token":   {header("bob", personal), 403},
		"the token itself":    {"Authorization: token " + access, 403},
		"a wrong secret":      {header(w.app.ClientID, token.Generate(token.AppSecret).Reveal()), 401},
		"another's id":        {header(application.GitHubCLI, w.secret), 401},
		"the secret as token": {"Authorization: Bearer " + w.secret, 401},
		"the secret as user":  {header(w.secret, "x-oauth-basic"), 401},
		"no secret":           {header(w.app.ClientID, "x"), 401},
	} {
		if a := w.about(t, "POST", "/token", access, c.header); a.StatusCode != c.want {
			t.Errorf("%s: %d, want %d: %s", name, a.StatusCode, c.want, a.Text)
		}
	}
	w.Repo(t, w.bob, "open", false)
	for _, path := range []string{"/api/v3/user", "/api/v3/", "/api/v3/repos/bob/open", "/api/v3/users/bob"} {
		a := w.Do(t, "GET", path, "", w.basic)
		if a.StatusCode != 401 || !strings.Contains(a.Text, "not a person's") {
			t.Errorf("GET %s by id and secret: %d %s", path, a.StatusCode, a.Text)
		}
	}
	for _, path := range []string{"/bob/open.git/info/refs?service=git-upload-pack", "/bob/open.git/info/lfs/locks", "/bob/open", "/settings/tokens"} {
		if a := w.Do(t, "GET", path, "", w.basic); a.StatusCode != 401 && a.StatusCode != 403 {
			t.Errorf("GET %s by id and secret: %d", path, a.StatusCode)
		}
	}
}

// TestCredentials_revoke: whoever finds a credential can hand it in, and its owner
// reads why it ended.
func TestCredentials_revoke(t *testing.T) {
	t.Parallel()
	w := newShop(t)
	_, personal := w.Token(t, w.ada, "laptop", "repo")
	_, kept := w.Token(t, w.ada, "kept", "repo")
	access := w.OAuthToken(t, w.ada, w.app.ClientID, "repo")
	body, err := json.Marshal(map[string][]string{"credentials": {personal, "x", access, w.secret, token.Generate(token.Personal).Reveal(), token.Generate(token.Refresh).Reveal()}})
	if err != nil {
		t.Fatal(err)
	}
	if a := w.Do(t, "POST", "/api/v3/credentials/revoke", string(body)); a.StatusCode != 202 || a.Text != "{}" {
		t.Fatalf("%d %s", a.StatusCode, a.Text)
	}
	if w.works(t, personal) || w.works(t, access) || !w.works(t, kept) {
		t.Errorf("works: personal %v, the application's %v, the other %v", w.works(t, personal), w.works(t, access), w.works(t, kept))
	}
	if a := w.about(t, "POST", "/token", access); a.StatusCode != 401 {
		t.Errorf("the application's secret works: %d", a.StatusCode)
	}
	lines, err := w.Audit.List(t.Context(), audit.Query{Account: w.ada.ID, Action: "oauth_access.destroy", Limit: 10})
	if err != nil || len(lines) != 2 {
		t.Fatal(lines, err)
	}
	for _, l := range lines {
		if l.Detail["why"] != "somebody who found it handed it in" {
			t.Errorf("the log says %v", l.Detail)
		}
	}
	many, _ := json.Marshal(map[string][]string{"credentials": make([]string, 1001)})
	for _, wrong := range []string{`{}`, `{"credentials":[]}`, `{"credentials":"x"}`, `{"credentials":[1]}`, string(many)} {
		if a := w.Do(t, "POST", "/api/v3/credentials/revoke", wrong); a.StatusCode != 422 {
			t.Errorf("%.40s: %d", wrong, a.StatusCode)
		}
	}
	last := 0
	for range 60 {
		last = w.Do(t, "POST", "/api/v3/credentials/revoke", `{"credentials":["x"]}`).StatusCode
	}
	if last != 403 {
		t.Errorf("the 61st report within an hour: %d", last)
	}
	w.Advance(time.Hour)
	if a := w.Do(t, "POST", "/api/v3/credentials/revoke", `{"credentials":["x"]}`); a.StatusCode != 202 {
		t.Errorf("an hour later: %d", a.StatusCode)
	}
}

// TestOAuthToken_words: refusals of an application's token name the application,
// and never the pages of personal tokens.
func TestOAuthToken_words(t *testing.T) {
	t.Parallel()
	w := newShop(t)
	access := w.OAuthToken(t, w.ada, w.app.ClientID)
	a := w.Do(t, "GET", "/api/v3/user/emails", "", "Authorization: Bearer "+access)
	if a.StatusCode != 403 || !strings.Contains(a.Text, `The access of \"Shop\" lacks the user or user:email scope`) || !strings.Contains(a.Text, "/settings/connections/applications/"+w.app.ClientID) {
		t.Errorf("%d %s", a.StatusCode, a.Text)
	}
	if err := w.Apps.Revoke(t.Context(), right.Operator(), w.ada.ID, w.app.ClientID, ""); err != nil {
		t.Fatal(err)
	}
	a = w.Do(t, "GET", "/api/v3/user", "", "Authorization: Bearer "+access)
	if a.StatusCode != 401 || !strings.Contains(a.Text, `The access of \"Shop\" was revoked on`) || strings.Contains(a.Text, "/settings/tokens") {
		t.Errorf("%d %s", a.StatusCode, a.Text)
	}
	fresh := token.Generate(token.Refresh).Reveal()
	if a := w.Do(t, "GET", "/api/v3/user", "", "Authorization: Bearer "+fresh); a.StatusCode != 401 || !strings.Contains(a.Text, "refresh token") {
		t.Errorf("%d %s", a.StatusCode, a.Text)
	}
}
