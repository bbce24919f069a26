package signin

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"jeton/internal/account"
	"jeton/internal/audit"
	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/event"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
)

const (
	sessionLabel = "session"
	maxSessions  = 100         // of one account; the one unused for longest makes room
	seenEvery    = time.Minute // a use is noted at most this often
)

// Session is a browser that is signed in.
type Session struct {
	ID          id.Session
	Account     id.Account
	Login       string
	SiteAdmin   bool
	CreatedAt   time.Time
	SeenAt      time.Time
	ConfirmedAt time.Time // when the person last proved who they are
	ExpiresAt   time.Time // the end, however much it is used
	Address     string    // where it was opened from
	Client      string    // the browser that opened it
}

func ended() error {
	return problem.New(problem.Unauthenticated, "You are signed out.", "Sign in again.")
}

// insertSession opens a session for who and makes room for it.
func (r *Room) insertSession(ctx context.Context, tx *db.Tx, who account.Account) (secret.Value, Session, error) {
	if err := nobody(&who); err != nil {
		return secret.Value{}, Session{}, err
	}
	bearer, raw := newBearer()
	key, sum := r.o.Keys.Digest(sessionLabel, raw[:])
	e, now := event.From(ctx), r.o.Now()
	s := Session{
		Account: who.ID, Login: who.Login, SiteAdmin: who.SiteAdmin,
		CreatedAt: now, SeenAt: now, ConfirmedAt: now, ExpiresAt: now.Add(r.o.Absolute), Client: e.Client,
	}
	if e.Address.IsValid() {
		s.Address = e.Address.Unmap().String()
	}
	if err := r.makeRoom(ctx, tx, who.ID, now); err != nil {
		return secret.Value{}, Session{}, err
	}
	err := tx.QueryRow(ctx, `
		INSERT INTO signin_sessions (account_id, key_id, digest, created_at, seen_at, confirmed_at, expires_at, address, client)
		VALUES ($1, $2, $3, $4, $4, $4, $5, $6, $7)
		RETURNING id`,
		who.ID, key, sum[:], db.Micros(now), db.Micros(s.ExpiresAt), s.Address, s.Client).Scan(&s.ID)
	if err != nil {
		return secret.Value{}, Session{}, fmt.Errorf("insert session: %w", err)
	}
	err = r.o.Audit.Record(ctx, tx, audit.Entry{
		Action: "user.login", Actor: sessionActor(who, s.ID), Account: who.ID, Target: who.Login,
	})
	return bearer, s, err
}

// makeRoom deletes the account's sessions that are over or too many.
func (r *Room) makeRoom(ctx context.Context, tx *db.Tx, a id.Account, now time.Time) error {
	n, err := affected(tx.Exec(ctx, `
		DELETE FROM signin_sessions WHERE account_id = $1 AND (expires_at <= $2 OR seen_at <= $3 OR id NOT IN (
			SELECT id FROM signin_sessions WHERE account_id = $1 ORDER BY seen_at DESC, id DESC LIMIT $4))`,
		a, db.Micros(now), db.Micros(now.Add(-r.o.Idle)), maxSessions-1))
	if err != nil {
		return fmt.Errorf("make room for session: %w", err)
	}
	if n == 0 {
		return nil
	}
	return r.sessionsChanged(ctx, tx, a)
}

