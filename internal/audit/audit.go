// Package audit is the security log: who did what to which thing, when, from
// where, and what was refused them. A line is written in the transaction of
// what it tells of. It must never hold a secret, and never what a person typed
// in vain.
package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"jeton/internal/db"
	"jeton/internal/event"
	"jeton/internal/id"
	"jeton/internal/printable"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// The most bytes that a field keeps.
const (
	maxAction  = 64
	maxTarget  = 512
	maxNote    = 256
	maxClient  = 256
	maxDetail  = 512
	maxDetails = 20
)

// Options says where the log is. DB is required.
type Options struct {
	DB  *db.DB
	Now func() time.Time
}

// Log writes and reads the security log. It is safe for concurrent use.
type Log struct{ o Options }

// New returns the log.
func New(o Options) *Log {
	if o.DB == nil {
		panic("audit: no DB")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Log{o: o}
}

// Entry is what a room tells. Address, client and request come from the
// context's event.
type Entry struct {
	At      time.Time // when it happened; zero: now
	Action  string    // as GitHub's: user.login, oauth_access.create, repo.create
	Actor   right.Actor
	Account id.Account // whose log it belongs to; zero for the site's own
	Repo    id.Repo
	Target  string // what it was done to, for people: a login, "owner/name", a note
	Detail  map[string]string
}

// Record writes a line that stands or falls with the caller's transaction.
func (l *Log) Record(ctx context.Context, tx *db.Tx, e Entry) error {
	if e.Action == "" {
		return problem.New(problem.Internal, "a line of the security log without an action", "")
	}
	detail, err := encode(e.detail())
	if err != nil {
		return err
	}
	if e.At.IsZero() {
		e.At = l.o.Now()
	}
	ev := event.From(ctx)
	address := ""
	if ev.Address.IsValid() {
		address = ev.Address.Unmap().WithZone("").String()
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO audit_events (at, action, account_id, actor_kind, actor_id, actor_login, token_id, token_note, session_id,
			repo_id, target, address, client, request, detail)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
		db.Micros(e.At), printable.Line(e.Action, maxAction), int64(e.Account), e.Actor.Kind.String(), int64(e.Actor.Account),
		printable.Line(e.Actor.Login, maxNote), int64(e.Actor.Token), printable.Line(e.Actor.Note, maxNote), int64(e.Actor.Sess),
		int64(e.Repo), printable.Line(e.Target, maxTarget), address, printable.Line(ev.Client, maxClient),
		printable.Line(ev.Request, maxNote), detail)
	if err != nil {
		return fmt.Errorf("record %s: %w", e.Action, err)
	}
	return nil
}

// Has reports whether a line was written for exactly this: of that time, by that
// request, with these details. The entry's time must be set. It reads the whole log
// of the account: it is for what a crash left in doubt.
func (l *Log) Has(ctx context.Context, tx *db.Tx, e Entry) (bool, error) {
	detail, err := encode(e.detail())
	if err != nil {
		return false, err
	}
	var n int
	err = tx.QueryRow(ctx, `
		SELECT COUNT(*) FROM audit_events
		WHERE account_id = $1 AND at = $2 AND action = $3 AND repo_id = $4 AND request = $5 AND detail = $6`,
		int64(e.Account), db.Micros(e.At), printable.Line(e.Action, maxAction), int64(e.Repo),
		printable.Line(event.From(ctx).Request, maxNote), detail).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look for %s: %w", e.Action, err)
	}
	return n > 0, nil
}

// RecordAlone writes a line in a transaction of its own: for what was refused,
// and so changed nothing else.
func (l *Log) RecordAlone(ctx context.Context, e Entry) error {
	return l.o.DB.Write(ctx, func(tx *db.Tx) error { return l.Record(ctx, tx, e) })
}

// trimmed is how many lines one transaction of Trim deletes, so that it holds
// nobody up.
const trimmed = 1000

// Trim deletes the lines of one action from before the given time out of one
// account's log, or out of the site's own. It is for what anybody can cause
// without end; nothing else is ever deleted from the log.
func (l *Log) Trim(ctx context.Context, of id.Account, action string, before time.Time) error {
	for {
		var n int64
		err := l.o.DB.Write(ctx, func(tx *db.Tx) error {
			res, err := tx.Exec(ctx, `DELETE FROM audit_events WHERE id IN (
				SELECT id FROM audit_events WHERE account_id = $1 AND action = $2 AND at < $3 ORDER BY id LIMIT $4)`,
				int64(of), action, db.Micros(before), trimmed)
			if err != nil {
				return err
			}
			n, err = res.RowsAffected()
			return err
		})
		if err != nil {
			return fmt.Errorf("trim the security log: %w", err)
		}
		if n < trimmed {
			return nil
		}
	}
}

// detail are the details, and which narrowed token it was, if any.
func (e *Entry) detail() map[string]string {
	if e.Actor.Node == "" {
		return e.Detail
	}
	out := map[string]string{"by_node": e.Actor.Node}
	maps.Copy(out, e.Detail)
	return out
}

// encode returns the details as JSON with sorted keys, or nothing.
func encode(detail map[string]string) (string, error) {
	if len(detail) == 0 {
		return "", nil
	}
	if len(detail) > maxDetails {
		return "", problem.New(problem.Internal, "a line of the security log with too many details", "")
	}
	out := make(map[string]string, len(detail))
	for _, k := range slices.Sorted(maps.Keys(detail)) {
		out[printable.Line(k, maxAction)] = printable.Line(detail[k], maxDetail)
	}
	text, err := json.Marshal(out)
	if err != nil {
		return "", fmt.Errorf("encode details: %w", err)
	}
	return string(text), nil
}
