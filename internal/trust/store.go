package trust

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"jeton/internal/audit"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

const columns = `id, target, target_id, name, issuer, audience, subject, claims, permissions, access, repos, machine_id, minutes,
	created_at, created_by, updated_at, updated_by, used_at, refused_at, refused_why`

func scan(row interface{ Scan(...any) error }) (Trust, error) {
	var t Trust
	var kind, claims, permissions, repos string
	var of, created, updated, used, refused int64
	err := row.Scan(&t.ID, &kind, &of, &t.Name, &t.Issuer, &t.Audience, &t.Subject, &claims, &permissions, &t.Access, &repos, &t.Machine, &t.Minutes,
		&created, &t.CreatedBy, &updated, &t.UpdatedBy, &used, &refused, &t.RefusedWhy)
	if err != nil {
		return Trust{}, err
	}
	// What can't be read must not be left out: the trust would take more than it was
	// told to.
	if err := json.Unmarshal([]byte(claims), &t.Claims); err != nil {
		return Trust{}, fmt.Errorf("read the claims of trust %d: %w", t.ID, err)
	}
	if t.Repo = id.Repo(of); kind == ofOrg {
		t.Of = Of{Org: id.Account(of)}
	}
	t.Permissions = right.ParseFine(permissions)
	for one := range strings.SplitSeq(repos, ",") {
		if n, ok := id.Parse[id.Repo](one); ok {
			t.Repos = append(t.Repos, n)
		}
	}
	t.CreatedAt, t.UpdatedAt, t.UsedAt, t.RefusedAt = db.Time(created), db.Time(updated), db.Time(used), db.Time(refused)
	return t, nil
}

// List returns the trusts of a repository or organisation, the oldest first.
func (m *Room) List(ctx context.Context, r db.Reader, of Of) ([]Trust, error) {
	kind, number := of.target()
	rows, err := r.Query(ctx, `SELECT `+columns+` FROM trusts WHERE target = $1 AND target_id = $2 ORDER BY id`, kind, number)
	if err != nil {
		return nil, fmt.Errorf("list trusts: %w", err)
	}
	defer rows.Close()
	var out []Trust
	for rows.Next() {
		t, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("list trusts: %w", err)
		}
		out = append(out, t)
	}
	return out, rows.Err()
}

// ByID returns a trust of that repository or organisation, or problem.NotFound.
func (m *Room) ByID(ctx context.Context, r db.Reader, of Of, trust id.Trust) (Trust, error) {
	kind, number := of.target()
	t, err := scan(r.QueryRow(ctx, `SELECT `+columns+` FROM trusts WHERE id = $1 AND target = $2 AND target_id = $3`, trust, kind, number))
	if errors.Is(err, sql.ErrNoRows) {
		return Trust{}, notFound()
	}
	if err != nil {
		return Trust{}, fmt.Errorf("read trust %d: %w", trust, err)
	}
	return t, nil
}

// free refuses a name that another trust of the place has, and one too many.
func (m *Room) free(ctx context.Context, tx *db.Tx, of Of, name string, except id.Trust) error {
	all, err := m.List(ctx, tx, of)
	if err != nil {
		return err
	}
	if except == 0 && len(all) >= MaxTrusts {
		return problem.Field("name", fmt.Sprintf("There are %d trusted issuers here, and there can't be more: delete one that is not needed", MaxTrusts))
	}
	if slices.ContainsFunc(all, func(t Trust) bool { return t.ID != except && t.Name == name }) {
		return problem.Field("name", "The name has already been taken")
	}
	return nil
}

// Create makes a trust. That the actor may see the repositories and that the machine
// is the organisation's is for the caller to have asked. It fails with
// problem.Invalid, with the field.
func (m *Room) Create(ctx context.Context, actor right.Actor, at Place, s Statement) (Trust, error) {
	s, err := m.checked(at.Of(), s)
	if err != nil {
		return Trust{}, err
	}
	now := m.o.Now().UTC().Truncate(time.Microsecond)
	t := Trust{Of: at.Of(), Statement: s, CreatedAt: now, UpdatedAt: now, CreatedBy: actor.Account, UpdatedBy: actor.Account}
	kind, number := t.target()
	err = m.o.DB.Write(ctx, func(tx *db.Tx) error {
		if err := m.free(ctx, tx, t.Of, s.Name, 0); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, `
			INSERT INTO trusts (target, target_id, name, issuer, audience, subject, claims, permissions, access, repos, machine_id, minutes,
				created_at, created_by, updated_at, updated_by)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $13, $14) RETURNING id`,
			kind, number, s.Name, s.Issuer, s.Audience, s.Subject, claimsJSON(s.Claims), s.Permissions.String(), int64(s.Access), reposText(s.Repos), s.Machine, s.Minutes,
			db.Micros(now), actor.Account).Scan(&t.ID)
		if err != nil {
			return fmt.Errorf("insert trust: %w", err)
		}
		return m.record(ctx, tx, actor, "trust.create", at, s.detail(t.ID))
	})
	return t, err
}

