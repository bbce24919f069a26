package githttp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/gate"
	"jeton/internal/push"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// saidByServer are the lines that git printed from the server, and what became of
// the refs, without the spaces at their ends.
func saidByServer(out string) string {
	var b strings.Builder
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, " \n")
		if text, ok := strings.CutPrefix(line, "remote:"); ok || strings.HasPrefix(line, " !") {
			if strings.HasPrefix(text, " Resolving deltas") {
				continue
			}
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

func isRemote(t *testing.T, out, want string) {
	t.Helper()
	if got := saidByServer(out); got != want {
		t.Errorf("git printed\n%s\nwant\n%s", got, want)
	}
}

// rule adds a rule to the repository.
func addRule(t *testing.T, s *apptest.Server, r repo.Repo, one repo.Rule) repo.Rule {
	t.Helper()
	made, err := s.Repos.CreateRule(t.Context(), right.Operator(), r.ID, one)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// TestProtectedBranch asserts GitHub's words, whole, and that administrators are
// held by what holds for everybody.
func TestProtectedBranch(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	r := s.Repo(t, ada, "app", true)
	s.Share(t, r, bob, right.Write)
	_, adas := s.Token(t, ada, "laptop", "repo")
	_, bobs := s.Token(t, bob, "laptop", "repo")
	a, b := s.Git(t, "ada", adas), s.Git(t, "bob", bobs)
	a.Run(t, "init", "-q")
	a.Run(t, "remote", "add", "origin", s.URL()+"/ada/app.git")
	a.Commit(t, "one", "1\n", "one")
	a.Commit(t, "two", "2\n", "two")
	a.Run(t, "push", "-q", "origin", "main", "main:refs/heads/free")
	b.Run(t, "clone", "-q", s.URL()+"/ada/app.git", ".")
	page := s.URL() + "/ada/app/settings/branches"

	addRule(t, s, r, repo.Rule{Pattern: "main", Push: repo.AdminsPush})
	addRule(t, s, r, repo.Rule{Pattern: "release/**", AllowForce: true})

	// Somebody with write access, who may not push there.
	b.Commit(t, "three", "3\n", "three")
	out, code := b.Try(t, "push", "origin", "main")
	if code == 0 {
		t.Error("a second user pushed to what only administrators may")
	}
	isRemote(t, out, `remote: error: GH006: Protected branch update failed for refs/heads/main.
remote:
remote: - You're not authorized to push to this branch.
remote:
remote: The rule is "main". Push to another branch, or ask an administrator of
remote: the repository to change the rule:
remote: `+page+`
 ! [remote rejected] main -> main (protected branch hook declined)
`)
	// Everything that is wrong is told at once.
	out, _ = b.Try(t, "push", "origin", ":free", "HEAD:refs/heads/MAIN")
	isRemote(t, out, `remote: error: GH006: Protected branch update failed for refs/heads/MAIN.
remote:
remote: - You're not authorized to push to this branch.
remote:
remote: The rule is "main". Push to another branch, or ask an administrator of
remote: the repository to change the rule:
remote: `+page+`
 ! [remote rejected] HEAD -> MAIN (protected branch hook declined)
`)

	// An administrator may push, and not force, nor delete.
	a.Commit(t, "three", "3\n", "three of ada")
	a.Run(t, "push", "-q", "origin", "main", "main:refs/heads/release/1/x")
	a.Run(t, "reset", "-q", "--hard", "HEAD~2")
	a.Commit(t, "other", "x\n", "another")
	out, _ = a.Try(t, "push", "--force", "origin", "main")
	isRemote(t, out, `remote: error: GH006: Protected branch update failed for refs/heads/main.
remote:
remote: - Cannot force-push to this branch
remote:
remote: The rule is "main". Push to another branch, or ask an administrator of
remote: the repository to change the rule:
remote: `+page+`
 ! [remote rejected] main -> main (protected branch hook declined)
`)
	a.Run(t, "push", "-q", "--force", "origin", "main:release/1/x")
	out, _ = a.Try(t, "push", "origin", ":release/1/x")
	isRemote(t, out, `remote: error: GH006: Protected branch update failed for refs/heads/release/1/x.
remote:
remote: - Cannot delete this branch
remote:
remote: The rule is "release/**". Push to another branch, or ask an
remote: administrator of the repository to change the rule:
remote: `+page+`
 ! [remote rejected] release/1/x (protected branch hook declined)
`)
}

// TestProtectedBranch_eachAlone: of five refs in one push those that may move
// do, and an atomic push moves none.
func TestProtectedBranch_eachAlone(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	r := s.Repo(t, ada, "app", true)
	s.Share(t, r, bob, right.Write)
	_, adas := s.Token(t, ada, "laptop", "repo")
	_, bobs := s.Token(t, bob, "laptop", "repo")
	a := s.Git(t, "ada", adas)
	a.Run(t, "init", "-q")
	a.Run(t, "remote", "add", "origin", s.URL()+"/ada/app.git")
	a.Commit(t, "one", "1\n", "one")
	a.Commit(t, "two", "2\n", "two")
	a.Run(t, "tag", "v1")
	a.Run(t, "push", "-q", "origin", "main", "main:refs/heads/listed", "main:refs/heads/kept", "main:refs/heads/straight", "v1")
	addRule(t, s, r, repo.Rule{Pattern: "listed", Push: repo.ListedPush, Accounts: []repo.Listed{{Account: bob.ID}}, IncludeAdmins: true})
	addRule(t, s, r, repo.Rule{Pattern: "kept"})
	addRule(t, s, r, repo.Rule{Pattern: "straight"})
	addRule(t, s, r, repo.Rule{Kind: repo.TagRef, Pattern: "v*", Push: repo.AdminsPush})

	b := s.Git(t, "bob", bobs)
	b.Run(t, "clone", "-q", s.URL()+"/ada/app.git", ".")
	b.Run(t, "checkout", "-q", "-b", "back", "HEAD~1")
	b.Commit(t, "other", "x\n", "other")
	b.Run(t, "tag", "v2")
	b.Run(t, "tag", "-f", "v1")
	refs := []string{"+back:refs/heads/open", "origin/main:refs/heads/listed", ":refs/heads/kept", "+back:refs/heads/straight", "v2", "+v1", "+back:refs/heads/main"}
	out, _ := b.Try(t, append([]string{"push", "--atomic", "origin"}, refs...)...)
	if strings.Contains(out, "[new branch]") || !strings.Contains(out, "atomic push failure") {
		t.Errorf("an atomic push moved something:\n%s", out)
	}
	out, _ = b.Try(t, append([]string{"push", "origin"}, refs...)...)
	contains(t, out, "[new branch]      back -> open", "back -> main (forced update)",
		"[remote rejected] kept (protected branch hook declined)", "[remote rejected] back -> straight (protected branch hook declined)",
		"[remote rejected] v2 -> v2 (protected tag hook declined)", "[remote rejected] v1 -> v1 (protected tag hook declined)",
		"remote: error: GH006: Protected tag update failed for refs/tags/v2.", "remote: - You're not authorized to create a tag",
		"remote: error: GH006: Protected tag update failed for refs/tags/v1.", "remote: - Cannot force-push to this tag",
		"remote: - Cannot delete this branch", "remote: - Cannot force-push to this branch")
	// Who is listed may, and the owner, who is not, may not.
	b.Run(t, "push", "-q", "origin", "origin/main~1:refs/heads/x", "back:refs/heads/listed2")
	a.Commit(t, "three", "3\n", "three")
	if out, code := a.Try(t, "push", "origin", "main:listed"); code == 0 {
		t.Errorf("the owner pushed past a rule without bypass:\n%s", out)
	}
	b.Run(t, "fetch", "-q")
	b.Run(t, "checkout", "-q", "-B", "l", "origin/listed")
	b.Commit(t, "four", "4\n", "four")
	b.Run(t, "push", "-q", "origin", "l:listed")
	// Access that is taken away and given again does not bring the place back.
	if err := s.Repos.RemoveCollaborator(t.Context(), right.Operator(), r.ID, bob.ID); err != nil {
		t.Fatal(err)
	}
	s.Share(t, r, bob, right.Write)
	b.Commit(t, "five", "5\n", "five")
	if out, code := b.Try(t, "push", "origin", "l:listed"); code == 0 {
		t.Errorf("an account that was taken off came back:\n%s", out)
	}
}

// TestForceBlock asserts GH003, which holds without any rule.
func TestForceBlock(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	r := s.Repo(t, ada, "app", false)
	_, adas := s.Token(t, ada, "laptop", "repo")
	a := s.Git(t, "ada", adas)
	a.Run(t, "init", "-q")
	a.Run(t, "remote", "add", "origin", s.URL()+"/ada/app.git")
	a.Commit(t, "one", "1\n", "one")
	a.Commit(t, "two", "2\n", "two")
	a.Run(t, "push", "-q", "origin", "main", "main:refs/heads/side")
	if err := s.Repos.SetForceBlock(t.Context(), right.Operator(), r.ID, repo.BlockDefault); err != nil {
		t.Fatal(err)
	}
	a.Run(t, "reset", "-q", "--hard", "HEAD~1")
	out, _ := a.Try(t, "push", "--force", "origin", "main", "main:side")
	isRemote(t, out, `remote: error: GH003: Sorry, force-pushing to main is not allowed.
remote: Pull what is there and push on top of it, or push to another branch. An
remote: administrator of the repository can change this:
remote: `+s.URL()+`/ada/app/settings/branches
 ! [remote rejected] main -> main (pre-receive hook declined)
`)
	contains(t, out, "main -> side (forced update)")
	if err := s.Repos.SetForceBlock(t.Context(), right.Operator(), r.ID, repo.BlockAll); err != nil {
		t.Fatal(err)
	}
	a.Commit(t, "three", "3\n", "three")
	a.Run(t, "push", "-q", "origin", "main:side") // forwards
	a.Run(t, "reset", "-q", "--hard", "HEAD~1")
	out, _ = a.Try(t, "push", "--force", "origin", "main:side")
	contains(t, out, "remote: error: GH003: Sorry, force-pushing to side is not allowed.", "! [remote rejected] main -> side (pre-receive hook declined)")
}

// TestProtectedBranch_meanwhile: a rule that is made while the objects are on
// their way holds for the push as well.
func TestProtectedBranch_meanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	blob := []byte("1\n")
	tree := treeOf(t, "100644", "a", oid("blob", blob))
	commit := commitOf(oid("tree", tree))
	body := pushBody(writePack(t, entry{kind: 3, data: blob}, entry{kind: 2, data: tree}, entry{kind: 1, data: commit}), zero+" "+oid("commit", commit)+" refs/heads/main")
	made := readerFunc(func([]byte) (int, error) {
		if _, err := w.Repos.CreateRule(t.Context(), right.Operator(), w.row(t, "engine").ID, repo.Rule{Pattern: "main", Push: repo.ListedPush, IncludeAdmins: true}); err != nil {
			t.Error(err)
		}
		return 0, io.EOF
	})
	report, remote := w.receive(t, push.Options{}, io.MultiReader(strings.NewReader(body[:len(body)-40]), made, strings.NewReader(body[len(body)-40:])), allowed)
	contains(t, report, "ng refs/heads/main protected branch hook declined")
	contains(t, remote, "- You're not authorized to push to this branch.")
}

// TestProtectedBranch_manyRefs: many refs and rules that take long for each are
// cut off.
func TestProtectedBranch_manyRefs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 30 {
		addRule(t, w.Server, w.row(t, "engine"), repo.Rule{Pattern: strings.Repeat("*a", 95) + fmt.Sprint(i), Push: repo.ListedPush})
	}
	var commands []string
	for i := range 20_000 {
		commands = append(commands, zero+" "+strings.Repeat("12", 20)+" refs/heads/"+strings.Repeat("a", 180)+fmt.Sprint("-", i))
	}
	body := pushBody(writePack(t), commands...)
	report, remote := w.receive(t, push.Options{RulesTime: 50 * time.Millisecond}, strings.NewReader(body), allowed)
	contains(t, report[:min(len(report), 300)], "unpack this push moves too many refs for the rules of this repository")
	contains(t, remote, "Push fewer branches and tags at a time")
}

