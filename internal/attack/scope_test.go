package attack

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/right"
	"jeton/internal/token"
)

// TestA1_SameVerdictInEveryCarrier: a token's scopes count however it comes.
func TestA1_SameVerdictInEveryCarrier(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	narrow := s.token(t, s.ada, "narrow", "public_repo")
	for name, header := range carriers(narrow) {
		want(t, name+", fetch of a private one", s.Do(t, "GET", "/ada/shut.git"+refs, "", header), 404)
		want(t, name+", push to a private one", s.Do(t, "GET", "/ada/shut.git"+packs, "", header), 404)
		want(t, name+", fetch by POST", s.Do(t, "POST", "/ada/shut.git/git-upload-pack", "", header), 404)
		want(t, name+", the API", s.Do(t, "GET", "/api/v3/repos/ada/shut", "", header), 404)
		want(t, name+", push to a public one", s.Do(t, "GET", "/ada/open.git"+packs, "", header), 200)
	}
}

// TestA2_NoScopeIsNotEveryScope: a token without a scope reads what is public.
func TestA2_NoScopeIsNotEveryScope(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for name, header := range carriers(s.token(t, s.ada, "none")) {
		for _, path := range reads[7:] {
			want(t, name+", "+path, s.Do(t, "GET", path, "", header), 404)
		}
		want(t, name+", push", s.Do(t, "GET", "/ada/open.git"+packs, "", header), 403)
		want(t, name+", edit", s.Do(t, "PATCH", "/api/v3/repos/ada/open", `{"description":"x"}`, header), 403)
		want(t, name+", create", s.Do(t, "POST", "/api/v3/user/repos", `{"name":"x"}`, header), 403)
		want(t, name+", delete", s.Do(t, "DELETE", "/api/v3/repos/ada/open", "", header), 403)
		want(t, name+", profile", s.Do(t, "PATCH", "/api/v3/user", `{"bio":"x"}`, header), 403)
	}
}

// TestA3_ContentURLsNeedTheRight: every address of a file or a history asks.
func TestA3_ContentURLsNeedTheRight(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	stranger := cookie(s.session(t, s.eve))
	for _, path := range reads[:7] {
		want(t, "a visitor, "+path, s.Do(t, "GET", path, ""), 404)
		want(t, "a stranger, "+path, s.Do(t, "GET", path, "", stranger), 404)
	}
	if a := s.Do(t, "GET", "/ada/shut/raw/main/file.txt", "", cookie(s.session(t, s.ada))); a.StatusCode != 200 || !strings.Contains(a.Text, secretText) {
		t.Errorf("the owner gets %d: the test attacks nothing", a.StatusCode)
	}
}

// TestA5_PagesRefuseTokens: pages take no token, however good.
func TestA5_PagesRefuseTokens(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for name, header := range carriers(s.token(t, s.ada, "all", "repo", "user", "workflow", "delete_repo")) {
		for _, path := range append([]string{"/", "/ada/open", "/ada/open/raw/main/file.txt", "/settings/tokens"}, reads[:7]...) {
			want(t, name+", "+path, s.Do(t, "GET", path, "", header), 403)
		}
	}
}

// TestA6_PublicOnlyEverywhere: a token for public repositories sees no private
// one, in lists neither.
func TestA6_PublicOnlyEverywhere(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for _, scopes := range [][]string{{"public_repo"}, {}, {"user"}, {"delete_repo"}, {"workflow"}} {
		auth := bearer(s.token(t, s.ada, fmt.Sprint(scopes), scopes...))
		for _, path := range []string{"/api/v3/user/repos", "/api/v3/user/repos?visibility=private", "/api/v3/user/repos?type=owner", "/api/v3/users/ada/repos?type=all", "/api/v3/user"} {
			a := s.Do(t, "GET", path, "", auth)
			if strings.Contains(a.Text, "shut") || strings.Contains(a.Text, "private_repos") && !slices.Contains(scopes, "user") {
				t.Errorf("%v, %s tells of the private repository: %s", scopes, path, a.Text)
			}
		}
		for _, body := range []string{`{"name":"new"}`, `{"name":"new","private":true}`, `{"name":"new","visibility":"private"}`} {
			want(t, body, s.Do(t, "POST", "/api/v3/user/repos", body, auth), 403)
		}
		if a := s.Do(t, "GET", "/api/v3/repos/ada/shut", "", auth); a.StatusCode != 404 {
			t.Errorf("%v reads the private repository: %d", scopes, a.StatusCode)
		}
	}
}

