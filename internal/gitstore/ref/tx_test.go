package ref

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/wire"
)

// run makes a transaction from beginning to end.
func (b *bare) run(t testing.TB, updates []wire.Update, head string) error {
	t.Helper()
	tx, err := b.db.Prepare(t.Context(), updates, head)
	if err != nil {
		return err
	}
	if err := tx.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	return nil
}

// lines is the same for git update-ref.
func lines(updates []wire.Update) string {
	var b strings.Builder
	for _, u := range updates {
		switch {
		case u.Deletes() && u.Old.IsZero():
			fmt.Fprintf(&b, "delete %s\n", u.Name)
		case u.Deletes():
			fmt.Fprintf(&b, "delete %s %s\n", u.Name, u.Old)
		case u.Old.IsZero():
			fmt.Fprintf(&b, "create %s %s\n", u.Name, u.New)
		default:
			fmt.Fprintf(&b, "update %s %s %s\n", u.Name, u.New, u.Old)
		}
	}
	return b.String()
}

// tree lists what is in a repository's refs, folders and locks too.
func (b *bare) tree(t testing.TB) string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(filepath.Join(b.dir, "refs"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out = append(out, path[len(b.dir)+1:])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	locks, _ := filepath.Glob(filepath.Join(b.dir, "*.lock"))
	return strings.Join(append(out, locks...), "\n")
}

var modelNames = []string{
	"refs/heads/a", "refs/heads/a/b", "refs/heads/a/b/c", "refs/heads/ab", "refs/heads/b", "refs/heads/b/x", "refs/heads/b/y",
	"refs/tags/t", "refs/tags/t/u", "refs/notes/n",
}

// randomSet is a transaction on names that get in each other's way, on a state
// of the refs, with some old values that are wrong.
func randomSet(rng *rand.Rand, b *bare, now map[string]object.ID, zero object.ID) []wire.Update {
	var out []wire.Update
	for _, i := range rng.Perm(len(modelNames))[:1+rng.IntN(3)] {
		u := wire.Update{Name: modelNames[i], Old: now[modelNames[i]], New: b.commits[rng.IntN(4)]}
		if strings.HasPrefix(u.Name, "refs/tags/") && rng.IntN(2) == 0 {
			u.New = b.tag
		}
		if rng.IntN(3) == 0 {
			u.New = zero
			if rng.IntN(3) == 0 {
				u.Old = zero
			}
		}
		if rng.IntN(10) == 0 {
			u.Old = b.commits[rng.IntN(4)]
		}
		if u.Old == "" {
			u.Old = zero
		}
		out = append(out, u)
	}
	return out
}

// Random transactions, on the same state of two repositories, end as real git's
// do: with the same refusal in the same words, or with the same refs.
func TestTx_likeGit(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 7))
			ours, theirs := newBare(t, object.SHA1), newBare(t, object.SHA1)
			steps := 80
			if testing.Short() {
				steps = 40
			}
			for i := range steps {
				now := map[string]object.ID{}
				s, err := ours.db.Snapshot(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range s.All() {
					now[r.Name] = r.ID
				}
				set := randomSet(rng, ours, now, object.SHA1.Zero())
				err = ours.run(t, set, "")
				out, gitErr := theirs.update(t, lines(set))
				what := fmt.Sprintf("step %d:\n%s", i, lines(set))
				if (err == nil) != (gitErr == nil) {
					t.Fatalf("%sours: %v\ngit: %v %s", what, err, gitErr, out)
				}
				if err != nil {
					checkWords(t, what, err, out)
				}
				if a, b := ours.want(t), theirs.want(t); a != b {
					t.Fatalf("%sours:\n%s\ngit:\n%s", what, a, b)
				}
				ours.same(t, what)
				if strings.Contains(ours.tree(t), ".lock") {
					t.Fatalf("%slocks: %s", what, ours.tree(t))
				}
				if rng.IntN(8) == 0 {
					for _, b := range []*bare{ours, theirs} {
						b.git(t, "pack-refs", "--all", "--prune")
					}
				}
			}
		})
	}
}

// checkWords holds the reason against git's, of which only the order may differ
// in which it looks at several refs.
func checkWords(t *testing.T, what string, err error, out string) {
	t.Helper()
	refused, ok := errors.AsType[*Refused](err)
	if !ok {
		t.Fatalf("%s%v", what, err)
	}
	if git := strings.TrimPrefix(strings.TrimSpace(out), "fatal: "); strings.HasPrefix(git, "cannot lock ref '"+refused.Name+"'") && git != refused.Reason {
		t.Errorf("%sours: %s\ngit:  %s", what, refused.Reason, git)
	}
}

func TestTx_manyNew(t *testing.T) {
	t.Parallel()
	b := newBare(t, object.SHA1)
	b.git(t, "update-ref", "refs/heads/old", string(b.commits[0]))
	b.git(t, "update-ref", "refs/heads/gone", string(b.commits[0]))
	b.git(t, "update-ref", "refs/pull/1/head", string(b.tag))
	b.git(t, "pack-refs", "--all", "--prune")
	zero := object.SHA1.Zero()
	set := []wire.Update{
		{Name: "refs/heads/old", Old: b.commits[0], New: b.commits[1]},
		{Name: "refs/heads/gone", Old: b.commits[0], New: zero},
		{Name: "refs/tags/v1", Old: zero, New: b.tag},
	}
	for i := range 2 * manyNew {
		set = append(set, wire.Update{Name: fmt.Sprintf("refs/heads/n/%d/x", i), Old: zero, New: b.commits[i%4]})
	}
	if err := b.run(t, set, "refs/heads/n/1/x"); err != nil {
		t.Fatal(err)
	}
	b.same(t, "many")
	if got := b.tree(t); got != "refs/heads/old" {
		t.Errorf("files: %s", got)
	}
	if _, err := os.Stat(filepath.Join(b.dir, "refs/heads/n")); err == nil {
		t.Error("the folders of the locks stayed")
	}
	if got := b.git(t, "symbolic-ref", "HEAD"); got != "refs/heads/n/1/x" {
		t.Errorf("HEAD is %s", got)
	}
	if got := b.git(t, "rev-parse", "refs/pull/1/head"); got != string(b.tag) {
		t.Errorf("a hidden ref is %s", got)
	}
}

