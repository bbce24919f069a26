package rest_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// folder is the repository's on the machine.
func (d *desk) folder() string {
	n := int64(d.repo.ID)
	return filepath.Join(d.Core.Git.Dir(), strconv.FormatInt(n/1000, 10), strconv.FormatInt(n, 10)+".git")
}

// load fills the repository with what write says in the language of git fast-import.
func (d *desk) load(t *testing.T, write func(w *bufio.Writer)) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "fast-import", "--quiet", "--done")
	cmd.Dir = d.folder()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(in, 1<<20)
	write(w)
	fmt.Fprint(w, "done\n")
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	_ = in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
}

// commits writes so many empty commits in a row, the first one with a file.
func commits(w *bufio.Writer, n int) {
	for i := range n {
		mark := ""
		if i == 0 {
			mark = "M 644 inline a.txt\ndata 2\na\n"
		}
		fmt.Fprintf(w, "commit refs/heads/main\nmark :%d\ncommitter Ada <ada@example.com> %d +0000\ndata 1\nm\n%s\n", i+1, 1_700_000_000+i, mark)
		if i == 0 {
			fmt.Fprint(w, "reset refs/heads/root\nfrom :1\n\n")
		}
	}
}

// TestBounds_longHistory: a comparison over a long history ends, in an answer or in
// words that say when to come back, and keeps nobody else from theirs.
func TestBounds_longHistory(t *testing.T) {
	t.Parallel()
	n := 10_000
	if os.Getenv("JETON_LONG") != "" {
		n = 1_000_000
	}
	d := newDesk(t)
	d.load(t, func(w *bufio.Writer) { commits(w, n) })
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			began := time.Now()
			a := d.as(t, d.plain, "GET", "/compare/root...main", nil)
			switch {
			case a.StatusCode == 200:
				c := object(t, a)
				if c["ahead_by"] != float64(n-1) || len(c["commits"].([]any)) != 250 {
					t.Errorf("ahead by %v, %d commits", c["ahead_by"], len(c["commits"].([]any)))
				}
			case a.StatusCode != 503 && a.StatusCode != 403 || a.Header.Get("Retry-After") == "":
				t.Errorf("%d %s", a.StatusCode, a.Text)
			}
			if took := time.Since(began); took > 45*time.Second {
				t.Errorf("it took %v", took)
			}
			t.Logf("compare over %d commits: %d after %v", n, a.StatusCode, time.Since(began))
		})
	}
	// Others are served meanwhile.
	bob := d.User(t, "bob")
	d.Share(t, d.repo, bob, 1)
	_, plain := d.Token(t, bob, "bob", "repo")
	if a := d.as(t, plain, "GET", "/contents/a.txt", nil); a.StatusCode != 200 {
		t.Errorf("somebody else: %d %s", a.StatusCode, a.Text)
	}
	all.Wait()
	// The last page of the list is bounded likewise.
	if a := d.as(t, d.plain, "GET", fmt.Sprintf("/commits?per_page=1&page=%d", n), nil); a.StatusCode != 200 && a.StatusCode != 503 {
		t.Errorf("the last page: %d %s", a.StatusCode, a.Text)
	}
	for _, path := range []string{"/commits?author=nobody", "/commits?path=nowhere", "/contributors", "/compare/main...root"} {
		if a := d.as(t, d.plain, "GET", path, nil); a.StatusCode != 200 && a.StatusCode != 503 {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.Text)
		}
	}
	if a := d.as(t, d.plain, "GET", "/compare/root...main", nil, "Accept: application/vnd.github.patch"); a.StatusCode != 200 && a.StatusCode != 503 && a.StatusCode != 406 {
		t.Errorf("as mails: %d", a.StatusCode)
	}
}

// TestBounds_wideAndDeep: a folder of 100,000 files and one that is deeper than any
// path may be.
func TestBounds_wideAndDeep(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	blob, _ := d.git.TryIn(t, "x", "-C", d.folder(), "hash-object", "-w", "--stdin")
	var wide strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&wide, "100644 blob %s\t%06d\n", strings.TrimSpace(blob), i)
	}
	folder, _ := d.git.TryIn(t, wide.String(), "-C", d.folder(), "mktree")
	d.load(t, func(w *bufio.Writer) {
		fmt.Fprint(w, "blob\nmark :1\ndata 1\nx\ncommit refs/heads/main\ncommitter Ada <ada@example.com> 1700000000 +0000\ndata 1\nm\n")
		fmt.Fprintf(w, "M 040000 %s wide\n", strings.TrimSpace(folder))
		fmt.Fprintf(w, "M 644 :1 deep/%sx\n\n", strings.Repeat("d/", 2000))
	})
	if list := d.list(t, "/contents/wide"); len(list) != 1000 {
		t.Errorf("the folder lists %d", len(list))
	}
	tree := d.object(t, 200, "GET", "/git/trees/main?recursive=1", nil)
	if n := len(tree["tree"].([]any)); tree["truncated"] != true || n < 10_000 || n > 100_000 {
		t.Errorf("the tree has %d, truncated %v", n, tree["truncated"])
	}
	d.ask(t, 404, "GET", "/contents/deep/"+strings.Repeat("d/", 2000)+"x", nil)
	d.ask(t, 200, "GET", "/languages", nil)
	// One file more is written all the same, and git finds nothing wrong.
	d.put(t, 201, "wide/more.go", "package wide\n", "More")
	d.put(t, 422, strings.Repeat("d/", 300)+"x", "x", "Too deep")
	if out, code := d.git.In("..").Try(t, "-C", d.folder(), "fsck", "--strict"); code != 0 {
		t.Errorf("git fsck: %s", out)
	}
}

