package token

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"jeton/internal/change"
	"jeton/internal/id"
	"jeton/internal/narrow"
	"jeton/internal/right"
	"jeton/internal/secret"
)

// Verified is what is known of a presented token that is good.
type Verified struct {
	Token     id.Token
	Account   id.Account
	Kind      Kind
	App       string // the client id, for OAuth
	Note      string
	Scopes    right.ScopeSet
	Grant     right.Grant
	LastEight string    // of the secret; of the root's, for one that was narrowed
	ExpiresAt time.Time // zero: never
	Carried   string    // the system that made the secret; empty: this one

	// What policies ask about: of the token from which it was narrowed.
	Made, Ends  time.Time
	Permissions right.Fine
	Approved    bool
	Barred      []id.Account

	Node  string   // the number of a narrowed token; empty for others
	Links []string // its chain

	Old    bool // by a secret that a rotation took out, which ends at ExpiresAt
	Closes bool // its use ends the secrets before it: see CloseOld

	whole secret.Value // what was presented, for narrowed ones
}

// Why says what is wrong with a presented credential.
type Why uint8

// The reasons for a refusal.
const (
	Malformed Why = iota // it cannot be a token of this program
	Unknown              // it has the form, but no such token exists
	Expired
	Revoked
	NotUnderstood // it was narrowed by something that this program does not know
	Replaced      // a rotation took the secret out, and its time is over
	Frozen        // a secret was used after its time: nobody knows who holds the new one
)

// Refused is the error for a token that is not good. Unless it is Malformed or
// Unknown it says which token it was: whoever presents it holds its secret.
type Refused struct {
	Why      Why
	Token    Token // of one that was narrowed, the root
	Narrowed bool
	Node     string // of one that was narrowed, when the chain is known to be good
	Top      string // the first node of its chain
	Cause    string // what was not understood

	RotatedAt time.Time // for Replaced
	old       *outgoing // for Replaced, of what was presented itself
}

// Error names the reason, without anything of what was presented.
func (e *Refused) Error() string {
	return [...]string{"malformed token", "unknown token", "expired token", "revoked token", "narrowed token that is not understood",
		"replaced token", "frozen token"}[e.Why]
}

// Verify says whose token plain is. A token that is not good gives *Refused;
// any other error means that nothing could be found out, and nothing may be
// allowed. On a hit it takes no lock for writing and allocates nothing.
func (r *Room) Verify(ctx context.Context, plain secret.Value) (*Verified, error) {
	s := plain.Reveal()
	if narrow.Is(s) {
		return r.verifyNarrowed(ctx, plain)
	}
	if len(s) != Length || !opens(s) {
		if foreignForm(s) {
			return r.verifyForeign(ctx, plain)
		}
		return nil, &Refused{Why: Malformed}
	}
	_, digest := r.o.Keys.Digest(digestLabel, stringBytes(s))
	if v := r.remembered(&digest); v != nil && !(v.Old && r.over(v)) { // of an old one there is more to say
		return r.unlessOver(v)
	}
	// Whatever is remembered was well-formed, so the checksum is looked at only
	// before the database is asked.
	if Parse(plain) != nil {
		return nil, &Refused{Why: Malformed}
	}
	return r.lookUp(ctx, plain, digest)
}

// remembered is what is known of a digest. A process that cannot hear of changes
// must not trust what it remembers.
func (r *Room) remembered(digest *[32]byte) *Verified {
	if !r.o.Change.Fresh() {
		return nil
	}
	return r.cache.get(digest)
}

func (r *Room) unlessOver(v *Verified) (*Verified, error) {
	if r.over(v) {
		return nil, &Refused{Why: Expired, Token: v.named(), Narrowed: v.Node != "", Node: v.Node, Top: narrow.First(v.Links)}
	}
	return v, nil
}

func (r *Room) over(v *Verified) bool {
	return !v.ExpiresAt.IsZero() && !r.o.Now().Before(v.ExpiresAt)
}

func (v *Verified) named() Token {
	return Token{ID: v.Token, Account: v.Account, Kind: v.Kind, App: v.App, Note: v.Note, Scopes: v.Scopes, ExpiresAt: v.ExpiresAt}
}

// lookUp reads the token from the database, by the current server key first.
func (r *Room) lookUp(ctx context.Context, plain secret.Value, digest [32]byte) (*Verified, error) {
	generation := r.cache.generation.Load()
	t, err := byDigest(ctx, r.o.DB, digest)
	if errors.Is(err, sql.ErrNoRows) {
		t, err = r.lookUpOlder(ctx, plain, digest)
	}
	var v *Verified
	switch {
	case errors.Is(err, sql.ErrNoRows):
		v, err = r.lookUpOld(ctx, plain)
	case err != nil:
		return nil, fmt.Errorf("verify token: %w", err)
	default:
		v, err = r.verified(t)
	}
	if err == nil {
		r.cache.put(digest, v, generation)
	}
	return v, err
}

// verified is what a token that is good now may do.
func (r *Room) verified(t Token) (*Verified, error) {
	switch {
	case !t.RevokedAt.IsZero():
		return nil, &Refused{Why: Revoked, Token: t}
	case t.Expired(r.o.Now()):
		return nil, &Refused{Why: Expired, Token: t}
	case !t.FrozenAt.IsZero():
		return nil, &Refused{Why: Frozen, Token: t}
	}
	return &Verified{Closes: t.closesOld, Token: t.ID, Account: t.Account, Kind: t.Kind, App: t.App, Note: t.Note, Scopes: t.Scopes, Grant: t.Grant(), LastEight: t.LastEight, ExpiresAt: t.ExpiresAt,
		Made: t.secretAt, Ends: t.ExpiresAt, Permissions: t.Permissions, Approved: !t.ApprovedAt.IsZero(), Barred: t.Barred, Carried: t.Carried}, nil
}

// lookUpOlder tries the server keys from before the last rotation, and has a
// token that it finds digested anew.
func (r *Room) lookUpOlder(ctx context.Context, plain secret.Value, current [32]byte) (Token, error) {
	sums := r.o.Keys.Digests(digestLabel, stringBytes(plain.Reveal()))
	for _, s := range sums[1:] {
		t, err := byDigest(ctx, r.o.DB, s.Sum)
		if err == nil {
			r.uses.redigest(t.ID, s.Sum, current, sums[0].Key)
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return t, err
		}
	}
	return Token{}, sql.ErrNoRows
}

func (r *Room) changed(c change.Change) {
	switch c.Kind {
	case change.TokenChanged:
		r.foreign.changed()
		r.cache.drop(id.Token(c.Subject))
	case change.All:
		r.foreign.changed()
		r.cache.clear()
	}
}