// A symbolic ref is replaced, and not what it names.
func TestTx_symbolic(t *testing.T) {
	t.Parallel()
	b := newBare(t, object.SHA1)
	b.git(t, "update-ref", "refs/heads/main", string(b.commits[0]))
	b.git(t, "symbolic-ref", "refs/heads/alias", "refs/heads/main")
	zero := object.SHA1.Zero()
	if err := b.run(t, []wire.Update{{Name: "refs/heads/alias", Old: zero, New: b.commits[1]}}, ""); err == nil || !strings.HasSuffix(err.Error(), "reference already exists") {
		t.Errorf("got %v", err)
	}
	if err := b.run(t, []wire.Update{{Name: "refs/heads/alias", Old: b.commits[0], New: b.commits[1]}}, ""); err != nil {
		t.Fatal(err)
	}
	if got := b.git(t, "rev-parse", "main", "alias"); got != string(b.commits[0])+"\n"+string(b.commits[1]) {
		t.Errorf("got %s", got)
	}
}

// While somebody holds a lock, nothing moves, and theirs stays.
func TestTx_locked(t *testing.T) {
	t.Parallel()
	zero := object.SHA1.Zero()
	for _, lock := range []string{"HEAD.lock", "refs/heads/main.lock", "packed-refs.lock"} {
		b := newBare(t, object.SHA1)
		b.git(t, "update-ref", "refs/heads/main", string(b.commits[0]))
		b.git(t, "update-ref", "refs/heads/packed", string(b.commits[0]))
		b.git(t, "pack-refs", "--all", "--prune")
		if err := os.WriteFile(filepath.Join(b.dir, lock), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		before := b.want(t)
		err := b.run(t, []wire.Update{
			{Name: "refs/heads/new/x", Old: zero, New: b.commits[1]},
			{Name: "refs/heads/main", Old: b.commits[0], New: b.commits[1]},
			{Name: "refs/heads/packed", Old: b.commits[0], New: zero},
		}, "refs/heads/new/x")
		refused, ok := errors.AsType[*Refused](err)
		if !ok || !refused.Locked {
			t.Errorf("%s: %v", lock, err)
		}
		if after := b.want(t); after != before {
			t.Errorf("%s: moved:\n%s", lock, after)
		}
		if got := strings.ReplaceAll(b.tree(t), b.dir+"/", ""); got != lock {
			t.Errorf("%s: files: %s", lock, got)
		}
	}
}

// Our transactions and git's, on the same refs at the same time: each move is
// made from the value that it names, so that none gets lost.
func TestTx_besideGit(t *testing.T) {
	t.Parallel()
	b := newBare(t, object.SHA1)
	names := []string{"refs/heads/a", "refs/heads/b/c", "refs/heads/b/d"}
	for _, n := range names {
		b.git(t, "update-ref", n, string(b.commits[0]))
	}
	step := map[object.ID]int{}
	for i, id := range b.commits {
		step[id] = i
	}
	rounds := 60
	done := make(chan [3]int, 1)
	go func() { // git, by update-ref and pack-refs
		var made [3]int
		for i := range rounds {
			n := i % 3
			at, _ := gitIn(t, b.dir, nil, "rev-parse", names[n])
			next := b.commits[(step[object.ID(at)]+1)%4]
			if _, err := gitIn(t, b.dir, nil, "update-ref", names[n], string(next), at); err == nil {
				made[n]++
			}
			if i%10 == 5 {
				_, _ = gitIn(t, b.dir, nil, "pack-refs", "--all", "--prune")
			}
		}
		done <- made
	}()
	var ours [3]int
	var theirs [3]int
	for i := 0; ; i++ {
		n := i % 3
		s, err := b.db.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r, ok := s.Get(names[n])
		if !ok {
			t.Fatalf("%s is gone", names[n])
		}
		err = b.run(t, []wire.Update{{Name: r.Name, Old: r.ID, New: b.commits[(step[r.ID]+1)%4]}}, "")
		if err == nil {
			ours[n]++
		} else if _, ok := errors.AsType[*Refused](err); !ok {
			t.Fatal(err)
		}
		select {
		case theirs = <-done:
		default:
			continue
		}
		break
	}
	b.same(t, "all")
	for n, name := range names {
		if got := step[object.ID(b.git(t, "rev-parse", name))]; got != (ours[n]+theirs[n])%4 {
			t.Errorf("%s: at %d after %d and %d moves", name, got, ours[n], theirs[n])
		}
	}
	t.Logf("ours %v, git's %v", ours, theirs)
}

func BenchmarkTx(b *testing.B) {
	r := newBare(b, object.SHA1)
	at := object.SHA1.Zero()
	for i := 0; b.Loop(); i++ {
		next := r.commits[i%4]
		if err := r.run(b, []wire.Update{{Name: "refs/heads/main", Old: at, New: next}}, ""); err != nil {
			b.Fatal(err)
		}
		at = next
	}
}
