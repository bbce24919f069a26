package application

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
)

const appColumns = `id, owner_id, client_id, name, homepage, description, callback, device_flow, expiring, created_at, updated_at`

func scanApp(row interface{ Scan(...any) error }) (App, error) {
	var a App
	var created, updated int64
	err := row.Scan(&a.ID, &a.Owner, &a.ClientID, &a.Name, &a.Homepage, &a.Description, &a.Callback, &a.DeviceFlow, &a.Expiring, &created, &updated)
	a.CreatedAt, a.UpdatedAt = db.Time(created), db.Time(updated)
	return a, err
}

func insertApp(ctx context.Context, tx *db.Tx, a App) (id.App, error) {
	var n id.App
	err := tx.QueryRow(ctx, `
		INSERT INTO oauth_apps (owner_id, client_id, name, homepage, description, callback, device_flow, expiring, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id`,
		a.Owner, a.ClientID, a.Name, a.Homepage, a.Description, a.Callback, a.DeviceFlow, a.Expiring, db.Micros(a.CreatedAt), db.Micros(a.UpdatedAt)).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("insert application: %w", err)
	}
	return n, nil
}

func updateApp(ctx context.Context, tx *db.Tx, a App) error {
	_, err := tx.Exec(ctx, `
		UPDATE oauth_apps SET name = $1, homepage = $2, description = $3, callback = $4, device_flow = $5, expiring = $6, updated_at = $7 WHERE id = $8`,
		a.Name, a.Homepage, a.Description, a.Callback, a.DeviceFlow, a.Expiring, db.Micros(a.UpdatedAt), a.ID)
	if err != nil {
		return fmt.Errorf("update application: %w", err)
	}
	return nil
}

func removeApp(ctx context.Context, tx *db.Tx, app id.App) error {
	if _, err := tx.Exec(ctx, `DELETE FROM oauth_secrets WHERE app_id = $1`, app); err != nil {
		return fmt.Errorf("delete secrets: %w", err)
	}
	if _, err := tx.Exec(ctx, `DELETE FROM oauth_apps WHERE id = $1`, app); err != nil {
		return fmt.Errorf("delete application: %w", err)
	}
	return nil
}

func byClientID(ctx context.Context, r db.Reader, clientID string) (App, error) {
	return scanApp(r.QueryRow(ctx, `SELECT `+appColumns+` FROM oauth_apps WHERE client_id = $1`, clientID))
}

func ownedByID(ctx context.Context, r db.Reader, owner id.Account, app id.App) (App, error) {
	a, err := scanApp(r.QueryRow(ctx, `SELECT `+appColumns+` FROM oauth_apps WHERE id = $1 AND owner_id = $2`, app, owner))
	if errors.Is(err, sql.ErrNoRows) {
		return App{}, noApp()
	}
	if err != nil {
		return App{}, fmt.Errorf("read application: %w", err)
	}
	return a, nil
}

func countOwned(ctx context.Context, r db.Reader, owner id.Account) (int, error) {
	var n int
	if err := r.QueryRow(ctx, `SELECT COUNT(1) FROM oauth_apps WHERE owner_id = $1`, owner).Scan(&n); err != nil {
		return 0, fmt.Errorf("count applications: %w", err)
	}
	return n, nil
}

func owned(ctx context.Context, r db.Reader, owner id.Account) ([]App, error) {
	return listApps(ctx, r, `SELECT `+appColumns+` FROM oauth_apps WHERE owner_id = $1 ORDER BY name, id`, owner)
}

func listApps(ctx context.Context, r db.Reader, query string, args ...any) ([]App, error) {
	rows, err := r.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list applications: %w", err)
	}
	defer rows.Close()
	var out []App
	for rows.Next() {
		a, err := scanApp(rows)
		if err != nil {
			return nil, fmt.Errorf("list applications: %w", err)
		}
		out = append(out, a)
	}
	return out, rows.Err()
}

// forget takes away what an application was allowed and what is under way, by
// account and client id; a zero account or an empty client id means all.
func forget(ctx context.Context, tx *db.Tx, account id.Account, clientID string) error {
	where, args := ` WHERE client_id = $1`, []any{clientID}
	switch {
	case account != 0 && clientID != "":
		where, args = ` WHERE client_id = $1 AND account_id = $2`, []any{clientID, account}
	case account != 0:
		where, args = ` WHERE account_id = $1`, []any{account}
	case clientID == "":
		return problem.New(problem.Internal, "forget needs an account or a client id", "")
	}
	for _, from := range []string{`DELETE FROM oauth_authorizations`, `DELETE FROM oauth_codes`, `DELETE FROM oauth_devices`, `DELETE FROM oauth_refresh`} {
		if _, err := tx.Exec(ctx, from+where, args...); err != nil {
			return fmt.Errorf("forget what was allowed: %w", err)
		}
	}
	return nil
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	if _, err := rand.Read(b); err != nil {
		panic(fmt.Sprintf("application: no randomness: %v", err)) // crypto/rand.Read never fails since Go 1.24
	}
	return hex.EncodeToString(b)
}
