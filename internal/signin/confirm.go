package signin

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"

	"jeton/internal/account"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
)

const confirmLabel = "confirm email"

// confirmed is what a link to confirm an address is derived from: whatever of it
// changes makes the link worthless.
func confirmed(a id.Account, e account.Email) []byte {
	b := make([]byte, 0, 24+len(e.Address))
	for _, n := range []int64{int64(a), int64(e.ID), db.Micros(e.ConfirmAt)} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return append(b, e.Address...)
}

// ConfirmLink is the secret of the link that confirms the address, which belongs into
// the fragment of a URL in a mail to that address and nowhere else. It is derived each
// time, under the current server key, and kept nowhere.
func (r *Room) ConfirmLink(a id.Account, e account.Email) secret.Value {
	_, sum := r.o.Keys.Digest(confirmLabel, confirmed(a, e))
	return secret.New(base64.RawURLEncoding.EncodeToString(sum[:]))
}

// AskConfirm has a mail sent by which the account confirms its address. It fails with
// problem.TooMany when there were many.
func (r *Room) AskConfirm(ctx context.Context, a id.Account, e id.Email) (account.Email, error) {
	var m account.Email
	err := r.o.DB.Write(ctx, func(tx *db.Tx) (err error) {
		m, err = r.askConfirmTx(ctx, tx, a, e)
		return err
	})
	return m, err
}

func (r *Room) askConfirmTx(ctx context.Context, tx *db.Tx, a id.Account, e id.Email) (account.Email, error) {
	m, err := r.o.Account.AskConfirmTx(ctx, tx, a, e)
	if err != nil {
		return account.Email{}, err
	}
	return m, r.o.Notices.ConfirmTx(ctx, tx, a, m.ID, m.ConfirmAt)
}

// askFirstTx has the mail sent to the address with which somebody joins. They have
// joined even if so many went there lately that no more does.
func (r *Room) askFirstTx(ctx context.Context, tx *db.Tx, a id.Account) error {
	all, err := r.o.Account.ListEmails(ctx, tx, a)
	if err != nil {
		return err
	}
	for _, e := range all {
		if _, err := r.askConfirmTx(ctx, tx, a, e.ID); err != nil && !problem.Is(err, problem.TooMany) {
			return err
		}
	}
	return nil
}

// UseConfirm marks the address of the actor's account as verified that the link was
// made for, or gives problem.NotFound. What the link of another account is for, it
// does not find out.
func (r *Room) UseConfirm(ctx context.Context, actor right.Actor, link secret.Value) (account.Email, error) {
	raw, ok := parseBearer(link)
	if !ok {
		return account.Email{}, worthless(actor)
	}
	var found account.Email
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		found = account.Email{}
		all, err := r.o.Account.ListEmails(ctx, tx, actor.Account)
		if err != nil {
			return err
		}
		now := r.o.Now()
		for _, e := range all {
			if e.Verified || e.ConfirmAt.IsZero() || !now.Before(e.ConfirmAt.Add(account.ConfirmLife)) {
				continue
			}
			for _, d := range r.o.Keys.Digests(confirmLabel, confirmed(actor.Account, e)) {
				if subtle.ConstantTimeCompare(d.Sum[:], raw[:]) == 1 {
					found = e
				}
			}
		}
		if found.ID == 0 {
			return worthless(actor)
		}
		ok, err := r.o.Account.ConfirmTx(ctx, tx, actor, actor.Account, found)
		if err == nil && !ok {
			err = worthless(actor)
		}
		return err
	})
	return found, err
}

// worthless is the one answer for a link that confirms nothing of the actor's, for
// whatever reason.
func worthless(actor right.Actor) error {
	return problem.New(problem.NotFound, "This link confirms no address of the account "+actor.Login+", as which you are signed in.",
		"A link works once, for 24 hours, until a newer mail is sent. If it was sent for another account of yours, sign in as that one and open it again; else have the mail sent again.")
}
