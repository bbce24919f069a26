package wire

import (
	"strings"
	"testing"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/pktline"
)

const (
	one  = "1111111111111111111111111111111111111111"
	two  = "2222222222222222222222222222222222222222"
	zero = "0000000000000000000000000000000000000000"
)

func frames(lines ...string) string {
	var b []byte
	for _, l := range lines {
		switch l {
		case "flush":
			b = pktline.AppendFlush(b)
		case "delim":
			b = pktline.AppendDelim(b)
		default:
			b = pktline.Append(b, l)
		}
	}
	return string(b)
}

func TestParseVersion(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Version{"": V0, "version=2": V2, "version=1": V1, "version=0:version=2": V2, "version=9": V0, "version=x": V0, "a:version=1:b": V1, "version=-1": V0} {
		if got := ParseVersion(in); got != want {
			t.Errorf("%q: %v", in, got)
		}
	}
}

func TestReadV2_fetch(t *testing.T) {
	t.Parallel()
	c, err := ReadV2(strings.NewReader(frames("command=fetch", "agent=x", "object-format=sha1", "delim",
		"thin-pack", "want "+one+"\n", "have "+two+"\n", "shallow "+two, "deepen 3", "deepen-not refs/heads/x", "filter blob:none", "done\n", "flush")), object.SHA1)
	if err != nil {
		t.Fatal(err)
	}
	f := c.Fetch
	if c.LsRefs != nil || len(f.Wants) != 1 || f.Wants[0] != one || f.Haves != 1 || f.DeepenNot[0] != "refs/heads/x" || f.Filter != "blob:none" || !f.Done {
		t.Errorf("got %+v", f)
	}
}

func TestReadV2_lsRefs(t *testing.T) {
	t.Parallel()
	c, err := ReadV2(strings.NewReader(frames("command=ls-refs\n", "object-format=sha1", "delim", "peel", "symrefs", "unborn", "ref-prefix refs/heads/", "ref-prefix HEAD", "flush")), object.SHA1)
	if err != nil || !c.LsRefs.Peel || len(c.LsRefs.Prefixes) != 2 {
		t.Fatalf("got %+v %v", c, err)
	}
	ad := Advertisement{Format: object.SHA1, Head: "refs/heads/main", Refs: []Ref{
		{Name: "refs/heads/main", ID: one}, {Name: "refs/tags/v1", ID: two, Peeled: one}}}
	got := lsRefs(&ad, c.LsRefs)
	if want := frames(one+" HEAD symref-target:refs/heads/main\n", one+" refs/heads/main\n", "flush"); got != want {
		t.Errorf("got %q", got)
	}
	ad.Refs = nil
	got = lsRefs(&ad, c.LsRefs)
	if want := frames("unborn HEAD symref-target:refs/heads/main\n", "flush"); got != want {
		t.Errorf("got %q", got)
	}
}

func lsRefs(ad *Advertisement, q *LsRefs) string {
	spans, _ := ad.Spans(q)
	return string(ad.AppendLsRefs(nil, q, spans))
}

func TestReadV2_refused(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"empty":          "",
		"no command":     frames("agent=x", "delim", "flush"),
		"two commands":   frames("command=fetch", "command=ls-refs", "flush"),
		"unknown":        frames("command=nothing", "delim", "flush"),
		"capability":     frames("command=fetch", "hello", "flush"),
		"other hash":     frames("command=fetch", "object-format=sha256", "delim", "flush"),
		"bad want":       frames("command=fetch", "delim", "want x", "flush"),
		"upper case":     frames("command=fetch", "delim", "want "+strings.Repeat("A", 40), "flush"),
		"option":         frames("command=fetch", "delim", "--upload-pack=x", "flush"),
		"want-ref":       frames("command=fetch", "delim", "want-ref refs/heads/main", "flush"),
		"no end":         frames("command=fetch", "delim", "want "+one),
		"long filter":    frames("command=fetch", "delim", "filter "+strings.Repeat("x", 2000), "flush"),
		"two filters":    frames("command=fetch", "delim", "filter blob:none", "filter blob:none", "flush"),
		"bad deepen":     frames("command=fetch", "delim", "deepen -1", "flush"),
		"second section": frames("command=fetch", "delim", "delim", "flush"),
	} {
		if _, err := ReadV2(strings.NewReader(in), object.SHA1); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestReadPush(t *testing.T) {
	t.Parallel()
	r := strings.NewReader(frames("shallow "+two, zero+" "+one+" refs/heads/main\x00report-status push-options atomic object-format=sha1", one+" "+zero+" refs/heads/old\n", "flush", "ci.skip", "flush") + "PACKrest")
	p, err := ReadPush(r, object.SHA1, 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Updates) != 2 || p.Updates[1].Name != "refs/heads/old" || !p.Updates[1].Deletes() || p.Updates[0].Deletes() || !p.NeedsPack() ||
		!p.Caps.Has("atomic") || len(p.Options) != 1 || len(p.Shallow) != 1 {
		t.Errorf("got %+v", p)
	}
	if r.Len() != len("PACKrest") {
		t.Errorf("%d bytes are left for the pack", r.Len())
	}
}

func TestAppendReport(t *testing.T) {
	t.Parallel()
	got := string(AppendReport(nil, "", []Result{{Name: "refs/heads/a"}, {Name: "refs/heads/b", Reason: "no\nway"}}))
	if want := frames("unpack ok\n", "ok refs/heads/a\n", "ng refs/heads/b no way\n", "flush"); got != want {
		t.Errorf("got %q", got)
	}
}

func FuzzReadV2(f *testing.F) {
	f.Add(frames("command=fetch", "object-format=sha1", "delim", "want "+one, "have "+two, "done", "flush"))
	f.Add(frames("command=ls-refs", "delim", "peel", "ref-prefix refs/", "flush"))
	f.Add(frames("flush"))
	f.Add("0000")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ReadV2(strings.NewReader(s), object.SHA1)
		if err != nil || c.Fetch == nil {
			return
		}
		for _, id := range c.Fetch.Wants {
			if _, ok := object.SHA1.ParseID(string(id)); !ok {
				t.Errorf("want %q", id)
			}
		}
	})
}

func FuzzReadV0(f *testing.F) {
	f.Add(frames("want "+one+" side-band-64k", "deepen 1", "flush", "have "+two, "done"))
	f.Add(frames("want "+one, "flush", "flush"))
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ReadV0(strings.NewReader(s), object.SHA1)
		if err == nil && len(got.Wants) > 0 && !strings.Contains(s, string(got.Wants[0])) {
			t.Errorf("want %q", got.Wants[0])
		}
	})
}

func FuzzReadPush(f *testing.F) {
	f.Add(frames(zero+" "+one+" refs/heads/main\x00report-status", "flush"))
	f.Add(frames("shallow "+one, one+" "+zero+" x\x00push-options", "flush", "o", "flush"))
	f.Add(frames("push-cert\x00", "flush"))
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ReadPush(strings.NewReader(s), object.SHA1, 10)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, u := range p.Updates {
			if seen[u.Name] || u.Name == "" || strings.Contains(u.Name, "\x00") || len(u.New) != 40 || len(u.Old) != 40 {
				t.Errorf("got %+v", u)
			}
			seen[u.Name] = true
			AppendReport(nil, "x", []Result{{Name: u.Name, Reason: strings.Repeat("y", 2000)}}) // must not panic
		}
	})
}
