package account

import (
	"context"
	"fmt"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// ConfirmLife is how long the link in a mail confirms an address.
const ConfirmLife = 24 * time.Hour

// How many mails there are to confirm addresses. The address may be a stranger's, so
// none of the counts begins anew when it is removed, or with another account.
const (
	mailPause    = 5 * time.Minute // between two to one address
	mailsPerPair = 5               // a day, of one account to one address
	mailsPerBox  = 10              // a day, of all accounts to one address
	mailsPerUser = 10              // a day, of one account to all addresses
	mailDay      = 24 * time.Hour
)

// AskConfirmTx notes that a mail to confirm an address is about to be sent, which
// makes earlier ones worthless. It fails with problem.TooMany when there were many.
func (r *Room) AskConfirmTx(ctx context.Context, tx *db.Tx, a id.Account, e id.Email) (Email, error) {
	m, err := r.one(ctx, tx, a, e)
	if err != nil {
		return Email{}, err
	}
	if m.Verified {
		return Email{}, problem.New(problem.Conflict, m.Address+" is verified already.", "")
	}
	now := r.o.Now()
	if err := r.mayMail(ctx, tx, a, key(m.Address), now); err != nil {
		return Email{}, err
	}
	m.ConfirmAt = db.Time(db.Micros(now)) // as it is stored
	if _, err := tx.Exec(ctx, `UPDATE account_emails SET confirm_at = $1 WHERE id = $2 AND account_id = $3`, db.Micros(now), e, a); err != nil {
		return Email{}, fmt.Errorf("ask to confirm an address: %w", err)
	}
	_, err = tx.Exec(ctx, `INSERT INTO account_confirm_mails (account_id, email_key, asked_at) VALUES ($1, $2, $3)`, a, key(m.Address), db.Micros(now))
	if err != nil {
		return Email{}, fmt.Errorf("ask to confirm an address: %w", err)
	}
	return m, nil
}

// mayMail refuses a mail that would be one too many.
func (r *Room) mayMail(ctx context.Context, tx *db.Tx, a id.Account, to string, now time.Time) error {
	since := db.Micros(now.Add(-mailDay))
	var pair, box, user int
	var last int64
	err := tx.QueryRow(ctx, `
		SELECT COUNT(*), COALESCE(SUM(CASE WHEN account_id = $1 THEN 1 ELSE 0 END), 0), COALESCE(MAX(asked_at), 0)
		FROM account_confirm_mails WHERE email_key = $2 AND asked_at > $3`, a, to, since).Scan(&box, &pair, &last)
	if err != nil {
		return fmt.Errorf("count mails: %w", err)
	}
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM account_confirm_mails WHERE account_id = $1 AND asked_at > $2`, a, since).Scan(&user); err != nil {
		return fmt.Errorf("count mails: %w", err)
	}
	wait := time.Duration(0)
	switch {
	case pair >= mailsPerPair || box >= mailsPerBox || user >= mailsPerUser:
		return &problem.Error{Kind: problem.TooMany, After: int(time.Hour.Seconds()),
			Public: "Many mails were sent within a day.", Remedy: "Try again tomorrow, or ask an administrator of this site to mark the address as verified."}
	case last > 0:
		wait = db.Time(last).Add(mailPause).Sub(now)
	}
	if wait <= 0 {
		return nil
	}
	return &problem.Error{Kind: problem.TooMany, After: int(wait.Seconds()) + 1,
		Public: "A mail to this address was sent a moment ago.", Remedy: "Look for it, in the folder for spam too, or try again in 5 minutes."}
}

// ConfirmTx records that the person has shown the address to be their own, by the
// link that was issued at m.ConfirmAt. It reports false when that is worth nothing any
// more.
func (r *Room) ConfirmTx(ctx context.Context, tx *db.Tx, actor right.Actor, a id.Account, m Email) (bool, error) {
	owner, err := r.ByID(ctx, tx, a)
	if err != nil {
		return false, err
	}
	done, err := tx.Exec(ctx, `
		UPDATE account_emails SET verified = TRUE, confirm_at = 0
		WHERE id = $1 AND account_id = $2 AND email = $3 AND confirm_at = $4 AND confirm_at > 0 AND NOT verified`, m.ID, a, m.Address, db.Micros(m.ConfirmAt))
	if err != nil {
		return false, fmt.Errorf("confirm an address: %w", err)
	}
	if n, err := done.RowsAffected(); err != nil || n != 1 {
		return false, err
	}
	return true, r.record(ctx, tx, actor, "user.confirm_email", a, owner.Login, map[string]string{"email": m.Address})
}

// TrimConfirms forgets the mails by which no more are bounded. It is called now and
// then.
func (r *Room) TrimConfirms(ctx context.Context) error {
	return r.o.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM account_confirm_mails WHERE asked_at < $1`, db.Micros(r.o.Now().Add(-mailDay))); err != nil {
			return fmt.Errorf("forget mails: %w", err)
		}
		return nil
	})
}
