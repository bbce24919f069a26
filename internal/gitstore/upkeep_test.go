package gitstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"jeton/internal/gitstore/bare"
	"jeton/internal/gitstore/gittest"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/upkeep"
	"jeton/internal/gitstore/wire"
	"jeton/internal/id"
	"jeton/internal/problem"
)

// pusher makes commits in a folder and publishes them one by one.
type pusher struct {
	r    *Repo
	dir  string
	last object.ID
	n    int
}

func newPusher(t testing.TB, r *Repo) *pusher { return &pusher{r: r, dir: gittest.Work(t, r.bare.Dir)} }

// make commits a change and returns the pack of it.
func (p *pusher) make(t testing.TB) (object.ID, []byte) {
	t.Helper()
	p.n++
	gittest.Write(t, p.dir, fmt.Sprintf("d%d/f%d", p.n%10, p.n), fmt.Sprintf("file %d\n", p.n))
	next := gittest.Commit(t, p.dir, fmt.Sprint(p.n))
	return next, gittest.PackOf(t, p.dir, next, p.last)
}

func (p *pusher) push(ctx context.Context, ref string, old, next object.ID, pack []byte) error {
	if old == "" {
		old = object.ID(strings.Repeat("0", len(next)))
	}
	results, err := publish(ctx, p.r, pack, Publication{Updates: []wire.Update{{Name: ref, Old: old, New: next}}})
	if err == nil && results[0].Reason != "" {
		err = errors.New(results[0].Reason)
	}
	return err
}

// times pushes n commits to main.
func (p *pusher) times(t testing.TB, n int) {
	t.Helper()
	for range n {
		next, pack := p.make(t)
		if err := p.push(t.Context(), "refs/heads/main", p.last, next, pack); err != nil {
			t.Fatal(err)
		}
		p.last = next
	}
}

func maintain(t testing.TB, r *Repo, m upkeep.Wish) upkeep.State {
	t.Helper()
	u, err := r.Maintain(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func verify(t testing.TB, r *Repo) {
	t.Helper()
	if err := r.Verify(t.Context()); err != nil {
		t.Errorf("fsck of %d: %v", r.bare.ID, err)
	}
}

// What makes upkeep pack refs and join packs.
const someLooseRefs, somePacks = 64, 16

// refFiles counts the refs that have a file each.
func refFiles(t testing.TB, r *Repo) (n int) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(r.bare.Dir, "refs"), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// packFiles lists what ends so in the folder of the packs.
func packFiles(t testing.TB, r *Repo, end string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(r.bare.Dir, "objects", "pack", "*"+end))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestMaintain_join(t *testing.T) {
	t.Parallel()
	for _, format := range []object.Format{object.SHA1, object.SHA256} {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			r := testRepo(t, testStore(t), 1, format)
			var measured int64
			r.store.OnMeasured(func(_ context.Context, _ id.Repo, n int64) error { measured = n; return nil })
			if u := maintain(t, r, upkeep.Wish{}); u.Did != "" || u.At.IsZero() {
				t.Errorf("an empty repository: %+v", u)
			}
			p := newPusher(t, r)
			most := 0
			for range 6 {
				p.times(t, 17)
				u := maintain(t, r, upkeep.Wish{})
				most = max(most, u.Packs)
				if u.Did != "joined the packs" || !u.Bitmap || u.Next != "" || u.Packs > 4 {
					t.Errorf("after %d pushes: %+v", p.n, u)
				}
			}
			t.Logf("at most %d packs after %d pushes", most, p.n)
			if size, err := r.Size(); err != nil || size != measured {
				t.Errorf("told the size %d, is %d, %v", measured, size, err)
			}
			if u := maintain(t, r, upkeep.Wish{}); u.Did != "" || u.Failed {
				t.Errorf("with nothing to do: %+v", u)
			}
			if u := maintain(t, r, upkeep.Wish{Full: true}); u.Packs != 1 || !u.Bitmap {
				t.Errorf("repacked: %+v", u)
			}
			verify(t, r)
			if out, err := gittest.Try(t.Context(), r.bare.Dir, nil, "rev-list", "--test-bitmap", "main"); err != nil || !strings.Contains(out, "OK!") {
				t.Errorf("the bitmap: %v, %s", err, out)
			}
			gittest.Git(t, t.TempDir(), "clone", "-q", r.bare.Dir, "copy")
			if u, err := reopen(t, r.store).Repo(1).Upkeep(); err != nil || u.At.IsZero() || !strings.Contains(u.Did, "repacked everything") {
				t.Errorf("another process sees %+v, %v", u, err)
			}
		})
	}
}

