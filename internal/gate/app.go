package gate

import (
	"context"
	"errors"

	"jeton/internal/application"
	"jeton/internal/right"
	"jeton/internal/token"
)

// IdentifyApp is Identify for the few routes on which an application acts for
// itself: by Basic with its client id and secret. Such an actor speaks for no
// account, and right.Check lets it do nothing else. Whatever else was presented
// is what it is everywhere.
func (g *Gate) IdentifyApp(ctx context.Context, p Presented) (right.Actor, error) {
	if k, ok := token.KindOf(p.plain.Reveal()); p.user == "" || !ok || k != token.AppSecret {
		return g.Identify(ctx, p)
	}
	a, err := g.o.Apps.Authenticate(ctx, p.user, p.plain)
	if _, wrong := errors.AsType[*application.Fault](err); wrong {
		refusal := g.refuse(UnknownAppOrWrong, p, token.Token{}).(*Refusal)
		g.refused(ctx, refusal)
		return right.Actor{}, refusal
	}
	if err != nil {
		return right.Actor{}, unasked(err)
	}
	return right.Actor{Kind: right.AppCredential, App: a.ClientID, Note: a.Name}, nil
}
