package crash

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/app"
	"jeton/internal/gitstore"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// files are the plain files below a folder; one that is not there has none.
func files(t *testing.T, dir string) (out []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if err == nil && d.Type().IsRegular() {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return out
}

// lfs sends an object.
func (h *host) lfs(t *testing.T, method, content string) (status int, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	sum := sha256.Sum256([]byte(content))
	body := content
	if method != http.MethodPut {
		body = ""
	}
	req, err := http.NewRequestWithContext(ctx, method, h.url+"/info/lfs/objects/"+hex.EncodeToString(sum[:]), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("ada", h.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

// full fails the test unless err is that the disk is full, in words for a person.
func full(t *testing.T, what string, err error) {
	t.Helper()
	if p := problem.Of(err); p.Kind == problem.Internal || !strings.Contains(p.Public+p.Remedy, "disk is full") {
		t.Errorf("%s: %v", what, err)
	}
}

// TestFull_others: whatever else the server writes, a full disk is told in words
// and leaves nothing half; clones, which need no room, go on; and with room again
// all of it goes through.
func TestFull_others(t *testing.T) {
	t.Parallel()
	if os.Getenv(apartEnv) == "" {
		runApart(t)
		return
	}
	disk := smallDisk(t)
	h := newHost(t, filepath.Join(disk, "data"))
	h.bundles = true
	h.start(t)
	for i := range 20 {
		h.commit(t, fmt.Sprint("file", i%7), random(t, 20_000))
		if i%4 == 0 {
			h.must(t, h.clone, "push", "-q", h.url, "main")
		}
	}
	h.must(t, h.clone, "push", "-q", h.url, "main")
	ctx := t.Context()
	core, err := app.OpenCore(ctx, settings(t, h.data).WithPort(443), app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = core.Close(ctx) })
	bob, err := core.Accounts.Create(ctx, right.Operator(), account.NewAccount{Login: "bob", Email: "bob@example.com", EmailVerified: true})
	if err != nil {
		t.Fatal(err)
	}
	origin, err := core.Repos.ByID(ctx, core.DB, h.id)
	if err != nil {
		t.Fatal(err)
	}
	stores, temporary := core.Git.Dir(), filepath.Join(core.Git.Dir(), "tmp")

	ballast, n := filepath.Join(disk, "ballast"), 0
	clones := t.TempDir()
	works := []struct {
		name  string
		pages int                    // with so many left it goes through
		do    func(i int) error      // its error is that the disk is full
		whole func(i int, err error) // what must be true afterwards
	}{
		{"an upload of a large file", 40, func(i int) error {
			status, text := h.lfs(t, http.MethodPut, strings.Repeat(fmt.Sprintf("large %d\n", i), 10_000))
			switch {
			case status == 200:
				return nil
			case status == 507 || status == 503:
				return problem.New(problem.Unavailable, text, "")
			}
			return fmt.Errorf("%d %s", status, text)
		}, func(i int, err error) {
			status, text := h.lfs(t, http.MethodGet, strings.Repeat(fmt.Sprintf("large %d\n", i), 10_000))
			if err == nil && (status != 200 || len(text) < 80_000) || err != nil && status != 404 {
				t.Errorf("after %v it is there: %d, %d bytes", err, status, len(text))
			}
			if left := files(t, filepath.Join(h.data, "lfs", "tmp")); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		}},
		{"a fork", 60, func(i int) error {
			_, err := core.Lifecycle.ForkRepo(ctx, right.Operator(), origin, repo.NewRepo{Owner: bob.ID, Name: fmt.Sprint("fork", i), Private: true}, gitstore.Fork{}, nil)
			return err
		}, func(i int, err error) {
			if left := files(t, temporary); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
			r, ferr := core.Repos.Find(ctx, core.DB, "bob", fmt.Sprint("fork", i), bob.ID)
			if (err == nil) != (ferr == nil) {
				t.Errorf("after %v it is there: %v", err, ferr)
			}
			if ferr == nil {
				h.must(t, filepath.Join(stores, "0", fmt.Sprintf("%d.git", r.ID)), "fsck", "--strict", "--full")
			}
		}},
		{"a new repository", 60, func(i int) error {
			_, err := core.Lifecycle.CreateRepo(ctx, right.Operator(), repo.NewRepo{Owner: bob.ID, Name: fmt.Sprint("new", i), Private: true})
			return err
		}, func(int, error) {
			if left := files(t, temporary); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		}},
		{"an upkeep", 800, func(int) error {
			_, err := core.Lifecycle.MaintainRepo(ctx, h.id, gitstore.Maintain{Full: true, Prune: true})
			return err
		}, func(int, error) { h.whole(t) }},
	}
	for _, work := range works {
		failed, took := 0, 0
		for left := 0; ; left += max(1, work.pages/20) {
			n++
			fill(t, disk, ballast, left<<12)
			err := work.do(n)
			// Who only reads has no need of the disk.
			dir := filepath.Join(clones, fmt.Sprint(n))
			if out, cerr := h.git(t, h.clone, "clone", "-q", "--bare", h.url, dir); cerr != nil {
				t.Errorf("%s, with %d pages left: a clone fails: %s", work.name, left, out)
			}
			if rerr := os.Remove(ballast); rerr != nil {
				t.Fatal(rerr)
			}
			if err != nil {
				failed++
				full(t, fmt.Sprintf("%s, with %d pages left", work.name, left), err)
			} else {
				took++
			}
			work.whole(n, err)
			if t.Failed() {
				t.FailNow()
			}
			if took == 3 || left > 2*work.pages {
				break
			}
		}
		if failed == 0 || took == 0 {
			t.Errorf("%s: %d times the disk was full, %d times not", work.name, failed, took)
		}
		t.Logf("%s found the disk full %d times", work.name, failed)
	}
	h.whole(t)
	// A bundle that could not be written is none; one that was is whole.
	for _, path := range files(t, filepath.Join(h.data, "cache", "bundles")) {
		if out, err := h.git(t, h.clone, "bundle", "verify", "-q", path); err != nil {
			t.Errorf("a bundle: %s", out)
		}
	}
	h.must(t, h.clone, "push", "-q", h.url, "main:after")
}
