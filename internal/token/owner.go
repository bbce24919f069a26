package token

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
)

// OwnerQuery narrows the list of the fine-grained tokens that reach what is one
// owner's. What is zero narrows nothing.
type OwnerQuery struct {
	Accounts   []id.Account // whose tokens
	IDs        []id.Token
	Repo       id.Repo // they reach
	Permission string  // they have, at whatever level
	Before     time.Time
	After      time.Time // used before, and after
	Ascending  bool      // the oldest first
	Page       int       // from 1
	PerPage    int
}

// ForOwner returns one page of the fine-grained tokens, whoever's they are, that
// reach something of owner, and how many there are on all pages: without those that
// were revoked, that owner shut out, or about which it is being asked.
func (r *Room) ForOwner(ctx context.Context, owner id.Account, q OwnerQuery) ([]Token, int, error) {
	where, args := q.where(owner)
	args = append(args, fmt.Sprintf("%%,%d,%%", owner))
	where += fmt.Sprintf(` AND ',' || barred || ',' NOT LIKE $%d AND NOT EXISTS (SELECT 1 FROM token_requests q WHERE q.token_id = tokens.id AND q.outcome = 0)`, len(args))
	var total int
	if err := r.o.DB.QueryRow(ctx, `SELECT COUNT(*) FROM tokens`+where, args...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("count tokens: %w", err)
	}
	order := ` ORDER BY id DESC`
	if q.Ascending {
		order = ` ORDER BY id`
	}
	n := len(args)
	args = append(args, q.PerPage, (max(q.Page, 1)-1)*q.PerPage)
	out, err := list(ctx, r.o.DB, `SELECT `+columns+` FROM tokens`+where+order+fmt.Sprintf(` LIMIT $%d OFFSET $%d`, n+1, n+2), args...)
	return out, total, err
}

func (q *OwnerQuery) where(owner id.Account) (string, []any) {
	args := []any{owner}
	arg := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	where := ofOwner
	if q.Accounts != nil {
		where += ` AND account_id IN (` + marks(arg, q.Accounts) + `)`
	}
	if q.IDs != nil {
		where += ` AND id IN (` + marks(arg, q.IDs) + `)`
	}
	if q.Repo != 0 {
		where += ` AND (access = ` + arg(int64(AllOf)) + ` OR access = ` + arg(int64(Selected)) + ` AND ',' || repos || ',' LIKE ` + arg(fmt.Sprintf("%%,%d,%%", q.Repo)) + `)`
	}
	if q.Permission != "" {
		where += ` AND ',' || permissions LIKE ` + arg("%,"+strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(q.Permission)+"=%") + ` ESCAPE '\'`
	}
	if !q.Before.IsZero() {
		where += ` AND used_at <> 0 AND used_at < ` + arg(db.Micros(q.Before))
	}
	if !q.After.IsZero() {
		where += ` AND used_at > ` + arg(db.Micros(q.After))
	}
	return where, args
}

// marks are the placeholders of some numbers; none matches nothing.
func marks[T ~int64](arg func(any) string, numbers []T) string {
	if len(numbers) == 0 {
		return `0`
	}
	out := make([]string, len(numbers))
	for i, n := range numbers {
		out[i] = arg(int64(n))
	}
	return strings.Join(out, ", ")
}

// ReachesFor returns one of the tokens of ForOwner, or problem.NotFound.
func (r *Room) ReachesFor(ctx context.Context, owner id.Account, tid id.Token) (Token, error) {
	return reaches(ctx, r.o.DB, owner, tid)
}

func reaches(ctx context.Context, read db.Reader, owner id.Account, tid id.Token) (Token, error) {
	t, err := scan(read.QueryRow(ctx, `SELECT `+columns+` FROM tokens WHERE id = $1 AND owner_id = $2 AND revoked_at = 0`+string(fine), tid, owner))
	if err != nil {
		return Token{}, noSuch(err)
	}
	return t, nil
}
