package crash

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"jeton/internal/gitstore/pktline"
)

const nobody = "0000000000000000000000000000000000000000"

// peak is the most memory that the server has had, in bytes, since the last
// call.
func (h *host) peak(t *testing.T) int64 {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/", h.cmd.Process.Pid)
	data, err := os.ReadFile(dir + "status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), "VmHWM:")
	rest, _, _ = strings.Cut(rest, "kB")
	kb, err := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	_ = os.WriteFile(dir+"clear_refs", []byte("5"), 0o600)
	return kb << 10
}

// send sends a request of a service, zipped, and returns the answer's begin.
func (h *host) send(t *testing.T, service string, body io.Reader) string {
	t.Helper()
	pr, pw := io.Pipe()
	go func() {
		z, _ := gzip.NewWriterLevel(pw, gzip.BestSpeed)
		_, err := io.Copy(z, body)
		if err == nil {
			err = z.Close()
		}
		_ = pw.CloseWithError(err)
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+"/"+service, pr)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("ada", h.token)
	req.Header.Set("Content-Type", "application/x-"+service+"-request")
	req.Header.Set("Content-Encoding", "gzip")
	req.Header.Set("Git-Protocol", "version=2")
	client := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Second}}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	return fmt.Sprintln(resp.StatusCode, string(out), err)
}

// lines are n pkt-lines of a form.
func lines(n int, form func(i int) string) *bytes.Buffer {
	var b []byte
	for i := range n {
		b = pktline.Append(b, form(i))
	}
	return bytes.NewBuffer(b)
}

// pushing is the request of a push of one ref.
func pushing(id, name string, p *pack) io.Reader {
	head := pktline.AppendFlush(pktline.Append(nil, nobody+" "+id+" "+name+"\x00report-status side-band-64k"))
	return io.MultiReader(bytes.NewReader(head), p.reader())
}

func anyID(i int) string { return fmt.Sprintf("%040x", i+1) }

// asking is a fetch of version 2 with many lines of arguments.
func asking(command string, args *bytes.Buffer) io.Reader {
	b := pktline.Append(nil, "command="+command)
	b = pktline.AppendDelim(pktline.Append(b, "object-format=sha1"))
	return io.MultiReader(bytes.NewReader(b), args, bytes.NewReader(pktline.AppendFlush(nil)))
}

// bomb is a small request that asks for much work.
type bomb struct {
	name    string
	service string
	body    func(t *testing.T) io.Reader
	words   []string // one of which the answer must hold
}

const receive, upload = "git-receive-pack", "git-upload-pack"

