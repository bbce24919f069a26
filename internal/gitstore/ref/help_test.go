package ref

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"jeton/internal/gitstore/object"
)

// bare is a bare repository with some commits and a tag to point refs at.
type bare struct {
	dir     string
	db      *DB
	commits []object.ID
	tag     object.ID // annotated, of the first commit
}

func gitIn(t testing.TB, dir string, stdin io.Reader, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir, cmd.Stdin = dir, stdin
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_DIR=.",
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_AUTHOR_DATE=1700000000 +0000",
		"GIT_COMMITTER_NAME=C", "GIT_COMMITTER_EMAIL=c@example.com", "GIT_COMMITTER_DATE=1700000000 +0000",
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil {
		return errs.String(), err
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}

func (b *bare) git(t testing.TB, args ...string) string {
	t.Helper()
	out, err := gitIn(t, b.dir, nil, args...)
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// stdin has git update-ref take lines.
func (b *bare) update(t testing.TB, lines string) (string, error) {
	t.Helper()
	return gitIn(t, b.dir, strings.NewReader(lines), "update-ref", "--no-deref", "--stdin")
}

func newBare(t testing.TB, format object.Format) *bare {
	t.Helper()
	b := &bare{dir: t.TempDir()}
	b.git(t, "init", "-q", "--bare", "-b", "main", "--object-format="+string(format), ".")
	tree := b.git(t, "write-tree")
	for _, m := range []string{"1", "2", "3", "4"} {
		b.commits = append(b.commits, object.ID(b.git(t, "commit-tree", "-m", m, tree)))
	}
	b.git(t, "tag", "-am", "x", "x", string(b.commits[0]))
	b.tag = object.ID(b.git(t, "rev-parse", "x"))
	b.git(t, "tag", "-d", "x")
	b.db = Open(b.dir, format, b.peel(t), NewWatch())
	return b
}

// peel asks real git, one by one.
func (b *bare) peel(t testing.TB) Peel {
	return func(_ context.Context, ids []object.ID, into map[object.ID]object.ID) error {
		for _, id := range ids {
			out, err := gitIn(t, b.dir, nil, "rev-parse", "-q", "--verify", string(id)+"^{}")
			if err != nil || object.ID(out) == id {
				out = ""
			}
			into[id] = object.ID(out)
		}
		return nil
	}
}

// want is what git says of the refs.
func (b *bare) want(t testing.TB) string {
	t.Helper()
	return b.git(t, "for-each-ref", "--format=%(objectname) %(refname) %(*objectname)", "refs/heads", "refs/notes", "refs/tags")
}

func (b *bare) got(t testing.TB) string {
	t.Helper()
	s, err := b.db.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, r := range s.All() {
		lines = append(lines, string(r.ID)+" "+r.Name+" "+string(r.Peeled))
	}
	return strings.Join(lines, "\n")
}

func (b *bare) same(t testing.TB, after string) {
	t.Helper()
	if got, want := b.got(t), b.want(t); got != want {
		t.Fatalf("after %s: got\n%s\nwant\n%s", after, got, want)
	}
}
