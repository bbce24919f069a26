package token

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"jeton/internal/id"
	"jeton/internal/narrow"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
)

// narrowedLabel keeps the digests of narrowed tokens, which are in memory alone,
// apart from those of others. They are of the tags: these fill one block of SHA-256.
const narrowedLabel = "narrow/1"

// verifyNarrowed is Verify for a token that its holder narrowed. Once it was seen,
// it costs what another one does, and reading what names it.
func (r *Room) verifyNarrowed(ctx context.Context, plain secret.Value) (*Verified, error) {
	head, ok := narrow.Head(plain.Reveal())
	if !ok {
		return nil, &Refused{Why: Malformed}
	}
	_, digest := r.o.Keys.Digest(narrowedLabel, head[narrow.LookupBytes:])
	// The tag is of the whole chain, yet the rest may be another text.
	if v := r.remembered(&digest); v != nil && v.whole.Reveal() == plain.Reveal() {
		return r.unlessOver(v)
	}
	chain, err := narrow.Parse(plain)
	if err != nil {
		return nil, &Refused{Why: Malformed}
	}
	generation := r.cache.generation.Load()
	t, old, err := r.rootOf(ctx, chain)
	if err != nil {
		return nil, err
	}
	v, err := r.narrowed(ctx, t, chain.Links)
	if err != nil {
		return nil, err
	}
	if old {
		v.Old, v.Closes = true, false
	}
	v.whole = plain
	r.uses.seen(t.ID, stepsOf(chain))
	r.cache.put(digest, v, generation)
	return v, nil
}

// rootOf finds the token that a chain was made from, and makes sure that it was.
// old reports that it was made from a secret that a rotation took out.
func (r *Room) rootOf(ctx context.Context, chain *narrow.Chain) (t Token, old bool, err error) {
	t, sealed, err := byLookup(ctx, r.o.DB, chain.Lookup[:])
	var o outgoing
	if errors.Is(err, sql.ErrNoRows) {
		t, o, err = r.oldByLookup(ctx, chain.Lookup[:])
		t, sealed, old = o.as(t), o.chain, true
	}
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Token{}, false, &Refused{Why: Unknown}
	case err != nil:
		return Token{}, false, fmt.Errorf("verify narrowed token: %w", err)
	case !t.RevokedAt.IsZero():
		return Token{}, false, &Refused{Why: Revoked, Token: t, Narrowed: true} // its key is gone: what the chain says cannot be known
	}
	key, err := r.o.Keys.Open(chainPurpose, sealed, chain.Lookup[:])
	if err != nil {
		return Token{}, false, fmt.Errorf("verify narrowed token: %w", err)
	}
	if !chain.Good(key) {
		return Token{}, false, &Refused{Why: Unknown}
	}
	if old && o.over(r.o.Now()) {
		last := stepsOf(chain)[len(chain.Steps())-1]
		return Token{}, false, &Refused{Why: Replaced, Token: t, Narrowed: true, Node: last.node, Top: last.top, RotatedAt: o.rotatedAt}
	}
	return t, old, nil
}

// narrowed is what the token that links make of t may do now.
func (r *Room) narrowed(ctx context.Context, t Token, links []string) (*Verified, error) {
	steps := stepsOf(&narrow.Chain{Links: links})
	last := steps[len(steps)-1]
	refused := func(why Why, cause string) error {
		return &Refused{Why: why, Token: t, Narrowed: true, Node: last.node, Top: last.top, Cause: cause}
	}
	v, err := r.verified(t)
	if over, ok := errors.AsType[*Refused](err); ok {
		return nil, refused(over.Why, "")
	}
	if err != nil {
		return nil, err
	}
	over, elsewhere, err := ended(ctx, r.o.DB, t.ID, steps)
	switch {
	case err != nil:
		return nil, err
	case over:
		return nil, refused(Revoked, "")
	case elsewhere:
		return nil, refused(NotUnderstood, "its number is another one's")
	}
	all, err := right.NewLimits(append(t.Limits[:len(t.Limits):len(t.Limits)], last.limits...))
	if err != nil {
		return nil, refused(NotUnderstood, err.Error())
	}
	v.Node, v.Links = last.node, links
	v.Grant.Limits = all
	if all != nil {
		if all.Budgets, err = budgets(t.Limits, steps); err != nil {
			return nil, refused(NotUnderstood, err.Error())
		}
		v.ExpiresAt = soonest(v.ExpiresAt, all.Until)
	}
	return r.unlessOver(v)
}

// soonest is the earlier of two ends; zero is never.
func soonest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Source names a token as it was when something short-lived was made from it.
type Source struct {
	Account id.Account
	Token   id.Token
	Ending  string   // how its secret ended
	Links   []string // how it was narrowed; empty when it was not
}

// VerifySource is Verify for what was made from a token: it may do what that token
// may do at this moment, narrowed as it was, and nothing once it is not good any
// more or has another secret.
func (r *Room) VerifySource(ctx context.Context, s Source) (*Verified, error) {
	t, err := byID(ctx, r.o.DB, s.Account, s.Token, anyKind)
	if err == nil && t.LastEight != s.Ending {
		t, err = r.oldByEnding(ctx, t, s.Ending)
	}
	switch {
	case problem.Is(err, problem.NotFound):
		return nil, &Refused{Why: Unknown}
	case err != nil:
		return nil, fmt.Errorf("verify token by its number: %w", err)
	case len(s.Links) == 0:
		return r.verified(t)
	}
	return r.narrowed(ctx, t, s.Links)
}
