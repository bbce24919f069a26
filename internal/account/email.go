package account

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// MaxEmail is how long an address may be, by RFC 5321.
const MaxEmail = 254

// maxEmails is how many addresses one account may have.
const maxEmails = 20

// Email is one address of an account.
type Email struct {
	ID        id.Email
	Address   string
	Primary   bool
	Verified  bool
	ConfirmAt time.Time // when the link by which it can be confirmed was issued; zero: there is none
	CreatedAt time.Time
}

// CheckEmail reports whether s is a bare address: no name beside it, no quoted
// or commented parts, nothing that a mail header could read as something else.
func CheckEmail(s string) error {
	if s == "" {
		return problem.Field("email", "Email can't be blank")
	}
	bad := problem.Field("email", "Email is invalid or already taken")
	if len(s) > MaxEmail || strings.ContainsAny(s, " \t\r\n\"<>(),;:\\[]") || strings.ContainsFunc(s, unprintable) {
		return bad
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || a.Name != "" {
		return bad
	}
	if at := strings.LastIndexByte(s, '@'); at > 64 || strings.Count(s, "@") != 1 {
		return bad
	}
	return nil
}

// ListEmails returns the account's addresses, the primary one first.
func (r *Room) ListEmails(ctx context.Context, read db.Reader, a id.Account) ([]Email, error) {
	rows, err := read.Query(ctx, `
		SELECT id, email, is_primary, verified, confirm_at, created_at FROM account_emails
		WHERE account_id = $1 ORDER BY is_primary DESC, id`, a)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	defer rows.Close()
	var out []Email
	for rows.Next() {
		var e Email
		var confirm, created int64
		if err := rows.Scan(&e.ID, &e.Address, &e.Primary, &e.Verified, &confirm, &created); err != nil {
			return nil, fmt.Errorf("list addresses: %w", err)
		}
		e.ConfirmAt, e.CreatedAt = db.Time(confirm), db.Time(created)
		out = append(out, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	return out, nil
}

// AddEmail gives the account one more address, not verified. The first one
// becomes the primary address.
func (r *Room) AddEmail(ctx context.Context, actor right.Actor, a id.Account, address string) (Email, error) {
	address = strings.TrimSpace(address)
	if err := CheckEmail(address); err != nil {
		return Email{}, err
	}
	var out Email
	err := r.set(ctx, a, func(ctx context.Context, tx *db.Tx, owner Account) error {
		if !owner.SignsIn() {
			return problem.New(problem.Invalid, "Only a person has e-mail addresses here.", "")
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM account_emails WHERE account_id = $1`, a).Scan(&n); err != nil {
			return fmt.Errorf("count addresses: %w", err)
		}
		if n >= maxEmails {
			return problem.Field("email", "You can't add more than 20 addresses; remove one first")
		}
		e, err := r.insertEmail(ctx, tx, a, address, n == 0, false)
		if err != nil {
			return err
		}
		out = e
		if err := r.touch(ctx, tx, a); err != nil {
			return err
		}
		return r.record(ctx, tx, actor, "user.add_email", a, owner.Login, map[string]string{"email": address})
	})
	return out, err
}

func (r *Room) insertEmail(ctx context.Context, tx *db.Tx, a id.Account, address string, primary, verified bool) (Email, error) {
	e := Email{Address: address, Primary: primary, Verified: verified, CreatedAt: r.o.Now()}
	err := tx.QueryRow(ctx, `
		INSERT INTO account_emails (account_id, email, email_key, is_primary, verified, created_at)
		VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (email_key) DO NOTHING
		RETURNING id`,
		a, address, key(address), primary, verified, db.Micros(e.CreatedAt)).Scan(&e.ID)
	if errors.Is(err, sql.ErrNoRows) {
		return Email{}, problem.Field("email", "Email is invalid or already taken")
	}
	if err != nil {
		return Email{}, fmt.Errorf("insert address: %w", err)
	}
	return e, nil
}

// RemoveEmail takes an address away. The primary one stays until another is
// made primary.
func (r *Room) RemoveEmail(ctx context.Context, actor right.Actor, a id.Account, e id.Email) error {
	return r.email(ctx, a, e, func(ctx context.Context, tx *db.Tx, owner Account, m Email) error {
		if m.Primary {
			return problem.New(problem.Conflict, "The primary address can't be removed.", "Make another address primary first.")
		}
		if _, err := tx.Exec(ctx, `DELETE FROM account_emails WHERE id = $1 AND account_id = $2`, e, a); err != nil {
			return fmt.Errorf("remove address: %w", err)
		}
		return r.record(ctx, tx, actor, "user.remove_email", a, owner.Login, map[string]string{"email": m.Address})
	})
}

// touch notes that an account has changed with its addresses: the primary one is a
// part of what is told of it.
func (r *Room) touch(ctx context.Context, tx *db.Tx, a id.Account) error {
	if _, err := tx.Exec(ctx, `UPDATE accounts SET updated_at = $1 WHERE id = $2`, db.Micros(r.o.Now()), a); err != nil {
		return fmt.Errorf("note a change of an account: %w", err)
	}
	return nil
}

// SetPrimary makes e the account's primary address.
func (r *Room) SetPrimary(ctx context.Context, actor right.Actor, a id.Account, e id.Email) error {
	return r.email(ctx, a, e, func(ctx context.Context, tx *db.Tx, owner Account, m Email) error {
		if m.Primary {
			return nil
		}
		// The old one first: the database allows one primary address at any moment.
		if _, err := tx.Exec(ctx, `UPDATE account_emails SET is_primary = FALSE WHERE account_id = $1 AND is_primary`, a); err != nil {
			return fmt.Errorf("set primary address: %w", err)
		}
		if _, err := tx.Exec(ctx, `UPDATE account_emails SET is_primary = TRUE WHERE id = $1 AND account_id = $2`, e, a); err != nil {
			return fmt.Errorf("set primary address: %w", err)
		}
		if err := r.touch(ctx, tx, a); err != nil {
			return err
		}
		return r.record(ctx, tx, actor, "user.change_primary_email", a, owner.Login, map[string]string{"email": m.Address})
	})
}

// MarkVerified records that the address is known to be the person's own.
func (r *Room) MarkVerified(ctx context.Context, actor right.Actor, a id.Account, e id.Email, verified bool) error {
	return r.email(ctx, a, e, func(ctx context.Context, tx *db.Tx, owner Account, m Email) error {
		if m.Verified == verified {
			return nil
		}
		_, err := tx.Exec(ctx, `UPDATE account_emails SET verified = $1, confirm_at = 0 WHERE id = $2 AND account_id = $3`, verified, e, a)
		if err != nil {
			return fmt.Errorf("mark address: %w", err)
		}
		action := "user.verify_email"
		if !verified {
			action = "user.unverify_email"
		}
		return r.record(ctx, tx, actor, action, a, owner.Login, map[string]string{"email": m.Address})
	})
}

// email runs f on one address, which is always looked up together with its
// account.
func (r *Room) email(ctx context.Context, a id.Account, e id.Email, f func(context.Context, *db.Tx, Account, Email) error) error {
	return r.set(ctx, a, func(ctx context.Context, tx *db.Tx, owner Account) error {
		m, err := r.one(ctx, tx, a, e)
		if err != nil {
			return err
		}
		return f(ctx, tx, owner, m)
	})
}

func (r *Room) one(ctx context.Context, read db.Reader, a id.Account, e id.Email) (Email, error) {
	all, err := r.ListEmails(ctx, read, a)
	if err != nil {
		return Email{}, err
	}
	for _, m := range all {
		if m.ID == e {
			return m, nil
		}
	}
	return Email{}, problem.New(problem.NotFound, "There is no such address.", "")
}
