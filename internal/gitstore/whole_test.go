package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"jeton/internal/gitstore/gittest"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/pktline"
	"jeton/internal/gitstore/run"
	"jeton/internal/gitstore/wire"
)

// unband takes an answer apart: what is before the pack, the pack, and what was
// said meanwhile.
func unband(t *testing.T, answer []byte) (head string, pack []byte, said string) {
	t.Helper()
	in := bytes.NewReader(answer)
	r := pktline.NewReader(in)
	for n := 0; ; n++ {
		kind, payload, err := r.Next()
		if err != nil {
			t.Fatalf("frame %d: %v", n, err)
		}
		switch {
		case kind == pktline.Flush:
			if in.Len() > 0 {
				t.Errorf("%d bytes after the end", in.Len())
			}
			return head, pack, said
		case kind != pktline.Data:
			t.Fatalf("a frame of kind %d", kind)
		case n == 0:
			head = string(payload)
		case payload[0] == byte(pktline.BandData):
			pack = append(pack, payload[1:]...)
		case payload[0] == byte(pktline.BandProgress):
			said += string(payload[1:])
		default:
			t.Fatalf("a frame that begins with %q", payload[:1])
		}
	}
}

// objectsOf returns what is in a pack.
func objectsOf(t *testing.T, format object.Format, pack []byte) []string {
	t.Helper()
	dir := t.TempDir()
	gittest.Git(t, dir, "init", "-q", "--bare", "--object-format="+string(format), ".")
	gittest.In(t, dir, bytes.NewReader(pack), "index-pack", "--strict", "--stdin")
	all := strings.Fields(gittest.Git(t, dir, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)"))
	slices.Sort(all)
	return all
}

// TestWhole_asGit: the answer to a clone says and holds what git upload-pack's
// does, in each version of the protocol.
func TestWhole_asGit(t *testing.T) {
	t.Parallel()
	for _, format := range []object.Format{object.SHA1, object.SHA256} {
		s := testStore(t)
		r := testRepo(t, s, 1, format)
		dir := gittest.Work(t, r.bare.Dir)
		random := rand.NewChaCha8([32]byte{1})
		for i := range 6 {
			noise := make([]byte, 100_000)
			_, _ = random.Read(noise)
			gittest.Write(t, dir, fmt.Sprint("f", i), fmt.Sprintf("%x", noise))
			gittest.Commit(t, dir, fmt.Sprint(i))
		}
		gittest.Git(t, dir, "tag", "-am", "one", "v1")
		gittest.Git(t, dir, "push", "-q", "--follow-tags", "origin", "main", "main~2:refs/heads/old")
		head := gittest.Git(t, dir, "rev-parse", "HEAD")
		v2 := func(lines ...string) string {
			b := pktline.AppendDelim(pktline.Append(pktline.Append(nil, "command=fetch"), "object-format="+string(format)))
			for _, l := range lines {
				b = pktline.Append(b, l+"\n")
			}
			return string(pktline.AppendFlush(b))
		}
		v0 := func(caps string) string {
			b := pktline.AppendFlush(pktline.Append(nil, "want "+head+" "+caps+"\n"))
			return string(pktline.Append(b, "done\n"))
		}
		for name, c := range map[string]struct {
			version wire.Version
			request string
		}{
			"2, all":          {wire.V2, v2("thin-pack", "include-tag", "ofs-delta", "want "+head, "done")},
			"2, quiet":        {wire.V2, v2("no-progress", "want "+head, "done")},
			"2, not done":     {wire.V2, v2("no-progress", "ofs-delta", "want "+head)},
			"2, an old one":   {wire.V2, v2("no-progress", "include-tag", "want "+gittest.Git(t, dir, "rev-parse", "HEAD~3"), "done")},
			"2, a tag, twice": {wire.V2, v2("want "+gittest.Git(t, dir, "rev-parse", "v1"), "want "+gittest.Git(t, dir, "rev-parse", "v1"), "want "+head, "done")},
			"0":               {wire.V0, v0("multi_ack_detailed no-done side-band-64k thin-pack include-tag ofs-delta")},
			"1":               {wire.V1, v0("side-band-64k no-progress ofs-delta")},
		} {
			var want *wire.Fetch
			if c.version == wire.V2 {
				read, err := wire.ReadV2(strings.NewReader(c.request), format)
				if err != nil {
					t.Fatal(err)
				}
				want = read.Fetch
			} else {
				read, err := wire.ReadV0(strings.NewReader(c.request), format)
				if err != nil {
					t.Fatal(err)
				}
				want = &read
			}
			if !want.Whole(c.version) {
				t.Fatalf("%s: not whole", name)
			}
			var ours, gits bytes.Buffer
			if err := r.UploadPack(t.Context(), Upload{Version: c.version, Want: want, Request: strings.NewReader(c.request), Out: &ours}); err != nil {
				t.Fatal(err)
			}
			if err := r.UploadPack(t.Context(), Upload{Version: c.version, Request: strings.NewReader(c.request), Out: &gits}); err != nil {
				t.Fatal(err)
			}
			ourHead, ourPack, ourText := unband(t, ours.Bytes())
			gitHead, gitPack, gitText := unband(t, gits.Bytes())
			if ourHead != gitHead {
				t.Errorf("%s: begins with %q, git's with %q", name, ourHead, gitHead)
			}
			if last := func(s string) string { return s[strings.LastIndexByte(strings.TrimSpace(s), '\n')+1:] }; last(ourText) != last(gitText) {
				t.Errorf("%s: says %q, git %q", name, ourText, gitText)
			}
			if got, want := objectsOf(t, format, ourPack), objectsOf(t, format, gitPack); !slices.Equal(got, want) {
				t.Errorf("%s: %d objects, git %d", name, len(got), len(want))
			}
		}
	}
}

// TestWhole_not: what git alone answers.
func TestWhole_not(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("1", 40)
	for _, line := range []string{"have " + id, "shallow " + id, "deepen 1", "deepen 2147483647", "filter blob:none", "deepen-since 1", "deepen-not main", "deepen-relative", "wait-for-done"} {
		b := pktline.AppendDelim(pktline.Append(nil, "command=fetch"))
		b = pktline.Append(pktline.Append(pktline.Append(b, line), "want "+id), "done")
		c, err := wire.ReadV2(bytes.NewReader(pktline.AppendFlush(b)), object.SHA1)
		if err != nil || c.Fetch.Whole(wire.V2) {
			t.Errorf("%s: %v", line, err)
		}
	}
	for name, request := range map[string][]byte{
		"no side bands": pktline.Append(pktline.AppendFlush(pktline.Append(nil, "want "+id+" ofs-delta")), "done"),
		"narrow bands":  pktline.Append(pktline.AppendFlush(pktline.Append(nil, "want "+id+" side-band")), "done"),
		"not done":      pktline.AppendFlush(pktline.Append(nil, "want "+id+" side-band-64k")),
		"two flushes":   pktline.Append(pktline.AppendFlush(pktline.AppendFlush(pktline.Append(nil, "want "+id+" side-band-64k"))), "done"),
		"deepen":        pktline.Append(pktline.AppendFlush(pktline.Append(pktline.Append(nil, "want "+id+" side-band-64k"), "deepen 0")), "done"),
	} {
		f, err := wire.ReadV0(bytes.NewReader(request), object.SHA1)
		if err != nil || f.Whole(wire.V0) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWhole_fails: a pack that can't be made is no answer at all, so that it may
// be asked for again.
func TestWhole_fails(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	r := testRepo(t, s, 1, object.SHA1)
	want := &wire.Fetch{Wants: []object.ID{object.ID(strings.Repeat("1", 40))}}
	var out bytes.Buffer
	err := r.UploadPack(t.Context(), Upload{Version: wire.V2, Want: want, Out: &out})
	if _, ok := errors.AsType[*run.Error](err); !ok || !strings.Contains(err.Error(), strings.Repeat("1", 40)) || bytes.Contains(out.Bytes(), []byte("0000")) {
		t.Errorf("%q, %v", out.String(), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.UploadPack(ctx, Upload{Version: wire.V2, Want: want, Out: &out}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
