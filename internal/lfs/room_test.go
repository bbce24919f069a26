package lfs_test

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"jeton/internal/config"
	"jeton/internal/largefile"
)

// endless gives zeros, up to a bound, and counts them.
type endless struct{ given, most atomic.Int64 }

// Read implements io.Reader.
func (e *endless) Read(b []byte) (int, error) {
	if e.given.Load() >= e.most.Load() {
		return 0, io.EOF
	}
	clear(b)
	e.given.Add(int64(len(b)))
	return len(b), nil
}

// TestUpload_noRoom: what no quota has room for is not taken to its end first,
// whether a batch was asked for or not: it would fill the disk meanwhile.
func TestUpload_noRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *config.Config) { c.AccountQuota = 300 << 10 })
	oid := string(largefile.Sum([]byte("anything")))
	for name, query := range map[string]string{"announced": "?size=100000000", "not announced": ""} {
		body := &endless{}
		body.most.Store(100_000_000)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, w.URL()+"/ada/shut.git/info/lfs/objects/"+oid+query, body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+w.token)
		resp, err := w.Client.Do(req)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusInsufficientStorage || !strings.Contains(string(text), "storage is full") {
			t.Errorf("%s: %d %s, %v", name, resp.StatusCode, text, err)
		}
		if n := body.given.Load(); n > 40_000_000 {
			t.Errorf("%s: %d bytes were taken", name, n)
		}
	}
	w.upload(t, "shut", "small")
}
