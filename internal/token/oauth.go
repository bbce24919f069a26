package token

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/right"
	"jeton/internal/secret"
)

// PerApp is how many tokens of the same scopes an application holds for one
// account. One more ends the oldest, as GitHub does it.
const PerApp = 10

// NewOAuth is what an application's token is made from.
type NewOAuth struct {
	App       string // the client id
	Note      string // the application's name
	Scopes    right.ScopeSet
	ExpiresAt time.Time // zero: never
}

// IssueTx makes a token of account for an application, inside the caller's
// transaction: with as many of the scopes and as late an end as the site's policy
// lets it have. Beyond PerApp it ends the oldest, and what was narrowed from it. It
// fails with problem.Forbidden where applications may have none.
func (r *Room) IssueTx(ctx context.Context, tx *db.Tx, actor right.Actor, account id.Account, n NewOAuth) (Token, secret.Value, error) {
	plain := Generate(OAuth)
	t := Token{Account: account, Kind: OAuth, App: n.App, Note: n.Note, Scopes: n.Scopes.Normal(), LastEight: lastEight(plain),
		CreatedAt: r.o.Now().UTC(), ExpiresAt: n.ExpiresAt.UTC()}
	if err := r.shrinkTx(ctx, tx, &t); err != nil {
		return Token{}, secret.Value{}, err
	}
	if err := mayHold(ctx, tx, account, OAuth); err != nil {
		return Token{}, secret.Value{}, err
	}
	held, err := ofApp(ctx, tx, account, n.App)
	if err != nil {
		return Token{}, secret.Value{}, err
	}
	same := 0
	for _, old := range held { // newest first
		if old.Scopes != t.Scopes || old.Parent != 0 {
			continue
		}
		if same++; same >= PerApp {
			if err := r.revokeTx(ctx, tx, actor, old, fmt.Sprintf("the application has %d newer ones", PerApp)); err != nil {
				return Token{}, secret.Value{}, err
			}
		}
	}
	if err := r.put(ctx, tx, &t, plain); err != nil {
		return Token{}, secret.Value{}, err
	}
	return t, plain, r.recordMade(ctx, tx, actor, t)
}

// ResetTx gives a token a new secret; the old one stops at once. What an application
// was given loses what the site's policy does not let it have any more.
func (r *Room) ResetTx(ctx context.Context, tx *db.Tx, actor right.Actor, t Token, expiresAt time.Time) (Token, secret.Value, error) {
	plain := Generate(t.Kind)
	material, err := r.derive(plain)
	if err != nil {
		return Token{}, secret.Value{}, err
	}
	t.ExpiresAt, t.LastEight = expiresAt.UTC(), lastEight(plain)
	t.secretAt, t.personAt, t.FrozenAt, t.closesOld = r.o.Now(), r.o.Now(), time.Time{}, false
	if t.Kind == OAuth {
		if err := r.shrinkTx(ctx, tx, &t); err != nil {
			return Token{}, secret.Value{}, err
		}
		if err := update(ctx, tx, t); err != nil {
			return Token{}, secret.Value{}, err
		}
	}
	if err := settle(ctx, tx, t.ID, r.o.Now()); err != nil {
		return Token{}, secret.Value{}, err
	}
	if err := replaceSecret(ctx, tx, t, material); err != nil {
		return Token{}, secret.Value{}, err
	}
	if err := dropForeign(ctx, tx, t.ID); err != nil {
		return Token{}, secret.Value{}, err
	}
	t.Carried = ""
	return t, plain, r.recordChange(ctx, tx, actor, t.Kind.deed("regenerate"), t, "")
}

// RevokeTx ends one token of account, of whatever kind, inside the caller's
// transaction. One that has ended already is left as it is. why is for the
// owner's log.
func (r *Room) RevokeTx(ctx context.Context, tx *db.Tx, actor right.Actor, account id.Account, tid id.Token, why string) error {
	t, live, err := r.LiveTx(ctx, tx, account, tid)
	if err != nil || !live {
		return err
	}
	return r.revokeTx(ctx, tx, actor, t, why)
}

// LiveTx reads a token of account, of whatever kind, and says whether it is
// there and was not revoked. It may have expired.
func (r *Room) LiveTx(ctx context.Context, tx *db.Tx, account id.Account, tid id.Token) (Token, bool, error) {
	t, err := scan(tx.QueryRow(ctx, `SELECT `+columns+` FROM tokens WHERE id = $1 AND account_id = $2 AND revoked_at = 0`, tid, account))
	if errors.Is(err, sql.ErrNoRows) {
		return Token{}, false, nil
	}
	if err != nil {
		return Token{}, false, fmt.Errorf("read token: %w", err)
	}
	return t, true, nil
}

// RevokeAppTx ends what an application was given: by account, or by everybody
// when account is zero. It returns how many tokens there were.
func (r *Room) RevokeAppTx(ctx context.Context, tx *db.Tx, actor right.Actor, account id.Account, app, why string) (int, error) {
	held, err := ofApp(ctx, tx, account, app)
	if err != nil {
		return 0, err
	}
	for _, t := range held {
		if err := r.revokeTx(ctx, tx, actor, t, why); err != nil {
			return 0, err
		}
	}
	return len(held), nil
}

// ListApps returns what account has given to applications and is not revoked,
// newest first.
func (r *Room) ListApps(ctx context.Context, account id.Account) ([]Token, error) {
	return listOf(ctx, r.o.DB, account, ofApps)
}

// Surrender ends the token that plain is, because somebody who found it handed
// it in: whoever holds a secret may end it. It reports whether there was one.
func (r *Room) Surrender(ctx context.Context, actor right.Actor, plain secret.Value, why string) (bool, error) {
	v, err := r.Verify(ctx, plain)
	if _, refused := errors.AsType[*Refused](err); refused {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, r.o.DB.Write(ctx, func(tx *db.Tx) error {
		if v.Node != "" {
			t, err := byID(ctx, tx, v.Account, v.Token, anyKind)
			if err != nil {
				return err
			}
			return r.revokeNodeTx(ctx, tx, actor, t, v.Node, why)
		}
		return r.RevokeTx(ctx, tx, actor, v.Account, v.Token, why)
	})
}

// CountApp returns how many accounts have live tokens with an application.
func (r *Room) CountApp(ctx context.Context, app string) (int, error) {
	var n int
	err := r.o.DB.QueryRow(ctx, `SELECT COUNT(DISTINCT account_id) FROM tokens WHERE app = $1 AND revoked_at = 0 AND kind = 1`, app).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count users of application: %w", err)
	}
	return n, nil
}

func ofApp(ctx context.Context, r db.Reader, account id.Account, app string) ([]Token, error) {
	var q strings.Builder
	q.WriteString(`SELECT ` + columns + ` FROM tokens WHERE app = $1 AND revoked_at = 0` + string(ofApps))
	args := []any{app}
	if account != 0 {
		q.WriteString(` AND account_id = $2`)
		args = append(args, account)
	}
	q.WriteString(` ORDER BY id DESC`)
	return list(ctx, r, q.String(), args...)
}
