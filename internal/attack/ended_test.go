package attack

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/signin"
)

// everywhere asks every door with every carrier of a token and with a session
// for something that ada could do a moment ago.
func (s *scene) everywhere(t *testing.T, plain, session string, tokenStatus int, pageStatuses ...int) {
	t.Helper()
	for name, header := range carriers(plain) {
		for _, path := range []string{"/api/v3/user", "/api/v3/repos/ada/shut", "/ada/shut.git" + refs, "/ada/shut.git" + packs, "/ada/open.git" + refs, "/api/v3/meta"} {
			want(t, name+", "+path, s.Do(t, "GET", path, "", header), tokenStatus)
		}
		for _, path := range []string{"/ada/shut.git/git-upload-pack", "/ada/shut.git/git-receive-pack"} {
			want(t, name+", "+path, s.Do(t, "POST", path, "", header), tokenStatus)
		}
		want(t, name+", create", s.Do(t, "POST", "/api/v3/user/repos", `{"name":"made-by-nobody"}`, header), tokenStatus)
	}
	for _, path := range []string{"/settings/tokens", "/ada/shut", "/new"} {
		want(t, "session, "+path, s.Do(t, "GET", path, "", cookie(session)), pageStatuses...)
	}
	want(t, "session, a form", s.post(t, "/settings/tokens", url.Values{"note": {"x"}, "expires": {"none"}}, cookie(session)), pageStatuses...)
}

// warm uses what is about to end, so that every cache knows it.
func (s *scene) warm(t *testing.T, plain, session string) {
	t.Helper()
	for name, header := range carriers(plain) {
		if a := s.Do(t, "GET", "/ada/shut.git"+refs, "", header); a.StatusCode != 200 {
			t.Fatalf("%s: %d before anything ended", name, a.StatusCode)
		}
	}
	if a := s.Do(t, "GET", "/settings/tokens", "", cookie(session)); a.StatusCode != 200 {
		t.Fatalf("the session: %d before anything ended", a.StatusCode)
	}
}

// TestB4_EveryStateOnEveryDoor: an account that was suspended or deleted is
// shut out of every door at once, with whatever it presents.
func TestB4_EveryStateOnEveryDoor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end    func(t *testing.T, s *scene)
		status int
	}{
		"suspended": {func(t *testing.T, s *scene) { s.suspend(t, s.ada) }, 403},
		"deleted": {func(t *testing.T, s *scene) {
			if err := s.Lifecycle.DeleteAccount(t.Context(), right.Operator(), s.ada.ID, s.eve.ID); err != nil {
				t.Fatal(err)
			}
		}, 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			plain, session := s.token(t, s.ada, "all", "repo"), s.session(t, s.ada)
			s.warm(t, plain, session)
			c.end(t, s)
			s.everywhere(t, plain, session, c.status, 303, 403, 404)
			if a := s.post(t, "/login", url.Values{"login": {"ada"}, "password": {"plum lantern orbit teaspoon"}}); a.StatusCode != 403 && a.StatusCode != 401 {
				t.Errorf("signing in: %d", a.StatusCode)
			}
		})
	}
}

// TestB5_SuspendedFreesNobody: whoever is suspended cannot lift it, an
// administrator neither.
func TestB5_SuspendedFreesNobody(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	chief := s.Admin(t, "chief")
	session, plain := s.session(t, chief), s.token(t, chief, "all", "repo", "user")
	want(t, "before", s.Do(t, "GET", "/admin/users", "", cookie(session)), 200)
	s.suspend(t, chief)
	path := "/admin/users/" + strconv.FormatInt(int64(chief.ID), 10) + "/suspend"
	for name, header := range map[string]string{"session": cookie(session), "token": bearer(plain), "token as cookie": cookie(plain)} {
		want(t, name, s.post(t, path, url.Values{"suspend": {"no"}}, header), 303, 403, 404)
	}
	if who, err := s.Accounts.ByID(t.Context(), s.DB, chief.ID); err != nil || !who.Suspended {
		t.Errorf("the suspension is gone: %+v, %v", who, err)
	}
}

// TestB6_SigningInEnablesNothing: neither the right password nor a link for a
// new one lifts a suspension.
func TestB6_SigningInEnablesNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.suspend(t, s.ada)
	sign := func(password string) {
		t.Helper()
		a := s.post(t, "/login", url.Values{"login": {"ada"}, "password": {password}})
		if a.StatusCode != 403 || strings.Contains(a.Header.Get("Set-Cookie"), "__Host-session=") && !strings.Contains(a.Header.Get("Set-Cookie"), "__Host-session=;") {
			t.Errorf("signing in: %d, cookie %q", a.StatusCode, a.Header.Get("Set-Cookie"))
		}
	}
	sign("plum lantern orbit teaspoon")
	link, _, err := s.Signin.NewLink(t.Context(), right.Operator(), signin.Reset, signin.For{Account: s.ada.ID}, 0)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "a new password", s.post(t, "/password_reset", url.Values{"link": {link.Reveal()}, "password": {"another lantern for teaspoons"}}), 303, 403, 404)
	sign("another lantern for teaspoons")
	if who, err := s.Accounts.ByID(t.Context(), s.DB, s.ada.ID); err != nil || !who.Suspended {
		t.Errorf("the suspension is gone: %+v, %v", who, err)
	}
}

