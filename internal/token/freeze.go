package token

import (
	"context"
	"fmt"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// Alarm is told that an old secret was presented after its time. Of two who hold a
// token's secrets one is not its owner, and nobody knows which: unless the rotation
// is long ago, or the owner said before that it was them, the token is frozen, with
// all that was made from it, until the owner says what to do. It reports whether
// the token is frozen.
func (r *Room) Alarm(ctx context.Context, refused *Refused) (bool, error) {
	o, now := refused.old, r.o.Now()
	if o == nil || !refused.Token.FrozenAt.IsZero() {
		return !refused.Token.FrozenAt.IsZero(), nil
	}
	if now.Before(o.endsAt.Add(underWay)) || !now.Before(o.rotatedAt.Add(FreezeWithin)) || !o.settledAt.IsZero() {
		return false, nil
	}
	frozen := false
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		t, live, err := r.LiveTx(ctx, tx, refused.Token.Account, refused.Token.ID)
		if err != nil || !live {
			return err
		}
		if frozen = !t.FrozenAt.IsZero(); frozen {
			return nil
		}
		var settled int64
		if err := tx.QueryRow(ctx, `SELECT settled_at FROM token_secrets WHERE digest = $1`, o.digest).Scan(&settled); err != nil {
			return fmt.Errorf("read old secret: %w", err)
		}
		if settled != 0 {
			return nil
		}
		if err := setFrozen(ctx, tx, t.ID, now); err != nil {
			return err
		}
		frozen = true
		if err := r.tellReuse(ctx, tx, t, o.lastEight, now); err != nil {
			return err
		}
		// Who did it is not known: only that they hold the old secret.
		actor := right.Actor{Account: t.Account, Kind: t.Kind.Credential(), Token: t.ID, Note: t.Note}
		return r.recordChange(ctx, tx, actor, t.Kind.deed("freeze"), t, fmt.Sprintf("the old secret …%s was used after its end on %s", o.lastEight, o.endsAt.UTC().Format(time.RFC3339)))
	})
	return frozen, err
}

// Unfreeze lets a frozen token of account go on: its owner says that it was they who
// used the old secret, whose use means nothing from now on.
func (r *Room) Unfreeze(ctx context.Context, actor right.Actor, account id.Account, tid id.Token) (Token, error) {
	var t Token
	err := r.o.DB.Write(ctx, func(tx *db.Tx) (err error) {
		if t, err = byID(ctx, tx, account, tid, made); err != nil {
			return err
		}
		if t.FrozenAt.IsZero() {
			return problem.New(problem.Conflict, "This token is not frozen.", "Nothing is to be done.")
		}
		if err := settleEnded(ctx, tx, tid, r.o.Now()); err != nil {
			return err
		}
		if err := setFrozen(ctx, tx, tid, time.Time{}); err != nil {
			return err
		}
		t.FrozenAt = time.Time{}
		return r.recordChange(ctx, tx, actor, t.Kind.deed("unfreeze"), t, "")
	})
	return t, err
}
