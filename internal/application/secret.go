package application

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/token"
)

// Labels keep the digests of different things apart. They are part of the stored
// form and never change.
const (
	secretLabel  = "oauth client secret/1"
	codeLabel    = "oauth code/1"
	deviceLabel  = "oauth device code/1"
	userLabel    = "oauth user code/1"
	refreshLabel = "oauth refresh token/1"
)

// Secret is one of an application's secrets, without it.
type Secret struct {
	ID        id.AppSecret
	LastEight string
	CreatedAt time.Time
}

// Secrets lists the secrets of an application of owner, newest first.
func (r *Room) Secrets(ctx context.Context, owner id.Account, app id.App) ([]Secret, error) {
	rows, err := r.o.DB.Query(ctx, `
		SELECT s.id, s.last_eight, s.created_at FROM oauth_secrets s JOIN oauth_apps a ON a.id = s.app_id
		WHERE s.app_id = $1 AND a.owner_id = $2 ORDER BY s.id DESC`, app, owner)
	if err != nil {
		return nil, fmt.Errorf("list secrets: %w", err)
	}
	defer rows.Close()
	var out []Secret
	for rows.Next() {
		var s Secret
		var created int64
		if err := rows.Scan(&s.ID, &s.LastEight, &created); err != nil {
			return nil, fmt.Errorf("list secrets: %w", err)
		}
		s.CreatedAt = db.Time(created)
		out = append(out, s)
	}
	return out, rows.Err()
}

// NewSecret makes a further secret, which is returned once. Those before it go
// on working until they are deleted.
func (r *Room) NewSecret(ctx context.Context, actor right.Actor, owner id.Account, app id.App) (secret.Value, error) {
	plain := token.Generate(token.AppSecret)
	key, digest := r.digest(secretLabel, plain)
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		a, err := ownedByID(ctx, tx, owner, app)
		if err != nil {
			return err
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT COUNT(1) FROM oauth_secrets WHERE app_id = $1`, app).Scan(&n); err != nil {
			return fmt.Errorf("count secrets: %w", err)
		}
		if n >= maxSecrets {
			return problem.New(problem.Conflict, fmt.Sprintf("This application has %d secrets already.", n), "Delete one that is not in use.")
		}
		text := plain.Reveal()
		_, err = tx.Exec(ctx, `INSERT INTO oauth_secrets (app_id, key_id, digest, last_eight, created_at) VALUES ($1, $2, $3, $4, $5)`,
			app, key, digest[:], text[len(text)-8:], db.Micros(r.o.Now()))
		if err != nil {
			return fmt.Errorf("insert secret: %w", err)
		}
		return r.record(ctx, tx, actor, "oauth_application.generate_client_secret", owner, a.Name, map[string]string{"client_id": a.ClientID})
	})
	if err != nil {
		return secret.Value{}, err
	}
	return plain, nil
}

// DeleteSecret ends one secret, at once.
func (r *Room) DeleteSecret(ctx context.Context, actor right.Actor, owner id.Account, app id.App, which id.AppSecret) error {
	return r.o.DB.Write(ctx, func(tx *db.Tx) error {
		a, err := ownedByID(ctx, tx, owner, app)
		if err != nil {
			return err
		}
		res, err := tx.Exec(ctx, `DELETE FROM oauth_secrets WHERE id = $1 AND app_id = $2`, which, app)
		if err != nil {
			return fmt.Errorf("delete secret: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, problem.New(problem.NotFound, "There is no such secret.", "It may have been deleted already."))
		}
		return r.record(ctx, tx, actor, "oauth_application.remove_client_secret", owner, a.Name, map[string]string{"client_id": a.ClientID})
	})
}

// Authenticate returns the application whose id and secret these are. Anything
// else is the fault of BadClient: which of the two was wrong is not told.
func (r *Room) Authenticate(ctx context.Context, clientID string, plain secret.Value) (App, error) {
	a, err := r.ByClientID(ctx, clientID)
	if problem.Is(err, problem.NotFound) || err == nil && a.Public() {
		return App{}, BadClient()
	}
	if err != nil {
		return App{}, err
	}
	owner, err := r.secretOf(ctx, plain)
	if err != nil {
		return App{}, err
	}
	if owner != a.ID {
		return App{}, BadClient()
	}
	return a, nil
}

// secretOf returns the application that a secret is of; zero when it is none.
func (r *Room) secretOf(ctx context.Context, plain secret.Value) (id.App, error) {
	if k, ok := token.KindOf(plain.Reveal()); !ok || k != token.AppSecret || token.Parse(plain) != nil {
		return 0, nil
	}
	var app id.App
	found, err := r.find(secretLabel, plain, func(sum []byte) error {
		return r.o.DB.QueryRow(ctx, `SELECT app_id FROM oauth_secrets WHERE digest = $1`, sum).Scan(&app)
	})
	if err != nil || !found {
		return 0, err
	}
	return app, nil
}

func (r *Room) digest(label string, plain secret.Value) (int64, [32]byte) {
	return r.o.Keys.Digest(label, []byte(plain.Reveal()))
}

// find calls read with the digest of plain under each server key, the current
// first, until it finds something. A read that finds nothing is sql.ErrNoRows.
func (r *Room) find(label string, plain secret.Value, read func(sum []byte) error) (bool, error) {
	for _, s := range r.o.Keys.Digests(label, []byte(plain.Reveal())) {
		err := read(s.Sum[:])
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return false, fmt.Errorf("look for a digest: %w", err)
		}
	}
	return false, nil
}
