package ref

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"jeton/internal/gitstore/object"
)

// session is a git update-ref that makes one transaction after another, so that
// a thousand cost no thousand processes.
type session struct {
	in  io.WriteCloser
	out *bufio.Reader
}

func (b *bare) session(t testing.TB) *session {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "update-ref", "--no-deref", "--stdin")
	cmd.Dir, cmd.Env = b.dir, []string{"PATH=" + os.Getenv("PATH"), "GIT_DIR=.", "LC_ALL=C"}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	return &session{in, bufio.NewReader(out)}
}

func (s *session) do(t testing.TB, line string) {
	t.Helper()
	if _, err := io.WriteString(s.in, "start\n"+line+"\ncommit\n"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"start: ok\n", "commit: ok\n"} {
		if got, err := s.out.ReadString('\n'); got != want {
			t.Fatalf("%s: %q %v", line, got, err)
		}
	}
}

// What real git does to the refs is seen by the very next reading, a thousand
// times in a row.
func TestSnapshot_outside(t *testing.T) {
	t.Parallel()
	newBare(t, object.SHA1).outside(t, 1000, func() {})
}

// outside has real git do this and that, and reads after each. ready is called
// before each.
func (b *bare) outside(t *testing.T, updates int, ready func()) {
	t.Helper()
	git := b.session(t)
	rng := rand.New(rand.NewPCG(1, 2))
	model := map[string]object.ID{}
	head := "refs/heads/main"
	check := func(what string) {
		t.Helper()
		s, err := b.db.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s.Head != head || len(s.All()) != len(model) {
			t.Fatalf("after %s: HEAD is %s, want %s; %d refs, want %d", what, s.Head, head, len(s.All()), len(model))
		}
		for _, r := range s.All() {
			if model[r.Name] != r.ID {
				t.Fatalf("after %s: %s is %s, want %s", what, r.Name, r.ID, model[r.Name])
			}
		}
	}
	names := []string{"refs/heads/main", "refs/heads/a", "refs/heads/deep/er/still", "refs/heads/deep/b", "refs/tags/v1", "refs/tags/v/2", "refs/notes/commits", "refs/heads/x/y"}
	for i := range updates {
		ready()
		name := names[rng.IntN(len(names))]
		what := ""
		switch _, there := model[name]; {
		case i%100 == 50:
			what = "pack-refs"
			b.git(t, "pack-refs", "--all", "--prune")
		case i%100 == 75:
			head = names[rng.IntN(4)]
			what = "symbolic-ref " + head
			b.git(t, "symbolic-ref", "HEAD", head)
		case there && i%50 == 20 && strings.HasPrefix(name, "refs/heads/") && name != head:
			what = "branch -D " + name
			b.git(t, "branch", "-q", "-D", strings.TrimPrefix(name, "refs/heads/"))
			delete(model, name)
		case there && rng.IntN(4) == 0:
			what = "delete " + name
			git.do(t, what)
			delete(model, name)
		default:
			id := b.commits[rng.IntN(len(b.commits))]
			what = "update " + name + " " + string(id)
			git.do(t, what)
			model[name] = id
		}
		check(what)
	}
	b.same(t, "all")
}

