package gitstore

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/share"
)

// What is looked out for while a pack comes in changes how soon the question of
// what a push introduces is answered, and never the answer.
func TestWatch(t *testing.T) {
	t.Parallel()
	r := testRepo(t, testStore(t), 1, object.SHA1)
	dir := work(t, r)
	write(t, dir, ".github/workflows/old.yml", "on: push\n")
	old := commit(t, dir, "a workflow")
	git(t, dir, "rm", "-q", "-r", ".github")
	write(t, dir, "README.md", "1\n")
	base := commit(t, dir, "none")
	git(t, dir, "push", "-q", "origin", "main")

	branch := func(change func()) object.ID {
		git(t, dir, "checkout", "-q", "--detach", string(base))
		change()
		return commit(t, dir, "change")
	}
	back := object.ID(git(t, dir, "commit-tree", "-m", "back", "-p", string(base), string(old)+"^{tree}"))
	pack := func(tip object.ID) []byte {
		if tip != back {
			return packOf(t, dir, tip, base)
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
		{"nothing of the kind", branch(func() { write(t, dir, "README.md", "2\n") }), nil, false},
		{"one is added", branch(func() { write(t, dir, ".github/workflows/new.yml", "on: push\n") }), []string{".github/workflows/new.yml"}, true},
		{"one elsewhere", branch(func() { write(t, dir, "docs/.github/workflows/new.yml", "on: push\n") }), nil, true},
		// The folder that holds it is not in the pack: it is here.
		{"an old folder is back", back, []string{".github/workflows/old.yml"}, false},
		{"a file in its place", branch(func() { write(t, dir, ".github", "not a folder\n") }), nil, true},
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
