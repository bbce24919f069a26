package token

import (
	"context"
	"fmt"

	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/narrow"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// RevokeNode ends a narrowed token, and what was made from it, at once and for
// good. The server need not have seen it: who made it knows its number. An actor
// that came by a narrowed token ends itself and what the server knows to be below
// it; anything else is problem.NotFound.
func (r *Room) RevokeNode(ctx context.Context, actor right.Actor, account id.Account, tid id.Token, node string) error {
	if _, ok := narrow.ParseNode(node); !ok {
		return problem.Field("node", "The number of a narrowed token has 32 hexadecimal digits")
	}
	return r.o.DB.Write(ctx, func(tx *db.Tx) error {
		t, err := byID(ctx, tx, account, tid, anyKind)
		if err != nil {
			return err
		}
		if actor.Node != "" {
			below, err := isBelow(ctx, tx, tid, node, actor.Node)
			if err != nil {
				return err
			}
			if !below {
				return problem.New(problem.NotFound, "Not Found", "")
			}
		}
		return r.revokeNodeTx(ctx, tx, actor, t, node, "")
	})
}

// isBelow reports whether node is above, or was made from it.
func isBelow(ctx context.Context, r db.Reader, tid id.Token, node, above string) (bool, error) {
	for range narrow.MaxLinks {
		if node == above {
			return true, nil
		}
		s, ok, err := nodeState(ctx, r, tid, node)
		if err != nil || !ok || s.parent == "" {
			return false, err
		}
		node = s.parent
	}
	return false, nil
}

func (r *Room) revokeNodeTx(ctx context.Context, tx *db.Tx, actor right.Actor, t Token, node, why string) error {
	s, known, err := nodeState(ctx, tx, t.ID, node)
	switch {
	case err != nil:
		return err
	case s.revoked:
		return nil
	case known:
		_, err = tx.Exec(ctx, `UPDATE token_nodes SET revoked_at = $1 WHERE token_id = $2 AND node = $3`, db.Micros(r.o.Now()), t.ID, node)
	default:
		err = refuseUnseen(ctx, tx, t.ID, node, db.Micros(r.o.Now()))
	}
	if err != nil {
		return err
	}
	if err := r.o.Change.Record(ctx, tx, change.Change{Kind: change.TokenChanged, Subject: int64(t.ID)}); err != nil {
		return err
	}
	return r.recordWith(ctx, tx, actor, t.Kind.deed("revoke_narrowed"), t, map[string]string{"node": node, "why": why})
}

// refuseUnseen notes that a number shall be refused when it comes.
func refuseUnseen(ctx context.Context, tx *db.Tx, tid id.Token, node string, now int64) error {
	var n int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM token_nodes WHERE token_id = $1 AND seen = 0`, tid).Scan(&n); err != nil {
		return fmt.Errorf("count narrowed tokens: %w", err)
	}
	if n >= maxUnseen {
		return problem.Field("node", fmt.Sprintf("%d narrowed tokens were revoked before they were used, and there can't be more: give the token a new secret, which ends them all", n))
	}
	_, err := tx.Exec(ctx, `INSERT INTO token_nodes (token_id, node, parent, top, note, limits, created_at, revoked_at) VALUES ($1, $2, '', $2, '', '', $3, $3)`, tid, node, now)
	if err != nil {
		return fmt.Errorf("revoke a narrowed token: %w", err)
	}
	return nil
}
