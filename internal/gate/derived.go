package gate

import (
	"context"
	"errors"

	"jeton/internal/right"
	"jeton/internal/token"
)

// SourceOf names the token by which the actor came, for something short-lived that
// is made from it.
func SourceOf(a *right.Actor) token.Source {
	return token.Source{Account: a.Account, Token: a.Token, Ending: a.Ending, Links: a.Links}
}

// IdentifySource turns the token that a short-lived credential was made from
// into an actor, with what the token may do at this moment: what was made from
// a token never outlives it, nor its account, nor its scopes, nor its secret.
// That the credential itself is good and for what it is good is the caller's to
// check. A token that is not good any more is *Refusal.
func (g *Gate) IdentifySource(ctx context.Context, s token.Source) (right.Actor, error) {
	a, err := g.identifySource(ctx, s)
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		g.refused(ctx, refusal)
	}
	return a, err
}

func (g *Gate) identifySource(ctx context.Context, s token.Source) (right.Actor, error) {
	v, err := g.o.Tokens.VerifySource(ctx, s)
	if refused, ok := errors.AsType[*token.Refused](err); ok {
		return right.Actor{}, g.refuseToken(Presented{}, refused)
	}
	if err != nil {
		return right.Actor{}, unasked(err)
	}
	return g.actorBy(ctx, v)
}
