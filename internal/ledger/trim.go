package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"jeton/internal/chain"
	"jeton/internal/db"
	"jeton/internal/id"
)

// trimmed is how many lines one transaction removes.
const trimmed = 500

// Trim removes the uses that are older than they are kept, and those of tokens
// that were deleted longer ago than that. Each time is a line of the site's log,
// and the lines' places in the chain stay.
func (r *Room) Trim(ctx context.Context) error {
	old := r.o.Now().Add(-r.o.Keep)
	err := r.trim(ctx, "older than "+days(r.o.Keep), `SELECT id FROM token_uses WHERE last_at < $1 ORDER BY last_at, id LIMIT $2`, db.Micros(old), trimmed)
	if err != nil {
		return err
	}
	for after := id.Token(0); ; {
		some, err := r.tokensAfter(ctx, after)
		if err != nil || len(some) == 0 {
			return err
		}
		known, err := r.o.Tokens.ByIDs(ctx, r.o.DB, some)
		if err != nil {
			return err
		}
		for _, one := range some {
			t, there := known[one]
			rule := fmt.Sprintf("token %d was deleted more than %s ago", one, days(r.o.KeepRevoked))
			switch {
			case !there:
				rule = fmt.Sprintf("token %d was removed with its account", one)
			case t.RevokedAt.IsZero() || r.o.Now().Before(t.RevokedAt.Add(r.o.KeepRevoked)):
				continue
			}
			if err := r.forget(ctx, one, rule); err != nil {
				return err
			}
		}
		after = some[len(some)-1]
	}
}

func days(d time.Duration) string {
	if d%(24*time.Hour) != 0 {
		return d.String()
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

// tokensAfter returns tokens that have uses, in order: one seek in the index each.
func (r *Room) tokensAfter(ctx context.Context, after id.Token) ([]id.Token, error) {
	var out []id.Token
	for len(out) < 500 {
		var next sql.NullInt64
		if err := r.o.DB.QueryRow(ctx, `SELECT MIN(token_id) FROM token_uses WHERE token_id > $1`, int64(after)).Scan(&next); err != nil {
			return nil, fmt.Errorf("look for tokens with uses: %w", err)
		}
		if !next.Valid {
			break
		}
		after = id.Token(next.Int64)
		out = append(out, after)
	}
	return out, nil
}

// forget removes all uses of one token.
func (r *Room) forget(ctx context.Context, of id.Token, rule string) error {
	err := r.trim(ctx, rule, `SELECT id FROM token_uses WHERE token_id = $1 ORDER BY id LIMIT $2`, int64(of), trimmed)
	if err != nil {
		return err
	}
	return r.o.DB.WriteAlone(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM token_actions WHERE token_id = $1`, int64(of)); err != nil {
			return fmt.Errorf("forget what a token did: %w", err)
		}
		return nil
	})
}

// errYoung ends a trimming that has come to a line which still grows.
var errYoung = errors.New("a line of the ledger still grows")

func (r *Room) trim(ctx context.Context, rule, query string, args ...any) error {
	for {
		n := 0
		err := r.o.DB.WriteAlone(ctx, func(tx *db.Tx) error {
			ids, err := numbers(ctx, tx, query, args...)
			if n = len(ids); err != nil || n == 0 {
				return err
			}
			for _, one := range ids {
				young, err := r.o.Chain.Waits(ctx, tx, chain.Uses, one)
				if err != nil {
					return err
				}
				if young {
					return errYoung // in a minute it is linked, and goes the next time
				}
			}
			if err := r.o.Audit.Trimmed(ctx, tx, chain.Uses, ids, rule); err != nil {
				return err
			}
			for _, one := range ids {
				if _, err := tx.Exec(ctx, `DELETE FROM token_uses WHERE id = $1`, one); err != nil {
					return fmt.Errorf("remove uses of tokens: %w", err)
				}
			}
			return nil
		})
		if errors.Is(err, errYoung) {
			return nil
		}
		if err != nil || n < trimmed {
			return err
		}
	}
}
