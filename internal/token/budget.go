package token

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/right"
)

// Spent is the error for a budget that is used up.
type Spent struct {
	Budget right.Budget
	Bytes  bool // it is the bytes that are used up, and not the uses
}

// Error says which, for the log.
func (s *Spent) Error() string {
	if s.Bytes {
		return "the token's budget of bytes is used up"
	}
	return "the token's budget of uses is used up"
}

// Reserve takes uses, and up to so many bytes, from all of the budgets of a token or
// from none, before any of it is used: whoever dies afterwards has used them. It
// returns how many bytes there were: as many as were asked for, or what the smallest
// budget had left. The error is *Spent when one of them has no use left or, if any
// bytes are asked for, none of these. Of those who reserve at the same time no more
// succeed than the budgets have for.
func (r *Room) Reserve(ctx context.Context, tid id.Token, budgets []right.Budget, uses, bytes int64) (got int64, err error) {
	// Always in one order, so that no two wait for each other.
	budgets = slices.SortedFunc(slices.Values(budgets), func(a, b right.Budget) int { return cmp.Compare(a.Path, b.Path) })
	err = r.o.DB.Write(ctx, func(tx *db.Tx) error {
		got = bytes
		for _, b := range budgets {
			left, err := take(ctx, tx, tid, b, uses)
			if err != nil {
				return err
			}
			if b.Bytes > 0 {
				got = min(got, left)
			}
			if got <= 0 && bytes > 0 {
				return &Spent{Budget: b, Bytes: true}
			}
		}
		return addBytes(ctx, tx, tid, budgets, got)
	})
	if err != nil {
		return 0, err
	}
	return got, nil
}

// take takes uses from one budget, and returns how many bytes it has left.
func take(ctx context.Context, tx *db.Tx, tid id.Token, b right.Budget, uses int64) (left int64, err error) {
	_, err = tx.Exec(ctx, `INSERT INTO token_budgets (token_id, path) VALUES ($1, $2) ON CONFLICT (token_id, path) DO NOTHING`, tid, b.Path)
	if err != nil {
		return 0, fmt.Errorf("begin a budget: %w", err)
	}
	res, err := tx.Exec(ctx, `UPDATE token_budgets SET uses = uses + $1 WHERE token_id = $2 AND path = $3 AND ($4 = 0 OR uses + $1 <= $4)`, uses, tid, b.Path, b.Uses)
	if err != nil {
		return 0, fmt.Errorf("take from a budget: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return 0, errors.Join(err, &Spent{Budget: b})
	}
	var used int64
	if err := tx.QueryRow(ctx, `SELECT bytes FROM token_budgets WHERE token_id = $1 AND path = $2`, tid, b.Path).Scan(&used); err != nil {
		return 0, fmt.Errorf("read a budget: %w", err)
	}
	return b.Bytes - used, nil
}

func addBytes(ctx context.Context, tx *db.Tx, tid id.Token, budgets []right.Budget, n int64) error {
	if n == 0 {
		return nil
	}
	for _, b := range budgets {
		if _, err := tx.Exec(ctx, `UPDATE token_budgets SET bytes = bytes + $1 WHERE token_id = $2 AND path = $3`, n, tid, b.Path); err != nil {
			return fmt.Errorf("take from a budget: %w", err)
		}
	}
	return nil
}

// GiveBack returns bytes that were reserved and not used.
func (r *Room) GiveBack(ctx context.Context, tid id.Token, budgets []right.Budget, bytes int64) error {
	return r.o.DB.Write(ctx, func(tx *db.Tx) error { return addBytes(ctx, tx, tid, budgets, -bytes) })
}

// Usage is what was used of a budget.
type Usage struct{ Uses, Bytes int64 }

// Usage reads what was used of a token's budgets, by their paths.
func (r *Room) Usage(ctx context.Context, read db.Reader, tid id.Token) (map[string]Usage, error) {
	rows, err := read.Query(ctx, `SELECT path, uses, bytes FROM token_budgets WHERE token_id = $1`, tid)
	if err != nil {
		return nil, fmt.Errorf("read budgets: %w", err)
	}
	defer rows.Close()
	out := map[string]Usage{}
	for rows.Next() {
		var path string
		var u Usage
		if err := rows.Scan(&path, &u.Uses, &u.Bytes); err != nil {
			return nil, fmt.Errorf("read budgets: %w", err)
		}
		out[path] = u
	}
	return out, rows.Err()
}

// Unspent fails with *Spent when one of the budgets is used up already.
func (r *Room) Unspent(ctx context.Context, tid id.Token, budgets []right.Budget) error {
	for _, b := range budgets {
		var u Usage
		err := r.o.DB.QueryPoint(ctx, `SELECT uses, bytes FROM token_budgets WHERE token_id = $1 AND path = $2`, tid, b.Path).Scan(&u.Uses, &u.Bytes)
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return fmt.Errorf("read a budget: %w", err)
		case b.Uses > 0 && u.Uses >= b.Uses:
			return &Spent{Budget: b}
		case b.Bytes > 0 && u.Bytes >= b.Bytes:
			return &Spent{Budget: b, Bytes: true}
		}
	}
	return nil
}

// budgets are those of a token and of each step by which it was narrowed.
func budgets(own []right.Limit, steps []step) ([]right.Budget, error) {
	var out []right.Budget
	path, before := "", 0
	add := func(limits []right.Limit) error {
		l, err := right.NewLimits(limits)
		if err != nil {
			return err
		}
		if b, ok := l.Budget(path); ok {
			out = append(out, b)
		}
		return nil
	}
	err := add(own)
	for _, s := range steps {
		path += "/" + s.node
		err = errors.Join(err, add(s.limits[before:]))
		before = len(s.limits)
	}
	return out, err
}