// Update changes a trust. The tokens that it gave end at once, unless nothing but its
// name is another one: what they may do would not be what it says any more. It fails
// with problem.Invalid, with the field, and with problem.NotFound.
func (m *Room) Update(ctx context.Context, actor right.Actor, at Place, trust id.Trust, s Statement) (Trust, error) {
	s, err := m.checked(at.Of(), s)
	if err != nil {
		return Trust{}, err
	}
	var t Trust
	err = m.o.DB.Write(ctx, func(tx *db.Tx) error {
		if t, err = m.ByID(ctx, tx, at.Of(), trust); err != nil {
			return err
		}
		if err := m.free(ctx, tx, t.Of, s.Name, trust); err != nil {
			return err
		}
		if !t.says(&s) {
			if _, err := m.o.Tokens.RevokeTrustTx(ctx, tx, actor, trust, "the trust by which it was given was changed"); err != nil {
				return err
			}
		}
		t.Statement, t.UpdatedAt, t.UpdatedBy = s, m.o.Now().UTC().Truncate(time.Microsecond), actor.Account
		_, err := tx.Exec(ctx, `
			UPDATE trusts SET name = $2, issuer = $3, audience = $4, subject = $5, claims = $6, permissions = $7, access = $8, repos = $9, machine_id = $10, minutes = $11,
				updated_at = $12, updated_by = $13 WHERE id = $1`,
			trust, s.Name, s.Issuer, s.Audience, s.Subject, claimsJSON(s.Claims), s.Permissions.String(), int64(s.Access), reposText(s.Repos), s.Machine, s.Minutes,
			db.Micros(t.UpdatedAt), actor.Account)
		if err != nil {
			return fmt.Errorf("update trust %d: %w", trust, err)
		}
		return m.record(ctx, tx, actor, "trust.update", at, s.detail(trust))
	})
	return t, err
}

// says reports whether t is for the same machines and gives the same as s.
func (t *Trust) says(s *Statement) bool {
	return t.Issuer == s.Issuer && t.Audience == s.Audience && t.Subject == s.Subject && maps.Equal(t.Claims, s.Claims) &&
		t.Permissions == s.Permissions && t.Access == s.Access && slices.Equal(t.Repos, s.Repos) && t.Machine == s.Machine && t.Minutes == s.Minutes
}

// Delete takes a trust away, and ends the tokens that it gave. It fails with
// problem.NotFound.
func (m *Room) Delete(ctx context.Context, actor right.Actor, at Place, trust id.Trust) error {
	return m.o.DB.Write(ctx, func(tx *db.Tx) error {
		t, err := m.ByID(ctx, tx, at.Of(), trust)
		if err != nil {
			return err
		}
		if err := m.drop(ctx, tx, actor, &t, "the trust by which it was given was deleted"); err != nil {
			return err
		}
		return m.record(ctx, tx, actor, "trust.destroy", at, t.detail(t.ID))
	})
}

func (m *Room) drop(ctx context.Context, tx *db.Tx, actor right.Actor, t *Trust, why string) error {
	if _, err := m.o.Tokens.RevokeTrustTx(ctx, tx, actor, t.ID, why); err != nil {
		return err
	}
	for _, q := range []string{`DELETE FROM trust_uses WHERE trust_id = $1`, `DELETE FROM trusts WHERE id = $1`} {
		if _, err := tx.Exec(ctx, q, t.ID); err != nil {
			return fmt.Errorf("delete trust %d: %w", t.ID, err)
		}
	}
	return nil
}

// DropTx takes away every trust of a repository or organisation that is deleted or
// has another owner: whom the one trusted, the next did not choose. What they gave
// ends with them. A nil room has none.
func (m *Room) DropTx(ctx context.Context, tx *db.Tx, actor right.Actor, of Of) error {
	if m == nil {
		return nil
	}
	all, err := m.List(ctx, tx, of)
	if err != nil {
		return err
	}
	for i := range all {
		if err := m.drop(ctx, tx, actor, &all[i], "what trusted its issuer was deleted or has another owner"); err != nil {
			return err
		}
	}
	return nil
}

// UseTx notes that an identity token of that digest is exchanged by the trust. It
// reports whether it is for the first time. until is when the identity token ends,
// and nobody can come with it any more.
func (m *Room) UseTx(ctx context.Context, tx *db.Tx, trust id.Trust, digest [32]byte, until time.Time) (bool, error) {
	res, err := tx.Exec(ctx, `INSERT INTO trust_uses (trust_id, digest, ends_at) VALUES ($1, $2, $3) ON CONFLICT (trust_id, digest) DO NOTHING`, trust, digest[:], db.Micros(until))
	if err != nil {
		return false, fmt.Errorf("note the use of trust %d: %w", trust, err)
	}
	n, err := res.RowsAffected()
	if err != nil || n == 0 {
		return false, err
	}
	if _, err := tx.Exec(ctx, `UPDATE trusts SET used_at = $2 WHERE id = $1`, trust, db.Micros(m.o.Now())); err != nil {
		return false, fmt.Errorf("note the use of trust %d: %w", trust, err)
	}
	return true, nil
}

// Refused notes why a trust last refused somebody, with the line in the log of the
// place's owner that says so.
func (m *Room) Refused(ctx context.Context, trust id.Trust, why string, line audit.Entry) error {
	return m.o.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE trusts SET refused_at = $2, refused_why = $3 WHERE id = $1`, trust, db.Micros(m.o.Now()), why); err != nil {
			return fmt.Errorf("note a refusal of trust %d: %w", trust, err)
		}
		return m.o.Audit.Record(ctx, tx, line)
	})
}

// Trim forgets the identity tokens that have ended, and the tokens that were given
// long ago.
func (m *Room) Trim(ctx context.Context) error {
	err := m.o.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM trust_uses WHERE ends_at < $1`, db.Micros(m.o.Now().Add(-time.Hour))) // clocks may be set back a little
		return err
	})
	if err != nil {
		return fmt.Errorf("forget identity tokens: %w", err)
	}
	return m.o.Tokens.TrimExchanged(ctx)
}

// Run trims each hour until ctx ends.
func (m *Room) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if err := m.Trim(ctx); err != nil && ctx.Err() == nil {
			m.o.Log.WarnContext(ctx, "old identity tokens not forgotten yet", "err", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
