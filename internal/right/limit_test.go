package right_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"jeton/internal/right"
)

func TestLimits_refused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "color\nred", "read\nyes", "repo", "repo\n", "repo\nada", "repo\nada/a/b", "network\n10.0.0.0/40", "network\nfe80::1%eth0", "network\n::ffff:10.0.0.0/90",
		"ref\nmain", "ref\nrefs/heads/[", "push-ref\nmain", "path\n/etc", "path\n" + strings.Repeat("a", 201), "uses\n0", "uses\n-1", "uses\n+1", "uses\nmany", "until\nnever",
		"permission\ncontents", "permission\ncontents=admin", "permission\nissues=read", "repo\n" + strings.Repeat("a/b\n", 64) + "a/b", "READ",
	} {
		if l, err := right.NewLimits([]right.Limit{right.ParseLimit(text)}); err == nil {
			t.Errorf("%q was read as %+v", text, l)
		}
	}
	if _, err := right.NewLimits(slices.Repeat([]right.Limit{{Name: right.LimitRead}}, 33)); err == nil {
		t.Error("33 limits were taken")
	}
	if _, err := right.NewLimits(slices.Repeat([]right.Limit{{Name: right.LimitPaths, Values: slices.Repeat([]string{strings.Repeat("a", 199)}, 20)}}, 2)); err == nil {
		t.Error("8,000 bytes were taken")
	}
}

func limits(t *testing.T, texts ...string) *right.Limits {
	t.Helper()
	all := make([]right.Limit, len(texts))
	for i, text := range texts {
		all[i] = right.ParseLimit(text)
		if all[i].String() != text {
			t.Errorf("%q became %q", text, all[i])
		}
	}
	l, err := right.NewLimits(all)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLimits(t *testing.T) {
	t.Parallel()
	l := limits(t, "network\n192.0.2.0/24\n2001:db8::/32\n198.51.100.7", "network\n0.0.0.0/0\n2001:db8:1::/48")
	for address, want := range map[string]bool{"192.0.2.9": true, "::ffff:192.0.2.9": true, "198.51.100.7": true, "198.51.100.8": false, "2001:db8:1::1": true, "2001:db8:2::1": false, "203.0.113.1": false} {
		if got := l.Admit(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
	if l.Admit(netip.Addr{}) {
		t.Error("no address was admitted")
	}
	l = limits(t, "ref\nrefs/heads/**\nrefs/tags/v*", "push-ref\nrefs/heads/ci/*")
	for ref, want := range map[string][2]bool{"refs/heads/main": {true, false}, "refs/heads/ci/a": {true, true}, "refs/heads/CI/a": {true, false}, "refs/tags/v1": {true, false}, "refs/tags/x": {false, false}} {
		if l.SeeRef(ref) != want[0] || l.MoveRef(ref) != want[1] {
			t.Errorf("%s: %v %v", ref, l.SeeRef(ref), l.MoveRef(ref))
		}
	}
	l = limits(t, "path\ndocs/**\nREADME.md", "path\n**/*.md")
	for path, want := range map[string]bool{"docs/a.md": true, "docs/a/b.md": true, "README.md": true, "docs/a.go": false, "a.md": false} {
		if l.ChangePath(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
	l = limits(t, "uses\n5", "uses\n3", "bytes\n100", "until\n2000000000", "until\n1900000000")
	if l.Uses != 3 || l.Bytes != 100 || !l.Until.Equal(time.Unix(1900000000, 0)) {
		t.Errorf("%+v", l)
	}
}

func anyLimits(t *rapid.T) []right.Limit {
	one := rapid.Map(rapid.SampledFrom([]string{
		"read", "repo\nada/a\nada/b", "repo\nada/b", "permission\ncontents=read", "permission\ncontents=write\nadministration=write", "permission\nemails=read",
	}), right.ParseLimit)
	return rapid.SliceOfN(one, 0, 4).Draw(t, "limits")
}

// TestLimits_narrow: a limit takes something away or nothing, never gives.
func TestLimits_narrow(t *testing.T) {
	t.Parallel()
	now := time.Unix(1001, 0)
	rapid.Check(t, func(t *rapid.T) {
		action := rapid.SampledFrom(right.Actions()).Draw(t, "action")
		facts := anyFacts(t)
		facts.OwnerLogin, facts.Name = "Ada", rapid.SampledFrom([]string{"a", "B", "c"}).Draw(t, "name")
		actor := anyActor(t, "actor")
		some := anyLimits(t)
		more := append(slices.Clone(some), anyLimits(t)...)
		check := func(all []right.Limit) right.Decision {
			l, err := right.NewLimits(all)
			if err != nil {
				t.Fatal(err)
			}
			narrow := actor
			narrow.Grant.Limits = l
			return right.Check(&narrow, action, facts, now)
		}
		wide, narrow := check(some), check(more)
		if narrow.Allow && !wide.Allow || narrow.Tell && !wide.Tell {
			t.Fatalf("%s: with %v %+v, with %v %+v", action, some, wide, more, narrow)
		}
	})
}
