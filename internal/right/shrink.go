package right

import (
	"cmp"
	"slices"
)

// Deed is an action that a credential was let do, on something public or not.
type Deed struct {
	Action Action
	Public bool // of a repository that everybody may see
}

// unseen returns the permissions that shape an answer which needs none: what a
// list holds, which fields a profile has. Whether they were used can't be seen, so
// that after such an answer they count as read.
func unseen(a Action) []Permission {
	switch a {
	case SiteVisit:
		return nil
	case SelfRead:
		return []Permission{Profile, Emails}
	}
	return []Permission{Metadata, Profile, Emails, Memberships, Members}
}

// Needs is what deeds took of a grant: the levels without which one of them would
// have been refused or answered with less. Nothing is needed for what a
// credential without any scope may do.
func Needs(deeds []Deed, held *Grant) Grant {
	var n Grant
	for _, d := range deeds {
		e := d.Action.entry()
		if e.Level == None {
			for _, p := range unseen(d.Action) {
				n.Private[p] = max(n.Private[p], min(Read, held.Private[p]))
				n.Public[p] = max(n.Public[p], min(Read, held.Public[p]))
			}
			continue
		}
		public := e.OfPublic || e.Subject == OfRepo && d.Public
		if public {
			n.Public[e.Permission] = max(n.Public[e.Permission], e.Level)
		} else {
			n.Private[e.Permission] = max(n.Private[e.Permission], e.Level)
		}
	}
	base := PublicRead()
	for p := range n.Public {
		n.Public[p] = min(n.Public[p], held.Public[p])
		n.Private[p] = min(n.Private[p], held.Private[p])
		if n.Public[p] <= base.Public[p] {
			n.Public[p] = None
		}
	}
	return n
}

// covers reports whether g gives all that n asks for.
func (g *Grant) covers(n *Grant) bool {
	for p := range g.Public {
		if g.Public[p] < n.Public[p] || g.Private[p] < n.Private[p] {
			return false
		}
	}
	return true
}

// Count returns how many permissions g gives beyond what everybody has.
func (g *Grant) Count() int {
	n, base := 0, PublicRead()
	for p := range g.Public {
		if g.Private[p] > None || g.Public[p] > base.Public[p] {
			n++
		}
	}
	return n
}

// Shrink returns scopes within s that give all that was needed and of which none
// can be left out. The wide ones are left out first.
func (s ScopeSet) Shrink(needs Grant) ScopeSet {
	var within []int
	out := ScopeSet(0)
	for i := range scopes {
		if s.Contains(scopes[i].Name) {
			within = append(within, i)
			out |= 1 << i
		}
	}
	slices.SortStableFunc(within, func(a, b int) int { return cmp.Compare(scopes[b].width(), scopes[a].width()) })
	for _, i := range within {
		without := out &^ (1 << i)
		if g := without.Grant(); g.covers(&needs) {
			out = without
		}
	}
	return out.Normal()
}

// width is how much a scope gives in all.
func (s *ScopeInfo) width() int {
	n := 0
	for p := range s.gives.Public {
		n += int(s.gives.Public[p]) + int(s.gives.Private[p])
	}
	return n
}

// Shrink returns the least of f that gives all that was needed.
func (f Fine) Shrink(needs Grant) Fine {
	out := f
	for i := range fines {
		for level := None; level < f[i]; level++ {
			if level != None && !fines[i].Offers(level) {
				continue
			}
			less := out
			less[i] = level
			if l := less.Levels(); l.cover(&needs) {
				out = less
				break
			}
		}
	}
	return out
}

func (l *Levels) cover(n *Grant) bool {
	for p := range l {
		if l[p] < n.Private[p] || l[p] < n.Public[p] {
			return false
		}
	}
	return true
}

// Count returns how many permissions f gives.
func (f Fine) Count() int {
	n := 0
	for _, level := range f {
		if level > None {
			n++
		}
	}
	return n
}

// Within reports whether f gives nothing that o does not.
func (f Fine) Within(o Fine) bool {
	for i := range f {
		if f[i] > o[i] {
			return false
		}
	}
	return true
}

// Meet returns what both f and o give.
func (f Fine) Meet(o Fine) Fine {
	for i := range f {
		f[i] = min(f[i], o[i])
	}
	return f
}
