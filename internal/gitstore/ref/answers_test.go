package ref

import (
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/pktline"
	"jeton/internal/gitstore/wire"
)

// serve has the real git answer.
func (b *bare) serve(t *testing.T, version string, in []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "transfer.hideRefs=refs/pull", "-c", "transfer.advertiseObjectInfo=true"}, args...)...)
	cmd.Dir, cmd.Stdin = b.dir, bytes.NewReader(in)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "HOME=" + b.dir, "GIT_PROTOCOL=version=" + version}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %v: %v", args, err)
	}
	return out
}

// plain cuts what differs between servers: the capabilities of version 0 and 1,
// except for the symbolic ref, and the head that belongs to HTTP.
func plain(t *testing.T, b []byte) string {
	t.Helper()
	var out strings.Builder
	r := pktline.NewReader(bytes.NewReader(b))
	for {
		kind, payload, err := r.Next()
		if err == io.EOF {
			return out.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		line, caps, _ := strings.Cut(string(payload), "\x00")
		if strings.HasPrefix(line, "# service=") {
			if kind, _, err := r.Next(); kind != pktline.Flush || err != nil {
				t.Fatal("no flush after the service")
			}
			continue
		}
		fmt.Fprintf(&out, "%d %q", kind, strings.TrimSuffix(line, "\n"))
		for _, c := range strings.Fields(caps) {
			if strings.HasPrefix(c, "symref=") || strings.HasPrefix(c, "object-format=") {
				out.WriteString(" " + c)
			}
		}
		out.WriteString("\n")
	}
}

func lsRequest(q *wire.LsRefs, f object.Format) []byte {
	b := pktline.Append(nil, "command=ls-refs\n")
	b = pktline.AppendDelim(pktline.Append(b, "object-format="+string(f)))
	for arg, on := range map[string]bool{"peel": q.Peel, "symrefs": q.Symrefs, "unborn": q.Unborn} {
		if on {
			b = pktline.Append(b, arg+"\n")
		}
	}
	for _, p := range q.Prefixes {
		b = pktline.Append(b, "ref-prefix "+p+"\n")
	}
	return pktline.AppendFlush(b)
}

// Every answer of discovery has the bytes of git's own.
func TestAnswers_likeGit(t *testing.T) {
	t.Parallel()
	prefixes := []string{"HEAD", "H", "refs/", "refs/heads/", "refs/tags/", "refs/heads/b", "refs/heads/b1", "refs/tags/t1", "refs/notes/", "refs/heads/b10", "refs/pull/", "x", "refs/heads/main"}
	for _, format := range []object.Format{object.SHA1, object.SHA256} {
		b := newBare(t, format)
		rng := rand.New(rand.NewPCG(3, 4))
		for round := range 8 {
			if round > 0 {
				b.change(t, rng)
			}
			s, err := b.db.Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for v, name := range []string{"0", "1"} {
				if !s.Empty() { // git 2.39 says nothing then, newer ones what we say
					check(t, "upload-pack v"+name, s.Upload(wire.Version(v), wire.Offer{}), b.serve(t, name, nil, "upload-pack", "--stateless-rpc", "--advertise-refs", "."))
				}
				check(t, "receive-pack v"+name, s.Receive(wire.Version(v)), b.serve(t, name, nil, "receive-pack", "--stateless-rpc", "--advertise-refs", "."))
			}
			for range 6 {
				q := &wire.LsRefs{Peel: rng.IntN(2) == 0, Symrefs: rng.IntN(2) == 0, Unborn: rng.IntN(2) == 0}
				for range rng.IntN(5) {
					q.Prefixes = append(q.Prefixes, prefixes[rng.IntN(len(prefixes))])
				}
				check(t, fmt.Sprintf("%+v", *q), s.LsRefs(q), b.serve(t, "2", lsRequest(q, format), "upload-pack", "--stateless-rpc", "."))
			}
		}
	}
}

// change makes a random state of the refs.
func (b *bare) change(t *testing.T, rng *rand.Rand) {
	t.Helper()
	var in strings.Builder
	for range 30 {
		id := b.commits[rng.IntN(4)]
		kind := []string{"heads/b", "tags/t", "notes/n", "pull/"}[rng.IntN(4)]
		if kind == "tags/t" && rng.IntN(2) == 0 {
			id = b.tag
		}
		name := fmt.Sprintf("refs/%s%d", kind, rng.IntN(200))
		if strings.Contains(in.String(), name+" ") {
			continue
		}
		fmt.Fprintf(&in, "update %s %s\n", name, id)
	}
	if rng.IntN(2) == 0 {
		fmt.Fprintf(&in, "update refs/heads/main %s\n", b.commits[0])
	}
	if out, err := b.update(t, in.String()); err != nil {
		t.Fatal(out)
	}
	if rng.IntN(3) == 0 {
		b.git(t, "pack-refs", "--all", "--prune")
	}
}

func check(t *testing.T, what string, got wire.Body, want []byte) {
	t.Helper()
	if a, b := plain(t, got.Plain), plain(t, want); a != b {
		t.Fatalf("%s: got\n%s\nwant\n%s", what, a, b)
	}
}

func manyRefs(n int) *Snapshot {
	s := &Snapshot{Format: object.SHA1, Head: "refs/heads/main"}
	for i := range n {
		id := object.ID(fmt.Sprintf("%x", sha1.Sum(fmt.Append(nil, i))))
		s.list = append(s.list, Ref{Name: fmt.Sprintf("refs/heads/branch/%06d", i), ID: id})
	}
	s.list = append(s.list, Ref{Name: "refs/heads/main", ID: s.list[0].ID})
	return s
}

func TestAnswers_kept(t *testing.T) {
	t.Parallel()
	s := manyRefs(2000)
	q := &wire.LsRefs{Peel: true, Symrefs: true, Prefixes: []string{"refs/heads/", "HEAD"}}
	one, two := s.LsRefs(q), s.LsRefs(&wire.LsRefs{Peel: true, Symrefs: true, Prefixes: []string{"HEAD", "refs/heads/", "HEAD"}})
	if &one.Plain[0] != &two.Plain[0] || &one.Gzip()[0] != &two.Gzip()[0] {
		t.Error("an equal question was answered afresh")
	}
	z, err := gzip.NewReader(bytes.NewReader(one.Gzip()))
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(z); err != nil || !bytes.Equal(data, one.Plain) {
		t.Errorf("unpacked: %d bytes, %v", len(data), err)
	}
	empty := manyRefs(2000).Weight()
	for i := range 100 {
		s.LsRefs(&wire.LsRefs{Prefixes: []string{"refs/heads/", fmt.Sprint(i)}})
		if again := s.LsRefs(q); &again.Plain[0] != &one.Plain[0] {
			t.Fatal("what is often asked for had to go")
		}
	}
	if n := len(s.kept); n > keepMost {
		t.Errorf("%d answers are kept", n)
	}
	weight := int64(cap(one.Gzip())) // of all that is kept
	for _, k := range s.kept {
		weight += int64(cap(k.plain))
	}
	if got := s.Weight() - empty; got < weight*9/10 || got > weight {
		t.Errorf("what is kept weighs %d, not %d", got, weight)
	}
	if small := s.LsRefs(&wire.LsRefs{Prefixes: []string{"refs/heads/branch/0001"}}); small.Gzip != nil {
		t.Error("a small answer would be compressed")
	}
	// No two questions with different answers have one key.
	a := lsKey(&wire.LsRefs{Prefixes: []string{"a\nb"}})
	if b := lsKey(&wire.LsRefs{Prefixes: []string{"a", "b"}}); a == b {
		t.Error("two questions have one key")
	}
}

// Whatever the prefixes are, what is found by searching is what is found by
// going through all.
func FuzzLsRefs(f *testing.F) {
	f.Add("refs/heads/branch/0000", "refs/heads/branch/00001", "HEAD")
	f.Add("", "refs/tags/", "refs/heads/main")
	f.Add("refs/heads/branch/0", "refs/heads/branch/", "\xff")
	s := manyRefs(300)
	f.Fuzz(func(t *testing.T, a, b, c string) {
		list := []string{a, b, c}
		ad := s.Advertisement()
		spans, n := ad.Spans(&wire.LsRefs{Prefixes: list})
		in := map[int]bool{}
		for _, sp := range spans {
			for i := sp.Lo; i < sp.Hi; i++ {
				if in[i] {
					t.Errorf("%d twice", i)
				}
				in[i] = true
			}
		}
		for i, r := range s.list {
			want := strings.HasPrefix(r.Name, a) || strings.HasPrefix(r.Name, b) || strings.HasPrefix(r.Name, c)
			if in[i] != want {
				t.Errorf("%q for %q: %v", r.Name, list, in[i])
			}
		}
		if len(in) != n {
			t.Errorf("%d are %d", len(in), n)
		}
	})
}

// FuzzParsePacked: whatever stands in packed-refs, what is read is sorted, and
// comes back when it is written.
func FuzzParsePacked(f *testing.F) {
	id := strings.Repeat("1", 40)
	f.Add(packedHead + id + " refs/heads/a\n" + id + " refs/tags/t\n^" + id + "\n" + id + " refs/pull/1\n")
	f.Add(id + " refs/heads/b\n" + id + " refs/heads/a\n" + id + " refs/heads/b\n")
	f.Add("^" + id + "\n# x\n\n " + id)
	f.Fuzz(func(t *testing.T, data string) {
		var p, again packedFile
		p.parse(object.SHA1, data)
		for i, r := range p.all {
			if i > 0 && p.all[i-1].Name >= r.Name || !object.CheckRefName(r.Name) {
				t.Errorf("%q", r.Name)
			}
		}
		file, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = file.Close() }()
		if err := WritePacked(file, p.all); err != nil {
			t.Fatal(err)
		}
		written, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		again.parse(object.SHA1, string(written))
		if fmt.Sprint(again.all) != fmt.Sprint(p.all) || !again.peeled {
			t.Errorf("%v became %v", p.all, again.all)
		}
	})
}

