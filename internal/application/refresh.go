package application

import (
	"context"
	"fmt"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/token"
)

// refresh is a row of oauth_refresh.
type refresh struct {
	id      int64
	account id.Account
	client  string
	token   id.Token
	device  bool
	expires int64
	used    int64
}

func (r *Room) insertRefresh(ctx context.Context, tx *db.Tx, a *App, g Granted, device bool) error {
	key, sum := r.digest(refreshLabel, g.Refresh)
	now := r.o.Now()
	// A refresh token whose time is over is refused, used or not.
	_, err := tx.Exec(ctx, `DELETE FROM oauth_refresh WHERE id IN (SELECT id FROM oauth_refresh WHERE expires_at < $1 LIMIT 1000)`, db.Micros(now))
	if err != nil {
		return fmt.Errorf("delete old refresh tokens: %w", err)
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO oauth_refresh (key_id, digest, account_id, client_id, token_id, device, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		key, sum[:], g.Token.Account, a.ClientID, g.Token.ID, device, db.Micros(now), db.Micros(g.RefreshExpires))
	if err != nil {
		return fmt.Errorf("insert refresh token: %w", err)
	}
	return nil
}

func (r *Room) readRefresh(ctx context.Context, read db.Reader, plain secret.Value) (refresh, bool, error) {
	var f refresh
	// An access token renews nothing: kinds have digests of their own, and the
	// form is looked at before.
	if k, ok := token.KindOf(plain.Reveal()); !ok || k != token.Refresh || token.Parse(plain) != nil {
		return f, false, nil
	}
	found, err := r.find(refreshLabel, plain, func(sum []byte) error {
		return read.QueryRow(ctx, `SELECT id, account_id, client_id, token_id, device, expires_at, used_at FROM oauth_refresh WHERE digest = $1`, sum).
			Scan(&f.id, &f.account, &f.client, &f.token, &f.device, &f.expires, &f.used)
	})
	return f, found, err
}

// Refresh gives the token a new secret for a refresh token, which is good once:
// the secret before it stops. Who uses one twice ends everything that came of
// that sign-in: one of the two stole it. A refresh token is worth nothing once
// its token was revoked. What the application is told is a *Fault.
func (r *Room) Refresh(ctx context.Context, c *Client, plain secret.Value) (Granted, error) {
	found, ok, err := r.readRefresh(ctx, r.o.DB, plain)
	if err != nil || !ok || found.client != c.ClientID {
		return Granted{}, orFault(err, badRefresh())
	}
	// A device holds no secret of its application.
	if !c.Public() && !c.Proven && !found.device {
		return Granted{}, BadClient()
	}
	return r.give(ctx, func(tx *db.Tx) (Granted, *Fault, error) {
		f, ok, err := r.readRefresh(ctx, tx, plain)
		if err != nil {
			return Granted{}, nil, err
		}
		if !ok || f.client != c.ClientID || !r.o.Now().Before(db.Time(f.expires)) {
			return Granted{}, badRefresh(), nil
		}
		if f.used != 0 {
			return Granted{}, badRefresh(), r.o.Tokens.RevokeTx(ctx, tx, actorOf(&c.App, f.account, ""), f.account, f.token, "a refresh token was used twice")
		}
		old, live, err := r.o.Tokens.LiveTx(ctx, tx, f.account, f.token)
		if err != nil {
			return Granted{}, nil, err
		}
		if !live {
			return Granted{}, badRefresh(), nil
		}
		g, err := r.renewTx(ctx, tx, &c.App, old, f.device)
		if err != nil {
			return Granted{}, nil, err
		}
		if _, err := tx.Exec(ctx, `UPDATE oauth_refresh SET used_at = $1 WHERE id = $2`, db.Micros(r.o.Now()), f.id); err != nil {
			return Granted{}, nil, fmt.Errorf("use refresh token: %w", err)
		}
		return g, nil, nil
	})
}

// LiveRefresh says whose refresh token plain is, if it could still be used: as
// the token that it renews, of kind Refresh.
func (r *Room) LiveRefresh(ctx context.Context, plain secret.Value) (token.Token, bool, error) {
	f, ok, err := r.readRefresh(ctx, r.o.DB, plain)
	if err != nil || !ok || f.used != 0 || !r.o.Now().Before(db.Time(f.expires)) {
		return token.Token{}, false, err
	}
	t, err := r.o.Tokens.AnyByID(ctx, f.account, f.token)
	if err != nil {
		return token.Token{}, false, ignoreMissing(err)
	}
	t.Kind, t.LastEight = token.Refresh, lastEight(plain)
	return t, true, nil
}

// Surrender ends what a refresh token or an application's secret opens, because
// somebody who found it handed it in. It reports whether it opened anything.
func (r *Room) Surrender(ctx context.Context, actor right.Actor, plain secret.Value, why string) (bool, error) {
	if k, _ := token.KindOf(plain.Reveal()); k == token.AppSecret {
		return r.surrenderSecret(ctx, actor, plain, why)
	}
	f, ok, err := r.readRefresh(ctx, r.o.DB, plain)
	if err != nil || !ok {
		return false, err
	}
	return true, r.o.DB.Write(ctx, func(tx *db.Tx) error {
		return r.o.Tokens.RevokeTx(ctx, tx, actor, f.account, f.token, why)
	})
}

func (r *Room) surrenderSecret(ctx context.Context, actor right.Actor, plain secret.Value, why string) (bool, error) {
	a, ok, err := r.OfSecret(ctx, plain)
	if err != nil || !ok {
		return false, err
	}
	return true, r.o.DB.Write(ctx, func(tx *db.Tx) error {
		for _, s := range r.o.Keys.Digests(secretLabel, []byte(plain.Reveal())) {
			if _, err := tx.Exec(ctx, `DELETE FROM oauth_secrets WHERE digest = $1`, s.Sum[:]); err != nil {
				return fmt.Errorf("delete secret: %w", err)
			}
		}
		return r.record(ctx, tx, actor, "oauth_application.remove_client_secret", a.Owner, a.Name, map[string]string{"client_id": a.ClientID, "why": why})
	})
}

// OfSecret returns the application whose secret plain is, if it is one's.
func (r *Room) OfSecret(ctx context.Context, plain secret.Value) (App, bool, error) {
	app, err := r.secretOf(ctx, plain)
	if err != nil || app == 0 {
		return App{}, false, err
	}
	a, err := scanApp(r.o.DB.QueryRow(ctx, `SELECT `+appColumns+` FROM oauth_apps WHERE id = $1`, app))
	if err != nil {
		return App{}, false, fmt.Errorf("read application: %w", err)
	}
	return a, true, nil
}