var bombs = []bomb{
	{"a million refs", receive, func(*testing.T) io.Reader {
		return lines(1_000_000, func(i int) string { return nobody + " " + anyID(0) + " refs/heads/b" + strconv.Itoa(i) })
	}, []string{"This push moves too many refs at once."}},
	{"a million shallow lines", receive, func(*testing.T) io.Reader {
		return lines(1_000_000, func(i int) string { return "shallow " + anyID(i) })
	}, []string{"too"}},
	{"a million push options", receive, func(*testing.T) io.Reader {
		head := pktline.AppendFlush(pktline.Append(nil, nobody+" "+anyID(0)+" refs/heads/x\x00report-status push-options"))
		return io.MultiReader(bytes.NewReader(head), lines(1_000_000, strconv.Itoa))
	}, []string{"too many push options"}},
	{"a million wants", upload, func(*testing.T) io.Reader {
		return asking("fetch", lines(1_000_000, func(i int) string { return "want " + anyID(i) }))
	}, []string{"too"}},
	{"a million haves", upload, func(*testing.T) io.Reader {
		return asking("fetch", lines(1_000_000, func(i int) string { return "have " + anyID(i) }))
	}, []string{"too"}},
	{"a million prefixes", upload, func(*testing.T) io.Reader {
		return asking("ls-refs", lines(1_000_000, func(i int) string { return "ref-prefix refs/heads/" + strconv.Itoa(i) }))
	}, []string{"refs/heads/main"}}, // as git: too many are as good as none
	{"a file that claims to be huge", receive, func(t *testing.T) io.Reader {
		p := newPack(t)
		p.head(aBlob, 1<<45)
		p.deflate(make([]byte, 1<<20))
		return pushing(anyID(0), "refs/heads/x", p)
	}, []string{"exceeds the maximum size"}},
	{"a file that is more than it claims", receive, func(t *testing.T) io.Reader {
		p := newPack(t)
		p.head(aBlob, 1<<10)
		p.deflate(make([]byte, 256<<20))
		return pushing(anyID(0), "refs/heads/x", p)
	}, []string{"the pack is damaged"}},
	{"a delta that claims a huge result", receive, func(t *testing.T) io.Reader {
		p := newPack(t)
		p.add(aBlob, []byte("base"))
		p.delta(append(append(varint(4), varint(1<<45)...), 0x90, 4))
		return pushing(anyID(0), "refs/heads/x", p)
	}, []string{"exceeds the maximum size"}},
	{"deltas that double", receive, func(t *testing.T) io.Reader {
		p := newPack(t)
		p.add(aBlob, make([]byte, 1<<20))
		for size := 1 << 20; size < 1<<33; size *= 2 {
			p.delta(twice(min(size, 1<<31)))
		}
		return pushing(anyID(0), "refs/heads/x", p)
	}, []string{"exceeds the maximum size", "unpacks to too much"}},
	{"a long chain of deltas", receive, func(t *testing.T) io.Reader {
		p := newPack(t)
		p.add(aBlob, make([]byte, 64))
		for i := range 20_000 {
			p.delta(append(append(varint(64), varint(64)...), 0x90, 60, 4, byte(i), byte(i>>8), 1, 2))
		}
		return pushing(anyID(0), "refs/heads/x", p)
	}, []string{"the pack is damaged"}},
	{"many deltas of one large file", receive, func(t *testing.T) io.Reader {
		p := newPack(t)
		p.add(aBlob, make([]byte, 16<<20))
		base := p.last
		for i := range 20_000 {
			p.last = base
			d := append(append(varint(16<<20), varint(16<<20)...), 0x80|0x70, 0xfc, 0xff, 0xff, 4, byte(i), byte(i>>8), 1, 2)
			p.delta(append(d[:len(d)-5], 4, byte(i), byte(i>>8), 1, 2))
		}
		return pushing(anyID(0), "refs/heads/x", p)
	}, []string{"unpacks to too much", "the pack is damaged"}},
	{"folders 10,000 deep", receive, func(t *testing.T) io.Reader {
		p := newPack(t)
		id := p.add(aTree, tree("100644", "f", p.add(aBlob, []byte("x"))))
		for range 10_000 {
			id = p.add(aTree, tree("40000", "d", id))
		}
		return pushing(p.add(aCommit, commitOf(id, "", "deep\n")), "refs/heads/deep", p)
	}, []string{"ok refs/heads/deep"}},
	{"a tree of ten to the fortieth files", receive, func(t *testing.T) io.Reader {
		p := newPack(t)
		return pushing(p.add(aCommit, commitOf(wide(p), "", "wide\n")), "refs/heads/wide", p)
	}, []string{"ok refs/heads/wide"}},
	{"workflows of that many", receive, func(t *testing.T) io.Reader {
		p := newPack(t)
		id := p.add(aTree, tree("40000", ".github", p.add(aTree, tree("40000", "workflows", wide(p)))))
		return pushing(p.add(aCommit, commitOf(id, "", "flows\n")), "refs/heads/flows", p)
	}, []string{"too many files below"}},
	{"a million files in a folder", receive, func(t *testing.T) io.Reader {
		p := newPack(t)
		blob := p.add(aBlob, []byte("x"))
		var b bytes.Buffer
		for i := range 1_000_000 {
			b.Write(tree("100644", fmt.Sprintf("%07d", i), blob))
		}
		return pushing(p.add(aCommit, commitOf(p.add(aTree, b.Bytes()), "", "many\n")), "refs/heads/folder", p)
	}, []string{"ok refs/heads/folder"}},
	{"folders that name 20 million files", receive, func(t *testing.T) io.Reader {
		p := newPack(t)
		id := [20]byte{0x12}
		var b bytes.Buffer
		top := ""
		for i := range 8 {
			b.Reset()
			for j := range 2_500_000 {
				binary.BigEndian.PutUint32(id[16:], uint32(i<<24|j))
				b.WriteString("100644 ")
				fmt.Fprintf(&b, "%07d", j)
				b.WriteByte(0)
				b.Write(id[:])
			}
			top = p.add(aTree, b.Bytes())
		}
		return pushing(p.add(aCommit, commitOf(top, "", "names\n")), "refs/heads/names", p)
	}, []string{"refers to too many objects"}},
	{"folders of ten million .gitmodules", receive, func(t *testing.T) io.Reader {
		p := newPack(t)
		id := [20]byte{0x13}
		var b bytes.Buffer
		for i := range 4 {
			b.Reset()
			for j := range 2_500_000 {
				binary.BigEndian.PutUint32(id[16:], uint32(i<<24|j))
				b.WriteString("100644 .gitmodules\x00")
				b.Write(id[:])
			}
			p.add(aTree, b.Bytes())
		}
		return pushing(anyID(0), "refs/heads/modules", p)
	}, []string{"refers to too many objects"}},
	{"a message of 120 MB", receive, func(t *testing.T) io.Reader {
		p := newPack(t)
		id := p.add(aTree, tree("100644", "f", p.add(aBlob, []byte("x"))))
		return pushing(p.add(aCommit, commitOf(id, "", strings.Repeat("words and words\n", 120<<20/16))), "refs/heads/words", p)
	}, []string{"a commit or tag of more than"}},
	{"a commit of 100,000 parents", receive, func(t *testing.T) io.Reader {
		p := newPack(t)
		id := p.add(aTree, tree("100644", "f", p.add(aBlob, []byte("x"))))
		var parents strings.Builder
		for i := range 100_000 {
			fmt.Fprintf(&parents, "parent %s\n", p.add(aCommit, commitOf(id, "", strconv.Itoa(i)+"\n")))
		}
		return pushing(p.add(aCommit, commitOf(id, parents.String(), "octopus\n")), "refs/heads/parents", p)
	}, []string{"ok refs/heads/parents"}},
	{"a million tiny files", receive, func(t *testing.T) io.Reader {
		p := newPack(t)
		for i := range 1_000_000 {
			p.add(aBlob, binary.BigEndian.AppendUint32(nil, uint32(i)))
		}
		id := p.add(aTree, tree("100644", "f", p.add(aBlob, []byte("x"))))
		return pushing(p.add(aCommit, commitOf(id, "", "tiny\n")), "refs/heads/tiny", p)
	}, []string{"ok refs/heads/tiny"}},
	{"three million files, it claims", receive, func(t *testing.T) io.Reader {
		p := newPack(t)
		p.add(aBlob, []byte("x"))
		p.n = 3_000_000
		return pushing(anyID(0), "refs/heads/x", p)
	}, []string{"3000000 objects, more than the 2000000"}},
	{"50,000 refs", receive, func(t *testing.T) io.Reader { // as many as somebody may have
		p := newPack(t)
		id := p.add(aCommit, commitOf(p.add(aTree, tree("100644", "f", p.add(aBlob, []byte("x")))), "", "refs\n"))
		caps := "\x00report-status side-band-64k"
		head := lines(50_000, func(i int) string {
			line := nobody + " " + id + " refs/heads/many/" + strconv.Itoa(i) + caps
			caps = ""
			return line
		})
		return io.MultiReader(head, bytes.NewReader(pktline.AppendFlush(nil)), p.reader())
	}, []string{"ok refs/heads/many/49999"}},
	{"tags of tags 10,000 deep", receive, func(t *testing.T) io.Reader {
		p := newPack(t)
		id, kind := p.add(aBlob, []byte("x")), "blob"
		for i := range 10_000 {
			id, kind = p.add(aTag, []byte("object "+id+"\ntype "+kind+"\ntag t"+strconv.Itoa(i)+"\ntagger "+signature+"\nt\n")), "tag"
		}
		return pushing(id, "refs/tags/deep", p)
	}, []string{"a tag leads to too many others"}},
}

