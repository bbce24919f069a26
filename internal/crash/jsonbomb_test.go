package crash

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// counted counts what is read of it.
type counted struct {
	io.Reader
	n atomic.Int64
}

// Read implements io.Reader.
func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n.Add(int64(n))
	return n, err
}

// repeated is a text n times, between a head and an end.
func repeated(head, text, end string, n int) io.Reader {
	pr, pw := io.Pipe()
	go func() {
		_, err := io.WriteString(pw, head)
		many := strings.Repeat(text, 1000)
		for i := 0; i < n && err == nil; i += 1000 {
			_, err = io.WriteString(pw, many)
		}
		if err == nil {
			_, err = io.WriteString(pw, end)
		}
		_ = pw.CloseWithError(err)
	}()
	return pr
}

func zipped(r io.Reader) io.Reader {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	_, _ = io.Copy(z, r)
	_ = z.Close()
	return &b
}

// TestBombs_json: what is small and becomes large, or is large, or lies deep, is
// cut off in words at each door that takes JSON: soon, and in little memory.
func TestBombs_json(t *testing.T) {
	if raceDetector {
		t.Skip("measures time and memory: scripts/test runs it without the race detector")
	}
	t.Parallel()
	h := newHost(t, filepath.Join(t.TempDir(), "data"))
	h.start(t)
	object := `{"oid":"` + strings.Repeat("0a", 32) + `","size":1},`
	bombs := []struct {
		name     string
		encoding string
		body     func() io.Reader
		status   map[string]int // by door; "" for all others
		words    string         // of LFS
	}{
		{"zipped", "gzip", func() io.Reader {
			return zipped(repeated(`{"operation":"upload","objects":[`, object, `{}]}`, 1_000_000))
		}, map[string]int{"": 415, "api": 400}, "must not be packed"},
		{"a million objects", "", func() io.Reader {
			return repeated(`{"operation":"upload","objects":[`, object, `{}]}`, 1_000_000)
		}, map[string]int{"": 413}, "larger than this server takes"},
		{"2,000 objects", "", func() io.Reader {
			return repeated(`{"operation":"upload","objects":[`, object, `{}]}`, 2_000)
		}, nil, ""},
		{"a text of 100 MB", "", func() io.Reader { return repeated(`{"path":"`, "x", `"}`, 100_000_000) }, map[string]int{"": 413}, "larger than this server takes"},
		{"lists 500,000 deep", "", func() io.Reader { return repeated(`{"objects":`, "[", "", 500_000) }, map[string]int{"": 400}, "no JSON"},
		{"objects 80,000 deep", "", func() io.Reader { return repeated(`{"ref":`, `{"a":`, "", 80_000) }, map[string]int{"": 400}, "no JSON"},
		{"40,000 fields of a name", "", func() io.Reader { return repeated("{", `"path":"a",`, `"path":"b"}`, 40_000) }, nil, ""},
	}
	site := strings.TrimSuffix(h.url, "/ada/engine.git")
	for _, door := range []struct{ name, url string }{
		{"batch", h.url + "/info/lfs/objects/batch"}, {"verify", h.url + "/info/lfs/objects/" + strings.Repeat("0a", 32) + "/verify"},
		{"locks", h.url + "/info/lfs/locks"}, {"locks/verify", h.url + "/info/lfs/locks/verify"}, {"unlock", h.url + "/info/lfs/locks/1/unlock"},
		{"api", site + "/api/v3/user/repos"},
	} {
		for _, b := range bombs {
			body := &counted{Reader: b.body()}
			h.peak(t)
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, door.url, body)
			if err != nil {
				t.Fatal(err)
			}
			req.SetBasicAuth("ada", h.token)
			req.Header.Set("Content-Type", "application/vnd.git-lfs+json")
			if b.encoding != "" {
				req.Header.Set("Content-Encoding", b.encoding)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatalf("%s: %s: %v", door.name, b.name, err)
			}
			text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
			_ = resp.Body.Close()
			cancel()
			took, memory := time.Since(start), h.peak(t)
			what := fmt.Sprintf("%s: %s", door.name, b.name)
			t.Logf("%-40s %d %8v %4d MB, %d bytes sent", what, resp.StatusCode, took.Round(time.Millisecond), memory>>20, body.n.Load())
			want, ok := b.status[door.name]
			if !ok {
				want = b.status[""]
			}
			if err != nil || want != 0 && resp.StatusCode != want || resp.StatusCode >= 500 || resp.StatusCode == 200 && strings.Contains(b.name, "objects") && door.name == "batch" {
				t.Errorf("%s: %d %.300s, %v", what, resp.StatusCode, text, err)
			}
			if door.name != "api" && !strings.Contains(string(text), b.words) {
				t.Errorf("%s: %.300s", what, text)
			}
			if took > 5*time.Second || memory > 150<<20 || body.n.Load() > 32<<20 {
				t.Errorf("%s: it took %v, %d MB and %d bytes", what, took, memory>>20, body.n.Load())
			}
		}
	}
	h.commit(t, "README.md", "# Hello\n")
	h.must(t, h.clone, "push", "-q", h.url, "main")
}
