package githttp_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"jeton/internal/gitstore/pktline"
)

// lsRefs is a version 2 request for the refs under a prefix, or for all.
func lsRefs(prefix string) string {
	b := pktline.AppendDelim(pktline.Append(pktline.Append(nil, "command=ls-refs"), "object-format=sha1"))
	b = pktline.Append(b, "peel\n")
	if prefix != "" {
		b = pktline.Append(b, "ref-prefix "+prefix+"\n")
	}
	return string(pktline.AppendFlush(b))
}

// A large answer of discovery is compressed for who accepts it, a small one
// never; both say how long they are.
func TestDiscovery_compressed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.clone(t, "engine")
	g.Commit(t, "a", "1\n", "One")
	g.Run(t, "push", "-q", "origin", "main")
	var packed strings.Builder
	packed.WriteString("# pack-refs with: peeled fully-peeled sorted \n")
	const n = 2000
	head := g.Run(t, "rev-parse", "HEAD")
	for i := range n {
		fmt.Fprintf(&packed, "%s refs/tags/t%04d\n", head, i)
	}
	w.disk(t, "engine").Write(t, "packed-refs", packed.String())
	auth := basic("ada", w.git.Password)
	for _, service := range []string{"git-upload-pack", "git-receive-pack"} {
		path := "/ada/engine.git/info/refs?service=" + service
		plain := w.Do(t, "GET", path, "", auth, "Accept-Encoding: identity, gzip;q=0")
		if plain.Header.Get("Content-Encoding") != "" || plain.Header.Get("Vary") == "" || strings.Count(plain.Text, "refs/tags/") != n || plain.Header.Get("Content-Length") != strconv.Itoa(len(plain.Text)) {
			t.Errorf("%s, plain: %v, %d bytes", service, plain.Header, len(plain.Text))
		}
		zipped := w.Do(t, "GET", path, "", auth, "Accept-Encoding: deflate, gzip, br")
		if got := unzip(t, zipped.Text); got != plain.Text || zipped.Header.Get("Content-Encoding") != "gzip" || !strings.Contains(strings.Join(zipped.Header.Values("Vary"), ","), "Accept-Encoding") {
			t.Errorf("%s, compressed: %v", service, zipped.Header)
		}
	}
	zip := []string{"Git-Protocol: version=2", "Accept-Encoding: gzip"}
	all := w.post(t, "engine", "git-upload-pack", lsRefs(""), zip...)
	if got := unzip(t, all.Text); strings.Count(got, "refs/tags/") != n || all.Header.Get("Content-Length") != strconv.Itoa(len(all.Text)) {
		t.Errorf("ls-refs: %v", all.Header)
	}
	few := w.post(t, "engine", "git-upload-pack", lsRefs("refs/tags/t000"), zip...)
	if strings.Count(few.Text, "refs/tags/") != 10 || few.Header.Get("Content-Encoding") != "" || few.Header.Get("Content-Length") == "" {
		t.Errorf("ls-refs of few: %v %q", few.Header, few.Text)
	}
	if got := strings.Count(w.terminal(t).Run(t, "ls-remote", w.url("engine")), "\n") + 1; got != n+2 {
		t.Errorf("git lists %d refs", got)
	}
}

func unzip(t *testing.T, s string) string {
	t.Helper()
	z, err := gzip.NewReader(strings.NewReader(s))
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// object-info tells the size of what is reachable. What is not is spoken of as
// what does not exist (J7).
func TestDiscovery_objectInfo(t *testing.T) {
	t.Parallel()
	s := newSecrets(t)
	nothing := strings.Repeat("12", 20)
	b := pktline.AppendDelim(pktline.Append(pktline.Append(nil, "command=object-info"), "object-format=sha1"))
	b = pktline.Append(b, "size\n")
	for _, id := range []string{s.reachBlob, s.blob, s.commit, nothing} {
		b = pktline.Append(b, "oid "+id+"\n")
	}
	got := s.post(t, "engine", "git-upload-pack", string(pktline.AppendFlush(b)), "Git-Protocol: version=2")
	want := pktline.Append(nil, "size")
	want = pktline.Append(want, s.reachBlob+" 8")
	for _, id := range []string{s.blob, s.commit, nothing} {
		want = pktline.Append(want, id+" ")
	}
	if got.StatusCode != 200 || got.Text != string(pktline.AppendFlush(want)) {
		t.Errorf("got %d %q, want %q", got.StatusCode, got.Text, want)
	}
	caps := s.Do(t, "GET", "/ada/engine.git/info/refs?service=git-upload-pack", "", basic("ada", s.git.Password), "Git-Protocol: version=2")
	if !strings.Contains(caps.Text, "object-info\n") || strings.Contains(caps.Text, "bundle-uri") {
		t.Errorf("offered: %q", caps.Text)
	}
}
