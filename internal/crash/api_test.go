package crash

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// write changes a file by the API. An error is a connection that broke.
func (h *host) write(t *testing.T, path, content, sha string) (status int, commit, file string, err error) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"message": path, "content": base64.StdEncoding.EncodeToString([]byte(content)), "sha": sha})
	if err != nil {
		t.Fatal(err)
	}
	url := strings.TrimSuffix(strings.Replace(h.url, "/ada/engine", "/api/v3/repos/ada/engine", 1), ".git")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url+"/contents/"+path, strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+h.token)
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		return 0, "", "", err
	}
	defer resp.Body.Close()
	var out struct{ Content, Commit struct{ SHA string } }
	err = json.NewDecoder(resp.Body).Decode(&out)
	return resp.StatusCode, out.Commit.SHA, out.Content.SHA, err
}

// TestKill_api: the server is killed on the way of a file that the API writes. An
// acknowledged one is there, any other as a whole or not at all, with its event.
func TestKill_api(t *testing.T) {
	t.Parallel()
	h, core := newWatched(t)
	random := seeded(t)
	h.start(t)
	if status, _, _, err := h.write(t, "README.md", "# Hello\n", ""); status != 201 || err != nil {
		t.Fatalf("%d, %v", status, err)
	}
	before := h.refs(t)
	var since int64
	h.recorded(t, core, &since)
	total, accepted, completed, kills := 0, 0, 0, 0
	for n := range rounds(6, 200) + 1 {
		at := 1 << 30
		if n > 0 {
			at = 1 + random.IntN(total)
			if n%2 == 0 && accepted > 0 { // more often after the journal holds it
				at = accepted + random.IntN(max(1, total-accepted))
			}
		}
		server := h.cmd.Process
		var shot atomic.Bool
		calls, journal := 0, 0
		tr := h.follow(t, func(c *call) {
			calls++
			if journal == 0 && strings.HasPrefix(c.name, "rename") && strings.Contains(c.to, "/jeton/journal-") {
				journal = calls
			}
			if calls == at {
				shot.Store(true)
				_ = server.Kill()
			}
		})
		status, commit, _, err := h.write(t, fmt.Sprintf("f/%d.txt", n), strings.Repeat("x\n", 1+n*100), "")
		tr.stop()
		h.kill()
		h.start(t)
		now := h.refs(t)
		moved := now["refs/heads/main"] != before["refs/heads/main"]
		switch {
		case n == 0 && (err != nil || status != 201 || journal == 0):
			t.Fatalf("undisturbed: %d, %v, journal at %d", status, err, journal)
		case err == nil && status == 201 && now["refs/heads/main"] != commit:
			t.Errorf("killed at %d: an acknowledged commit is lost", at)
		case err == nil && status != 201 && !shot.Load():
			t.Errorf("%d without a kill", status)
		}
		if n == 0 {
			total, accepted = calls, journal
		}
		if events := h.recorded(t, core, &since); moved != (len(events) == 1) || len(events) > 1 {
			t.Errorf("killed at %d: moved %v, and the log has %v", at, moved, events)
		}
		h.whole(t)
		if shot.Load() {
			kills++
		}
		if moved && err != nil {
			completed++
		}
		if t.Failed() {
			t.FailNow()
		}
		before = now
	}
	t.Logf("%d kills, %d completed from their journal", kills, completed)
}
