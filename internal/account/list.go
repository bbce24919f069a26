package account

import (
	"context"
	"fmt"
	"strings"

	"jeton/internal/db"
)

// Query chooses accounts for a list. Its zero value asks for the first page of
// all.
type Query struct {
	Search    string // part of a login, a name or an address, in any case
	Admins    bool   // site administrators only
	Suspended bool   // suspended accounts only
	Kind      string // only accounts of this kind; empty: KindUser. Of KindMachine are the hidden ones, too
	Machines  bool   // service accounts as well; never the hidden ones of repositories
	After     string // the last login of the page before
	Limit     int    // 0: 50; at most 200
}

// List returns users, or organisations, in the order of their logins.
func (r *Room) List(ctx context.Context, read db.Reader, q Query) ([]Account, error) {
	if q.Limit <= 0 {
		q.Limit = 50
	}
	if q.Kind == "" {
		q.Kind = KindUser
	}
	kinds := `a.kind = $7`
	if q.Machines {
		kinds = `(a.kind = $7 OR a.kind = '` + KindMachine + `' AND a.managed_repo = 0)`
	}
	return r.list(ctx, read, `
		WHERE a.login_key > $1 AND `+kinds+`
		AND ($2 = '' OR a.login_key LIKE $3 ESCAPE '\' OR LOWER(a.name) LIKE $3 ESCAPE '\'
			OR EXISTS (SELECT 1 FROM account_emails m WHERE m.account_id = a.id AND m.email_key LIKE $3 ESCAPE '\'))
		AND (a.site_admin OR NOT $4)
		AND (a.suspended_at <> 0 OR NOT $5)
		ORDER BY a.login_key LIMIT $6`,
		key(q.After), q.Search, like(q.Search), q.Admins, q.Suspended, min(q.Limit, 200), q.Kind)
}

// list reads the accounts that the rest of a query chooses.
func (r *Room) list(ctx context.Context, read db.Reader, rest string, args ...any) ([]Account, error) {
	rows, err := read.Query(ctx, `SELECT`+columns+rest, args...)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	defer rows.Close()
	var out []Account
	for rows.Next() {
		a, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("list accounts: %w", err)
		}
		out = append(out, a)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return out, nil
}

// like makes a pattern that finds s anywhere, with nothing special in s.
func like(s string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToLower(s)) + "%"
}

// Count returns how many accounts there are: none means that the site waits to
// be set up.
func (r *Room) Count(ctx context.Context, read db.Reader) (int, error) {
	var n int
	if err := read.QueryRow(ctx, `SELECT COUNT(*) FROM accounts`).Scan(&n); err != nil {
		return 0, fmt.Errorf("count accounts: %w", err)
	}
	return n, nil
}
