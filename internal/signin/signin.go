// Package signin is the room of proving who one is: passwords, sessions,
// confirming a sign-in, the one-use links by which an account begins or gets a
// new password, and those by which it confirms an address. It writes the tables signin_passwords, signin_sessions
// and signin_links. A bearer value leaves it once, when it is made; kept is
// only its digest under a server key. A password never proves anything but a
// sign-in on the pages: Git and the API take tokens.
package signin

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"jeton/internal/account"
	"jeton/internal/audit"
	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/keys"
	"jeton/internal/limit"
	"jeton/internal/notice"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
)

// Options is what the room needs. DB, Account, Keys, Change and Audit are
// required; everything else has a working zero.
type Options struct {
	DB      *db.DB
	Account *account.Room
	Keys    *keys.Ring
	Change  *change.Bus
	Audit   *audit.Log
	Notices *notice.Room     // nil: no mail is sent to confirm an address
	Limit   *limit.Backoff   // of failed passwords; nil: one with the usual waits
	Now     func() time.Time // nil: time.Now

	Networks limit.Rate // of failed sign-ins from one network; zero: 600 an hour, 1000 at once

	Cost    Cost // of a password hash; zero: argon2id with 19 MiB and two passes
	Waiters int  // how many may wait for a hash; 0: 400

	Idle     time.Duration // an unused session ends after this; 0: 14 days
	Absolute time.Duration // every session ends after this; 0: 90 days
}

// Room signs people in. It may be used from many goroutines.
type Room struct {
	o        Options
	hasher   *hasher
	networks *limit.Limiter // failed sign-ins by network
	regulars *limit.Recent  // pairs of login and address that have signed in
	failures failures
	cache    sessionCache
	seen     seenBatch
}

// New makes the room, lets it hear changes, and makes sessions end with their
// account's access.
func New(o Options) *Room {
	if o.DB == nil || o.Account == nil || o.Keys == nil || o.Change == nil || o.Audit == nil {
		panic("signin: New needs DB, Account, Keys, Change and Audit")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Limit == nil {
		o.Limit = limit.NewBackoff(limit.BackoffOptions{Now: o.Now})
	}
	if o.Networks == (limit.Rate{}) {
		o.Networks = limit.Rate{Count: 600, Per: time.Hour, Burst: 1000}
	}
	if o.Idle <= 0 {
		o.Idle = 14 * 24 * time.Hour
	}
	if o.Absolute <= 0 {
		o.Absolute = 90 * 24 * time.Hour
	}
	r := &Room{
		o: o, hasher: newHasher(o.Cost, o.Waiters), failures: newFailures(),
		networks: limit.New(limit.Options{Now: o.Now}),
		regulars: limit.NewRecent(limit.RecentOptions{Now: o.Now, Life: regularFor}),
	}
	r.cache.reset()
	o.Change.Subscribe(r.cache.hear)
	o.Account.WhenEnding(r.accountEnding)
	return r
}

// Hashes returns how many password hashes were computed, for metrics.
func (r *Room) Hashes() int64 { return r.hasher.count.Load() }

// Run writes what is kept in batches, and clears away what is over, until ctx
// ends; then it writes once more.
func (r *Room) Run(ctx context.Context) error {
	flush, purge := time.NewTicker(30*time.Second), time.NewTicker(time.Hour)
	defer flush.Stop()
	defer purge.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			return r.Flush(last)
		case <-flush.C:
			// A batch that cannot be written now is written with the next one.
			_ = r.flushSeen(ctx)
			_ = r.flushFailures(ctx, r.o.Now().Add(-countFor))
		case <-r.failures.more:
			_ = r.flushFailures(ctx, r.o.Now().Add(-countFor))
		case <-purge.C:
			_ = r.Purge(ctx)
		}
	}
}

// wrong is the one answer for a wrong password, an unknown login and an account
// that has no password.
func wrong() error {
	return problem.New(problem.Unauthenticated, "Incorrect username or password.", "")
}

func suspended() error {
	return problem.New(problem.Forbidden, "Your account is suspended.", "Ask an administrator of this site about it.")
}

// SignIn checks a password and opens a session. The login may be an e-mail
// address of the account. The bearer value is always a new one, so that a value
// which somebody placed in the browser beforehand never becomes a session.
//
// A wrong password and an unknown login take the same work and give the same
// problem.Unauthenticated; after some failures problem.TooMany says how long to
// wait. That an account is suspended (problem.Forbidden) is told only to who
// knows its password.
func (r *Room) SignIn(ctx context.Context, login string, password secret.Value) (secret.Value, Session, error) {
	login = strings.TrimSpace(login)
	forgive, err := r.knock(ctx, login)
	if err != nil {
		return secret.Value{}, Session{}, err
	}
	who, hash, err := r.known(ctx, login)
	if err != nil {
		return secret.Value{}, Session{}, err
	}
	ok, old, err := r.hasher.check(ctx, hash, password)
	if err != nil {
		return secret.Value{}, Session{}, err
	}
	if !ok {
		r.failed(ctx, who, "password")
		return secret.Value{}, Session{}, wrong()
	}
	forgive()
	if who.Suspended {
		r.failed(ctx, who, "suspended")
		return secret.Value{}, Session{}, suspended()
	}
	keep := hash
	if old {
		h, err := r.hasher.make(ctx, password)
		if err != nil {
			return secret.Value{}, Session{}, err
		}
		keep = h.phc
	}
	return r.open(ctx, who, hash, keep)
}