// wide is a folder of ten folders of ten folders, forty times.
func wide(p *pack) string {
	id := p.add(aTree, tree("100644", "f", p.add(aBlob, []byte("x"))))
	for range 40 {
		var entries []string
		for i := range 10 {
			entries = append(entries, "40000", "d"+strconv.Itoa(i), id)
		}
		id = p.add(aTree, tree(entries...))
	}
	return id
}

// The server's bounds for one bomb, generously: the race detector and other
// tests may be about.
const (
	bombTime   = 30 * time.Second
	bombMemory = 900 << 20
)

// TestBombs: what is small on the way and large where it arrives is cut off in
// words, or is no harm, and the server neither grows nor hangs.
func TestBombs(t *testing.T) {
	if raceDetector {
		t.Skip("measures time and memory: scripts/test runs it without the race detector")
	}
	t.Parallel()
	h := newHost(t, filepath.Join(t.TempDir(), "data"))
	h.start(t)
	h.commit(t, "README.md", "# Hello\n")
	h.must(t, h.clone, "push", "-q", h.url, "main")
	for _, b := range bombs {
		body := b.body(t)
		h.peak(t)
		start := time.Now()
		out := h.send(t, b.service, body)
		took, memory := time.Since(start), h.peak(t)
		t.Logf("%-40s %8v %4d MB", b.name, took.Round(time.Millisecond), memory>>20)
		cut := func(w string) bool { return strings.Contains(out, w) }
		ok := false
		for _, w := range b.words {
			ok = ok || cut(w)
		}
		if !ok || cut("internal server error") {
			t.Errorf("%s: %.400q", b.name, out)
		}
		if took > bombTime || memory > bombMemory {
			t.Errorf("%s: it took %v and %d MB", b.name, took, memory>>20)
		}
	}
	// What was taken can be looked at and fetched.
	start := time.Now()
	for _, args := range [][]string{{"ls-remote", h.url}, {"fetch", "-q", h.url, "deep"}, {"fetch", "-q", h.url, "wide"}, {"fetch", "-q", h.url, "folder"}} { // "parents" not: git's own walk over so many takes a minute

		h.must(t, h.clone, args...)
		t.Logf("%-40s %8v %4d MB", args[0]+" "+args[len(args)-1], time.Since(start).Round(time.Millisecond), h.peak(t)>>20)
		start = time.Now()
	}
	h.must(t, h.clone, "push", "-q", h.url, "main:after")
}
