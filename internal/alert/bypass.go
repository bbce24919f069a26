package alert

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"jeton/internal/audit"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/token"
)

const (
	bypassFor   = 3 * time.Hour      // in which the push may come: GitHub's
	placeholder = 7 * 24 * time.Hour // for which the address of a refused push is good
)

// Bypass is a token in a push that was refused, for the one who pushed it.
type Bypass struct {
	Placeholder string
	Repo        id.Repo
	Account     id.Account // who pushed it
	Kind        token.Kind
	App         string
	Token       id.Token
	Owner       id.Account // whose token it is
	LastEight   string
	Reason      string    // empty: none was given yet
	Until       time.Time // when the permission ends
}

// Refused notes that a push was refused for these tokens, and returns for each the
// placeholder by which its sender can give a reason.
func (m *Room) Refused(ctx context.Context, repo id.Repo, who id.Account, found []Found) ([]string, error) {
	out := make([]string, len(found))
	err := m.o.DB.Write(ctx, func(tx *db.Tx) error {
		now := m.o.Now()
		if _, err := tx.Exec(ctx, `DELETE FROM secret_bypasses WHERE created_at < $1`, db.Micros(now.Add(-placeholder))); err != nil {
			return fmt.Errorf("forget refused pushes: %w", err)
		}
		for i, f := range found {
			_, err := tx.Exec(ctx, `
				INSERT INTO secret_bypasses (placeholder, repo_id, account_id, kind, app, token_id, owner_id, last_eight, reason, created_at, until)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', $9, 0)
				ON CONFLICT (repo_id, account_id, kind, token_id, last_eight) DO UPDATE SET created_at = excluded.created_at`,
				rand.Text(), repo, who, int64(f.Kind), f.App, f.Token, f.Owner, f.LastEight, db.Micros(now))
			if err != nil {
				return fmt.Errorf("note a refused push: %w", err)
			}
			err = tx.QueryRow(ctx, `SELECT placeholder FROM secret_bypasses WHERE repo_id = $1 AND account_id = $2 AND kind = $3 AND token_id = $4 AND last_eight = $5`,
				repo, who, int64(f.Kind), f.Token, f.LastEight).Scan(&out[i])
			if err != nil {
				return fmt.Errorf("note a refused push: %w", err)
			}
		}
		return nil
	})
	return out, err
}

// Bypass returns what a placeholder of that repository stands for, to the one whose
// push was refused; problem.NotFound for everybody else.
func (m *Room) Bypass(ctx context.Context, r db.Reader, repo id.Repo, who id.Account, name string) (Bypass, error) {
	b := Bypass{Placeholder: name, Repo: repo, Account: who}
	var until int64
	err := r.QueryRow(ctx, `
		SELECT kind, app, token_id, owner_id, last_eight, reason, until FROM secret_bypasses
		WHERE placeholder = $1 AND repo_id = $2 AND account_id = $3 AND created_at >= $4`,
		name, repo, who, db.Micros(m.o.Now().Add(-placeholder))).Scan(&b.Kind, &b.App, &b.Token, &b.Owner, &b.LastEight, &b.Reason, &until)
	if none(err) {
		return Bypass{}, problem.New(problem.NotFound, "There is no refused push of yours of this name.", "Push again: the answer has an address that is good for seven days.")
	}
	if err != nil {
		return Bypass{}, fmt.Errorf("read a refused push: %w", err)
	}
	b.Until = db.Time(until)
	return b, nil
}

// Allow lets the actor push the token of a placeholder within three hours. It
// fails with problem.Invalid for the field reason, and with problem.NotFound.
func (m *Room) Allow(ctx context.Context, actor right.Actor, at Place, name, reason string) (Bypass, error) {
	if !slices.Contains(Reasons(), reason) {
		return Bypass{}, problem.Field("reason", "reason must be "+strings.Join(Reasons(), ", "))
	}
	var b Bypass
	err := m.o.DB.Write(ctx, func(tx *db.Tx) (err error) {
		if b, err = m.Bypass(ctx, tx, at.Repo, actor.Account, name); err != nil {
			return err
		}
		b.Reason, b.Until = reason, m.o.Now().Add(bypassFor).UTC().Truncate(time.Microsecond)
		if _, err := tx.Exec(ctx, `UPDATE secret_bypasses SET reason = $2, until = $3 WHERE placeholder = $1`, name, reason, db.Micros(b.Until)); err != nil {
			return fmt.Errorf("allow a push: %w", err)
		}
		return m.o.Audit.Record(ctx, tx, audit.Entry{Action: "secret_scanning_push_protection.bypass", Actor: actor, Account: at.Owner, Repo: at.Repo, Target: at.Name,
			Detail: map[string]string{"reason": reason, "token_last_eight": b.LastEight}})
	})
	return b, err
}

// Pass takes those of the found tokens away that the account may push to the
// repository: there is an alert about them already, or it gave a reason within
// three hours, which makes one. What is left is refused.
func (m *Room) Pass(ctx context.Context, actor right.Actor, at Place, found []Found) (left []Found, err error) {
	if len(found) == 0 {
		return nil, nil
	}
	err = m.o.DB.Write(ctx, func(tx *db.Tx) error {
		left = nil
		for _, f := range found {
			passes, err := m.pass(ctx, tx, actor, at, f)
			if err != nil {
				return err
			}
			if !passes {
				left = append(left, f)
			}
		}
		return nil
	})
	return left, err
}

func (m *Room) pass(ctx context.Context, tx *db.Tx, actor right.Actor, at Place, f Found) (bool, error) {
	var n int
	err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM secret_alerts WHERE repo_id = $1 AND kind = $2 AND token_id = $3 AND last_eight = $4`, at.Repo, int64(f.Kind), f.Token, f.LastEight).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look for an alert: %w", err)
	}
	if n > 0 {
		_, err := m.add(ctx, tx, at, f)
		return true, err
	}
	var reason string
	err = tx.QueryRow(ctx, `SELECT reason FROM secret_bypasses WHERE repo_id = $1 AND account_id = $2 AND kind = $3 AND token_id = $4 AND last_eight = $5 AND until > $6`,
		at.Repo, actor.Account, int64(f.Kind), f.Token, f.LastEight, db.Micros(m.o.Now())).Scan(&reason)
	if none(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for a reason: %w", err)
	}
	alert, err := m.add(ctx, tx, at, f)
	if err != nil {
		return false, err
	}
	now := db.Micros(m.o.Now())
	resolution, by, when := reason, actor.Account, now
	if reason == "will_fix_later" {
		resolution, by, when = "", 0, 0
	}
	_, err = tx.Exec(ctx, `UPDATE secret_alerts SET bypassed_by = $2, bypassed_at = $3, resolution = $4, resolved_by = $5, resolved_at = $6 WHERE id = $1`,
		alert, actor.Account, now, resolution, by, when)
	if err != nil {
		return false, fmt.Errorf("note a push in spite of the warning: %w", err)
	}
	return true, nil
}