func TestMaintain_refs(t *testing.T) {
	t.Parallel()
	r := testRepo(t, testStore(t), 1, object.SHA1)
	p := newPusher(t, r)
	p.times(t, 1)
	var list strings.Builder
	for i := range someLooseRefs {
		fmt.Fprintf(&list, "create refs/heads/b%d %s\n", i, p.last)
	}
	gittest.In(t, r.bare.Dir, strings.NewReader(list.String()), "update-ref", "--stdin")
	before := refMap(t, r)
	maintain(t, r, upkeep.Wish{})
	if n := refFiles(t, r); n != 0 {
		t.Errorf("%d refs have a file each", n)
	}
	if after := refMap(t, r); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("the refs were %v, are %v", before, after)
	}
	p.times(t, 1)
	if err := p.push(t.Context(), "refs/heads/b1", p.last, object.SHA1.Zero(), nil); err == nil {
		t.Error("deleted a branch that stands elsewhere")
	}
}

// TestMaintain_prune: what is out of reach stays for the time of grace from when
// that was first seen, however old its pack is, and is dropped after it.
func TestMaintain_prune(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	s, err := Open(Options{Dir: t.TempDir(), Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	if err != nil {
		t.Fatal(err)
	}
	r := testRepo(t, s, 1, object.SHA1)
	p := newPusher(t, r)
	p.times(t, 2)
	kept := p.last
	secret, pack := p.make(t)
	if err := p.push(t.Context(), "refs/heads/secret", "", secret, pack); err != nil {
		t.Fatal(err)
	}
	has := func() bool {
		_, err := gittest.Try(t.Context(), r.bare.Dir, nil, "cat-file", "-e", string(secret))
		return err == nil
	}
	old := time.Now().Add(-1000 * time.Hour)
	for _, f := range packFiles(t, r, "") {
		if err := os.Chtimes(f, old, old); err != nil {
			t.Fatal(err)
		}
	}
	maintain(t, r, upkeep.Wish{Prune: true})
	if err := p.push(t.Context(), "refs/heads/secret", secret, object.SHA1.Zero(), nil); err != nil {
		t.Fatal(err)
	}
	day := int64(24 * time.Hour)
	for _, step := range []struct {
		ahead int64
		stays bool
	}{{20 * day, true}, {33 * day, true}, {35 * day, false}} {
		ahead.Store(step.ahead)
		maintain(t, r, upkeep.Wish{Prune: true})
		if has() != step.stays {
			t.Errorf("%d days on: there is %v", step.ahead/day, has())
		}
	}
	verify(t, r)
	if got := refMap(t, r)["refs/heads/main"]; got != kept {
		t.Errorf("main is %s", got)
	}
	// A week on, all of it is done unasked.
	gittest.Git(t, p.dir, "reset", "-q", "--hard", string(kept))
	p.last = kept
	p.times(t, 1)
	stamp := s.now()
	for _, f := range packFiles(t, r, ".pack") {
		if err := os.Chtimes(f, stamp, stamp); err != nil {
			t.Fatal(err)
		}
	}
	ahead.Store(43 * day)
	if u := maintain(t, r, upkeep.Wish{}); !strings.Contains(u.Did, "everything") || u.Packs != 1 {
		t.Errorf("after a week: %+v", u)
	}
}

// TestMaintain_samePack: a pack that is pushed again does not count on the one
// of its name that is there, which a repack may be about to remove.
func TestMaintain_samePack(t *testing.T) {
	t.Parallel()
	r := testRepo(t, testStore(t), 1, object.SHA1)
	p := newPusher(t, r)
	next, pack := p.make(t)
	for i := range 3 {
		if err := p.push(t.Context(), fmt.Sprintf("refs/heads/b%d", i), "", next, pack); err != nil {
			t.Fatal(err)
		}
		if got := len(packFiles(t, r, ".pack")); got != i+1 {
			t.Errorf("%d packs after %d pushes", got, i+1)
		}
	}
	if u := maintain(t, r, upkeep.Wish{Full: true}); u.Packs != 1 {
		t.Errorf("%+v", u)
	}
	verify(t, r)
}

func TestMaintain_twice(t *testing.T) {
	t.Parallel()
	r := testRepo(t, testStore(t), 1, object.SHA1)
	other, err := upkeep.Begin(reopen(t, r.store).Repo(1).bare)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Maintain(t.Context(), upkeep.Wish{}); !problem.Is(err, problem.Conflict) {
		t.Errorf("beside another: %v", err)
	}
	other.End(t.Context())
	maintain(t, r, upkeep.Wish{})
	// A new process looks for journals there and must leave these files alone.
	old := time.Now().Add(-time.Hour)
	for _, name := range []string{"upkeep.lock", "upkeep.json"} {
		path := filepath.Join(r.bare.Dir, bare.OwnFolder, name)
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
		if _, err := reopen(t, r.store).Repo(1).Refs(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

// TestMaintain_tidy: what killed processes left goes when it is old.
func TestMaintain_tidy(t *testing.T) {
	t.Parallel()
	r := testRepo(t, testStore(t), 1, object.SHA1)
	newPusher(t, r).times(t, 1)
	files := []string{"objects/pack/tmp_pack_x", "objects/pack/.tmp-1-pack-x.idx", "objects/pack/multi-pack-index.lock",
		"objects/info/commit-graphs/commit-graph-chain.lock", "objects/incoming-x/pack/a", "refs/heads/x.lock", "packed-refs.lock"}
	for _, old := range []bool{false, true} {
		for _, f := range files {
			gittest.Write(t, r.bare.Dir, f, "x")
			if old {
				then := time.Now().Add(-2 * time.Hour)
				for _, path := range []string{f, "objects/incoming-x"} {
					if err := os.Chtimes(filepath.Join(r.bare.Dir, path), then, then); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		maintain(t, r, upkeep.Wish{})
		for _, f := range files {
			// Who holds a lock of maintenance would have kept us out.
			gone := old || strings.HasPrefix(f, "objects/") && strings.HasSuffix(f, ".lock")
			if _, err := os.Stat(filepath.Join(r.bare.Dir, f)); (err == nil) == gone {
				t.Errorf("%s, old %v: %v", f, old, err)
			}
		}
	}
	if u := maintain(t, r, upkeep.Wish{Full: true}); u.Packs != 1 || !u.Bitmap {
		t.Errorf("%+v", u)
	}
}

// TestMaintain_interrupted ends maintenances after more and more time.
func TestMaintain_interrupted(t *testing.T) {
	t.Parallel()
	r := testRepo(t, testStore(t), 1, object.SHA1)
	p := newPusher(t, r)
	for i := range 25 {
		p.times(t, 2)
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*2*time.Millisecond)
		_, err := r.Maintain(ctx, upkeep.Wish{Full: true, Prune: true})
		cancel()
		if err != nil && ctx.Err() == nil {
			t.Fatal(err)
		}
		if _, err := r.Refs(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	verify(t, r)
	if u := maintain(t, r, upkeep.Wish{Full: true}); u.Packs != 1 || !u.Bitmap {
		t.Errorf("%+v", u)
	}
}

// TestMaintain_gather: in a large repository the packs of small pushes are joined
// without a new bitmap, and few of them are left.
func TestMaintain_gather(t *testing.T) {
	t.Parallel()
	r := testRepo(t, testStore(t), 1, object.SHA1)
	p := newPusher(t, r)
	random := make([]byte, 300<<10)
	if _, err := rand.Read(random); err != nil {
		t.Fatal(err)
	}
	gittest.Write(t, p.dir, "large", string(random))
	p.times(t, 1)
	if u := maintain(t, r, upkeep.Wish{}); !u.Bitmap || u.Did != "joined the packs" {
		t.Errorf("the first push: %+v", u)
	}
	index := packFiles(t, r, ".bitmap")
	gathered := 0
	for range 40 {
		p.times(t, 1)
		u := maintain(t, r, upkeep.Wish{})
		if u.Did == "gathered the packs of pushes" {
			gathered++
			if u.Packs > 4 || !u.Bitmap || u.Next != "" {
				t.Errorf("gathered: %+v", u)
			}
		}
	}
	if now := packFiles(t, r, ".bitmap"); gathered < 2 || fmt.Sprint(now) != fmt.Sprint(index) {
		t.Errorf("gathered %d times; the bitmap was %v, is %v", gathered, index, now)
	}
	verify(t, r)
}
