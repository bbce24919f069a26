package right

import (
	"slices"

	"jeton/internal/id"
)

// Reach is on what a grant's levels hold: what one owner has, all of it or some
// repositories. Beyond it the grant gives nothing, or what every credential may
// read because it is public.
type Reach struct {
	Owner  id.Account // whose things; an account's own settings belong to it
	All    bool       // all of the owner's repositories, those of the future included
	Repos  []id.Repo  // otherwise these, in ascending order
	Beyond bool       // what is public can be read beyond it
}

// holds reports whether the levels hold for e on what f describes. A nil Reach
// holds everywhere.
func (r *Reach) holds(actor *Actor, e *ActionInfo, f *Facts) bool {
	if r == nil {
		return true
	}
	switch e.Subject {
	case OfRepo:
		if r.Owner != f.Owner {
			return false
		}
		if r.All {
			return true
		}
		_, found := slices.BinarySearch(r.Repos, f.Repo)
		return found
	case OfOrg, OfTeam:
		return r.Owner == f.Owner && (r.All || !e.Permission.ofRepositories())
	case OfSelf:
		return r.Owner == actor.Account && (r.All || !e.Permission.ofRepositories())
	}
	return false
}

// granted is what actor's grant gives for permission p, asked for e, on what f
// describes.
func (a *Actor) granted(e *ActionInfo, p Permission, f *Facts) Level {
	switch {
	case !a.Grant.Limits.cover(e, f):
		return None
	case a.Grant.Reach.holds(a, e, f):
		return a.Grant.Level(p, e.public(f))
	}
	return min(a.Grant.Reach.beyond(e, p, f), a.Grant.Level(p, true))
}

// public reports whether the levels for what is public count for what f describes.
func (e *ActionInfo) public(f *Facts) bool {
	if e.Subject == OfRepo {
		return f.Public
	}
	return e.OfPublic
}

// beyond is what a grant may give at most for p where its levels do not hold.
func (r *Reach) beyond(e *ActionInfo, p Permission, f *Facts) Level {
	if r != nil && r.Beyond && e.Subject == OfRepo && f.Public {
		return publicRead[p]
	}
	return None
}

// OfSelf is what the grant gives for p on the actor's own account.
func (a *Actor) OfSelf(p Permission) Level {
	return a.granted(&ActionInfo{Subject: OfSelf, Permission: p}, p, &Facts{})
}
