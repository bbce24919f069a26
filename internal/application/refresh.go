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
	family  id.Token
	account id.Account
	client  string
	token   id.Token
	device  bool
	expires int64
	used    int64
}

func (r *Room) insertRefresh(ctx context.Context, tx *db.Tx, a *App, g Granted, family id.Token, device bool) error {
	key, sum := r.digest(refreshLabel, g.Refresh)
	now := r.o.Now()
	// A refresh token whose time is over is refused, used or not.
	_, err := tx.Exec(ctx, `DELETE FROM oauth_refresh WHERE id IN (SELECT id FROM oauth_refresh WHERE expires_at < $1 LIMIT 1000)`, db.Micros(now))
	if err != nil {
		return fmt.Errorf("delete old refresh tokens: %w", err)
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO oauth_refresh (key_id, digest, family, account_id, client_id, token_id, device, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		key, sum[:], family, g.Token.Account, a.ClientID, g.Token.ID, device, db.Micros(now), db.Micros(g.RefreshExpires))
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
		return read.QueryRow(ctx, `SELECT id, family, account_id, client_id, token_id, device, expires_at, used_at FROM oauth_refresh WHERE digest = $1`, sum).
			Scan(&f.id, &f.family, &f.account, &f.client, &f.token, &f.device, &f.expires, &f.used)
	})
	return f, found, err
}

// Refresh gives the next token for a refresh token, which is good once: the
// token before it ends with it. Who uses one twice ends everything that came of
// that sign-in. It lives no longer than the token that it came with, unless that
// expired. What the application is told is a *Fault.
func (r *Room) Refresh(ctx context.Context, c *Client, plain secret.Value) (Granted, error) {
	found, ok, err := r.readRefresh(ctx, r.o.DB, plain)
	if err != nil || !ok || found.client != c.ClientID {
		return Granted{}, orFault(err, badRefresh())
	}
	// A device holds no secret of its application.
	if !c.Public() && !c.Proven && !found.device {
		return Granted{}, BadClient()
	}
	var g Granted
	var refused *Fault
	err = r.o.DB.Write(ctx, func(tx *db.Tx) error {
		g, refused = Granted{}, nil
		f, ok, err := r.readRefresh(ctx, tx, plain)
		if err != nil {
			return err
		}
		if !ok || f.client != c.ClientID || !r.o.Now().Before(db.Time(f.expires)) {
			refused = badRefresh()
			return nil
		}
		if f.used != 0 {
			refused = badRefresh()
			return r.endFamilyTx(ctx, tx, &c.App, f.account, f.family, "a refresh token was used twice")
		}
		old, live, err := r.o.Tokens.LiveTx(ctx, tx, f.account, f.token)
		if err != nil {
			return err
		}
		if !live {
			refused = badRefresh()
			return nil
		}
		if err := r.o.Tokens.RevokeTx(ctx, tx, actorOf(&c.App, f.account, ""), f.account, f.token, "it was renewed"); err != nil {
			return err
		}
		if g, err = r.issueTx(ctx, tx, &c.App, f.account, old.Scopes, f.device, f.family); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE oauth_refresh SET used_at = $1 WHERE id = $2`, db.Micros(r.o.Now()), f.id); err != nil {
			return fmt.Errorf("use refresh token: %w", err)
		}
		return nil
	})
	if err != nil {
		return Granted{}, err
	}
	if refused != nil {
		return Granted{}, refused
	}
	return g, nil
}

// endFamilyTx ends everything that came of the sign-in whose first token that
// is. A refresh token ends with its token.
func (r *Room) endFamilyTx(ctx context.Context, tx *db.Tx, a *App, account id.Account, first id.Token, why string) error {
	return r.endTx(ctx, tx, actorOf(a, account, ""), account, first, why)
}

func (r *Room) endTx(ctx context.Context, tx *db.Tx, actor right.Actor, account id.Account, first id.Token, why string) error {
	all, err := familyOf(ctx, tx, account, first)
	if err != nil {
		return err
	}
	for _, one := range append(all, first) {
		if err := r.o.Tokens.RevokeTx(ctx, tx, actor, account, one, why); err != nil {
			return err
		}
	}
	return nil
}

func familyOf(ctx context.Context, tx *db.Tx, account id.Account, first id.Token) ([]id.Token, error) {
	rows, err := tx.Query(ctx, `SELECT token_id FROM oauth_refresh WHERE family = $1 AND account_id = $2`, first, account)
	if err != nil {
		return nil, fmt.Errorf("list tokens of a sign-in: %w", err)
	}
	defer rows.Close()
	var out []id.Token
	for rows.Next() {
		var one id.Token
		if err := rows.Scan(&one); err != nil {
			return nil, fmt.Errorf("list tokens of a sign-in: %w", err)
		}
		out = append(out, one)
	}
	return out, rows.Err()
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
		return r.endTx(ctx, tx, actor, f.account, f.family, why)
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
