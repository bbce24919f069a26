package hook

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/right"
)

// Deed is something that happened to a repository, of which its hooks and those of
// the organisation that owns it are told, or in an organisation or to a person's
// account, whose hooks alone are.
type Deed struct {
	Event  string     // GitHub's name: push, repository
	Action string     // what of it, where the event has several: archived, renamed
	Repo   id.Repo    // 0: it is of no repository
	Org    id.Account // the organisation that it is of; 0: it is of the repository
	Person id.Account // the person whose it is; 0: it is of another
	Actor  right.Actor
	At     time.Time // zero: now
	// Body is what the payload says of it beside who and where: an object, or
	// nothing. Action is put into it.
	Body any
	Only id.Hook // for this hook alone, whatever it asked for; 0: for all that want it
}

// OrNull is a text of a Body as GitHub writes it: none is null.
func OrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// Emit has the hooks told, if the caller's transaction is committed and not before.
// Without a hook there, or of any organisation, it asks the database nothing.
func (m *Room) Emit(ctx context.Context, tx *db.Tx, d Deed) error {
	if m == nil {
		return nil
	}
	if d.Only == 0 {
		if has, err := m.has(ctx, tx, &d); err != nil || !has {
			return err
		}
	}
	to, err := receivers(ctx, tx, &d)
	if err != nil || len(to) == 0 {
		return err
	}
	body, err := d.body()
	if err != nil {
		return err
	}
	if d.At.IsZero() {
		d.At = m.o.Now()
	}
	var event int64
	err = tx.QueryRow(ctx, `
		INSERT INTO hook_events (guid, repo_id, org_id, person_id, event, action, account_id, login, at, body, payload)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, NULL) RETURNING id`,
		guid(), d.Repo, d.Org, d.Person, d.Event, d.Action, d.Actor.Account, d.Actor.Login, db.Micros(d.At), string(body)).Scan(&event)
	if err != nil {
		return fmt.Errorf("keep the event %s: %w", d.Event, err)
	}
	now := db.Micros(m.o.Now())
	for _, hook := range to {
		if err := enqueue(ctx, tx, hook, event, false, 1, now); err != nil {
			return err
		}
	}
	tx.AfterCommit(m.poke)
	return nil
}