// TestBounds_hugeFile: what is too large for JSON is told of, and downloaded raw.
func TestBounds_hugeFile(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	const size = 3 << 20
	d.load(t, func(w *bufio.Writer) {
		fmt.Fprintf(w, "commit refs/heads/main\ncommitter Ada <ada@example.com> 1700000000 +0000\ndata 1\nm\nM 644 inline big.bin\ndata %d\n%s\nM 644 inline huge.bin\ndata %d\n", size, strings.Repeat("x", size), 101<<20)
		for range 101 {
			fmt.Fprint(w, strings.Repeat("y", 1<<20))
		}
		fmt.Fprint(w, "\n\n")
	})
	f := d.object(t, 200, "GET", "/contents/big.bin", nil)
	if f["encoding"] != "none" || f["content"] != "" || f["size"] != float64(size) {
		t.Errorf("over a megabyte: %v", f["encoding"])
	}
	if raw := d.ask(t, 200, "GET", "/contents/big.bin", nil, "Accept: application/vnd.github.raw"); len(raw.Text) != size || raw.Header.Get("ETag") == "" {
		t.Errorf("raw: %d bytes", len(raw.Text))
	}
	sha := str(t, f, "sha")
	if b := d.object(t, 200, "GET", "/git/blobs/"+sha, nil); b["size"] != float64(size) || len(str(t, b, "content")) < size {
		t.Errorf("the blob: %v", b["size"])
	}
	if a := d.ask(t, 403, "GET", "/contents/huge.bin", nil); !strings.Contains(a.Text, "100 MB") {
		t.Errorf("over 100 MB: %s", a.Text)
	}
	if a := d.ask(t, 200, "GET", "/raw/main/huge.bin", nil); len(a.Text) != 101<<20 {
		t.Errorf("downloaded: %d", len(a.Text))
	}
	// A large file comes in by the API as well, up to the limit.
	d.put(t, 201, "new.bin", strings.Repeat("z", 5<<20), "New")
	if a := d.as(t, d.plain, "PUT", "/contents/x", strings.Repeat("x", 57<<20)); a.StatusCode != 413 {
		t.Errorf("57 MiB: %d", a.StatusCode)
	}
}

// TestBounds_stalled: clients that stop reading hold no place that others need.
func TestBounds_stalled(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.load(t, func(w *bufio.Writer) {
		fmt.Fprintf(w, "commit refs/heads/main\ncommitter Ada <ada@example.com> 1700000000 +0000\ndata 1\nm\nM 644 inline big.bin\ndata %d\n%s\n\n", 40<<20, strings.Repeat("x", 40<<20))
	})
	pem, err := os.ReadFile(d.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	stalled := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true} // a connection for each
	var open []io.Closer
	for range 12 {
		r, err := http.NewRequestWithContext(t.Context(), "GET", d.URL()+d.at("/raw/main/big.bin"), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+d.plain)
		resp, err := stalled.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, resp.Body) // and nobody reads it
	}
	for range 8 {
		d.ask(t, 200, "GET", "/contents", nil)
		d.ask(t, 200, "GET", "/commits", nil)
		d.ask(t, 200, "GET", "/compare/main...main", nil)
	}
	for _, c := range open {
		_ = c.Close()
	}
}

// TestTrees_doubled (N2): a tree of few objects and endless paths is not walked to
// its end when somebody's token may add no workflows.
func TestTrees_doubled(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.put(t, 201, "a.txt", "a\n", "Begin")
	_, narrow := d.Token(t, d.ada, "narrow", "repo")
	tree := object(t, d.as(t, narrow, "POST", "/git/trees", dict{"tree": []dict{}}))
	for range 40 {
		one := func(path string) dict { return dict{"path": path, "mode": "040000", "sha": tree["sha"]} }
		tree = object(t, d.as(t, narrow, "POST", "/git/trees", dict{"tree": []dict{one("a"), one("b")}}))
	}
	begun := time.Now()
	a := d.as(t, narrow, "POST", "/git/trees", dict{"tree": []dict{{"path": ".github/workflows", "mode": "040000", "sha": tree["sha"]}}})
	if took := time.Since(begun); took > 10*time.Second || a.StatusCode < 400 {
		t.Errorf("%d after %v: %.300s", a.StatusCode, took, a.Text)
	}
}
