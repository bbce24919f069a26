package hook

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
)

// Patch says what a hook shall be. What is nil stays.
type Patch struct {
	URL         *string
	ContentType *string
	Secret      *secret.Value // the zero value takes it away
	Events      []string      // nil: as they are
	Active      *bool
}

const columns = `h.id, h.target, h.target_id, h.account_id, h.app, h.url, h.content_type, h.secret IS NOT NULL, h.events, h.active, h.created_at, h.updated_at, h.failures, h.last_code, h.last_status`

type scanner interface{ Scan(...any) error }

func scan(row scanner, more ...any) (Hook, error) {
	var h Hook
	var kind, events string
	var of, created, updated int64
	err := row.Scan(append([]any{&h.ID, &kind, &of, &h.Account, &h.App, &h.URL, &h.ContentType, &h.HasSecret, &events, &h.Active, &created, &updated,
		&h.Failures, &h.LastCode, &h.LastStatus}, more...)...)
	h.Of = targetOf(kind, of)
	h.Events, h.CreatedAt, h.UpdatedAt = split(events), db.Time(created), db.Time(updated)
	return h, err
}

func missing(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return notFound()
	}
	return err
}

// List returns the hooks of a repository or organisation, the oldest first.
func (m *Room) List(ctx context.Context, r db.Reader, of Of) ([]Hook, error) {
	kind, number := of.target()
	rows, err := r.Query(ctx, `SELECT `+columns+` FROM hooks h WHERE h.target = $1 AND h.target_id = $2 ORDER BY h.id`, kind, number)
	if err != nil {
		return nil, fmt.Errorf("list webhooks: %w", err)
	}
	defer rows.Close()
	out := []Hook{}
	for rows.Next() {
		h, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("list webhooks: %w", err)
		}
		out = append(out, h)
	}
	return out, rows.Err()
}

// ByID returns a hook of that repository or organisation, or problem.NotFound.
func (m *Room) ByID(ctx context.Context, r db.Reader, of Of, hook id.Hook) (Hook, error) {
	kind, number := of.target()
	h, err := scan(r.QueryRow(ctx, `SELECT `+columns+` FROM hooks h WHERE h.id = $1 AND h.target = $2 AND h.target_id = $3`, hook, kind, number))
	if err = missing(err); err != nil {
		return Hook{}, err
	}
	return h, nil
}

// Create makes a hook and tells it so with a ping. It fails with problem.Invalid,
// with the field.
func (m *Room) Create(ctx context.Context, actor right.Actor, at Place, p Patch) (Hook, error) {
	now := m.o.Now().UTC().Truncate(time.Microsecond)
	var h Hook
	kind, number := at.Of().target()
	err := m.o.DB.Write(ctx, func(tx *db.Tx) error {
		h = Hook{Of: at.Of(), Account: actor.Account, App: actor.App, ContentType: Form, Events: Usual(at.Of()), Active: true, CreatedAt: now, UpdatedAt: now}
		if err := m.check(ctx, tx, &h, p); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, `
			INSERT INTO hooks (target, target_id, account_id, app, url, content_type, secret, events, active, created_at, updated_at, failures, last_code, last_status)
			VALUES ($1, $2, $3, $4, $5, $6, NULL, $7, $8, $9, $9, 0, 0, '') RETURNING id`,
			kind, number, h.Account, h.App, h.URL, h.ContentType, list(h.Events), h.Active, db.Micros(now)).Scan(&h.ID)
		if err != nil {
			return fmt.Errorf("insert webhook: %w", err)
		}
		if err := m.setSecret(ctx, tx, &h, p.Secret); err != nil {
			return err
		}
		if err := m.record(ctx, tx, actor, "hook.create", at, &h); err != nil {
			return err
		}
		if err := m.changed(ctx, tx); err != nil || !h.Active {
			return err
		}
		return m.ping(ctx, tx, actor, &h)
	})
	return h, err
}

// Update changes a hook, which acts by the actor's right from then on. It fails
// with problem.Invalid, with the field, and with problem.NotFound.
func (m *Room) Update(ctx context.Context, actor right.Actor, at Place, hook id.Hook, p Patch) (Hook, error) {
	var h Hook
	err := m.o.DB.Write(ctx, func(tx *db.Tx) error {
		old, err := m.ByID(ctx, tx, at.Of(), hook)
		if err != nil {
			return err
		}
		h = old
		if actor.Account != 0 {
			h.Account = actor.Account
		}
		if err := m.check(ctx, tx, &h, p); err != nil {
			return err
		}
		h.UpdatedAt = m.o.Now().UTC().Truncate(time.Microsecond)
		if h.URL != old.URL {
			h.Failures = 0
		}
		_, err = tx.Exec(ctx, `
			UPDATE hooks SET account_id = $2, url = $3, content_type = $4, events = $5, active = $6, updated_at = $7, failures = $8 WHERE id = $1`,
			h.ID, h.Account, h.URL, h.ContentType, list(h.Events), h.Active, db.Micros(h.UpdatedAt), h.Failures)
		if err != nil {
			return fmt.Errorf("update webhook %d: %w", h.ID, err)
		}
		if err := m.setSecret(ctx, tx, &h, p.Secret); err != nil {
			return err
		}
		for action, did := range map[string]bool{
			"hook.config_changed": h.URL != old.URL || h.ContentType != old.ContentType || p.Secret != nil || h.Account != old.Account,
			"hook.events_changed": !slices.Equal(h.Events, old.Events),
			"hook.active_changed": h.Active != old.Active,
		} {
			if !did {
				continue
			}
			if err := m.record(ctx, tx, actor, action, at, &h); err != nil {
				return err
			}
		}
		return m.changed(ctx, tx)
	})
	return h, err
}

