package githttp_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jeton/internal/app/apptest"
)

const refusal = "refusing to allow a Personal Access Token to create or update workflow `.github/workflows/"

// workflows is ada/engine with a workflow on main, and ada's two terminals:
// one whose token has the workflow scope, one whose has not.
type workflows struct {
	*world
	may, mayNot *apptest.Git
}

func newWorkflows(t *testing.T) *workflows {
	t.Helper()
	w := &workflows{world: newWorld(t)}
	w.mayNot = w.clone(t, "engine")
	_, plain := w.Token(t, w.ada, "robot", "repo", "workflow")
	may := w.Git(t, "ada", plain)
	may.Run(t, "clone", "-q", w.url("engine"), "clone")
	w.may = may.In("clone")
	w.may.Commit(t, ".github/workflows/ci.yml", "one\n", "Workflow")
	w.may.Run(t, "push", "-q", "origin", "main")
	w.mayNot.Run(t, "pull", "-q", "origin", "main")
	return w
}

func (w *workflows) refused(t *testing.T, file string, args ...string) {
	t.Helper()
	out, code := w.mayNot.Try(t, append([]string{"push", "origin"}, args...)...)
	if code == 0 {
		t.Errorf("git push %v went through", args)
	}
	contains(t, out, "! [remote rejected]", refusal+file+"` without `workflow` scope")
	if !strings.Contains(out, "remote: Your token \"laptop\" lacks the workflow scope") || !strings.Contains(out, "/settings/tokens/") {
		t.Errorf("no remedy:\n%s", out)
	}
}

func TestWorkflow_scope(t *testing.T) {
	t.Parallel()
	w := newWorkflows(t)
	g := w.mayNot
	reset := func() { g.Run(t, "checkout", "-q", "-f", "-B", "main", "origin/main") }

	// Other files need no more than repo.
	g.Commit(t, "src/main.go", "package main\n", "Code")
	g.Run(t, "push", "-q", "origin", "main")

	g.Commit(t, ".github/workflows/ci.yml", "two\n", "Change")
	w.refused(t, "ci.yml", "main")
	w.refused(t, "ci.yml", "main:refs/tags/v1")
	w.refused(t, "ci.yml", "main:topic")
	// A later commit that takes it back does not hide it.
	g.Commit(t, ".github/workflows/ci.yml", "one\n", "Back")
	w.refused(t, "ci.yml", "main")
	reset()
	// Nor does a merge that leaves its side of the history behind.
	g.Commit(t, ".github/workflows/side.yml", "side\n", "Side")
	g.Run(t, "rm", "-q", ".github/workflows/side.yml")
	g.Run(t, "commit", "-qm", "And back")
	g.Run(t, "branch", "-f", "side")
	reset()
	g.Commit(t, "other", "x\n", "Other")
	g.Run(t, "merge", "-q", "-m", "Merge", "side")
	w.refused(t, "side.yml", "main")
	reset()

	// A new file, in a folder below, and one that is renamed into place.
	g.Commit(t, ".github/workflows/deep/x.yml", "x\n", "Deep")
	w.refused(t, "deep/x.yml", "main")
	reset()
	g.Commit(t, "plain.yml", "y\n", "Plain")
	g.Run(t, "push", "-q", "origin", "main")
	g.Run(t, "mv", "plain.yml", ".github/workflows/plain.yml")
	g.Run(t, "commit", "-qm", "Rename")
	w.refused(t, "plain.yml", "main")
	reset()
	g.Run(t, "mv", ".github/workflows/ci.yml", ".github/workflows/other.yml")
	g.Run(t, "commit", "-qm", "Rename within")
	w.refused(t, "other.yml", "main")
	reset()

	// A link in a workflow's place is one too.
	if err := os.Symlink("../../plain.yml", filepath.Join(g.Dir, ".github/workflows/link.yml")); err != nil {
		t.Fatal(err)
	}
	g.Run(t, "add", ".")
	g.Run(t, "commit", "-qm", "Link")
	w.refused(t, "link.yml", "main")
	reset()

	// Deleting needs nothing.
	g.Run(t, "rm", "-q", ".github/workflows/ci.yml")
	g.Run(t, "commit", "-qm", "Delete")
	g.Run(t, "push", "-q", "origin", "main:deleting")

	// With the scope all of it goes.
	w.may.Run(t, "pull", "-q", "origin", "main")
	w.may.Commit(t, ".github/workflows/ci.yml", "three\n", "Change")
	w.may.Run(t, "push", "-q", "origin", "main")
}