func TestSnapshot_peeled(t *testing.T) {
	t.Parallel()
	b := newBare(t, object.SHA256)
	b.git(t, "update-ref", "refs/tags/annotated", string(b.tag))
	b.git(t, "update-ref", "refs/tags/light", string(b.commits[1]))
	b.git(t, "update-ref", "refs/notes/odd", string(b.tag))
	b.git(t, "update-ref", "refs/pull/1/head", string(b.tag))
	b.same(t, "loose")
	before, _ := b.db.Snapshot(t.Context())
	b.git(t, "pack-refs", "--all")
	b.same(t, "packed")
	if after, _ := b.db.Snapshot(t.Context()); after != before {
		t.Error("an equal state is another snapshot")
	}
	// As an older git wrote it: without a word about tags.
	data, err := os.ReadFile(filepath.Join(b.dir, "packed-refs"))
	if err != nil {
		t.Fatal(err)
	}
	lines := slices.DeleteFunc(strings.Split(string(data), "\n"), func(l string) bool { return strings.HasPrefix(l, "#") || strings.HasPrefix(l, "^") })
	if err := os.WriteFile(filepath.Join(b.dir, "packed-refs"), []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	b.same(t, "the old form")
}

func TestSnapshot_noRepository(t *testing.T) {
	t.Parallel()
	d := Open(t.TempDir(), object.SHA1, nil, nil)
	if _, err := d.Snapshot(t.Context()); !gone(err) {
		t.Errorf("got %v", err)
	}
}

// Folders that deletions left behind are tidied up once there are many.
func TestSnapshot_emptyFolders(t *testing.T) {
	t.Parallel()
	b := newBare(t, object.SHA1)
	for i := range maxEmpty + 10 {
		if err := os.MkdirAll(filepath.Join(b.dir, fmt.Sprintf("refs/heads/e%d/f", i)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b.got(t)
	for _, top := range b.db.tops {
		top.tidy(now() + 2*emptyAge)
	}
	left, err := os.ReadDir(filepath.Join(b.dir, "refs/heads"))
	if err != nil {
		t.Fatal(err)
	}
	b.got(t)
	for _, top := range b.db.tops {
		top.tidy(now() + 2*emptyAge)
	}
	again, err := os.ReadDir(filepath.Join(b.dir, "refs/heads"))
	if err != nil || len(left) == 0 || len(again) != 0 {
		t.Errorf("%d folders, then %d: %v", len(left), len(again), err)
	}
	b.git(t, "update-ref", "refs/heads/e1/f/g", string(b.commits[0]))
	b.same(t, "tidying")
}

// The version of a long list is the same, whether it was made at once or came
// about by small changes, and however the refs are kept.
func TestSnapshot_version(t *testing.T) {
	t.Parallel()
	b := newBare(t, object.SHA1)
	var in strings.Builder
	for i := range manySums + 100 {
		fmt.Fprintf(&in, "create refs/heads/many/%d %s\n", i, b.commits[i%2])
	}
	if out, err := b.update(t, in.String()); err != nil {
		t.Fatal(out)
	}
	b.git(t, "pack-refs", "--all", "--prune")
	seen := map[string]string{}
	for i := range 30 {
		if out, err := b.update(t, fmt.Sprintf("update refs/heads/many/%d %s\ncreate refs/heads/more/%d %s\n", i*7, b.commits[2], i, b.commits[3])); err != nil {
			t.Fatal(out)
		}
		s, err := b.db.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		fresh, err := Open(b.dir, object.SHA1, b.peel(t), nil).Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s.Version != fresh.Version || seen[s.Version] != "" {
			t.Fatalf("step %d: %s, afresh %s", i, s.Version, fresh.Version)
		}
		seen[s.Version] = "x"
	}
	before, _ := b.db.Snapshot(t.Context())
	b.git(t, "pack-refs", "--all", "--prune")
	if after, _ := b.db.Snapshot(t.Context()); after != before {
		t.Error("packed, an equal state is another snapshot")
	}
}

// Readers and a writer at once see whole values only.
func TestSnapshot_concurrent(t *testing.T) {
	t.Parallel()
	b := newBare(t, object.SHA1)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 4)
	for range cap(done) {
		go func() {
			for ctx.Err() == nil {
				s, err := b.db.Snapshot(context.WithoutCancel(ctx))
				if err == nil && len(s.All()) > 0 && !slices.Contains(b.commits, s.All()[0].ID) {
					err = fmt.Errorf("torn: %+v", s.All())
				}
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	git := b.session(t)
	for i := range 200 {
		git.do(t, "update refs/heads/main "+string(b.commits[i%4]))
	}
	stop()
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func benchmarkDB(b *testing.B, refs int) *bare {
	r := newBare(b, object.SHA1)
	var in strings.Builder
	in.WriteString(packedHead)
	for i := range refs {
		fmt.Fprintf(&in, "%s refs/heads/branch/%06d\n", r.commits[i%4], i)
	}
	if err := os.WriteFile(filepath.Join(r.dir, "packed-refs"), []byte(in.String()), 0o644); err != nil {
		b.Fatal(err)
	}
	if _, err := r.update(b, fmt.Sprintf("create refs/heads/main %s\n", r.commits[0])); err != nil {
		b.Fatal(err)
	}
	for { // until the files are old enough to be trusted
		if _, err := r.db.Snapshot(b.Context()); err != nil {
			b.Fatal(err)
		}
		if r.db.last.Load().sure {
			return r
		}
	}
}

func BenchmarkSnapshot(b *testing.B) {
	for _, refs := range []int{10, 50_000} {
		r := benchmarkDB(b, refs)
		b.Run(fmt.Sprintf("unchanged %d", refs), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.db.Snapshot(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("one moved of %d", refs), func(b *testing.B) {
			main := filepath.Join(r.dir, "refs/heads/main")
			for i := 0; b.Loop(); i++ {
				if err := os.WriteFile(main+".x", []byte(r.commits[i%4]+"\n"), 0o644); err != nil {
					b.Fatal(err)
				}
				if err := os.Rename(main+".x", main); err != nil {
					b.Fatal(err)
				}
				if _, err := r.db.Snapshot(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("cold %d", refs), func(b *testing.B) {
			for b.Loop() {
				if _, err := Open(r.dir, object.SHA1, nil, nil).Snapshot(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