// Delete takes a hook away, with what waits for it. It fails with problem.NotFound.
func (m *Room) Delete(ctx context.Context, actor right.Actor, at Place, hook id.Hook) error {
	return m.o.DB.Write(ctx, func(tx *db.Tx) error {
		h, err := m.ByID(ctx, tx, at.Of(), hook)
		if err != nil {
			return err
		}
		for _, q := range []string{`DELETE FROM hook_deliveries WHERE hook_id = $1`, `DELETE FROM hooks WHERE id = $1`} {
			if _, err := tx.Exec(ctx, q, hook); err != nil {
				return fmt.Errorf("delete webhook %d: %w", hook, err)
			}
		}
		if err := m.record(ctx, tx, actor, "hook.destroy", at, &h); err != nil {
			return err
		}
		return m.changed(ctx, tx)
	})
}

// DropTx takes everything away that a repository or organisation has here, which
// is deleted. What its organisation's hooks were told of a repository stays in their
// logs.
func (m *Room) DropTx(ctx context.Context, tx *db.Tx, of Of) error {
	if m == nil {
		return nil
	}
	kind, number := of.target()
	for _, q := range []struct {
		text string
		args []any
	}{
		{`DELETE FROM hook_deliveries WHERE hook_id IN (SELECT id FROM hooks WHERE target = $1 AND target_id = $2)`, []any{kind, number}},
		{`DELETE FROM hooks WHERE target = $1 AND target_id = $2`, []any{kind, number}},
		{`DELETE FROM hook_events WHERE (repo_id = $1 AND $1 <> 0 OR org_id = $2 AND $2 <> 0 OR person_id = $3 AND $3 <> 0)
			AND NOT EXISTS (SELECT 1 FROM hook_deliveries d WHERE d.event_id = hook_events.id)`, []any{int64(of.Repo), int64(of.Org), int64(of.Person)}},
	} {
		if _, err := tx.Exec(ctx, q.text, q.args...); err != nil {
			return fmt.Errorf("delete the webhooks of %s %d: %w", kind, number, err)
		}
	}
	return m.changed(ctx, tx)
}

// check applies the patch to h and looks at the result beside the other hooks of
// the same place.
func (m *Room) check(ctx context.Context, tx *db.Tx, h *Hook, p Patch) (err error) {
	if p.URL != nil {
		h.URL = *p.URL
	}
	if p.ContentType != nil {
		h.ContentType = *p.ContentType
	}
	if p.Active != nil {
		h.Active = *p.Active
	}
	if p.Events != nil {
		if h.Events, err = events(h.Of, p.Events); err != nil {
			return err
		}
	}
	if err := checkURL(h.URL); err != nil {
		return err
	}
	if h.ContentType != JSON && h.ContentType != Form {
		return problem.Field("content_type", "content_type must be json or form")
	}
	if p.Secret != nil && len(p.Secret.Reveal()) > maxSecret {
		return problem.Field("secret", "The secret is longer than 1,024 bytes.")
	}
	kind, _ := h.target()
	all, err := m.List(ctx, tx, h.Of)
	if err != nil {
		return err
	}
	counts := map[string]int{}
	for i := range all {
		other := &all[i]
		if other.ID == h.ID {
			continue
		}
		if other.URL == h.URL && slices.Equal(other.Events, h.Events) {
			return problem.Field("url", "Hook already exists on this "+kind)
		}
		for _, e := range h.Events {
			if e == "*" || other.Wants(e) {
				if counts[e]++; counts[e] >= maxPerEvent {
					return problem.Field("events", "The "+e+" event cannot have more than 20 hooks")
				}
			}
		}
	}
	return nil
}

func aad(hook id.Hook) []byte { return binary.BigEndian.AppendUint64(nil, uint64(hook)) }

// setSecret seals a secret for the hook, takes it away, or leaves it.
func (m *Room) setSecret(ctx context.Context, tx *db.Tx, h *Hook, s *secret.Value) error {
	if s == nil {
		return nil
	}
	var sealed []byte
	if plain := s.Reveal(); plain != "" {
		var err error
		if sealed, err = m.o.Keys.Seal(sealPurpose, []byte(plain), aad(h.ID)); err != nil {
			return err
		}
	}
	h.HasSecret = sealed != nil
	var value any // NULL where there is none
	if sealed != nil {
		value = sealed
	}
	if _, err := tx.Exec(ctx, `UPDATE hooks SET secret = $2 WHERE id = $1`, h.ID, value); err != nil {
		return fmt.Errorf("keep the secret of webhook %d: %w", h.ID, err)
	}
	return nil
}

func (m *Room) changed(ctx context.Context, tx *db.Tx) error {
	return m.o.Change.Record(ctx, tx, change.Change{Kind: change.HooksChanged})
}
