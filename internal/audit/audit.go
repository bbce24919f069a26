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

	"jeton/internal/chain"
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
	DB    *db.DB
	Chain *chain.Chain // nil: the lines are linked by nobody, in tests of other rooms
	Now   func() time.Time
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
	l := &Log{o: o}
	if o.Chain != nil {
		o.Chain.Register(chain.Source{Log: chain.Security, Name: "security log", Rows: rowsOf, IDs: idsAfter})
	}
	return l
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
	_, err := l.record(ctx, tx, e)
	return err
}

func (l *Log) record(ctx context.Context, tx *db.Tx, e Entry) (id.Event, error) {
	if e.Action == "" {
		return 0, problem.New(problem.Internal, "a line of the security log without an action", "")
	}
	detail, err := encode(e.Detail)
	if err != nil {
		return 0, err
	}
	if e.At.IsZero() {
		e.At = l.o.Now()
	}
	ev := event.From(ctx)
	address := ""
	if ev.Address.IsValid() {
		address = ev.Address.Unmap().WithZone("").String()
	}
	line := Line{
		At: e.At, Action: printable.Line(e.Action, maxAction), Account: e.Account, Kind: e.Actor.Kind.String(), ActorID: e.Actor.Account,
		Actor: printable.Line(e.Actor.Login, maxNote), Token: e.Actor.Token, Note: printable.Line(e.Actor.Note, maxNote), Session: e.Actor.Sess,
		Repo: e.Repo, Target: printable.Line(e.Target, maxTarget), Address: address, Client: printable.Line(ev.Client, maxClient),
		Request: printable.Line(ev.Request, maxNote), detailRaw: detail,
	}
	err = tx.QueryRow(ctx, `
		INSERT INTO audit_events (at, action, account_id, actor_kind, actor_id, actor_login, token_id, token_note, session_id,
			repo_id, target, address, client, request, detail)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) RETURNING id`,
		db.Micros(line.At), line.Action, int64(line.Account), line.Kind, int64(line.ActorID), line.Actor, int64(line.Token), line.Note, int64(line.Session),
		int64(line.Repo), line.Target, line.Address, line.Client, line.Request, line.detailRaw).Scan(&line.ID)
	if err != nil {
		return 0, fmt.Errorf("record %s: %w", e.Action, err)
	}
	if l.o.Chain == nil {
		return line.ID, nil
	}
	return line.ID, l.o.Chain.Due(ctx, tx, chain.Security, int64(line.ID), line.content(), time.Time{})
}

// Has reports whether a line was written for exactly this: of that time, by that
// request, with these details. The entry's time must be set. It reads the whole log
// of the account: it is for what a crash left in doubt.
func (l *Log) Has(ctx context.Context, tx *db.Tx, e Entry) (bool, error) {
	detail, err := encode(e.Detail)
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
