package lfs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
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

	"jeton/internal/largefile"
	"jeton/internal/right"
)

// try sends a request with a token, and does not mind how it ends: a status of
// zero is a connection that broke off.
func (w *world) try(ctx context.Context, method, path, token string, body io.Reader) (int, string) {
	req, err := http.NewRequestWithContext(ctx, method, w.URL()+path, body)
	if err != nil {
		return 0, err.Error()
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/vnd.git-lfs+json")
	resp, err := w.Client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(text)
}

// halves gives its first half, tells so, and waits before the rest.
type halves struct {
	rest  string
	first int
	half  chan<- struct{}
	wait  <-chan struct{}
}

func (h *halves) Read(b []byte) (int, error) {
	if h.first == 0 && h.half != nil {
		close(h.half)
		h.half = nil
		<-h.wait
	}
	if h.rest == "" {
		return 0, io.EOF
	}
	n := len(h.rest)
	if h.first > 0 {
		n = h.first
	}
	n = copy(b, h.rest[:min(n, len(h.rest))])
	h.rest = h.rest[n:]
	h.first = max(0, h.first-n)
	return n, nil
}

// onDisk are the objects whose bytes the server has, and what lies beside them.
func (w *world) onDisk(t *testing.T) (have map[string]bool, other []string) {
	t.Helper()
	have = map[string]bool{}
	root := filepath.Join(w.Config.Data, "lfs")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if _, ok := largefile.ParseOID(d.Name()); ok {
			have[d.Name()] = true
		} else {
			other = append(other, path)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return have, other
}

// TestTogether: large files are sent, fetched and locked while what nobody holds
// is tidied away; then an account that does so is deleted, and then the
// repository, both in the midst of uploads. What was acknowledged is there as long
// as its repository is, what another one holds stays, and nothing else is left.
func TestTogether(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	if s := os.Getenv("JETON_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("JETON_SEED=%d", seed)
	span := 2 * time.Second
	if os.Getenv("JETON_LONG") != "" {
		span = time.Minute
	}
	w := newWorld(t)
	w.Share(t, w.shut, w.eve, right.Write)
	_, eves := w.Token(t, w.eve, "all", "repo")
	const shut, open = "/ada/shut.git/info/lfs/", "/ada/open.git/info/lfs/"

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var (
		work              sync.WaitGroup
		noEve, noShut     atomic.Bool
		mu                sync.Mutex
		acked             []string            // of shut, content; guarded by mu
		kept              = map[string]bool{} // of open, oid; guarded by mu
		sent, got, locked atomic.Int64
		day               sync.RWMutex // no upload takes one
	)
	// may says whether an answer is one that there may be.
	may := func(what, token string, repo string, status int, text string, want int) bool {
		gone := repo == shut && noShut.Load() || token == eves && noEve.Load()
		if status == want {
			return true
		}
		if !gone && ctx.Err() == nil || status >= 500 || status != 0 && status != 401 && status != 403 && status != 404 {
			t.Errorf("%s: %d %.300s", what, status, text)
		}
		return false
	}
	for n, token := range []string{w.token, eves, w.token} {
		random := rand.New(rand.NewPCG(seed, uint64(n)))
		repo := []string{shut, shut, open}[n]
		work.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				// The same few thousand contents for all, so that the same is sent by several at once.
				content := strings.Repeat(fmt.Sprintf("content %d of %d\n", i/2, seed), 1+random.IntN(1000))
				oid := string(largefile.Sum([]byte(content)))
				day.RLock()
				status, text := w.try(ctx, "PUT", repo+"objects/"+oid, token, strings.NewReader(content))
				day.RUnlock()
				if may("upload", token, repo, status, text, 200) {
					sent.Add(1)
					mu.Lock()
					if repo == open {
						kept[oid] = true
					} else {
						acked = append(acked, content)
					}
					mu.Unlock()
				} else if noEve.Load() && token == eves {
					return
				}
				if random.IntN(3) > 0 {
					continue
				}
				status, text = w.try(ctx, "POST", repo+"locks", token, strings.NewReader(fmt.Sprintf(`{"path":"f%d"}`, random.IntN(5))))
				if status == 409 || !may("lock", token, repo, status, text, 201) {
					continue
				}
				locked.Add(1)
				var made struct{ Lock struct{ ID string } }
				if err := json.Unmarshal([]byte(text), &made); err != nil {
					t.Errorf("lock: %s", text)
				}
				if random.IntN(3) > 0 {
					status, text = w.try(ctx, "POST", repo+"locks/"+made.Lock.ID+"/unlock", token, strings.NewReader("{}"))
					may("unlock", token, repo, status, text, 200)
				}
			}
		})
	}
	work.Go(func() { // who fetches
		random := rand.New(rand.NewPCG(seed, 9))
		for ctx.Err() == nil {
			mu.Lock()
			content := ""
			if len(acked) > 0 {
				content = acked[random.IntN(len(acked))]
			}
			mu.Unlock()
			if content == "" {
				continue
			}
			before := noShut.Load()
			status, text := w.try(ctx, "GET", shut+"objects/"+string(largefile.Sum([]byte(content))), w.token, nil)
			switch {
			case status == 200 && text == content:
				got.Add(1)
			case status == 200:
				t.Errorf("another content of %d bytes instead of %d", len(text), len(content))
			case before || noShut.Load() || ctx.Err() != nil:
				may("download", w.token, shut, status, text, 200)
			default:
				t.Errorf("what was acknowledged is not there: %d %.300s", status, text)
			}
		}
	})
	work.Go(func() { // who tidies, as if each time a day had passed
		for {
			day.Lock()
			if ctx.Err() != nil { // who was cut off may go on for a moment
				day.Unlock()
				return
			}
			w.Advance(25 * time.Hour)
			day.Unlock()
			if _, err := w.Core.Files.Tidy(ctx); err != nil && ctx.Err() == nil {
				t.Errorf("tidy: %v", err)
			}
		}
	})
	// midst has an upload of a token that is half there when f runs, and returns
	// how it ended.
	midst := func(token string, f func()) (int, string) {
		content := strings.Repeat(fmt.Sprint("half ", len(token), seed), 40_000)
		day.RLock()
		defer day.RUnlock()
		half, wait := make(chan struct{}), make(chan struct{})
		ended := make(chan string)
		var status int
		go func() {
			var text string
			status, text = w.try(t.Context(), "PUT", shut+"objects/"+string(largefile.Sum([]byte(content))), token, &halves{content, len(content) / 2, half, wait})
			ended <- text
		}()
		<-half
		f()
		close(wait)
		text := <-ended
		return status, text
	}
	<-time.After(span)
	status, text := midst(eves, func() {
		noEve.Store(true)
		if err := w.Lifecycle.DeleteAccount(t.Context(), right.Operator(), w.eve.ID, 0); err != nil {
			t.Error(err)
		}
	})
	if status == 200 || status >= 500 {
		t.Errorf("an upload of a deleted account ended with %d %s", status, text)
	}
	if status, text := w.try(t.Context(), "GET", shut+"locks?limit=100", w.token, nil); status != 200 || strings.Contains(text, `"eve"`) {
		t.Errorf("locks of a deleted account: %d %s", status, text)
	}
	<-time.After(span / 4)
	status, text = midst(w.token, func() {
		noShut.Store(true)
		if err := w.Lifecycle.DeleteRepo(t.Context(), right.Operator(), w.shut.ID); err != nil {
			t.Error(err)
		}
	})
	if status == 200 || status >= 500 {
		t.Errorf("an upload to a deleted repository ended with %d %s", status, text)
	}
	mu.Lock()
	content := acked[0]
	mu.Unlock()
	if status, text := w.try(t.Context(), "GET", shut+"objects/"+string(largefile.Sum([]byte(content))), w.token, nil); status != 404 {
		t.Errorf("an object of a deleted repository: %d %.100q", status, text)
	}
	cancel()
	work.Wait()

	// An upload ends on the server a moment after its client. Then each object is
	// held or noted, and what nobody holds goes.
	known := func(query string) (n int) {
		if err := w.DB.QueryRow(t.Context(), query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for end := time.Now().Add(time.Minute); ; <-time.After(10 * time.Millisecond) {
		have, other := w.onDisk(t)
		all := known(`SELECT COUNT(1) FROM (SELECT oid FROM lfs_objects UNION SELECT oid FROM lfs_loose) AS x`)
		if len(have) <= all && len(other) == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("of %d objects %d are known; beside them %v", len(have), all, other)
		}
	}
	w.Advance(25 * time.Hour)
	if _, err := w.Core.Files.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	have, _ := w.onDisk(t)
	for oid := range kept {
		if !have[oid] {
			t.Errorf("the other repository's object %s is gone", oid)
		}
	}
	if held := known(`SELECT COUNT(DISTINCT oid) FROM lfs_objects`); len(have) != held {
		t.Errorf("there are %d objects, and %d are held", len(have), held)
	}
	if got.Load() == 0 || locked.Load() == 0 {
		t.Errorf("fetched %d times, locked %d times", got.Load(), locked.Load())
	}
	t.Logf("%d uploads, %d downloads, %d locks", sent.Load(), got.Load(), locked.Load())
}
