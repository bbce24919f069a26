package repo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"jeton/internal/db"
	"jeton/internal/id"
)

// Find returns the repository owner/name and what viewer's account may do
// there; viewer is zero for nobody. Case does not matter, nor does a ".git" at
// the end of name. What is not there is looked for under the names that owners
// and repositories had before; then Renamed is set and the result has the names
// of today. It fails with problem.NotFound.
//
// The usual case is one read by index. Whether the viewer may know of the
// repository is the gate's question, not answered here.
func (m *Room) Find(ctx context.Context, r db.Reader, owner, name string, viewer id.Account) (Found, error) {
	ownerKey, nameKey, ok := lookupKeys(owner, name)
	if !ok {
		return Found{}, notFound()
	}
	f, err := m.findNow(ctx, r, ownerKey, nameKey, viewer)
	if errors.Is(err, sql.ErrNoRows) {
		return m.findOld(ctx, r, ownerKey, nameKey, viewer)
	}
	if err != nil {
		return Found{}, fmt.Errorf("find repository: %w", err)
	}
	return f, nil
}

// findNow looks under the names of today.
func (m *Room) findNow(ctx context.Context, r db.Reader, ownerKey, nameKey string, viewer id.Account) (Found, error) {
	return scan(r.QueryRow(ctx, `
		SELECT `+columns3+`
		FROM accounts a
		JOIN repositories r ON r.owner_id = a.id AND r.name_key = $2
		LEFT JOIN collaborators c ON c.repo_id = r.id AND c.account_id = $3
		WHERE a.login_key = $1`, ownerKey, nameKey, viewer), viewer)
}

// findOld follows the old names. Of several repositories that an old name could
// mean, the one that has the name today wins.
func (m *Room) findOld(ctx context.Context, r db.Reader, ownerKey, nameKey string, viewer id.Account) (Found, error) {
	f, err := scan(r.QueryRow(ctx, `
		SELECT `+columns3+`
		FROM (
			SELECT x.id AS repo_id, 1 AS place
			FROM account_names n
			JOIN repositories x ON x.owner_id = n.account_id AND x.name_key = $2
			WHERE n.name_key = $1 AND n.until > $4
			UNION ALL
			SELECT o.repo_id, 2
			FROM accounts b
			JOIN repo_names o ON o.owner_id = b.id AND o.name_key = $2 AND o.until > $4
			WHERE b.login_key = $1
			UNION ALL
			SELECT o.repo_id, 3
			FROM account_names n
			JOIN repo_names o ON o.owner_id = n.account_id AND o.name_key = $2 AND o.until > $4
			WHERE n.name_key = $1 AND n.until > $4
		) hit
		JOIN repositories r ON r.id = hit.repo_id
		JOIN accounts a ON a.id = r.owner_id
		LEFT JOIN collaborators c ON c.repo_id = r.id AND c.account_id = $3
		ORDER BY hit.place
		LIMIT 1`, ownerKey, nameKey, viewer, db.Micros(m.o.Now())), viewer)
	if errors.Is(err, sql.ErrNoRows) {
		return Found{}, notFound()
	}
	if err != nil {
		return Found{}, fmt.Errorf("find repository by an old name: %w", err)
	}
	f.Renamed = true
	return f, nil
}
