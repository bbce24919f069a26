package githttp_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/audit"
	"jeton/internal/id"
	"jeton/internal/right"
	"jeton/internal/token"
)

func logged(t *testing.T, s *apptest.Server, of id.Account, action string) []audit.Line {
	t.Helper()
	list, err := s.Audit.List(t.Context(), audit.Query{Account: of, Action: action})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestSecret_own: a live token of one's own is refused in the words of push
// protection, whole, and goes through once it is deleted.
func TestSecret_own(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "app", true)
	_, adas := s.Token(t, ada, "laptop", "repo")
	tok, plain := s.Token(t, ada, "deploy", "repo")
	a := s.Git(t, "ada", adas)
	a.Run(t, "init", "-q")
	a.Run(t, "remote", "add", "origin", s.URL()+"/ada/app.git")
	a.Commit(t, "README.md", "hello\n", "hello")
	a.Run(t, "push", "-q", "origin", "main")
	a.Commit(t, "conf/a b.yml", "x: 1\n\ntoken: \""+plain+"\"\n", "configure")
	commit := a.Run(t, "rev-parse", "HEAD")
	a.Run(t, "rm", "-q", "conf/a b.yml")
	a.Run(t, "commit", "-qm", "remove it again")
	out, _ := a.Try(t, "push", "origin", "main", "HEAD~2:refs/heads/clean")
	const unblock = "/ada/app/security/secret-scanning/unblock-secret/"
	_, placeholder, _ := strings.Cut(out, unblock)
	placeholder = placeholder[:min(len(placeholder), 26)]
	isRemote(t, out, `remote: error: GH013: Repository rule violations found for refs/heads/main.
remote:
remote: - GITHUB PUSH PROTECTION
remote:   —————————————————————————————————————————
remote:     Resolve the following violations before pushing again
remote:
remote:     - Push cannot contain secrets
remote:
remote:
remote:       —— Jeton Personal Access Token ————————————————————————
remote:        locations:
remote:          - commit: `+commit+`
remote:            path: conf/a b.yml:3
remote:
remote:        (?) Your token "deploy", which ends in `+plain[len(plain)-8:]+`, is live:
remote:        whoever can read the repository could use it.
remote:        Delete it, then this push goes through:
remote:        `+s.URL()+fmt.Sprintf("/settings/tokens/%d/delete", tok.ID)+`
remote:
remote:        (?) To push it nevertheless, follow this URL and say why:
remote:        `+s.URL()+unblock+placeholder+`
remote:
remote:        (?) Or remove the token from every commit that you push:
remote:        git commit --amend for the last one, git rebase -i for others.
 ! [remote rejected] main -> main (push declined due to repository rule violations)
`)
	contains(t, out, "[new branch]      HEAD~2 -> clean")
	if strings.Contains(out, plain) || strings.Contains(s.Log.String(), plain) {
		t.Error("the token was printed")
	}
	events := logged(t, s, ada.ID, "secret_scanning.push_blocked")
	if len(events) != 1 || events[0].Target != "deploy" || events[0].Detail["repository"] != "ada/app" || events[0].Actor != "ada" {
		t.Errorf("the log has %+v", events)
	}
	if _, err := s.Tokens.Revoke(t.Context(), right.Operator(), ada.ID, tok.ID); err != nil {
		t.Fatal(err)
	}
	a.Run(t, "push", "-q", "origin", "main")
}

// TestSecret_everywhere: wherever a live token stands, the ref that brings it is
// refused, and those that don't are not.
func TestSecret_everywhere(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "app", true)
	_, adas := s.Token(t, ada, "laptop", "repo")
	_, plain := s.Token(t, ada, "deploy", "repo")
	_, ends := s.TokenUntil(t, ada, "short", s.Now().Add(time.Hour), "repo")
	a := s.Git(t, "ada", adas)
	a.Run(t, "init", "-q")
	a.Run(t, "remote", "add", "origin", s.URL()+"/ada/app.git")
	base := strings.Repeat("a line of a file that a delta can be made against\n", 400)
	a.Commit(t, "long.txt", base, "long")
	a.Run(t, "push", "-q", "origin", "main")
	start := a.Run(t, "rev-parse", "HEAD")
	refused := func(t *testing.T, what string) {
		t.Helper()
		out, code := a.Try(t, "push", "origin", "+HEAD:refs/heads/x", start+":refs/heads/ok-"+what)
		if code == 0 || !strings.Contains(out, "(push declined due to repository rule violations)") || !strings.Contains(out, "ok-"+what+"\n") {
			t.Errorf("%s:\n%s", what, out)
		}
		a.Run(t, "reset", "-q", "--hard", start)
	}
	a.Commit(t, "long.txt", base+plain+"\n", "in a delta")
	refused(t, "delta")
	a.Commit(t, "bin", "\x00\x01\xff"+plain+"\x00", "in a binary")
	refused(t, "binary")
	a.Commit(t, "f", "x", "message\n\nwith "+plain)
	refused(t, "message")
	a.Commit(t, "f", "jtp_jtp_"+plain+plain, "beside what only begins like one")
	refused(t, "twice")
	a.Commit(t, "f", adas, "the token that pushes")
	refused(t, "own")
	a.Commit(t, "f", strings.Repeat("x", 3<<20)+plain, "large")
	refused(t, "large")

	a.Run(t, "tag", "-a", "-m", "the token is "+plain, "v1")
	out, _ := a.Try(t, "push", "origin", "v1")
	contains(t, out, "GH013: Repository rule violations found for refs/tags/v1.", "- tag: ", "line 6 of the tag itself", "! [remote rejected] v1 -> v1 (push declined")

	// What opens nothing is no secret: wrong checksum, expired, of another host.
	wrong := plain[:len(plain)-1] + map[bool]string{true: "0", false: "1"}[!strings.HasSuffix(plain, "0")]
	a.Commit(t, "f", wrong+" "+strings.Replace(plain, "jtp_", "ghp_", 1), "no tokens")
	a.Run(t, "push", "-q", "origin", "HEAD:refs/heads/y")
	a.Commit(t, "f", ends, "short lived")
	refused(t, "live")
	a.Commit(t, "f", ends, "short lived")
	s.Advance(2 * time.Hour)
	a.Run(t, "push", "-q", "origin", "HEAD:refs/heads/z")
}