// A file that is the same at the same path of a branch is no addition; one that
// was there once, and is on no branch any more, is.
func TestWorkflow_sameOnBranch(t *testing.T) {
	t.Parallel()
	w := newWorkflows(t)
	g := w.mayNot
	old := g.Run(t, "rev-parse", "HEAD")
	g.Run(t, "push", "-q", "origin", "main:copy")
	g.Run(t, "push", "-q", "origin", "main:refs/tags/v0")
	w.may.Run(t, "checkout", "-q", "-b", "side")
	w.may.Commit(t, ".github/workflows/new.yml", "new\n", "New")
	w.may.Run(t, "push", "-q", "origin", "side")

	// The same file, made anew.
	g.Commit(t, ".github/workflows/new.yml", "new\n", "The same")
	g.Run(t, "push", "-q", "origin", "main")
	// The same content at another path is not the same.
	g.Commit(t, ".github/workflows/moved.yml", "new\n", "Elsewhere")
	w.refused(t, "moved.yml", "main")
	g.Run(t, "reset", "-q", "--hard", "HEAD~")

	// A merge brings what is on the other branch.
	g.Run(t, "checkout", "-q", "-b", "merge", old)
	g.Commit(t, "x", "x\n", "X")
	g.Run(t, "fetch", "-q", "origin")
	g.Run(t, "merge", "-q", "-m", "Merge", "origin/side")
	g.Run(t, "push", "-q", "origin", "merge")
	// A merge that brings something of its own.
	g.Write(t, ".github/workflows/evil.yml", "evil\n")
	g.Run(t, "add", ".")
	g.Run(t, "commit", "-q", "--amend", "-m", "Evil merge")
	w.refused(t, "evil.yml", "merge:evil")

	// What no branch has any more would come back to life with an old commit.
	w.may.Run(t, "checkout", "-q", "main")
	w.may.Run(t, "pull", "-q", "origin", "main")
	w.may.Commit(t, ".github/workflows/ci.yml", "safer\n", "Safer")
	w.may.Run(t, "push", "-q", "--force", "origin", "main", "main:copy", "main:side", "main:merge")
	w.refused(t, "ci.yml", old+":refs/heads/revived")
	w.refused(t, "ci.yml", old+":refs/tags/revived")
	w.whole(t, "engine")
}

// Each ref of one push is judged alone.
func TestWorkflow_eachRefAlone(t *testing.T) {
	t.Parallel()
	w := newWorkflows(t)
	g := w.mayNot
	g.Commit(t, "a", "a\n", "A")
	g.Run(t, "branch", "fine")
	g.Commit(t, ".github/workflows/x.yml", "x\n", "X")
	out, code := g.Try(t, "push", "origin", "fine", "main")
	if code == 0 {
		t.Error("a workflow went through")
	}
	contains(t, out, "[new branch]      fine -> fine", "main -> main ("+refusal+"x.yml`")
	out, _ = g.Try(t, "push", "--atomic", "origin", "fine:fine2", "main")
	contains(t, out, "fine -> fine2 (atomic push failure)")
}

// An empty repository has no branch to have the same file on.
func TestWorkflow_firstPush(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.clone(t, "engine")
	g.Commit(t, ".github/workflows/x.yml", "x\n", "X")
	out, code := g.Try(t, "push", "origin", "main")
	if code == 0 {
		t.Error("a workflow went through")
	}
	contains(t, out, refusal+"x.yml`")
}

// TestWorkflow_many: looking at who brings a workflow takes bounded memory,
// however many forms of a large folder a push has.
func TestWorkflow_many(t *testing.T) {
	t.Parallel()
	w := newWorkflows(t)
	g := w.mayNot
	var in strings.Builder
	in.WriteString("blob\nmark :1\ndata 1\nx\n")
	const files, commits = 10_000, 60
	for i := range commits {
		fmt.Fprintf(&in, "commit refs/heads/many\ncommitter x <x@example.com> %d +0000\ndata 1\nx\n", 1_700_000_000+i)
		if i == 0 {
			for n := range files {
				fmt.Fprintf(&in, "M 100644 :1 .github/workflows/f%d\n", n)
			}
		}
		fmt.Fprintf(&in, "M 100644 :1 .github/workflows/g%d\n\n", i)
	}
	if out, code := g.TryIn(t, in.String(), "fast-import", "--quiet"); code != 0 {
		t.Fatal(out)
	}
	out, code := g.Try(t, "push", "-q", "origin", "many")
	if code == 0 {
		t.Error("it went through")
	}
	contains(t, out, "too many files below .github/workflows, in all of its versions")
	w.may.Run(t, "fetch", "-q", g.Dir, "many")
	w.may.Run(t, "push", "-q", "origin", "FETCH_HEAD:refs/heads/many") // with the scope nothing is to be looked for
}