// TestB11_EachValueForItsPurpose: a session is no token, a link no session, and
// a link of one kind none of another.
func TestB11_EachValueForItsPurpose(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	session := s.session(t, s.ada)
	link := func(kind signin.LinkKind, f signin.For) string {
		t.Helper()
		v, _, err := s.Signin.NewLink(t.Context(), right.Operator(), kind, f, 0)
		if err != nil {
			t.Fatal(err)
		}
		return v.Reveal()
	}
	reset, invite := link(signin.Reset, signin.For{Account: s.ada.ID}), link(signin.Invite, signin.For{})
	for name, value := range map[string]string{"session": session, "reset": reset, "invitation": invite} {
		for carrier, header := range carriers(value) {
			want(t, name+" as "+carrier, s.Do(t, "GET", "/api/v3/user", "", header), 401)
			want(t, name+" for git as "+carrier, s.Do(t, "GET", "/ada/shut.git"+refs, "", header), 401)
		}
		if name != "session" {
			want(t, name+" as cookie", s.Do(t, "GET", "/settings/tokens", "", cookie(value)), 303)
		}
	}
	newcomer := url.Values{"login": {"mallory"}, "email": {"m@example.com"}, "password": {"another lantern for teaspoons"}}
	for path, values := range map[string][]string{"/password_reset": {invite, session}, "/join": {reset, session}, "/setup": {reset, invite, session}} {
		for _, v := range values {
			form := mapsClone(newcomer)
			form.Set("link", v)
			want(t, "the wrong link at "+path, s.post(t, path, form), 404)
		}
	}
	s.session(t, s.ada) // the password is what it was
	newcomer.Set("link", invite)
	want(t, "the right link", s.post(t, "/join", newcomer), 303)
}

// TestB13_RemovedMeansRemoved: what somebody could see as a collaborator is gone
// at the next request after they were removed.
func TestB13_RemovedMeansRemoved(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.Share(t, s.shut, s.eve, right.Write)
	auth, page := bearer(s.token(t, s.eve, "all", "repo")), cookie(s.session(t, s.eve))
	want(t, "before", s.Do(t, "GET", "/ada/shut.git"+packs, "", auth), 200)
	if err := s.Repos.RemoveCollaborator(t.Context(), right.Operator(), s.shut.ID, s.eve.ID); err != nil {
		t.Fatal(err)
	}
	for _, path := range reads[7:] {
		want(t, path, s.Do(t, "GET", path, "", auth), 404)
	}
	want(t, "push", s.Do(t, "GET", "/ada/shut.git"+packs, "", auth), 404)
	for _, path := range reads[:7] {
		want(t, path, s.Do(t, "GET", path, "", page), 404)
	}
	for path, header := range map[string]string{"/api/v3/user/repos": auth, "/": page, "/settings/repositories": page, "/ada": page} {
		if a := s.Do(t, "GET", path, "", header); a.StatusCode != 200 || strings.Contains(a.Text, "shut") {
			t.Errorf("%s: %d and still lists the repository", path, a.StatusCode)
		}
	}
}

// TestB15_TheDatabaseAloneOpensNothing: what is stored of sessions, links and
// tokens is no credential, in whatever writing.
func TestB15_TheDatabaseAloneOpensNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.token(t, s.ada, "all", "repo")
	s.rotated(t, s.token(t, s.ada, "rotated", "repo"), drawn())
	s.session(t, s.ada)
	if _, _, err := s.Signin.NewLink(t.Context(), right.Operator(), signin.Reset, signin.For{Account: s.ada.ID}, 0); err != nil {
		t.Fatal(err)
	}
	var stolen [][]byte
	for _, query := range []string{`SELECT digest FROM signin_sessions`, `SELECT digest FROM signin_links`, `SELECT digest FROM tokens`, `SELECT digest FROM token_secrets`, `SELECT request_key FROM token_secrets`, `SELECT chain_key FROM token_secrets`} {
		rows, err := s.DB.Query(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var digest []byte
			if err := rows.Scan(&digest); err != nil {
				t.Fatal(err)
			}
			stolen = append(stolen, digest)
		}
	}
	if len(stolen) < 7 {
		t.Fatalf("the database holds only %d digests", len(stolen))
	}
	for _, digest := range stolen {
		for _, v := range []string{string(hex.EncodeToString(digest)), base64.StdEncoding.EncodeToString(digest), base64.RawURLEncoding.EncodeToString(digest), base64.RawStdEncoding.EncodeToString(digest)} {
			want(t, "a digest as cookie", s.Do(t, "GET", "/settings/tokens", "", cookie(v)), 303)
			want(t, "a digest as token", s.Do(t, "GET", "/api/v3/user", "", bearer(v)), 401)
			want(t, "a digest as link", s.post(t, "/password_reset", url.Values{"link": {v}, "password": {"another lantern for teaspoons"}}), 404)
		}
	}
}

