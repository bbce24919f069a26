package token

import (
	"context"
	"fmt"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/policy"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// part is what of a token is changed, and has to follow the policies.
type part uint8

const (
	wholly  part = iota // it is made
	inTime              // its end
	inScope             // what it may do
)

// endsBy is when a token ends that must, of which nobody says when.
const endsBy = 90 * 24 * time.Hour

// SecretAt is when the secret was made that the token has now.
func (t *Token) SecretAt() time.Time {
	if t.secretAt.IsZero() {
		return t.CreatedAt
	}
	return t.secretAt
}

func (t *Token) issue() right.Issue {
	return right.Issue{Kind: t.Kind.Credential(), Made: t.SecretAt(), Ends: t.ExpiresAt, Scopes: t.Scopes, Fine: t.Permissions}
}

// obey fails if the site's policy, or that of whom the token reaches, is against
// it as it is to be: with problem.Invalid for the field, or problem.Forbidden where
// there is none of its kind.
func (r *Room) obey(ctx context.Context, tx *db.Tx, t *Token, of part) error {
	all, err := r.o.Policies.CurrentIn(ctx, tx)
	if err != nil || all == nil {
		return err
	}
	if err := obeys(all.Site, t, of, "this site"); err != nil {
		return err
	}
	return obeys(all.Of[t.Owner], t, of, "the organization")
}

func obeys(p *right.Policy, t *Token, of part, whose string) error {
	i := t.issue()
	b := right.Within
	switch of {
	case wholly:
		b = p.Refuses(&i)
	case inTime:
		b = p.RefusesEnd(&i)
	case inScope:
		b = p.RefusesGiven(&i)
	}
	switch b {
	case right.BreachKind:
		return noneOf(t.Kind, whose)
	case right.BreachEnd:
		return problem.Field("expires_at", fmt.Sprintf("By the policy of %s a token must have an end", whose))
	case right.BreachLife:
		return problem.Field("expires_at", fmt.Sprintf("By the policy of %s a token lives for %d days at most: choose an end until %s",
			whose, int(p.MaxLife/(24*time.Hour)), p.Latest(i.Made).Format("2 January 2006")))
	case right.BreachScopes:
		return problem.Field("scopes", fmt.Sprintf("By the policy of %s a token has no other scopes than %s", whose, policy.OrNone(p.Scopes.String())))
	case right.BreachFine:
		return problem.Field("permissions", fmt.Sprintf("By the policy of %s a token has no other permissions than %s", whose, policy.OrNone(p.Fine.String())))
	}
	return nil
}

// latest is the last moment at which a secret may end that is made now for what is
// owner's; zero is never.
func latest(all *right.Policies, owner id.Account, now time.Time) time.Time {
	if all == nil {
		return time.Time{}
	}
	out := soonest(all.Site.Latest(now), all.Of[owner].Latest(now))
	if out.IsZero() && (mustEnd(all.Site) || mustEnd(all.Of[owner])) {
		out = now.Add(endsBy)
	}
	return out
}

func mustEnd(p *right.Policy) bool { return p != nil && p.MustEnd }

// ForApps fails with problem.Forbidden where the site's policy allows applications no
// tokens.
func (r *Room) ForApps(ctx context.Context, read db.Reader) error {
	site, err := r.o.Policies.Of(ctx, read, policy.Site)
	if err == nil && site.Without.Has(right.OAuthToken) {
		err = noneOf(OAuth, "this site")
	}
	return err
}

// shrinkTx takes from a token of a program, which is about to be made or to get
// another secret, what the policies do not let it have: whoever asked is no person,
// and knows of what it is given by the answer. It fails with problem.Forbidden where
// there may be none of its kind.
func (r *Room) shrinkTx(ctx context.Context, tx *db.Tx, t *Token) error {
	all, err := r.o.Policies.CurrentIn(ctx, tx)
	if err != nil || all == nil {
		return err
	}
	owner := policy.Site
	if t.Kind.Fine() {
		owner = t.Owner
	}
	for i, p := range []*right.Policy{all.Site, all.Of[owner]} {
		whose := [...]string{"this site", "the organization"}[i]
		switch {
		case p == nil:
		case p.Without.Has(t.Kind.Credential()):
			return noneOf(t.Kind, whose)
		case p.ScopesOnly && !t.Kind.Fine():
			t.Scopes = t.Scopes.Meet(p.Scopes)
		case p.FineOnly && t.Kind.Fine():
			t.Permissions = t.Permissions.Meet(p.Fine)
		}
	}
	i := t.issue()
	if all.Site.RefusesEnd(&i) != right.Within || all.Of[owner].RefusesEnd(&i) != right.Within {
		t.ExpiresAt = latest(all, owner, t.SecretAt())
	}
	return nil
}

// noneOf is the refusal of tokens of a kind that whose policy leaves out.
func noneOf(k Kind, whose string) error {
	if k == OAuth {
		return problem.New(problem.Forbidden, "The policy of "+whose+" allows applications no tokens.", "Ask an administrator of the site.")
	}
	return problem.New(problem.Forbidden, fmt.Sprintf("The policy of %s allows no %s tokens.", whose, k), "Make a token of another kind.")
}