// TestSecret_others: of somebody else's token nothing is told but where it
// stands, and its owner learns of it without learning of a repository that is
// hidden from them.
func TestSecret_others(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	s.Repo(t, bob, "den", true)
	_, bobs := s.Token(t, bob, "laptop", "repo")
	tok, plain := s.Token(t, ada, "the note of ada", "repo")
	b := s.Git(t, "bob", bobs)
	b.Run(t, "init", "-q")
	b.Run(t, "remote", "add", "origin", s.URL()+"/bob/den.git")
	b.Commit(t, "f", plain, "found in the street")
	out, _ := b.Try(t, "push", "origin", "main")
	contains(t, out, "remote: error: GH013: Repository rule violations found for refs/heads/main.", "path: f:1",
		"(?) This is a live token of another account. To push, remove it;", "! [remote rejected] main -> main (push declined due to repository rule violations)")
	for _, hidden := range []string{"the note of ada", fmt.Sprintf("tokens/%d", tok.ID), plain[len(plain)-8:], "ada"} {
		if strings.Contains(strings.ReplaceAll(out, s.URL(), ""), hidden) {
			t.Errorf("bob was told %q:\n%s", hidden, out)
		}
	}
	events := logged(t, s, ada.ID, "secret_scanning.push_blocked")
	if len(events) != 1 {
		t.Fatalf("ada's log has %+v", events)
	}
	e := events[0]
	if e.Target != "the note of ada" || e.Repo != 0 || e.Actor != "" || e.Address != "" || e.Client != "" || strings.Contains(fmt.Sprint(e.Detail), "den") {
		t.Errorf("ada's log tells %+v", e)
	}
}

// TestSecret_known: a file that is on a branch already brings nothing new.
func TestSecret_known(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "app", true)
	_, adas := s.Token(t, ada, "laptop", "repo")
	a := s.Git(t, "ada", adas)
	a.Run(t, "init", "-q")
	a.Run(t, "remote", "add", "origin", s.URL()+"/ada/app.git")
	_, plain := s.TokenUntil(t, ada, "late", s.Now().Add(time.Hour), "repo")
	a.Commit(t, "f", plain+"\n", "a token")
	s.Advance(2 * time.Hour)
	a.Run(t, "push", "-q", "origin", "main")
	s.Advance(-2 * time.Hour) // it lives again, and is on the branch
	other := s.Git(t, "ada", adas)
	other.Run(t, "init", "-q")
	other.Commit(t, "g", plain+"\n", "the same file in another history")
	other.Run(t, "push", "-q", s.URL()+"/ada/app.git", "main:refs/heads/other")
	other.Commit(t, "h", "and "+plain+"\n", "a new one")
	if out, code := other.Try(t, "push", s.URL()+"/ada/app.git", "main:refs/heads/other"); code == 0 {
		t.Errorf("a new file with a live token got through:\n%s", out)
	}
}

// TestSecret_fine: a fine-grained token is found like any other.
func TestSecret_fine(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "app", true)
	_, adas := s.Token(t, ada, "laptop", "repo")
	tok, plain := s.FineToken(t, ada, token.NewFine{Name: "deploy", Owner: ada.ID, Access: token.AllOf}, "contents=read")
	g := s.Git(t, "ada", adas)
	g.Run(t, "init", "-q")
	g.Commit(t, "conf.yml", "token: "+plain+"\n", "configure")
	out, code := g.Try(t, "push", s.URL()+"/ada/app.git", "main")
	if code == 0 {
		t.Error("the push went through")
	}
	contains(t, out, "Fine-grained Personal Access Token", fmt.Sprintf("/settings/personal-access-tokens/%d/delete", tok.ID))
}

// TestSecret_behindMany: a live token is found behind any number of times that a
// dead one stands there.
func TestSecret_behindMany(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "app", true)
	_, adas := s.Token(t, ada, "laptop", "repo")
	dead, gone := s.Token(t, ada, "gone", "repo")
	if _, err := s.Tokens.Revoke(t.Context(), right.Operator(), ada.ID, dead.ID); err != nil {
		t.Fatal(err)
	}
	_, plain := s.Token(t, ada, "deploy", "repo")
	a := s.Git(t, "ada", adas)
	a.Run(t, "init", "-q")
	a.Run(t, "remote", "add", "origin", s.URL()+"/ada/app.git")
	a.Commit(t, "log", strings.Repeat(gone+"\n", 6000)+plain+"\n", "keep the log")
	out, code := a.Try(t, "push", "origin", "main")
	if code == 0 {
		t.Error("a live token was pushed")
	}
	contains(t, out, "path: log:6001")
}
