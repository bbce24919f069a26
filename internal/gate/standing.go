package gate

import (
	"jeton/internal/policy"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// Standing is a policy that is against a token, wherever that comes from.
type Standing struct {
	Breach right.Breach
	Says   *problem.Error
}

// Governed reports whether there is anything that could be against a token: a policy,
// whose ever, or somebody who shut it out. If not, there are no Standings.
func (s *Subject) Governed() bool {
	return s.Actor.Policies != nil || len(s.Actor.Barred) > 0 || policy.Unreadable(s.ended)
}

// Standings says which policies are against a token: the site's, or else those of
// the organisations among those whose things it could reach. One that can't be read is
// against every token.
func (g *Gate) Standings(s *Subject, of []Resource) []Standing {
	if policy.Unreadable(s.ended) {
		return []Standing{{Says: problem.Of(s.ended)}}
	}
	a := &s.Actor
	if b, _ := a.Against(0); b != right.Within && b != right.BreachNetwork {
		return []Standing{{b, g.outOfPolicy(a, &right.Facts{})}}
	}
	var out []Standing
	for _, r := range of {
		if !r.Org || a.Kind.Fine() && a.Grant.Reach.Owner != r.ID {
			continue
		}
		if b, _ := a.Against(r.ID); b != right.Within && b != right.BreachNetwork {
			out = append(out, Standing{b, g.outOfPolicy(a, &right.Facts{Owner: r.ID, OwnerLogin: r.Login})})
		}
	}
	return out
}