// TestPush_deletedMeanwhile: a push whose repository is deleted under it is told
// so, also when that is right before its refs move, and when its folder is gone
// from the disk by then.
func TestPush_deletedMeanwhile(t *testing.T) {
	t.Parallel()
	for name, folder := range map[string]bool{"row": false, "folder": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			g := w.clone(t, "engine")
			g.Commit(t, "a", "1\n", "One")
			g.Run(t, "push", "-q", "origin", "main", "main:side")
			body := pushBody(nil, g.Run(t, "rev-parse", "HEAD")+" "+zero+" refs/heads/side")
			gone := func(ctx context.Context) error {
				r := w.row(t, "engine").ID
				err := w.Lifecycle.DeleteRepo(ctx, right.Operator(), r)
				if folder {
					err = errors.Join(err, w.Core.Git.Delete(ctx, r)) // the flow does it later
				}
				return err
			}
			report, remote := w.receive(t, push.Options{}, strings.NewReader(body), gone)
			equal(t, report, "unpack Repository not found.\nng refs/heads/side unpacker error", "report")
			contains(t, remote, "no access to it")
		})
	}
}

// receive is ada's push to her repository engine, without the door, so that it
// can be stopped in the midst.
func (w *world) receive(t *testing.T, o push.Options, body io.Reader, again func(context.Context) error) (report, remote string) {
	t.Helper()
	header := strings.TrimPrefix(basic("ada", w.git.Password), "Authorization: ")
	actor, err := w.Core.Gate.Identify(t.Context(), gate.ParseAuthorization([]string{header}))
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.Core.Gate.Repo(t.Context(), &actor, right.RepoPush, "ada", "engine")
	if err != nil {
		t.Fatal(err)
	}
	o.Gate, o.Git, o.DB, o.Repos, o.Audit, o.Leaks, o.Alerts = w.Core.Gate, w.Core.Git, w.DB, w.Repos, w.Core.Audit, w.Core.Leaks, w.Core.Alerts
	var out bytes.Buffer
	if err := push.New(o).Receive(t.Context(), &actor, r, again, body, &out); err != nil {
		t.Fatal(err)
	}
	return bands(t, out.String())
}

func allowed(context.Context) error { return nil }

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }
