package incoming_test

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"jeton/internal/gitstore"

	"jeton/internal/gitstore/gittest"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/share"
)

// What is looked out for while a pack comes in changes how soon the question of
// what a push introduces is answered, and never the answer.
func TestWatch(t *testing.T) {
	t.Parallel()
	s, err := gitstore.Open(gitstore.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	r, at := testRepo(t, s, object.SHA1)
	dir := gittest.Work(t, at)
	gittest.Write(t, dir, ".github/workflows/old.yml", "on: push\n")
	old := gittest.Commit(t, dir, "a workflow")
	gittest.Git(t, dir, "rm", "-q", "-r", ".github")
	gittest.Write(t, dir, "README.md", "1\n")
	base := gittest.Commit(t, dir, "none")
	gittest.Git(t, dir, "push", "-q", "origin", "main")

	branch := func(change func()) object.ID {
		gittest.Git(t, dir, "checkout", "-q", "--detach", string(base))
		change()
		return gittest.Commit(t, dir, "change")
	}
	back := object.ID(gittest.Git(t, dir, "commit-tree", "-m", "back", "-p", string(base), string(old)+"^{tree}"))
	pack := func(tip object.ID) []byte {
		if tip != back {
			return gittest.PackOf(t, dir, tip, base)
		}
		cmd := exec.CommandContext(t.Context(), "git", "pack-objects", "--stdout", "-q")
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(string(tip)+"\n") // the commit alone
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null"}
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, c := range []struct {
		name string
		tip  object.ID
		want []string
		met  bool
	}{
		{"nothing of the kind", branch(func() { gittest.Write(t, dir, "README.md", "2\n") }), nil, false},
		{"one is added", branch(func() { gittest.Write(t, dir, ".github/workflows/new.yml", "on: push\n") }), []string{".github/workflows/new.yml"}, true},
		{"one elsewhere", branch(func() { gittest.Write(t, dir, "docs/.github/workflows/new.yml", "on: push\n") }), nil, true},
		// The folder that holds it is not in the pack: it is here.
		{"an old folder is back", back, []string{".github/workflows/old.yml"}, false},
		{"a file in its place", branch(func() { gittest.Write(t, dir, ".github", "not a folder\n") }), nil, true},
	} {
		for _, watched := range []string{"", ".github", "other"} {
			in, err := r.Incoming(t.Context(), share.Who{Account: 1})
			if err != nil {
				t.Fatal(err)
			}
			in.Watch(watched)
			if err := in.Index(t.Context(), bytes.NewReader(pack(c.tip)), nil); err != nil {
				t.Fatal(err)
			}
			if watched == ".github" && in.Met() != c.met {
				t.Errorf("%s: met: %v", c.name, in.Met())
			}
			refs, err := r.Refs(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			files, err := in.Introduced(t.Context(), refs, []object.ID{c.tip}, ".github/workflows")
			var got []string
			for _, f := range files {
				got = append(got, f.Path)
			}
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%s, watching %q: %v, %v; want %v", c.name, watched, got, err, c.want)
			}
			of, err := in.Files(t.Context(), []object.ID{c.tip}, ".github/workflows")
			if err != nil || len(of[c.tip]) != len(c.want) {
				t.Errorf("%s, watching %q: files %v, %v", c.name, watched, of, err)
			}
			if err := in.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
