package signin

import (
	"context"
	"fmt"

	"jeton/internal/account"
	"jeton/internal/audit"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
)

// HashPassword checks the rules for a password of somebody with the given names
// (login and addresses) and hashes it. It takes tens of milliseconds and waits
// for its turn, so it comes before a transaction and never inside one.
func (r *Room) HashPassword(ctx context.Context, password secret.Value, names ...string) (Hash, error) {
	if err := CheckPasswordRules(password, names...); err != nil {
		return Hash{}, err
	}
	return r.hasher.make(ctx, password)
}

// SetPasswordTx gives the account a password in the caller's transaction, and
// ends its sessions and its links for a new password. It writes no line in the
// log: the caller knows what happened.
func (r *Room) SetPasswordTx(ctx context.Context, tx *db.Tx, a id.Account, h Hash) error {
	if h.phc == "" {
		return fmt.Errorf("set password: no hash")
	}
	if who, err := r.o.Account.ByID(ctx, tx, a); err != nil {
		return err
	} else if err := nobody(&who); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO signin_passwords (account_id, hash, changed_at) VALUES ($1, $2, $3)
		ON CONFLICT (account_id) DO UPDATE SET hash = excluded.hash, changed_at = excluded.changed_at`,
		a, h.phc, db.Micros(r.o.Now()))
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	if _, err := r.deleteSessions(ctx, tx, a, `id <> $2`, 0); err != nil {
		return err
	}
	return r.dropResets(ctx, tx, a)
}

// nobody refuses an account as which no person signs in.
func nobody(who *account.Account) error {
	switch {
	case who.SignsIn():
		return nil
	case who.IsMachine():
		return problem.New(problem.Invalid, "Nobody signs in as a service account, so it has no password.", "It acts by the tokens that its manager makes.")
	}
	return problem.New(problem.Invalid, "Nobody signs in as an organization, so it has no password.", "")
}

// SetPassword gives the account a password without asking for the old one, for
// the operator and for administrators. Its sessions end.
func (r *Room) SetPassword(ctx context.Context, actor right.Actor, a id.Account, password secret.Value) error {
	who, names, err := r.names(ctx, a)
	if err == nil {
		err = nobody(&who)
	}
	if err != nil {
		return err
	}
	h, err := r.HashPassword(ctx, password, names...)
	if err != nil {
		return err
	}
	return r.o.DB.Write(ctx, func(tx *db.Tx) error {
		if err := r.SetPasswordTx(ctx, tx, a, h); err != nil {
			return err
		}
		return r.logPassword(ctx, tx, actor, who, "user.change_password")
	})
}

// ChangePassword replaces the password of the actor's own account, which must
// be given once more, and ends the account's other sessions.
func (r *Room) ChangePassword(ctx context.Context, actor right.Actor, old, password secret.Value) error {
	who, names, err := r.names(ctx, actor.Account)
	if err != nil {
		return err
	}
	if err := CheckPasswordRules(password, names...); err != nil {
		return err
	}
	hash, err := r.proven(ctx, who, old, "password change", "old_password")
	if err != nil {
		return err
	}
	h, err := r.hasher.make(ctx, password)
	if err != nil {
		return err
	}
	return r.o.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := affected(tx.Exec(ctx, `UPDATE signin_passwords SET hash = $1, changed_at = $2 WHERE account_id = $3 AND hash = $4`,
			h.phc, db.Micros(r.o.Now()), who.ID, hash))
		if err != nil {
			return fmt.Errorf("change password: %w", err)
		}
		if n == 0 {
			return problem.New(problem.Conflict, "Your password was changed at the same moment.", "Sign in with the new one.")
		}
		if _, err := r.deleteSessions(ctx, tx, who.ID, `id <> $2`, int64(actor.Sess)); err != nil {
			return err
		}
		if err := r.dropResets(ctx, tx, who.ID); err != nil {
			return err
		}
		return r.logPassword(ctx, tx, actor, who, "user.change_password")
	})
}

// HasPassword reports whether the account can sign in with a password at all.
func (r *Room) HasPassword(ctx context.Context, a id.Account) (bool, error) {
	hash, err := r.hash(ctx, a)
	return hash != "", err
}

// names returns the account and what its password may not be made of.
func (r *Room) names(ctx context.Context, a id.Account) (account.Account, []string, error) {
	who, err := r.o.Account.ByID(ctx, r.o.DB, a)
	if err != nil {
		return account.Account{}, nil, err
	}
	emails, err := r.o.Account.ListEmails(ctx, r.o.DB, a)
	if err != nil {
		return account.Account{}, nil, err
	}
	names := []string{who.Login}
	for _, e := range emails {
		names = append(names, e.Address)
	}
	return who, names, nil
}

func (r *Room) logPassword(ctx context.Context, tx *db.Tx, actor right.Actor, who account.Account, action string) error {
	return r.o.Audit.Record(ctx, tx, audit.Entry{Action: action, Actor: actor, Account: who.ID, Target: who.Login})
}
