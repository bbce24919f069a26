// Package policy is the room of what those who answer for a site or for an
// organisation want of tokens: how long they may live, which kinds, scopes and
// permissions, from which networks, and whether they are asked. It writes the table
// policies, and it alone. It must never decide about a request: right.Check does,
// with what this room knows.
package policy

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"jeton/internal/audit"
	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// Site is whose policy that of the whole site is.
const Site id.Account = 0

// Options is what the room needs. All but Now are required.
type Options struct {
	DB     *db.DB
	Change *change.Bus
	Audit  *audit.Log
	Now    func() time.Time // nil: time.Now
}

// Room holds all policies, and keeps them in memory while it hears of changes.
type Room struct {
	o   Options
	set []func(ctx context.Context, tx *db.Tx, actor right.Actor, of id.Account, p *right.Policy) error

	mu         sync.RWMutex
	known      *right.Policies // nil: not read since the last change; guarded by mu
	generation uint64          // how many changes were heard; guarded by mu
}

// New makes the room and lets it hear changes.
func New(o Options) *Room {
	if o.DB == nil || o.Change == nil || o.Audit == nil {
		panic("policy: New needs DB, Change and Audit")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &Room{o: o}
	o.Change.Subscribe(r.changed)
	return r
}

func (r *Room) changed(c change.Change) {
	if c.Kind != change.PolicyChanged && c.Kind != change.All {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known, r.generation = nil, r.generation+1
}

// WhenSet registers f to run inside the transaction that gives the site or an
// organisation a policy. Call it before the room is used; it is for rooms that know
// this one.
func (r *Room) WhenSet(f func(ctx context.Context, tx *db.Tx, actor right.Actor, of id.Account, p *right.Policy) error) {
	r.set = append(r.set, f)
}

// Current returns every policy that holds now, for decisions; nil if there is none.
// It must not be changed.
func (r *Room) Current(ctx context.Context) (*right.Policies, error) {
	fresh := r.o.Change.Fresh()
	r.mu.RLock()
	known, generation := r.known, r.generation
	r.mu.RUnlock()
	if !fresh || known == nil {
		all, err := r.CurrentIn(ctx, r.o.DB)
		if err != nil {
			return nil, err
		}
		known = &right.Policies{}
		if all != nil {
			known = all
		}
		r.mu.Lock()
		if fresh && r.generation == generation { // or it may be older than a change
			r.known = known
		}
		r.mu.Unlock()
	}
	if known.Site == nil && len(known.Of) == 0 {
		return nil, nil
	}
	return known, nil
}

// CurrentIn is Current read from the database, in the caller's transaction perhaps.
func (r *Room) CurrentIn(ctx context.Context, read db.Reader) (*right.Policies, error) {
	rows, err := read.Query(ctx, `SELECT account_id, rules FROM policies`)
	if err != nil {
		return nil, fmt.Errorf("read policies: %w", err)
	}
	defer rows.Close()
	var all *right.Policies
	for rows.Next() {
		var of id.Account
		var text string
		if err := rows.Scan(&of, &text); err != nil {
			return nil, fmt.Errorf("read policies: %w", err)
		}
		p, err := parse(text)
		if err != nil {
			_ = rows.Close() // a transaction has one at a time
			return nil, unreadable(ctx, read, of, err)
		}
		if all == nil {
			all = &right.Policies{Of: map[id.Account]*right.Policy{}}
		}
		if of == Site {
			all.Site = &p
		} else {
			all.Of[of] = &p
		}
	}
	return all, rows.Err()
}

// Of returns the policy of the site or of an organisation; the zero value if it has
// none.
func (r *Room) Of(ctx context.Context, read db.Reader, of id.Account) (right.Policy, error) {
	var text string
	err := read.QueryRow(ctx, `SELECT rules FROM policies WHERE account_id = $1`, of).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return right.Policy{}, nil
	}
	if err != nil {
		return right.Policy{}, fmt.Errorf("read policy: %w", err)
	}
	p, err := parse(text)
	if err != nil {
		return right.Policy{}, unreadable(ctx, read, of, err)
	}
	return p, nil
}

// unreadable is the answer to everybody whose token or form depends on a policy that
// can't be read. Whose it is stands in the log, and is told by "jeton doctor".
func unreadable(ctx context.Context, read db.Reader, of id.Account, cause error) error {
	whose := "the site"
	if of != Site {
		if err := read.QueryRow(ctx, `SELECT login FROM accounts WHERE id = $1`, of).Scan(&whose); err != nil {
			whose = fmt.Sprintf("account %d", of)
		}
	}
	return problem.Wrap(fmt.Errorf("the policy of %s: %w", whose, cause), problem.Unavailable, "A policy about tokens can't be read. Until it can be, no token is let through and none is made.",
		"An administrator of the site, or an owner of the organization whose policy it is, has to save it again: \"jeton doctor\" says whose it is.")
}

// Set gives the site or an organisation a policy, which holds at once for tokens
// that there are. It fails with problem.Invalid for the field that makes no sense.
func (r *Room) Set(ctx context.Context, actor right.Actor, of id.Account, p right.Policy) error {
	if err := check(&p, of); err != nil {
		return err
	}
	return r.o.DB.Write(ctx, func(tx *db.Tx) error {
		before := unreadableWords // which must not be in the way of another one
		switch was, err := r.Of(ctx, tx, of); {
		case err == nil:
			before = Words(&was)
		case !Unreadable(err):
			return err
		}
		if err := r.write(ctx, tx, actor, of, &p); err != nil {
			return err
		}
		e := audit.Entry{Action: "org.token_policy", Actor: actor, Account: of, Detail: map[string]string{"from": before, "to": Words(&p)}}
		if of == Site {
			e.Action, e.Account = "site.token_policy", actor.Account
		}
		return r.o.Audit.Record(ctx, tx, e)
	})
}

func (r *Room) write(ctx context.Context, tx *db.Tx, actor right.Actor, of id.Account, p *right.Policy) error {
	text, err := format(p)
	if err != nil {
		return err
	}
	if p.IsZero() {
		_, err = tx.Exec(ctx, `DELETE FROM policies WHERE account_id = $1`, of)
	} else {
		_, err = tx.Exec(ctx, `
			INSERT INTO policies (account_id, rules, updated_at, updated_by) VALUES ($1, $2, $3, $4)
			ON CONFLICT (account_id) DO UPDATE SET rules = EXCLUDED.rules, updated_at = EXCLUDED.updated_at, updated_by = EXCLUDED.updated_by`,
			of, text, db.Micros(r.o.Now()), actor.Account)
	}
	if err != nil {
		return fmt.Errorf("write policy: %w", err)
	}
	for _, f := range r.set {
		if err := f(ctx, tx, actor, of, p); err != nil {
			return err
		}
	}
	return r.o.Change.Record(ctx, tx, change.Change{Kind: change.PolicyChanged, Subject: int64(of)})
}

// DropTx forgets the policy of an organisation that is deleted.
func (r *Room) DropTx(ctx context.Context, tx *db.Tx, actor right.Actor, of id.Account) error {
	return r.write(ctx, tx, actor, of, &right.Policy{})
}