// securityForms are the forms that change what an account's security rests on.
func securityForms(s *scene, tokenID int64) map[string]url.Values {
	of := fmt.Sprintf("/settings/tokens/%d", tokenID)
	return map[string]url.Values{
		"/settings/tokens":              {"note": {"made by an attacker"}, "expires": {"none"}, "scopes": {"repo"}},
		of:                              {"note": {"changed by an attacker"}, "scopes": {"repo", "user", "delete_repo"}},
		of + "/regenerate":              {"expires": {"none"}},
		of + "/rotate":                  {"expires": {"none"}, "window": {"7d"}},
		of + "/end_old":                 {},
		of + "/unfreeze":                {},
		of + "/delete":                  {},
		"/settings/tokens/revoke_all":   {"confirm": {"ada"}},
		"/settings/admin/password":      {"old_password": {"x"}, "password": {"a password of the attacker"}},
		"/settings/admin/rename":        {"login": {"mallory"}},
		"/settings/admin/delete":        {"confirm": {"ada"}},
		"/settings/emails":              {"email": {"attacker@example.com"}},
		"/settings/sessions/end_others": {},
		"/ada/open/settings/delete":     {"confirm": {"ada/open"}},
		"/ada/open/settings/transfer":   {"confirm": {"ada/open"}, "new_owner": {"eve"}},
		"/ada/shut/settings/visibility": {"confirm": {"ada/shut"}, "visibility": {"public"}},
		"/admin/users/invite":           {"email": {"attacker@example.com"}},
	}
}

// unharmed fails if anything of ada's is not as newScene and one token left it.
func (s *scene) unharmed(t *testing.T, what string) {
	t.Helper()
	list, err := s.Tokens.List(t.Context(), s.ada.ID, token.Personal)
	if err != nil || len(list) != 1 || list[0].Note != "everything" {
		t.Errorf("%s: the tokens are now %v (%v)", what, list, err)
	}
	who, err := s.Accounts.ByLogin(t.Context(), s.DB, "ada")
	if err != nil || who.ID != s.ada.ID {
		t.Fatalf("%s: ada is gone: %v", what, err)
	}
	if mails, _ := s.Accounts.ListEmails(t.Context(), s.DB, s.ada.ID); len(mails) != 1 {
		t.Errorf("%s: addresses %v", what, mails)
	}
	for name, private := range map[string]bool{"open": false, "shut": true} {
		if f, err := s.Repos.Find(t.Context(), s.DB, "ada", name, s.ada.ID); err != nil || f.Private != private || f.Owner != s.ada.ID {
			t.Errorf("%s: the repository %s is %+v, %v", what, name, f, err)
		}
	}
	if links, _ := s.Signin.ListLinks(t.Context()); len(links) != 0 {
		t.Errorf("%s: somebody was invited", what)
	}
}

// TestA8_TokensChangeNoSecurity: no token, in whatever carrier, changes tokens,
// password, addresses, sessions or the like.
func TestA8_TokensChangeNoSecurity(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	tok, plain := s.Token(t, s.ada, "everything", "repo", "user", "workflow", "delete_repo")
	all := carriers(plain)
	all["cookie"] = cookie(plain)
	for name, header := range carriers(s.fine(t, s.ada, token.NewFine{Owner: s.ada.ID, Access: token.AllOf}, everything)) {
		all["fine-grained, "+name] = header
	}
	for path, form := range securityForms(s, int64(tok.ID)) {
		for name, header := range all {
			a := s.post(t, path, form, header)
			if a.StatusCode != 403 && (a.StatusCode != 303 || !strings.HasPrefix(a.Header.Get("Location"), "/login?")) && a.StatusCode != 404 {
				t.Errorf("%s to %s: %d to %q", name, path, a.StatusCode, a.Header.Get("Location"))
			}
		}
	}
	s.unharmed(t, "after all forms")
	s.session(t, s.ada) // the password is what it was
}

// TestA10_NoTokenMakesTokens: there is no way from one token to another.
func TestA10_NoTokenMakesTokens(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	auth := bearer(s.token(t, s.ada, "everything", "repo", "user", "workflow", "delete_repo"))
	for _, path := range []string{"/api/v3/authorizations", "/api/v3/applications/x/token", "/api/v3/user/tokens", "/api/v3/user/keys", "/api/v3/user/gpg_keys", "/api/v1/users/ada/tokens",
		"/api/v3/repos/ada/open/keys", "/api/v3/admin/users/ada/authorizations", "/settings/tokens"} {
		a := s.Do(t, "POST", path, `{"note":"x","scopes":["repo"],"key":"ssh-ed25519 AAAA"}`, auth, "Content-Type: application/json")
		want(t, path, a, 403, 404, 405)
	}
	// The OAuth endpoints look at codes alone, and errors travel with 200.
	for _, grant := range []string{"", "password", "client_credentials", "refresh_token", "authorization_code", "urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:token-exchange"} {
		a := s.Do(t, "POST", "/login/oauth/access_token", `{"client_id":"git-credential-oauth","grant_type":"`+grant+`","scope":"repo","username":"ada","password":"`+apptest.Password+`"}`, auth, "Content-Type: application/json", "Accept: application/json")
		if !strings.Contains(a.Text, `"error":`) || strings.Contains(a.Text, "access_token\":") {
			t.Errorf("%q: %d %s", grant, a.StatusCode, a.Text)
		}
	}
	s.unharmed(t, "after asking for tokens")
}

