package gate

import (
	"context"
	"errors"

	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/token"
)

// Source names the token that a short-lived credential was made from, as it was
// then.
type Source struct {
	Account id.Account
	Token   id.Token
	Ending  string // how its secret ended
}

// SourceOf names the token by which the actor came.
func SourceOf(a *right.Actor) Source {
	return Source{Account: a.Account, Token: a.Token, Ending: a.Ending}
}

// IdentifySource turns the token that a short-lived credential was made from
// into an actor, with what the token may do at this moment: what was made from
// a token never outlives it, nor its account, nor its scopes, nor its secret.
// That the credential itself is good and for what it is good is the caller's to
// check. A token that is not good any more is *Refusal.
func (g *Gate) IdentifySource(ctx context.Context, s Source) (right.Actor, error) {
	a, err := g.identifySource(ctx, s)
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		g.refused(ctx, refusal)
	}
	return a, err
}

func (g *Gate) identifySource(ctx context.Context, s Source) (right.Actor, error) {
	t, err := g.o.Tokens.AnyByID(ctx, s.Account, s.Token)
	switch {
	case problem.Is(err, problem.NotFound), err == nil && t.LastEight != s.Ending:
		return right.Actor{}, g.refuse(UnknownToken, Presented{}, token.Token{})
	case err != nil:
		return right.Actor{}, problem.Wrap(err, problem.Unavailable, "The server cannot check credentials at the moment.", "Try again in a minute.")
	case t.Expired(g.o.Now()):
		return right.Actor{}, g.refuse(ExpiredToken, Presented{}, t)
	}
	a, err := g.actorOf(ctx, t.Account)
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		refusal.of = t
	}
	if err != nil {
		return right.Actor{}, err
	}
	a.Kind, a.Token, a.App, a.Note, a.Scopes, a.Until, a.Grant, a.Ending = credential(t.Kind), t.ID, t.App, t.Note, t.Scopes, t.ExpiresAt, t.Grant(), t.LastEight
	if err := g.admit(ctx, &a); err != nil {
		return right.Actor{}, err
	}
	return a, nil
}
