package account

import (
	"context"
	"fmt"

	"jeton/internal/audit"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// Suspend shuts the account out of every door. Its sessions stay, so that each
// can be told why it opens nothing, and end when the account is let in again.
// Suspending twice is no error.
func (r *Room) Suspend(ctx context.Context, actor right.Actor, a id.Account) error {
	return r.o.DB.Write(ctx, func(tx *db.Tx) error { return r.SuspendTx(ctx, tx, actor, a) })
}

// SuspendTx is Suspend in the caller's transaction.
func (r *Room) SuspendTx(ctx context.Context, tx *db.Tx, actor right.Actor, a id.Account) error {
	old, err := r.ByID(ctx, tx, a)
	if err != nil {
		return err
	}
	if old.Suspended {
		return nil
	}
	if old.IsOrg() {
		return problem.New(problem.Invalid, "Nobody signs in as an organization, so it can't be suspended.", "Suspend its members.")
	}
	if err := r.keepAdmin(ctx, tx, old, "suspended"); err != nil {
		return err
	}
	now := db.Micros(r.o.Now())
	if _, err := tx.Exec(ctx, `UPDATE accounts SET suspended_at = $1, updated_at = $1 WHERE id = $2`, now, a); err != nil {
		return fmt.Errorf("suspend account: %w", err)
	}
	if err := r.end(ctx, tx, a, Suspended); err != nil {
		return err
	}
	if err := r.tellMachines(ctx, tx, a); err != nil {
		return err
	}
	return r.record(ctx, tx, actor, "user.suspend", a, old.Login, nil)
}

// Unsuspend lets the account in again, and ends the sessions and links from
// before: they don't come back to life.
func (r *Room) Unsuspend(ctx context.Context, actor right.Actor, a id.Account) error {
	return r.set(ctx, a, func(ctx context.Context, tx *db.Tx, old Account) error {
		if !old.Suspended {
			return nil
		}
		_, err := tx.Exec(ctx, `UPDATE accounts SET suspended_at = 0, updated_at = $1 WHERE id = $2`, db.Micros(r.o.Now()), a)
		if err != nil {
			return fmt.Errorf("unsuspend account: %w", err)
		}
		if err := r.end(ctx, tx, a, LetIn); err != nil {
			return err
		}
		if err := r.tellMachines(ctx, tx, a); err != nil {
			return err
		}
		return r.record(ctx, tx, actor, "user.unsuspend", a, old.Login, nil)
	})
}

// SetSiteAdmin makes the account a site administrator, or no longer one.
func (r *Room) SetSiteAdmin(ctx context.Context, actor right.Actor, a id.Account, admin bool) error {
	return r.set(ctx, a, func(ctx context.Context, tx *db.Tx, old Account) error {
		if old.SiteAdmin == admin {
			return nil
		}
		if old.IsOrg() {
			return problem.New(problem.Invalid, "An organization can't administer the site.", "")
		}
		if old.IsMachine() {
			return problem.New(problem.Invalid, "A service account can't administer the site.", "")
		}
		action := "user.promote"
		if !admin {
			action = "user.demote"
			if err := r.keepAdmin(ctx, tx, old, "demoted"); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `UPDATE accounts SET site_admin = $1, updated_at = $2 WHERE id = $3`,
			admin, db.Micros(r.o.Now()), a)
		if err != nil {
			return fmt.Errorf("set site administrator: %w", err)
		}
		return r.record(ctx, tx, actor, action, a, old.Login, nil)
	})
}

// DeleteTx removes the account, its addresses and its sessions, and holds its
// login so that nobody can pose as it. Only lifecycle calls it, which first
// sees to what the account owns.
func (r *Room) DeleteTx(ctx context.Context, tx *db.Tx, actor right.Actor, a id.Account) error {
	old, err := r.ByID(ctx, tx, a)
	if err != nil {
		return err
	}
	if err := r.keepAdmin(ctx, tx, old, "deleted"); err != nil {
		return err
	}
	if err := r.end(ctx, tx, a, Deleted); err != nil {
		return err
	}
	// Logins it had before stay held, for nobody: they led to it alone.
	if _, err := tx.Exec(ctx, `UPDATE account_names SET account_id = 0 WHERE account_id = $1`, a); err != nil {
		return fmt.Errorf("free held logins: %w", err)
	}
	if err := r.hold(ctx, tx, old.Login, 0); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM account_emails WHERE account_id = $1`, a); err != nil {
		return fmt.Errorf("delete addresses: %w", err)
	}
	if _, err := tx.Exec(ctx, `DELETE FROM accounts WHERE id = $1`, a); err != nil {
		return fmt.Errorf("delete account: %w", err)
	}
	e := audit.Entry{Action: old.event("user.delete", "org.delete", "service_account.destroy"), Actor: actor, Account: a, Target: old.Login}
	if err := r.record(ctx, tx, actor, e.Action, a, old.Login, nil); err != nil || old.Manager == 0 {
		return err
	}
	e.Account = old.Manager // which the row, that is gone, does not tell any more
	return r.o.Audit.Record(ctx, tx, e)
}

// set runs f on the account inside one transaction.
func (r *Room) set(ctx context.Context, a id.Account, f func(context.Context, *db.Tx, Account) error) error {
	return r.o.DB.Write(ctx, func(tx *db.Tx) error {
		old, err := r.ByID(ctx, tx, a)
		if err != nil {
			return err
		}
		return f(ctx, tx, old)
	})
}

// keepAdmin refuses to take the last active site administrator away, without
// whom nobody could manage the site from its pages.
func (r *Room) keepAdmin(ctx context.Context, tx *db.Tx, a Account, what string) error {
	if !a.SiteAdmin || a.Suspended {
		return nil
	}
	var others int
	err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM accounts WHERE site_admin AND suspended_at = 0 AND id <> $1`, a.ID).Scan(&others)
	if err != nil {
		return fmt.Errorf("count administrators: %w", err)
	}
	if others == 0 {
		return problem.New(problem.Conflict,
			a.Login+" is the only active site administrator and can't be "+what+".",
			"Make somebody else a site administrator first.")
	}
	return nil
}