func affected(res sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// sessionsChanged tells every process that what it keeps of the account's
// sessions is over. The subject of the change is the account.
func (r *Room) sessionsChanged(ctx context.Context, tx *db.Tx, a id.Account) error {
	return r.o.Change.Record(ctx, tx, change.Change{Kind: change.SessionChanged, Subject: int64(a)})
}

// Session returns the session of a bearer value: problem.Unauthenticated when
// it has ended or never was, problem.Forbidden while its account is suspended.
func (r *Room) Session(ctx context.Context, bearer secret.Value) (Session, error) {
	raw, ok := parseBearer(bearer)
	if !ok {
		return Session{}, ended()
	}
	_, sum := r.o.Keys.Digest(sessionLabel, raw[:])
	cached := r.o.Change.Fresh()
	var l *live
	if cached {
		l = r.cache.get(&sum)
	}
	if l == nil {
		begun := r.cache.begin()
		var err error
		if l, err = r.load(ctx, raw[:]); err != nil {
			return Session{}, err
		}
		if cached {
			r.cache.put(sum, l, begun)
		}
	}
	return r.use(ctx, l)
}

// use lets a session that was found be used, or says why not.
func (r *Room) use(ctx context.Context, l *live) (Session, error) {
	now := r.o.Now()
	seen := db.Time(l.seen.Load())
	if !now.Before(l.s.ExpiresAt) || now.Sub(seen) >= r.o.Idle {
		return Session{}, ended()
	}
	f, err := r.o.Account.Facts(ctx, r.o.DB, l.s.Account)
	if problem.Is(err, problem.NotFound) || err == nil && (f.Machine || f.Org) {
		return Session{}, ended() // no session of a machine is ever made; were there one, it would open nothing
	}
	if err != nil {
		return Session{}, err
	}
	if f.Suspended {
		return Session{}, suspended()
	}
	if now.Sub(seen) >= seenEvery {
		l.seen.Store(db.Micros(now))
		r.seen.note(l.s.ID, db.Micros(now))
	}
	s := l.s
	s.Login, s.SiteAdmin, s.SeenAt = f.Login, f.SiteAdmin, db.Time(l.seen.Load())
	return s, nil
}

const sessionColumns = `id, account_id, created_at, seen_at, confirmed_at, expires_at, address, client`

func scanSession(row interface{ Scan(...any) error }) (Session, error) {
	var s Session
	var created, seen, confirmed, expires int64
	err := row.Scan(&s.ID, &s.Account, &created, &seen, &confirmed, &expires, &s.Address, &s.Client)
	s.CreatedAt, s.SeenAt, s.ConfirmedAt, s.ExpiresAt = db.Time(created), db.Time(seen), db.Time(confirmed), db.Time(expires)
	return s, err
}

// load reads a session from the database. One whose digest was made with an
// older key is digested anew, so that the key can be retired.
func (r *Room) load(ctx context.Context, raw []byte) (*live, error) {
	for i, d := range r.o.Keys.Digests(sessionLabel, raw) {
		s, err := scanSession(r.o.DB.QueryRow(ctx, `SELECT `+sessionColumns+` FROM signin_sessions WHERE digest = $1 AND key_id = $2`, d.Sum[:], d.Key))
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read session: %w", err)
		}
		if i > 0 {
			if err := r.digestAgain(ctx, s.ID, raw, d.Key); err != nil {
				return nil, err
			}
		}
		l := &live{s: s}
		l.seen.Store(max(db.Micros(s.SeenAt), r.seen.pending(s.ID)))
		return l, nil
	}
	return nil, ended()
}