// open makes the session of a person whose password had the given hash, unless
// that was changed or the account suspended in the meantime.
func (r *Room) open(ctx context.Context, who account.Account, hash, keep string) (secret.Value, Session, error) {
	var bearer secret.Value
	var s Session
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		if err := r.stillRight(ctx, tx, who.ID, hash, keep); err != nil {
			return err
		}
		f, err := r.o.Account.Facts(ctx, tx, who.ID)
		if err != nil {
			return err
		}
		if f.Suspended {
			return suspended()
		}
		bearer, s, err = r.insertSession(ctx, tx, who)
		return err
	})
	return bearer, s, err
}

// stillRight fails when the account's password is not any more the one with
// the given hash. It writes keep in its place, which also makes this
// transaction and one that changes the password wait for each other.
func (r *Room) stillRight(ctx context.Context, tx *db.Tx, a id.Account, hash, keep string) error {
	res, err := tx.Exec(ctx, `UPDATE signin_passwords SET hash = $1 WHERE account_id = $2 AND hash = $3`, keep, a, hash)
	if err != nil {
		return fmt.Errorf("keep password: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return wrong()
	}
	return nil
}

// known returns the account that login or an address names, and its password's
// hash. Both are zero when there is none; the queries are the same.
func (r *Room) known(ctx context.Context, login string) (account.Account, string, error) {
	find := r.o.Account.ByLogin
	if strings.Contains(login, "@") {
		find = r.o.Account.ByEmail
	}
	who, err := find(ctx, r.o.DB, login)
	if err != nil && !problem.Is(err, problem.NotFound) {
		return account.Account{}, "", err
	}
	hash, err := r.hash(ctx, who.ID)
	return who, hash, err
}

// hash returns the hash of the account's password, empty when it has none.
func (r *Room) hash(ctx context.Context, a id.Account) (string, error) {
	var hash string
	err := r.o.DB.QueryRow(ctx, `SELECT hash FROM signin_passwords WHERE account_id = $1`, a).Scan(&hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read password: %w", err)
	}
	return hash, nil
}

// Confirm proves again, by the password, that the person of session s is there;
// what asks for a recent sign-in is open to it from then on.
func (r *Room) Confirm(ctx context.Context, s Session, password secret.Value) error {
	who, err := r.o.Account.ByID(ctx, r.o.DB, s.Account)
	if err != nil {
		return err
	}
	hash, err := r.proven(ctx, who, password, "confirmation", "password")
	if err != nil {
		return err
	}
	return r.o.DB.Write(ctx, func(tx *db.Tx) error {
		if err := r.stillRight(ctx, tx, who.ID, hash, hash); err != nil {
			return err
		}
		res, err := tx.Exec(ctx, `UPDATE signin_sessions SET confirmed_at = $1 WHERE id = $2 AND account_id = $3`,
			db.Micros(r.o.Now()), s.ID, s.Account)
		if err != nil {
			return fmt.Errorf("confirm session: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return ended()
		}
		if err := r.sessionsChanged(ctx, tx, who.ID); err != nil {
			return err
		}
		return r.o.Audit.Record(ctx, tx, audit.Entry{
			Action: "user.confirm_access", Actor: sessionActor(who, s.ID), Account: who.ID, Target: who.Login,
		})
	})
}

// proven checks the password of somebody who is signed in, slowed down and
// logged as a sign-in is, and returns its hash. A wrong one is a problem of the
// named field.
func (r *Room) proven(ctx context.Context, who account.Account, password secret.Value, why, field string) (string, error) {
	forgive, err := r.attempt(ctx, who.Login)
	if err != nil {
		return "", err
	}
	hash, err := r.hash(ctx, who.ID)
	if err != nil {
		return "", err
	}
	ok, _, err := r.hasher.check(ctx, hash, password)
	if err != nil {
		return "", err
	}
	if !ok {
		r.failed(ctx, who, why)
		return "", problem.Field(field, "Incorrect password.")
	}
	forgive()
	return hash, nil
}

// sessionActor is the person of a session, for the log.
func sessionActor(who account.Account, s id.Session) right.Actor {
	return right.Actor{
		Account: who.ID, Login: who.Login, SiteAdmin: who.SiteAdmin,
		Kind: right.SessionCredential, Sess: s, Grant: right.Everything(),
	}
}
