package githttp_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jeton/internal/config"
	"jeton/internal/gitstore/pktline"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// span is for how long things go on at once.
func span() time.Duration {
	if os.Getenv("JETON_LONG") != "" {
		return time.Minute
	}
	return 3 * time.Second
}

// seeded is a source of chance that can be had again.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if s := os.Getenv("JETON_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("JETON_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// try sends a request, and does not mind how it ends: a status of zero is a
// connection that broke off.
func (w *world) try(ctx context.Context, method, path, body string, headers ...string) (status int, h http.Header, text string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, w.URL()+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, "", err
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		req.Header.Set(name, value)
	}
	resp, err := w.Client.Do(req)
	if err != nil {
		return 0, nil, "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, string(data), err
}

// offered is the path of the bundle that a repository offers, "" for none.
func (w *world) offered(ctx context.Context, name, auth string) string {
	body := string(pktline.AppendFlush(pktline.Append(pktline.Append(nil, "command=bundle-uri"), "object-format=sha1")))
	_, _, text, err := w.try(ctx, "POST", "/ada/"+name+".git/git-upload-pack", body, auth, "Content-Type: application/x-git-upload-pack-request", "Git-Protocol: version=2")
	_, url, ok := strings.Cut(text, ".uri="+w.URL())
	if err != nil || !ok {
		return ""
	}
	return strings.TrimSuffix(url, "0000")
}

