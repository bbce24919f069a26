package carry

import (
	"context"
	"fmt"

	"jeton/internal/db"
	"jeton/internal/foreign"
	"jeton/internal/token"
)

func (b *bringer) tokens(ctx context.Context) error {
	for i := range b.p.World.Tokens {
		if err := b.token(ctx, &b.p.World.Tokens[i]); err != nil {
			return err
		}
	}
	return nil
}

func (b *bringer) token(ctx context.Context, f *foreign.Token) error {
	owner, here := b.accounts[f.Owner]
	note := f.Name
	if note == "" {
		note = fmt.Sprintf("%s token %d", b.p.System.Title(), f.ID)
	}
	name := b.logins[f.Owner] + ": " + note
	switch {
	case !here:
		b.tell(ofToken, b.whose(f.Owner, ": ", note), Skipped, "its owner was not brought over")
		return nil
	case f.Skip != "":
		b.tell(ofToken, name, Skipped, f.Skip)
		return nil
	case !f.ExpiresAt.IsZero() && !f.ExpiresAt.After(b.o.Now()):
		b.tell(ofToken, name, Skipped, "it has ended")
		return nil
	}
	t := b.thing(ofToken, f.CreatedAt, f.ID)
	if _, there, err := b.find(ctx, t); err != nil {
		return err
	} else if there {
		b.tell(ofToken, name, There)
		return nil
	}
	n := token.NewCarried{From: string(b.p.System), Note: note, Scopes: f.Rights.Scopes, Limits: f.Rights.Limits, CreatedAt: f.CreatedAt,
		ExpiresAt: b.p.Until, LastEight: f.LastEight, Scheme: token.Scheme(f.Scheme), Salt: f.Salt, Digest: f.Digest}
	if !f.ExpiresAt.IsZero() && f.ExpiresAt.Before(n.ExpiresAt) {
		n.ExpiresAt = f.ExpiresAt
	}
	if b.p.Dry {
		if err := b.o.Token.CheckCarried(n); err != nil {
			return b.refuse(ctx, ofToken, name, err)
		}
		b.tell(ofToken, name, Made, gives(f))
		return nil
	}
	err := b.make(ctx, t, func(ctx context.Context, tx *db.Tx) (int64, error) {
		made, err := b.o.Token.CarryTx(ctx, tx, b.actor, owner, n)
		return int64(made.ID), err
	})
	if err != nil {
		return b.refuse(ctx, ofToken, name, err)
	}
	b.tell(ofToken, name, Made, gives(f))
	return nil
}

// gives is what a token may do here, in a line.
func gives(f *foreign.Token) string {
	text := f.Rights.Scopes.String()
	for _, l := range f.Rights.Limits {
		text += ", " + l.Words()
	}
	return text
}
