package application

import (
	"context"
	"errors"
	"time"

	"jeton/internal/db"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/token"
)

// Check returns the token that plain is, if it is a good one that the
// application was given, of an account in good standing. Any other token, those
// of other applications too, is problem.NotFound: what it is is none of the
// asker's business.
func (r *Room) Check(ctx context.Context, clientID string, plain secret.Value) (token.Token, error) {
	t, err := r.given(ctx, clientID, plain)
	if err != nil {
		return token.Token{}, err
	}
	f, err := r.o.Accounts.Facts(ctx, r.o.DB, t.Account)
	if err != nil {
		return token.Token{}, err
	}
	if f.Suspended {
		return token.Token{}, problem.New(problem.NotFound, "Not Found", "")
	}
	return t, nil
}

// given is Check whatever the account's standing: what an application has it may
// always give back.
func (r *Room) given(ctx context.Context, clientID string, plain secret.Value) (token.Token, error) {
	missing := problem.New(problem.NotFound, "Not Found", "")
	v, err := r.o.Tokens.Verify(ctx, plain)
	if _, refused := errors.AsType[*token.Refused](err); refused || err == nil && (v.App != clientID || v.Node != "") {
		return token.Token{}, missing
	}
	if err != nil {
		return token.Token{}, err
	}
	t, err := r.o.Tokens.AnyByID(ctx, v.Account, v.Token)
	if problem.Is(err, problem.NotFound) {
		return token.Token{}, missing
	}
	return t, err
}

// Reset gives a token of the application a new secret; the old one stops.
func (r *Room) Reset(ctx context.Context, actor right.Actor, plain secret.Value) (token.Token, secret.Value, error) {
	t, err := r.Check(ctx, actor.App, plain)
	if err != nil {
		return token.Token{}, secret.Value{}, err
	}
	var fresh secret.Value
	err = r.o.DB.Write(ctx, func(tx *db.Tx) error {
		now, err := r.current(ctx, tx, t)
		if err != nil {
			return err
		}
		until := time.Time{}
		if !now.ExpiresAt.IsZero() {
			until = r.o.Now().Add(TokenLife)
		}
		t, fresh, err = r.o.Tokens.ResetTx(ctx, tx, actor, now, until)
		return err
	})
	return t, fresh, err
}

// Narrow makes another token of the application out of one that it has, for fewer
// repositories and permissions.
func (r *Room) Narrow(ctx context.Context, actor right.Actor, plain secret.Value, n token.NewFine) (token.Token, secret.Value, error) {
	t, err := r.Check(ctx, actor.App, plain)
	if err != nil {
		return token.Token{}, secret.Value{}, err
	}
	var fresh secret.Value
	err = r.o.DB.Write(ctx, func(tx *db.Tx) error {
		now, err := r.current(ctx, tx, t)
		if err != nil {
			return err
		}
		t, fresh, err = r.o.Tokens.NarrowTx(ctx, tx, actor, now, n)
		return err
	})
	return t, fresh, err
}

// current reads t again. It may have ended, or have another secret, since it was
// checked.
func (r *Room) current(ctx context.Context, tx *db.Tx, t token.Token) (token.Token, error) {
	now, live, err := r.o.Tokens.LiveTx(ctx, tx, t.Account, t.ID)
	if err == nil && (!live || now.LastEight != t.LastEight) {
		err = problem.New(problem.NotFound, "Not Found", "")
	}
	return now, err
}

// End ends a token of the application.
func (r *Room) End(ctx context.Context, actor right.Actor, plain secret.Value) error {
	t, err := r.given(ctx, actor.App, plain)
	if err != nil {
		return err
	}
	return r.o.DB.Write(ctx, func(tx *db.Tx) error {
		return r.o.Tokens.RevokeTx(ctx, tx, actor, t.Account, t.ID, "the application gave it back")
	})
}

// EndGrant ends everything that the token's account allowed the application.
func (r *Room) EndGrant(ctx context.Context, actor right.Actor, plain secret.Value) error {
	t, err := r.given(ctx, actor.App, plain)
	if err != nil {
		return err
	}
	return r.Revoke(ctx, actor, t.Account, actor.App, "the application gave it back")
}

func lastEight(plain secret.Value) string {
	s := plain.Reveal()
	return s[len(s)-8:]
}

func ignoreMissing(err error) error {
	if problem.Is(err, problem.NotFound) {
		return nil
	}
	return err
}
