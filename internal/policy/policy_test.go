package policy_test

import (
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"jeton/internal/audit"
	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/id"
	"jeton/internal/policy"
	"jeton/internal/right"
)

func newRoom(t testing.TB, d *db.DB, bus *change.Bus) *policy.Room {
	t.Helper()
	return policy.New(policy.Options{DB: d, Change: bus, Audit: audit.New(audit.Options{DB: d})})
}

// TestSet: what is set is what holds from then on, for whoever asked before, and in
// another process that hears of it.
func TestSet(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		bus, other := change.New(change.Options{DB: d}), change.New(change.Options{DB: d})
		for _, b := range []*change.Bus{bus, other} {
			if err := b.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(b.Close)
		}
		here, elsewhere := newRoom(t, d, bus), newRoom(t, d, other)
		heard := make(chan struct{}, 1)
		other.Subscribe(func(c change.Change) {
			if c.Kind == change.PolicyChanged {
				select {
				case heard <- struct{}{}:
				default:
				}
			}
		})
		holds := func(r *policy.Room, of id.Account) string {
			t.Helper()
			all, err := r.Current(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			p := &right.Policy{}
			switch {
			case all == nil:
			case of == policy.Site && all.Site != nil:
				p = all.Site
			case all.Of[of] != nil:
				p = all.Of[of]
			}
			return policy.Words(p)
		}
		for _, c := range []struct {
			of   id.Account
			p    right.Policy
			want string
		}{
			{policy.Site, right.Policy{MaxLife: 30 * 24 * time.Hour}, "tokens live at most 30 days"},
			{7, right.Policy{Approve: true, Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}, "fine-grained tokens are approved; from 192.0.2.0/24 alone"},
			{7, right.Policy{Without: right.Kinds(right.ClassicToken), ScopesOnly: true}, "no classic tokens; no other scopes than none"},
			{7, right.Policy{}, "nothing"},
			{policy.Site, right.Policy{}, "nothing"},
		} {
			_, _ = holds(here, c.of), holds(elsewhere, c.of)
			if err := here.Set(t.Context(), right.Operator(), c.of, c.p); err != nil {
				t.Fatal(err)
			}
			if got := holds(here, c.of); got != c.want {
				t.Errorf("%d: %q holds, want %q", c.of, got, c.want)
			}
			<-heard
			if got := holds(elsewhere, c.of); got != c.want {
				t.Errorf("%d, in another process: %q holds, want %q", c.of, got, c.want)
			}
		}
	})
}

// TestSet_stored: every policy that can be set is read as it was set.
func TestSet_stored(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	r := newRoom(t, d, change.New(change.Options{DB: d}))
	networks := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("0.0.0.0/0")}
	rapid.Check(t, func(rt *rapid.T) {
		p := right.Policy{MustEnd: rapid.Bool().Draw(rt, "must end"), Approve: rapid.Bool().Draw(rt, "approve"),
			MaxLife: time.Duration(rapid.IntRange(0, policy.MaxDays).Draw(rt, "days")) * 24 * time.Hour, Networks: networks[:rapid.IntRange(0, 3).Draw(rt, "networks")]}
		if len(p.Networks) == 0 {
			p.Networks = nil
		}
		for _, k := range policy.Kinds() {
			if rapid.Bool().Draw(rt, k.Name) {
				p.Without |= right.Kinds(k.Credential)
			}
		}
		if p.ScopesOnly = rapid.Bool().Draw(rt, "scopes only"); p.ScopesOnly {
			p.Scopes = right.ScopeSet(rapid.Uint32Range(0, 1<<len(right.Scopes())-1).Draw(rt, "scopes")).Normal()
		}
		if p.FineOnly = rapid.Bool().Draw(rt, "permissions only"); p.FineOnly {
			p.Fine = right.ParseFine("metadata=read,contents=write")
		}
		if err := r.Set(t.Context(), right.Operator(), 7, p); err != nil {
			rt.Fatal(err)
		}
		got, err := r.Of(t.Context(), d, 7)
		if err != nil || !reflect.DeepEqual(got, p) {
			rt.Fatalf("%v, want %v, %v", fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", p), err)
		}
	})
}