// TestB16_MadePrivateIsPrivate: who could read a public repository cannot any
// more once it is private, from the next request on.
func TestB16_MadePrivateIsPrivate(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	auth, page := bearer(s.token(t, s.eve, "all", "repo")), cookie(s.session(t, s.eve))
	clone := s.Git(t, "eve", strings.TrimPrefix(auth, "Authorization: Bearer "))
	clone.Run(t, "clone", "-q", s.URL()+"/ada/open.git", ".")
	if _, err := s.Lifecycle.EditRepo(t.Context(), right.Operator(), s.open, repo.Patch{Private: new(true)}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/ada/open.git" + refs, "/api/v3/repos/ada/open"} {
		want(t, path, s.Do(t, "GET", path, "", auth), 404)
	}
	want(t, "a visitor's fetch", s.Do(t, "GET", "/ada/open.git"+refs, ""), 401)
	for _, path := range []string{"/ada/open", "/ada/open/raw/main/file.txt", "/ada/open/commits"} {
		want(t, path, s.Do(t, "GET", path, "", page), 404)
		want(t, path, s.Do(t, "GET", path, ""), 404)
	}
	if out, code := clone.Try(t, "fetch"); code == 0 || !strings.Contains(out, "not found") {
		t.Errorf("fetch: exit %d\n%s", code, out)
	}
}

// TestB17_RevokeAllRevokesAll: after "Revoke all" none of the tokens is good,
// however warm the caches are, and nobody else's is touched.
func TestB17_RevokeAllRevokesAll(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	var all []string
	for _, note := range []string{"one", "two", "three"} {
		all = append(all, s.token(t, s.ada, note, "repo"))
	}
	others := s.token(t, s.eve, "hers", "repo")
	for _, plain := range append(all, others) {
		want(t, "before", s.Do(t, "GET", "/api/v3/user", "", bearer(plain)), 200)
	}
	page := cookie(s.session(t, s.ada))
	want(t, "without the name", s.post(t, "/settings/tokens/revoke_all", url.Values{"confirm": {"eve"}}, page), 422)
	want(t, "revoke all", s.post(t, "/settings/tokens/revoke_all", url.Values{"confirm": {"ada"}}, page), 303)
	for _, plain := range all {
		want(t, "after", s.Do(t, "GET", "/api/v3/user", "", bearer(plain)), 401)
		want(t, "after, git", s.Do(t, "GET", "/ada/open.git"+refs, "", basic("ada", plain)), 401)
	}
	want(t, "hers", s.Do(t, "GET", "/api/v3/user", "", bearer(others)), 200)
}

// TestB1_EveryRequestAsksAnew: an expiry counts from its instant, for a token
// and a session that were used a moment before.
func TestB1_EveryRequestAsksAnew(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	_, plain := s.TokenUntil(t, s.ada, "short", s.Now().Add(time.Hour), "repo")
	session := s.session(t, s.ada)
	s.warm(t, plain, session)
	s.Advance(time.Hour + time.Second)
	for name, header := range carriers(plain) {
		want(t, name, s.Do(t, "GET", "/api/v3/user", "", header), 401)
		want(t, name+", git", s.Do(t, "GET", "/ada/open.git"+refs, "", header), 401)
	}
	s.Advance(15 * 24 * time.Hour)
	want(t, "an unused session", s.Do(t, "GET", "/settings/tokens", "", cookie(session)), 303)
}

// TestB1_ANewPasswordEndsOtherSessions: whoever stole a session loses it.
func TestB1_ANewPasswordEndsOtherSessions(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	mine, stolen := s.session(t, s.ada), s.session(t, s.ada)
	for _, v := range []string{mine, stolen} {
		want(t, "before", s.Do(t, "GET", "/settings/tokens", "", cookie(v)), 200)
	}
	want(t, "change", s.post(t, "/settings/admin/password", url.Values{"old_password": {"plum lantern orbit teaspoon"}, "password": {"another lantern for teaspoons"}}, cookie(mine)), 303)
	want(t, "mine", s.Do(t, "GET", "/settings/tokens", "", cookie(mine)), 200)
	want(t, "stolen", s.Do(t, "GET", "/settings/tokens", "", cookie(stolen)), 303)
	if _, _, err := s.Signin.SignIn(t.Context(), "ada", secret.New("plum lantern orbit teaspoon")); err == nil {
		t.Error("the old password still signs in")
	}
}
