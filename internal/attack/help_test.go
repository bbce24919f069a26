package attack

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/config"
	"jeton/internal/id"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/token"
)

func long() bool { return os.Getenv("JETON_LONG") != "" }

// scene is a server with an owner of a private and a public repository, and a
// stranger.
type scene struct {
	*apptest.Server
	ada, eve   account.Account
	shut, open repo.Repo // ada's; each with one commit on main
	head       string    // that commit
}

// secretText is in the one file of the repositories.
const secretText = "the-content-of-the-file"

func newScene(t *testing.T, change ...func(*config.Config)) *scene {
	t.Helper()
	s := &scene{Server: apptest.Start(t, change...)}
	s.Admin(t, "boss")
	s.ada, s.eve = s.User(t, "ada"), s.User(t, "eve")
	s.shut, s.open = s.Repo(t, s.ada, "shut", true), s.Repo(t, s.ada, "open", false)
	g := s.Git(t, "", "")
	g.Run(t, "init", "-q")
	g.Commit(t, "file.txt", secretText+"\n", "A first commit")
	s.head = g.Run(t, "rev-parse", "HEAD")
	for _, r := range []repo.Repo{s.shut, s.open} {
		g.Run(t, "push", "-q", s.dir(r.ID), "main")
	}
	return s
}

// dir is where a repository lies on disk.
func (s *scene) dir(r id.Repo) string {
	n := int64(r)
	return filepath.Join(s.Core.Git.Dir(), strconv.FormatInt(n/1000, 10), strconv.FormatInt(n, 10)+".git")
}

func basic(user, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func bearer(plain string) string { return "Authorization: Bearer " + plain }

func cookie(value string) string { return "Cookie: __Host-session=" + value }

// carriers are the headers in which a token can stand.
func carriers(plain string) map[string]string {
	return map[string]string{
		"Basic password": basic("whoever", plain), "Basic user": basic(plain, ""), "Basic user, filler": basic(plain, "x-oauth-basic"),
		"Bearer": bearer(plain), "token": "Authorization: token " + plain,
	}
}

// post sends a form as a browser does.
func (s *scene) post(t *testing.T, path string, form url.Values, headers ...string) apptest.Answer {
	t.Helper()
	return s.Do(t, http.MethodPost, path, form.Encode(), append([]string{"Content-Type: application/x-www-form-urlencoded", "Sec-Fetch-Site: same-origin"}, headers...)...)
}

// token makes a token and returns its text alone.
func (s *scene) token(t *testing.T, a account.Account, note string, scopes ...string) string {
	t.Helper()
	_, plain := s.Token(t, a, note, scopes...)
	return plain
}

// session signs in and returns the cookie's value.
func (s *scene) session(t *testing.T, a account.Account) string {
	t.Helper()
	return s.Session(t, a).Reveal()
}

// tokens is how many tokens the account has.
func (s *scene) tokens(t *testing.T, a account.Account) int {
	t.Helper()
	list, err := s.Tokens.List(t.Context(), a.ID, token.Personal)
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func (s *scene) suspend(t *testing.T, a account.Account) {
	t.Helper()
	if err := s.Lifecycle.SuspendAccount(t.Context(), right.Operator(), a.ID); err != nil {
		t.Fatal(err)
	}
}

const refs, packs = "/info/refs?service=git-upload-pack", "/info/refs?service=git-receive-pack"

// reads are the ways to read a private repository's content or name.
var reads = []string{
	"/ada/shut", "/ada/shut/tree/main", "/ada/shut/blob/main/file.txt", "/ada/shut/raw/main/file.txt", "/ada/shut/commits", "/ada/shut/commits/main",
	"/ada/shut/commit/main", "/ada/shut.git" + refs, "/ada/shut" + refs, "/api/v3/repos/ada/shut",
}

// want fails unless the answer has the status and does not hold the file.
func want(t *testing.T, what string, a apptest.Answer, statuses ...int) {
	t.Helper()
	if strings.Contains(a.Text, secretText) {
		t.Errorf("%s: the answer holds the file's content", what)
	}
	for _, s := range statuses {
		if a.StatusCode == s {
			return
		}
	}
	t.Errorf("%s: %d, want %v\n%.300s", what, a.StatusCode, statuses, a.Text)
}