// TestBundle_together: a repository's bundle is renewed while it is taken, whole
// and in parts; the repository is pushed to, renamed, made private and public
// again, and at last deleted in the midst of it. What is taken under one name is
// always the same; nobody gets it who may not have it; and nothing is left.
func TestBundle_together(t *testing.T) {
	t.Parallel()
	random := seeded(t)
	w := newWorld(t, func(c *config.Config) { c.GitBundleSize = 1 })
	row := w.row(t, "engine")
	g := w.clone(t, "engine")
	g.Commit(t, "a", noise(0), "A")
	g.Run(t, "tag", "-am", "one", "v1")
	g.Run(t, "push", "-q", "--follow-tags", "origin", "main")
	eve := w.share(t, "eve", "engine", right.None, "repo")
	adas, eves := basic("ada", w.git.Password), basic("eve", eve.Password)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var (
		work         sync.WaitGroup
		name         atomic.Pointer[string]
		open         atomic.Int64 // odd: eve may read, or may be about to, or may have just been able to
		deleted      atomic.Bool
		taken, parts atomic.Int64
		sums         sync.Map // path's last part to the sum of the bytes
	)
	name.Store(new("engine"))
	// is sees to it that the bytes are those of that name.
	is := func(path, text string) {
		sum := sha256.Sum256([]byte(text))
		if was, ok := sums.LoadOrStore(filepath.Base(path), sum); ok && was != sum {
			t.Errorf("%s is another now", path)
		}
		if !strings.HasPrefix(text, "# v2 git bundle\n") || !strings.Contains(text, "\n\nPACK") {
			t.Errorf("%s is no bundle: %.100q", path, text)
		}
	}
	// Who may take it.
	for range 2 {
		work.Go(func() {
			for ctx.Err() == nil {
				path := w.offered(ctx, *name.Load(), adas)
				if path == "" {
					if deleted.Load() {
						return
					}
					continue
				}
				status, h, text, err := w.try(ctx, "GET", path, "", adas)
				switch {
				case err == nil && status == 200:
					is(path, text)
					taken.Add(1)
				case err == nil && status == 410, deleted.Load(), ctx.Err() != nil:
				default:
					t.Errorf("%s: %d %.200s %v", path, status, text, err)
				}
				if status != 200 || err != nil {
					continue
				}
				half := len(text) / 2
				s, _, rest, err := w.try(ctx, "GET", path, "", adas, fmt.Sprintf("Range: bytes=%d-", half), "If-Range: "+h.Get("ETag"))
				if err == nil && s == http.StatusPartialContent {
					is(path, text[:half]+rest)
					parts.Add(1)
				} else if s != 410 && !deleted.Load() && ctx.Err() == nil {
					t.Errorf("a part of %s: %d %.200s %v", path, s, rest, err)
				}
			}
		})
	}
	// Who may not, but when the repository is public.
	refused := atomic.Int64{}
	work.Go(func() {
		for ctx.Err() == nil {
			before := open.Load()
			path := w.offered(ctx, *name.Load(), adas)
			if path == "" {
				continue
			}
			status, _, text, err := w.try(ctx, "GET", path, "", eves)
			if err == nil && before%2 == 0 && open.Load() == before {
				if status != 404 {
					t.Errorf("eve gets %d %.100q of a private repository", status, text)
				}
				refused.Add(1)
			} else if err == nil && status == 200 {
				is(path, text)
			}
		}
	})
	// Who has it renewed: time passes, refs move, and somebody clones.
	others := rand.New(rand.NewPCG(random.Uint64(), 2))
	pushes := 0
	work.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			w.Advance(2 * time.Hour)
			g.Commit(t, "a", noise(i+1), "Next")
			args := []string{"push", "-q", w.url(*name.Load()), "main"}
			if others.IntN(3) == 0 { // what is in the bundle is taken back
				args = append(args, fmt.Sprintf("+main:refs/tags/w%d", i), ":refs/tags/v1")
			} else {
				args = append(args, "v1")
			}
			if out, code := g.Try(t, args...); code != 0 && !deleted.Load() {
				t.Errorf("push: %s", out)
			}
			pushes++
			dir := fmt.Sprint("copy", i)
			// git begins without a credential where it needs none, and is shut out
			// then when that changes.
			before := open.Load()
			if out, code := w.git.Try(t, "clone", "-q", "--bare", w.url(*name.Load()), dir); code != 0 && (!deleted.Load() && open.Load() == before || strings.Contains(out, "Some")) {
				t.Errorf("clone: %s", out)
			}
		}
	})
	// Who changes the repository itself.
	work.Go(func() {
		now := time.NewTicker(100 * time.Millisecond) // so that there is something between two changes
		defer now.Stop()
		for i := 0; !deleted.Load(); i++ {
			select {
			case <-now.C:
			case <-ctx.Done():
				return
			}
			if random.IntN(2) == 0 {
				next := fmt.Sprint("engine", i)
				if _, err := w.Repos.Rename(ctx, right.Operator(), row.ID, next); err == nil {
					name.Store(&next)
				} else if ctx.Err() == nil && !deleted.Load() {
					t.Errorf("rename: %v", err)
				}
				continue
			}
			now, err := w.Repos.ByID(ctx, w.DB, row.ID)
			if err != nil {
				continue
			}
			private := !now.Private
			if !private {
				open.Add(1)
			}
			if _, err := w.Lifecycle.EditRepo(ctx, right.Operator(), now, repo.Patch{Private: &private}); err != nil {
				if ctx.Err() == nil && !deleted.Load() {
					t.Errorf("visibility: %v", err)
				}
				return
			}
			if private {
				open.Add(1)
			}
		}
	})
	count := func() (kinds int) {
		sums.Range(func(any, any) bool { kinds++; return true })
		return kinds
	}
	<-time.After(span())
	for end := time.Now().Add(time.Minute); taken.Load() < 5 || refused.Load() == 0 || count() < 2; {
		if time.Now().After(end) {
			t.Errorf("%d bundles were taken %d times, and refused %d times", count(), taken.Load(), refused.Load())
			break
		}
		<-time.After(10 * time.Millisecond)
	}
	last := *name.Load()
	path := w.offered(ctx, last, adas)
	deleted.Store(true)
	if err := w.Lifecycle.DeleteRepo(t.Context(), right.Operator(), row.ID); err != nil {
		t.Error(err)
	}
	if path != "" {
		if a := w.Do(t, "GET", path, "", adas); a.StatusCode != 404 {
			t.Errorf("a bundle of a deleted repository: %d %.100q", a.StatusCode, a.Text)
		}
	}
	cancel()
	work.Wait()
	if err := w.Lifecycle.Close(t.Context()); err != nil { // waits for the removal
		t.Fatal(err)
	}
	// The bundle that was being made then ends by itself.
	for end := time.Now().Add(20 * time.Second); ; {
		left, err := os.ReadDir(filepath.Join(w.Config.GitBundles(), fmt.Sprint(row.ID)))
		if os.IsNotExist(err) || err == nil && len(left) == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("bundles of a deleted repository stay: %v, %v", left, err)
		}
	}
	t.Logf("%d bundles were taken %d times and %d times from the middle, refused %d times; %d pushes", count(), taken.Load(), parts.Load(), refused.Load(), pushes)
}
