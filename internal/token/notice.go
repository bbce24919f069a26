package token

import (
	"context"
	"fmt"
	"time"

	"jeton/internal/account"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/notice"
	"jeton/internal/right"
)

// told reports whether anybody is told of tokens of the kind. One that a machine got
// for minutes is nobody's business.
func (k Kind) told() bool { return k != Exchanged }

// maxReaders is how many of an organisation's owners are told of a machine's token.
const maxReaders = 10

// about is what notices say of t. A machine reads no mail: who answers for it does.
func (r *Room) about(ctx context.Context, tx *db.Tx, t *Token) (notice.Token, error) {
	n := notice.Token{ID: t.ID, Account: t.Account, Readers: []id.Account{t.Account}, Kind: t.Kind.String(), Note: t.Note, App: t.App, Owner: t.Owner, CreatedAt: t.CreatedAt, EndsAt: t.ExpiresAt}
	if t.Owner != 0 && t.Owner != t.Account {
		in, err := shares(ctx, tx, t.Owner, t.Account)
		if err != nil {
			return n, err
		}
		n.Apart = !in
	}
	manager, login, err := t.manager(ctx, tx)
	if err != nil || manager == 0 {
		return n, err
	}
	n.Machine, n.Readers = login, []id.Account{manager}
	owners, err := ownersOf(ctx, tx, manager, maxReaders)
	if len(owners) > 0 {
		n.Readers = owners
	}
	return n, err
}

// managed says who answers for a machine, and how that is called.
type managed struct {
	by    id.Account // 0: it is none
	login string
}

// manager is account.Manager of t's account, unless it was asked for already.
func (t *Token) manager(ctx context.Context, tx *db.Tx) (id.Account, string, error) {
	if t.managed == nil {
		by, login, err := account.Manager(ctx, tx, t.Account)
		if err != nil {
			return 0, "", err
		}
		t.managed = &managed{by, login}
	}
	return t.managed.by, t.managed.login, nil
}

// recordMade records that t was made, and has its owner told.
func (r *Room) recordMade(ctx context.Context, tx *db.Tx, actor right.Actor, t Token) error {
	if _, _, err := t.manager(ctx, tx); err != nil { // once, for both
		return err
	}
	if err := r.tellMade(ctx, tx, actor, t, notice.Made, t.CreatedAt); err != nil {
		return err
	}
	return r.record(ctx, tx, actor, t.Kind.deed("create"), t, "")
}

// tellMade has t's owner told that it has a secret that it had not.
func (r *Room) tellMade(ctx context.Context, tx *db.Tx, actor right.Actor, t Token, how string, at time.Time) error {
	if !t.Kind.told() {
		return nil
	}
	n, err := r.about(ctx, tx, &t)
	if err != nil {
		return err
	}
	return r.o.Notices.CreatedTx(ctx, tx, actor, n, how, at)
}

func (r *Room) tellReuse(ctx context.Context, tx *db.Tx, t Token, ending string, at time.Time) error {
	if !t.Kind.told() {
		return nil
	}
	n, err := r.about(ctx, tx, &t)
	if err != nil {
		return err
	}
	return r.o.Notices.ReuseTx(ctx, tx, n, ending, at)
}

// SeenTx notes from which networks tokens were used, the earliest use first, and has
// their owners told of those that are new.
func (r *Room) SeenTx(ctx context.Context, tx *db.Tx, seen []notice.Seen) error {
	news, err := r.o.Notices.SeenTx(ctx, tx, seen)
	if err != nil || len(news) == 0 {
		return err
	}
	ids := make([]id.Token, len(news))
	for i := range news {
		ids[i] = news[i].Token
	}
	tokens, err := r.ByIDs(ctx, tx, ids)
	if err != nil {
		return err
	}
	for _, s := range news {
		t, there := tokens[s.Token]
		if !there || !t.Kind.told() {
			continue
		}
		n, err := r.about(ctx, tx, &t)
		if err != nil {
			return err
		}
		if err := r.o.Notices.NetworkTx(ctx, tx, n, s); err != nil {
			return err
		}
	}
	return nil
}

const (
	endBatch = 200                // tokens of one transaction
	endPast  = 7 * 24 * time.Hour // an end that is longer ago is not told any more
	aWeek    = 7 * 24 * time.Hour
	aDay     = 24 * time.Hour
)

// warning is a notice that is due a while before a token's end.
type warning struct {
	kind   notice.Kind
	before time.Duration
}

// TellEnds has the owners of tokens told whose end, or the time of a warning before
// it, came after since and by now; zero is a week ago. Of several that came meanwhile
// the most urgent alone is told. A secret that was made when a warning's time was over
// already has none of that.
func (r *Room) TellEnds(ctx context.Context, since, now time.Time) error {
	if least := now.Add(-endPast); since.Before(least) {
		since = least
	}
	next := now // ends up to here were told of by something more urgent
	for i, w := range []warning{{notice.Ended, 0}, {notice.EndsDay, aDay}, {notice.EndsWeek, aWeek}} {
		from := since.Add(w.before)
		if i > 0 && from.Before(next) {
			from = next
		}
		next = now.Add(w.before)
		if err := r.tellEnds(ctx, w, from, next); err != nil {
			return err
		}
	}
	return nil
}

// tellEnds tells of the ends after from and up to to, in batches that hold nobody up.
func (r *Room) tellEnds(ctx context.Context, w warning, from, to time.Time) error {
	at, last := db.Micros(from), int64(1)<<62
	for {
		n := 0
		err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
			some, err := list(ctx, tx, `SELECT `+columns+` FROM tokens
				WHERE revoked_at = 0 AND expires_at > 0 AND expires_at >= $1 AND expires_at <= $3 AND (expires_at > $1 OR id > $2)`+string(made)+`
				ORDER BY expires_at, id LIMIT $4`, at, last, db.Micros(to), endBatch)
			if err != nil {
				return fmt.Errorf("look for tokens that end: %w", err)
			}
			if n = len(some); n == 0 {
				return nil
			}
			for i := range some {
				t := &some[i]
				if w.before > 0 && !t.secretAt.Before(t.ExpiresAt.Add(-w.before)) {
					continue
				}
				about, err := r.about(ctx, tx, t)
				if err != nil {
					return err
				}
				if err := r.o.Notices.EndsTx(ctx, tx, w.kind, about); err != nil {
					return err
				}
			}
			tx.AfterCommit(func() { at, last = db.Micros(some[n-1].ExpiresAt), int64(some[n-1].ID) })
			return nil
		})
		if err != nil || n < endBatch {
			return err
		}
	}
}