func BenchmarkLsRefs(b *testing.B) {
	all := &wire.LsRefs{Peel: true, Symrefs: true, Prefixes: []string{"refs/heads/", "refs/tags/", "HEAD"}}
	prefix := &wire.LsRefs{Peel: true, Symrefs: true, Prefixes: []string{"main", "refs/main", "refs/tags/main", "refs/heads/main"}}
	for _, n := range []int{10, 50_000} {
		s := manyRefs(n)
		b.Run(fmt.Sprintf("all of %d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.LsRefs(all)
			}
		})
		b.Run(fmt.Sprintf("one prefix in %d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.LsRefs(prefix)
			}
		})
		b.Run(fmt.Sprintf("afresh, all of %d", n), func(b *testing.B) {
			ad := s.Advertisement()
			for b.Loop() {
				spans, _ := ad.Spans(all)
				ad.AppendLsRefs(nil, all, spans)
			}
		})
		b.Run(fmt.Sprintf("gzip, all of %d", n), func(b *testing.B) {
			body := s.LsRefs(all)
			for b.Loop() {
				(&kept{plain: body.Plain}).gzip()
			}
			b.ReportMetric(float64(len((&kept{plain: body.Plain}).gzip()))/float64(len(body.Plain)), "ratio")
		})
	}
}
