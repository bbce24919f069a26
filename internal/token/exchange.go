package token

import (
	"context"
	"fmt"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/right"
	"jeton/internal/secret"
)

// NewExchanged is what a token is made from that is given for what another issuer
// said of a machine.
type NewExchanged struct {
	Trust       id.Trust // by which it is given, and with which it ends
	Note        string
	Owner       id.Account // whose repositories
	Access      Access     // AllOf or Selected
	Repos       []id.Repo
	Permissions right.Fine
	ExpiresAt   time.Time
}

// keptEnded is how long an exchanged token's row stays after its end, so that whoever
// presents it is told what it was.
const keptEnded = 24 * time.Hour

// ExchangeTx makes an exchanged token of account, a machine, inside the caller's
// transaction. That it is given is for the caller to record, in the log of the owner:
// nobody reads a machine's. Policies make its permissions fewer; it fails with
// problem.Forbidden where they allow no such tokens.
func (r *Room) ExchangeTx(ctx context.Context, tx *db.Tx, account id.Account, n NewExchanged) (Token, secret.Value, error) {
	plain := Generate(Exchanged)
	t := Token{Account: account, Kind: Exchanged, Note: n.Note, LastEight: lastEight(plain), CreatedAt: r.o.Now().UTC(), ExpiresAt: n.ExpiresAt.UTC(),
		Owner: n.Owner, Access: n.Access, Repos: n.Repos, Permissions: n.Permissions}
	if err := r.shrinkTx(ctx, tx, &t); err != nil {
		return Token{}, secret.Value{}, err
	}
	if err := r.put(ctx, tx, &t, plain); err != nil {
		return Token{}, secret.Value{}, err
	}
	if _, err := tx.Exec(ctx, `UPDATE tokens SET trust_id = $1 WHERE id = $2`, n.Trust, t.ID); err != nil {
		return Token{}, secret.Value{}, fmt.Errorf("note the trust of a token: %w", err)
	}
	return t, plain, nil
}

// RevokeTrustTx ends the tokens that were given by a trust, and returns how many
// there were.
func (r *Room) RevokeTrustTx(ctx context.Context, tx *db.Tx, actor right.Actor, trust id.Trust, why string) (int, error) {
	live, err := list(ctx, tx, `SELECT `+columns+` FROM tokens WHERE trust_id = $1 AND trust_id <> 0 AND revoked_at = 0 AND expires_at > $2 ORDER BY id DESC`, trust, db.Micros(r.o.Now()))
	if err != nil {
		return 0, err
	}
	for _, t := range live {
		if err := r.revokeTx(ctx, tx, actor, t, why); err != nil {
			return 0, err
		}
	}
	return len(live), nil
}

// LiveOfTrust returns how many tokens that were given by a trust are good now.
func (r *Room) LiveOfTrust(ctx context.Context, read db.Reader, trust id.Trust) (int, error) {
	var n int
	err := read.QueryRow(ctx, `SELECT COUNT(*) FROM tokens WHERE trust_id = $1 AND trust_id <> 0 AND revoked_at = 0 AND expires_at > $2`, trust, db.Micros(r.o.Now())).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count tokens of a trust: %w", err)
	}
	return n, nil
}

// TrimExchanged removes the rows of exchanged tokens that ended a day ago, but for
// those that the ledger still has uses of: its lines are named by them, and it keeps
// them as long as those of other tokens.
func (r *Room) TrimExchanged(ctx context.Context) error {
	for {
		var ids []id.Token
		err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
			old, err := list(ctx, tx, `
				SELECT `+columns+` FROM tokens WHERE kind = 5 AND trust_id <> 0 AND expires_at < $1
				AND NOT EXISTS (SELECT 1 FROM token_uses u WHERE u.token_id = tokens.id) ORDER BY id LIMIT 200`, db.Micros(r.o.Now().Add(-keptEnded)))
			if err != nil {
				return err
			}
			ids = ids[:0]
			for _, t := range old {
				ids = append(ids, t.ID)
			}
			return db.Batches(ids, func(in string, args []any) error {
				for _, q := range []string{`DELETE FROM token_nodes WHERE token_id IN (`, `DELETE FROM token_secrets WHERE token_id IN (`, `DELETE FROM tokens WHERE id IN (`} {
					if _, err := tx.Exec(ctx, q+in+`)`, args...); err != nil {
						return fmt.Errorf("remove exchanged tokens: %w", err)
					}
				}
				return nil
			})
		})
		if err != nil || len(ids) == 0 {
			return err
		}
	}
}