func (r *Room) digestAgain(ctx context.Context, s id.Session, raw []byte, old int64) error {
	key, sum := r.o.Keys.Digest(sessionLabel, raw)
	return r.o.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE signin_sessions SET key_id = $1, digest = $2 WHERE id = $3 AND key_id = $4`, key, sum[:], s, old)
		if err != nil {
			return fmt.Errorf("digest session again: %w", err)
		}
		return nil
	})
}

// ListSessions returns the account's sessions, the last used first.
func (r *Room) ListSessions(ctx context.Context, a id.Account) ([]Session, error) {
	now := r.o.Now()
	rows, err := r.o.DB.Query(ctx, `SELECT `+sessionColumns+` FROM signin_sessions
		WHERE account_id = $1 AND expires_at > $2 AND seen_at > $3 ORDER BY seen_at DESC, id DESC`,
		a, db.Micros(now), db.Micros(now.Add(-r.o.Idle)))
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	defer rows.Close()
	var out []Session
	for rows.Next() {
		s, err := scanSession(rows)
		if err != nil {
			return nil, fmt.Errorf("list sessions: %w", err)
		}
		if p := db.Time(r.seen.pending(s.ID)); p.After(s.SeenAt) {
			s.SeenAt = p
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return out, nil
}

// SignOut ends the session of a bearer value. One that has ended already is no
// error.
func (r *Room) SignOut(ctx context.Context, bearer secret.Value) error {
	s, err := r.Session(ctx, bearer)
	if problem.Is(err, problem.Unauthenticated) || problem.Is(err, problem.Forbidden) {
		return nil // it opens nothing
	}
	if err != nil {
		return err
	}
	who := account.Account{ID: s.Account, Login: s.Login, SiteAdmin: s.SiteAdmin}
	_, err = r.endSome(ctx, sessionActor(who, s.ID), "user.logout", s.Account, `id = $2`, int64(s.ID))
	return err
}

// EndSession ends one of the account's sessions, or gives problem.NotFound.
func (r *Room) EndSession(ctx context.Context, actor right.Actor, a id.Account, s id.Session) error {
	n, err := r.endSome(ctx, actor, "user.end_session", a, `id = $2`, int64(s))
	if err == nil && n == 0 {
		return problem.New(problem.NotFound, "There is no such session.", "")
	}
	return err
}

// EndOthers ends every session of the actor's account but the actor's own, and
// returns how many there were.
func (r *Room) EndOthers(ctx context.Context, actor right.Actor) (int, error) {
	return r.endSome(ctx, actor, "user.end_other_sessions", actor.Account, `id <> $2`, int64(actor.Sess))
}

// endSome deletes those of the account's sessions that the condition over $2
// names, and logs it if there were any.
func (r *Room) endSome(ctx context.Context, actor right.Actor, action string, a id.Account, where string, arg int64) (int, error) {
	var n int64
	err := r.o.DB.Write(ctx, func(tx *db.Tx) (err error) {
		n, err = r.deleteSessions(ctx, tx, a, where, arg)
		if err != nil || n == 0 {
			return err
		}
		f, err := r.o.Account.Facts(ctx, tx, a)
		if err != nil {
			return err
		}
		return r.o.Audit.Record(ctx, tx, audit.Entry{Action: action, Actor: actor, Account: a, Target: f.Login})
	})
	return int(n), err
}

func (r *Room) deleteSessions(ctx context.Context, tx *db.Tx, a id.Account, where string, arg int64) (int64, error) {
	n, err := affected(tx.Exec(ctx, `DELETE FROM signin_sessions WHERE account_id = $1 AND `+where, a, arg))
	if err != nil {
		return 0, fmt.Errorf("end sessions: %w", err)
	}
	return n, r.sessionsChanged(ctx, tx, a)
}

// accountEnding runs in the transaction that ends the account's access. During a
// suspension the sessions stay, so that whoever holds one is told why it opens
// nothing.
func (r *Room) accountEnding(ctx context.Context, tx *db.Tx, a id.Account, e account.Ending) error {
	if e == account.Suspended {
		return r.dropResets(ctx, tx, a)
	}
	if _, err := r.deleteSessions(ctx, tx, a, `id <> $2`, 0); err != nil {
		return err
	}
	return r.dropResets(ctx, tx, a)
}

// Flush writes what is kept in memory: when sessions were last used, and failed
// sign-ins.
func (r *Room) Flush(ctx context.Context) error {
	return errors.Join(r.flushSeen(ctx), r.flushFailures(ctx, r.o.Now()))
}

func (r *Room) flushSeen(ctx context.Context) error {
	batch := r.seen.take()
	if len(batch) == 0 {
		return nil
	}
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		for s, at := range batch {
			if _, err := tx.Exec(ctx, `UPDATE signin_sessions SET seen_at = $1 WHERE id = $2 AND seen_at < $1`, at, s); err != nil {
				return fmt.Errorf("note use of session: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		for s, at := range batch {
			r.seen.note(s, at)
		}
	}
	return err
}

// Purge deletes sessions and links that are over. A link is kept for a month
// after its end, so that an administrator's list can show it as used or over.
// Failed sign-ins of nobody's account leave the log after 90 days.
func (r *Room) Purge(ctx context.Context) error {
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		now := r.o.Now()
		_, err := tx.Exec(ctx, `DELETE FROM signin_sessions WHERE expires_at <= $1 OR seen_at <= $2`,
			db.Micros(now), db.Micros(now.Add(-r.o.Idle)))
		if err != nil {
			return fmt.Errorf("purge sessions: %w", err)
		}
		_, err = tx.Exec(ctx, `DELETE FROM signin_links WHERE expires_at <= $1`, db.Micros(now.AddDate(0, -1, 0)))
		if err != nil {
			return fmt.Errorf("purge links: %w", err)
		}
		return nil
	})
	return errors.Join(err, r.o.Audit.Trim(ctx, 0, failedLogin, r.o.Now().Add(-keepFor)))
}