// TestA11_OnlyARecentSignInMakesCredentials: a session that was left open for
// long changes nothing about security before the password is given again.
func TestA11_OnlyARecentSignInMakesCredentials(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	tok, _ := s.Token(t, s.ada, "everything")
	old := cookie(s.session(t, s.ada))
	s.Advance(right.RecentSignIn + time.Minute)
	for path, form := range securityForms(s, int64(tok.ID)) {
		a := s.post(t, path, form, old)
		if path == "/admin/users/invite" {
			want(t, path, a, 404) // ada administers nothing
			continue
		}
		if a.StatusCode != 403 || !strings.Contains(a.Text, `name="sudo_password"`) {
			t.Errorf("%s: %d, want the page that asks for the password", path, a.StatusCode)
		}
		form = mapsClone(form)
		form.Set("sudo_password", "a wrong password")
		if a := s.post(t, path, form, old); a.StatusCode != 422 && a.StatusCode != 429 {
			t.Errorf("%s with a wrong password: %d", path, a.StatusCode)
		}
	}
	s.unharmed(t, "after all forms")
}

func mapsClone(v url.Values) url.Values {
	out := url.Values{}
	for k, x := range v {
		out[k] = slices.Clone(x)
	}
	return out
}

// TestA16_ReadingScopesChangeNothing: read:user reads.
func TestA16_ReadingScopesChangeNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for _, scope := range []string{"read:user", "user:email", "repo", "workflow"} {
		want(t, scope, s.Do(t, "PATCH", "/api/v3/user", `{"name":"Changed"}`, bearer(s.token(t, s.ada, scope, scope))), 403)
	}
	if who, _ := s.Accounts.ByID(t.Context(), s.DB, s.ada.ID); who.Name != "" {
		t.Errorf("the name is %q now", who.Name)
	}
}

// TestA19_NoTokenExceedsItsAccount: the widest token of a reader reads.
func TestA19_NoTokenExceedsItsAccount(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.Share(t, s.shut, s.eve, right.Read)
	tok, plain := s.Token(t, s.eve, "wide", "repo", "delete_repo", "workflow", "user")
	try := func(plain string) {
		t.Helper()
		auth := bearer(plain)
		want(t, "fetch", s.Do(t, "GET", "/ada/shut.git"+refs, "", auth), 200)
		want(t, "push", s.Do(t, "GET", "/ada/shut.git"+packs, "", auth), 403)
		want(t, "settings", s.Do(t, "PATCH", "/api/v3/repos/ada/shut", `{"private":false}`, auth), 403)
		want(t, "delete", s.Do(t, "DELETE", "/api/v3/repos/ada/shut", "", auth), 403)
	}
	try(plain)
	_, again, err := s.Tokens.Regenerate(t.Context(), right.Operator(), s.eve.ID, tok.ID, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	try(again.Reveal())
}

// TestA20_TokensAreNoSessions: a token as the session's cookie opens nothing.
func TestA20_TokensAreNoSessions(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	plain := s.token(t, s.ada, "all", "repo", "user")
	for _, path := range []string{"/settings/tokens", "/settings/profile", "/new", "/settings/security-log"} {
		a := s.Do(t, "GET", path, "", cookie(plain))
		if a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.Header.Get("Location"), "/login?") {
			t.Errorf("%s: %d to %q", path, a.StatusCode, a.Header.Get("Location"))
		}
	}
	for _, path := range reads[:7] {
		want(t, path, s.Do(t, "GET", path, "", cookie(plain)), 404)
	}
	// Nor does it sign in as a password.
	if a := s.post(t, "/login", url.Values{"login": {"ada"}, "password": {plain}}); a.StatusCode != 401 {
		t.Errorf("a token as the password: %d", a.StatusCode)
	}
}

// TestA23_WritersChangeNoSettings: each setting needs the right to administer.
func TestA23_WritersChangeNoSettings(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.Share(t, s.shut, s.eve, right.Write)
	auth, page := bearer(s.token(t, s.eve, "wide", "repo", "delete_repo")), cookie(s.session(t, s.eve))
	for _, body := range []string{`{"name":"taken"}`, `{"description":"x"}`, `{"private":false}`, `{"visibility":"public"}`, `{"archived":true}`, `{"archived":false}`, `{"default_branch":"other"}`, `{}`} {
		want(t, body, s.Do(t, "PATCH", "/api/v3/repos/ada/shut", body, auth), 403)
	}
	for path, form := range map[string]url.Values{
		"": {"name": {"taken"}, "description": {"x"}}, "/access": {"login": {"eve"}, "level": {"admin"}}, "/access/remove": {"login": {"eve"}},
		"/visibility": {"visibility": {"public"}, "confirm": {"ada/shut"}}, "/archive": {}, "/unarchive": {}, "/transfer": {"new_owner": {"eve"}, "confirm": {"ada/shut"}}, "/delete": {"confirm": {"ada/shut"}},
	} {
		want(t, path, s.post(t, "/ada/shut/settings"+path, form, page), 403)
	}
	f, err := s.Repos.Find(t.Context(), s.DB, "ada", "shut", s.eve.ID)
	if err != nil || !f.Private || f.Archived || f.Description != "" || f.Relation != right.Write {
		t.Errorf("the repository is now %+v, %v", f, err)
	}
}
