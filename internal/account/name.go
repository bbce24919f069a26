package account

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
)

// maxHeld is how many logins may be held for one account at a time, so that
// renaming again and again cannot take names away from everybody.
const maxHeld = 5

func taken(login string) error {
	return problem.Field("login", "Username "+login+" is not available")
}

// free reports whether login may be given out now. It may always go back to the
// account that it is held for.
func (r *Room) free(ctx context.Context, tx *db.Tx, login string, to id.Account) error {
	var one int
	err := tx.QueryRow(ctx, `SELECT 1 FROM accounts WHERE login_key = $1 AND id <> $2`, key(login), to).Scan(&one)
	if err == nil {
		return taken(login)
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("look for login: %w", err)
	}
	err = tx.QueryRow(ctx, `
		SELECT 1 FROM account_names WHERE name_key = $1 AND until > $2 AND (account_id <> $3 OR account_id = 0)`,
		key(login), db.Micros(r.o.Now()), to).Scan(&one)
	if err == nil {
		return taken(login) // the same words: who had it is nobody's business
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("look for held login: %w", err)
	}
	// A name in use is not held as well; a hold that is over is of no more use.
	if _, err := tx.Exec(ctx, `DELETE FROM account_names WHERE name_key = $1`, key(login)); err != nil {
		return fmt.Errorf("drop held login: %w", err)
	}
	return nil
}

// hold keeps login for account a, or for nobody when a is zero.
func (r *Room) hold(ctx context.Context, tx *db.Tx, login string, a id.Account) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO account_names (name_key, account_id, until) VALUES ($1, $2, $3)
		ON CONFLICT (name_key) DO UPDATE SET account_id = excluded.account_id, until = excluded.until`,
		key(login), a, db.Micros(r.o.Now().Add(HoldLogin)))
	if err != nil {
		return fmt.Errorf("hold login: %w", err)
	}
	return nil
}

// Rename gives the account a new login. The old one is held: it leads to the
// account for HoldLogin, and is given to nobody else.
func (r *Room) Rename(ctx context.Context, actor right.Actor, a id.Account, login string) (Account, error) {
	if err := CheckLogin(login); err != nil {
		return Account{}, err
	}
	var out Account
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		old, err := r.ByID(ctx, tx, a)
		if err != nil {
			return err
		}
		if old.Login == login {
			out = old
			return nil
		}
		if key(old.Login) != key(login) {
			if err := r.moveName(ctx, tx, old, login); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `UPDATE accounts SET login = $1, login_key = $2, updated_at = $3 WHERE id = $4`,
			login, key(login), db.Micros(r.o.Now()), a)
		if db.IsUnique(err) {
			return taken(login)
		}
		if err != nil {
			return fmt.Errorf("rename account: %w", err)
		}
		if err := r.record(ctx, tx, actor, old.event("user.rename", "org.rename", "service_account.rename"), a, login, map[string]string{"old_login": old.Login}); err != nil {
			return err
		}
		out, err = r.ByID(ctx, tx, a)
		return err
	})
	return out, err
}

// moveName takes login out of what is held and holds the old one instead.
func (r *Room) moveName(ctx context.Context, tx *db.Tx, old Account, login string) error {
	if err := r.free(ctx, tx, login, old.ID); err != nil {
		return err
	}
	held, first, err := r.held(ctx, tx, old.ID)
	if err != nil {
		return err
	}
	if held >= maxHeld {
		return problem.Field("login", "Username has been changed too often; it can be changed again after "+first.Format(time.DateOnly))
	}
	return r.hold(ctx, tx, old.Login, old.ID)
}

// held is how many logins are held for account a, and when the first is given up.
func (r *Room) held(ctx context.Context, tx *db.Tx, a id.Account) (n int, first time.Time, err error) {
	var until int64
	err = tx.QueryRow(ctx, `SELECT COUNT(*), COALESCE(MIN(until), 0) FROM account_names WHERE account_id = $1 AND until > $2`,
		a, db.Micros(r.o.Now())).Scan(&n, &until)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("count held logins: %w", err)
	}
	return n, db.Time(until), nil
}

// maxOld is how long a login may be that somebody had elsewhere: that of Gitea's longest.
const maxOld = 40

// CheckOld reports whether login may lead to an account that had it elsewhere. Beside
// what can be one here there may be dots, underscores and more hyphens in it: nobody
// gets such a one, and addresses of repositories with it are looked for.
func CheckOld(login string) error {
	err := CheckLogin(login)
	if err == nil || login == "" || len(login) > maxOld || Reserved(login) {
		return err
	}
	for i := range len(login) {
		c := login[i]
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_' || c == '.' && i > 0) {
			return err
		}
	}
	return nil
}

// LeadHere lets a login that the account had elsewhere lead to it for HoldLogin, as
// after a rename. It fails with problem.Invalid for the field login when CheckOld does,
// when the login is somebody's or is held, or when too many are held for the account.
func (r *Room) LeadHere(ctx context.Context, login string, a id.Account) error {
	if err := CheckOld(login); err != nil {
		return err
	}
	return r.o.DB.Write(ctx, func(tx *db.Tx) error {
		if err := r.free(ctx, tx, login, 0); err != nil {
			return err
		}
		held, _, err := r.held(ctx, tx, a)
		if err != nil {
			return err
		}
		if held >= maxHeld {
			return problem.Field("login", "Username is one more than are held for one account")
		}
		return r.hold(ctx, tx, login, a)
	})
}
