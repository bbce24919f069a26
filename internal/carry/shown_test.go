package carry_test

import (
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/foreign"
	"jeton/internal/foreign/foreigntest"
	"jeton/internal/right"
	"jeton/internal/secret"
)

// TestShown: the pages say which tokens were brought over, until they are rotated.
func TestShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, foreign.Gogs, foreigntest.Gogs)
	plain := w.host.Token(w.host.Person("ada"), "ci", "")
	w.host.Close()
	w.run()
	a, err := w.Accounts.ByLogin(t.Context(), w.DB, "ada")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Signin.SetPassword(t.Context(), right.Operator(), a.ID, secret.New(apptest.Password)); err != nil {
		t.Fatal(err)
	}
	p := w.Server.Person(t, a)
	list := p.Get(t, "/settings/tokens").Text
	if !strings.Contains(list, "brought over from Gogs") {
		t.Errorf("the list does not say it: %s", list)
	}
	page := p.Get(t, "/settings/tokens/1").Text
	if !strings.Contains(page, "This token was brought over from Gogs, with its secret.") || !strings.Contains(page, "Known once it is used here") {
		t.Errorf("the page does not say it: %s", page)
	}
	// In the place of the user name, as some clones have it.
	if _, code := w.Git(t, plain, "x-oauth-basic").Try(t, "ls-remote", w.URL()+"/ada/none.git"); code == 0 {
		t.Error("there is no such repository")
	}
	if n := w.unused(); n != 0 {
		t.Error("a token in the place of the user name is not looked at")
	}
	if page := p.Get(t, "/settings/tokens/1").Text; !strings.Contains(page, plain[32:]) {
		t.Errorf("the page does not say how it ends: %s", page)
	}
	rotated := w.api(plain, "POST", "/user/token/rotate", `{"idempotency_key": "0123456789abcdef0123456789abcdef", "window": 3600}`)
	if rotated.StatusCode != http.StatusOK && rotated.StatusCode != http.StatusCreated || !strings.Contains(rotated.Text, "jtp_") {
		t.Fatalf("it is not rotated by itself: %d %s", rotated.StatusCode, rotated.Text)
	}
	if page := p.Get(t, "/settings/tokens/1").Text; strings.Contains(page, "brought over") {
		t.Error("the page says it after the rotation")
	}
	if got := w.api(plain, "GET", "/user", "").StatusCode; got != http.StatusOK {
		t.Errorf("the old secret within the window: %d", got)
	}
	w.Advance(2 * time.Hour)
	if got := w.api(plain, "GET", "/user", ""); got.StatusCode != http.StatusUnauthorized || !strings.Contains(got.Text, "was rotated on") {
		t.Errorf("the old secret after the window: %d %s", got.StatusCode, got.Text)
	}
}

// TestSecrets: nothing of a token that was brought over stands in a log, and no token in
// the database.
func TestSecrets(t *testing.T) {
	t.Parallel()
	for system, make := range map[foreign.System]func(foreigntest.T, string) *foreigntest.Host{foreign.Gitea: foreigntest.Gitea, foreign.Gogs: foreigntest.Gogs012, foreign.SoftServe: foreigntest.SoftServe} {
		t.Run(string(system), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, system, make)
			ada := w.host.Person("ada")
			used, unused := w.host.Token(ada, "used", "all"), w.host.Token(ada, "unused", "all")
			w.host.Close()
			read, err := foreign.Read(t.Context(), system, w.where)
			if err != nil {
				t.Fatal(err)
			}
			said := strings.Join(w.run(), "\n")
			wrong := strings.Repeat("0", 32) + used[len(used)-8:]
			for _, plain := range []string{used, used, wrong} {
				w.api(plain, "GET", "/user", "")
				w.Git(t, plain, plain).Try(t, "ls-remote", w.URL()+"/ada/none.git")
			}
			logged := w.Log.String() + said
			rows, err := w.DB.Query(t.Context(), `SELECT action, target, detail FROM audit_events`)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			for rows.Next() {
				var action, target, detail string
				if err := rows.Scan(&action, &target, &detail); err != nil {
					t.Fatal(err)
				}
				logged += action + target + detail
			}
			if !strings.Contains(logged, "oauth_access.first_use") {
				t.Error("the log does not say that a token was used for the first time")
			}
			secrets := []string{used, unused, wrong}
			for _, k := range read.Tokens {
				secrets = append(secrets, hex.EncodeToString(k.Digest))
				if k.Salt != "" {
					secrets = append(secrets, k.Salt)
				}
			}
			for _, s := range secrets {
				if strings.Contains(logged, s) || strings.Contains(logged, strings.TrimPrefix(s, "ss_")) {
					t.Errorf("a secret of %d characters stands in a log", len(s))
				}
			}
			if n := w.rows(`SELECT COUNT(*) FROM foreign_tokens`); n != 1 {
				t.Errorf("%d tokens wait, want 1", n)
			}
		})
	}
}
