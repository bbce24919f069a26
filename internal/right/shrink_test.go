package right

import (
	"testing"

	"pgregory.net/rapid"
)

// TestShrink: whatever a token was let do, the smaller one is let do as well, it is
// within the larger one, and nothing of it can be left out.
func TestShrink(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := ScopeSet(rapid.Uint32Range(0, 1<<len(scopes)-1).Draw(t, "scopes")).Normal()
		held := s.Grant()
		var deeds []Deed
		for _, a := range rapid.SliceOfN(rapid.SampledFrom(Actions()), 0, 6).Draw(t, "actions") {
			d := Deed{Action: a, Public: rapid.Bool().Draw(t, "public")}
			e := a.entry()
			if held.Level(e.Permission, e.OfPublic || e.Subject == OfRepo && d.Public) >= e.Level {
				deeds = append(deeds, d)
			}
		}
		needs := Needs(deeds, &held)
		less := s.Shrink(needs)
		gives := less.Grant()
		for _, d := range deeds {
			e := d.Action.entry()
			if gives.Level(e.Permission, e.OfPublic || e.Subject == OfRepo && d.Public) < e.Level {
				t.Errorf("%v of %v can't %v any more", less, s, d)
			}
		}
		for i := range scopes {
			if less&(1<<i) == 0 {
				continue
			}
			if !s.Contains(scopes[i].Name) {
				t.Errorf("%v has %s, which %v has not", less, scopes[i].Name, s)
			}
			without := less &^ (1 << i)
			if g := without.Grant(); g.covers(&needs) {
				t.Errorf("%v would do without %s", less, scopes[i].Name)
			}
		}
	})
}

// TestFine_Shrink is TestShrink for fine-grained tokens.
func TestFine_Shrink(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var f Fine
		for i := range fines {
			if level := rapid.SampledFrom([]Level{None, Read, Write}).Draw(t, fines[i].Name); level == None || fines[i].Offers(level) {
				f[i] = level
			}
		}
		held := f.Grant(Reach{All: true})
		var deeds []Deed
		for _, a := range rapid.SliceOfN(rapid.SampledFrom(Actions()), 0, 6).Draw(t, "actions") {
			if e := a.entry(); held.Level(e.Permission, false) >= e.Level {
				deeds = append(deeds, Deed{Action: a})
			}
		}
		less := f.Shrink(Needs(deeds, &held))
		if !less.Within(f) {
			t.Errorf("%v is not within %v", less, f)
		}
		gives := less.Grant(Reach{All: true})
		for _, d := range deeds {
			if e := d.Action.entry(); gives.Level(e.Permission, false) < e.Level {
				t.Errorf("%v of %v can't %v any more", less, f, d.Action)
			}
		}
	})
}