// enqueue lets an event wait for its delivery to a hook.
func enqueue(ctx context.Context, tx *db.Tx, hook id.Hook, event int64, again bool, attempt int, due int64) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO hook_deliveries (hook_id, event_id, redelivery, attempt, due_at, delivered_at, duration, code, status, url, asked, answered, answer)
		VALUES ($1, $2, $3, $4, $5, 0, 0, 0, '', '', '', '', NULL)`, hook, event, again, attempt, due)
	if err != nil {
		return fmt.Errorf("queue a delivery: %w", err)
	}
	return nil
}

// receivers are the hooks that are told.
func receivers(ctx context.Context, tx *db.Tx, d *Deed) ([]id.Hook, error) {
	kind, repo, org := ofRepo, int64(d.Repo), int64(d.Org)
	if d.Person != 0 {
		kind, repo, org = ofPerson, int64(d.Person), 0
	} else if org != 0 {
		repo = 0
	} else if err := tx.QueryRow(ctx, `SELECT COALESCE(MIN(owner_id), 0) FROM repositories WHERE id = $1`, d.Repo).Scan(&org); err != nil {
		return nil, fmt.Errorf("look for the owner: %w", err)
	}
	rows, err := tx.Query(ctx, `
		SELECT h.id FROM hooks h
		WHERE (h.target = $1 AND h.target_id = $2 OR h.target = $3 AND h.target_id = $4)
			AND (h.id = $5 OR $5 = 0 AND h.active AND (h.events LIKE $6 OR h.events = ',*,'))
		ORDER BY h.id`, kind, repo, ofOrg, org, int64(d.Only), "%,"+d.Event+",%")
	if err != nil {
		return nil, fmt.Errorf("look for webhooks: %w", err)
	}
	defer rows.Close()
	var out []id.Hook
	for rows.Next() {
		var h id.Hook
		if err := rows.Scan(&h); err != nil {
			return nil, fmt.Errorf("look for webhooks: %w", err)
		}
		out = append(out, h)
	}
	return out, rows.Err()
}

func (d *Deed) body() ([]byte, error) {
	fields := map[string]json.RawMessage{}
	if d.Body != nil {
		text, err := json.Marshal(d.Body)
		if err == nil {
			err = json.Unmarshal(text, &fields)
		}
		if err != nil {
			return nil, fmt.Errorf("encode the event %s: %w", d.Event, err)
		}
		if fields == nil { // a nil of some type
			fields = map[string]json.RawMessage{}
		}
	}
	if d.Action != "" {
		fields["action"], _ = json.Marshal(d.Action) // a word of ours
	}
	return json.Marshal(fields)
}

// guid is a random UUID: what tells one event from every other.
func guid() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// ping tells a hook that it is there.
func (m *Room) ping(ctx context.Context, tx *db.Tx, actor right.Actor, h *Hook) error {
	return m.Emit(ctx, tx, Deed{Event: "ping", Repo: h.Repo, Org: h.Org, Person: h.Person, Actor: actor, Only: h.ID})
}

// Ping tells a hook that it is there. It fails with problem.NotFound.
func (m *Room) Ping(ctx context.Context, actor right.Actor, of Of, hook id.Hook) error {
	return m.o.DB.Write(ctx, func(tx *db.Tx) error {
		h, err := m.ByID(ctx, tx, of, hook)
		if err != nil {
			return err
		}
		return m.ping(ctx, tx, actor, &h)
	})
}

// hooked knows which repositories, organisations and people have active hooks, until a
// change is heard: a push elsewhere must not ask the database for hooks.
type hooked struct {
	mu   sync.Mutex
	gen  uint64   // guarded by mu, as all that follows
	have *holders // nil: not known
}

// holders are what has active hooks. It is not changed once it was made.
type holders struct {
	of   map[Of]bool
	orgs bool // organisations are among them
}

func (k *hooked) hear(c change.Change) {
	if c.Kind != change.HooksChanged && c.Kind != change.All {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.gen++
	k.have = nil
}

func (k *hooked) get() (have *holders, gen uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.have, k.gen
}

func (k *hooked) put(have *holders, gen uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.gen == gen {
		k.have = have
	}
}

// tell reports whether anybody may have to be told. Whose a repository is is not
// known here: with hooks of organisations it is looked up.
func (h *holders) tell(d *Deed) bool {
	switch {
	case d.Person != 0:
		return h.of[Of{Person: d.Person}]
	case d.Org != 0:
		return h.of[Of{Org: d.Org}]
	}
	return h.orgs || h.of[Of{Repo: d.Repo}]
}

// has reports whether there may be an active hook that is told.
func (m *Room) has(ctx context.Context, tx *db.Tx, d *Deed) (bool, error) {
	if !m.o.Change.Fresh() {
		return true, nil // a command, or a process that can't hear of changes: it looks
	}
	have, gen := m.known.get()
	if have != nil {
		return have.tell(d), nil
	}
	rows, err := tx.Query(ctx, `SELECT DISTINCT h.target, h.target_id FROM hooks h WHERE h.active`)
	if err != nil {
		return false, fmt.Errorf("look for what has webhooks: %w", err)
	}
	defer rows.Close()
	have = &holders{of: map[Of]bool{}}
	for rows.Next() {
		var kind string
		var number int64
		if err := rows.Scan(&kind, &number); err != nil {
			return false, fmt.Errorf("look for what has webhooks: %w", err)
		}
		have.of[targetOf(kind, number)] = true
		have.orgs = have.orgs || kind == ofOrg
	}
	if err := rows.Err(); err != nil {
		return false, fmt.Errorf("look for what has webhooks: %w", err)
	}
	m.known.put(have, gen)
	return have.tell(d), nil
}
