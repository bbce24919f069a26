package hook

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
)

// Header is one line of a request's or an answer's head.
type Header struct{ Name, Value string }

// Delivery is one attempt that was made to tell a hook of something.
type Delivery struct {
	ID         id.Delivery
	Hook       id.Hook
	Repo       id.Repo // 0: the event was of no repository
	GUID       string  // of the event: the same for every hook and every attempt
	Event      string
	Action     string // empty where the event has none
	Redelivery bool   // the event was sent to this hook before
	At         time.Time
	Took       time.Duration
	Code       int    // of the answer; 0: there was none
	Status     string // OK, or what went wrong
	URL        string
}

// OK reports whether it was taken.
func (d *Delivery) OK() bool { return d.Code >= 200 && d.Code < 300 }

// Exchange is a delivery with what was sent and answered, but no secrets.
type Exchange struct {
	Delivery
	Asked    []Header
	Payload  []byte // JSON, whatever form it was sent in
	Answered []Header
	Answer   []byte // the beginning of it
}

const deliveryColumns = `d.id, d.hook_id, e.repo_id, e.guid, e.event, e.action, d.redelivery, d.delivered_at, d.duration, d.code, d.status, d.url`

func scanDelivery(row scanner, more ...any) (Delivery, error) {
	var d Delivery
	var at, took int64
	err := row.Scan(append([]any{&d.ID, &d.Hook, &d.Repo, &d.GUID, &d.Event, &d.Action, &d.Redelivery, &at, &took, &d.Code, &d.Status, &d.URL}, more...)...)
	d.At, d.Took = db.Time(at), time.Duration(took)*time.Microsecond
	return d, err
}

// Deliveries lists what was sent to a hook, or failed to be, newest first: at
// most limit, of those before the one named before, if it is not zero. failed
// is nil for all of them.
func (m *Room) Deliveries(ctx context.Context, r db.Reader, hook id.Hook, before id.Delivery, limit int, failed *bool) ([]Delivery, error) {
	which := -1
	if failed != nil {
		which = 0
		if *failed {
			which = 1
		}
	}
	if before == 0 {
		before = 1<<63 - 1
	}
	rows, err := r.Query(ctx, `
		SELECT `+deliveryColumns+`
		FROM hook_deliveries d
		JOIN hook_events e ON e.id = d.event_id
		WHERE d.hook_id = $1 AND d.due_at = 0 AND d.id < $2
			AND ($3 < 0 OR $3 = 1 AND (d.code < 200 OR d.code > 299) OR $3 = 0 AND d.code BETWEEN 200 AND 299)
		ORDER BY d.id DESC LIMIT $4`, hook, before, which, limit)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	defer rows.Close()
	out := []Delivery{}
	for rows.Next() {
		d, err := scanDelivery(rows)
		if err != nil {
			return nil, fmt.Errorf("list deliveries: %w", err)
		}
		out = append(out, d)
	}
	return out, rows.Err()
}

// Waiting returns how many deliveries of a hook are still to be made.
func (m *Room) Waiting(ctx context.Context, r db.Reader, hook id.Hook) (int, error) {
	var n int
	if err := r.QueryRow(ctx, `SELECT COUNT(*) FROM hook_deliveries WHERE due_at > 0 AND hook_id = $1`, hook).Scan(&n); err != nil {
		return 0, fmt.Errorf("count waiting deliveries: %w", err)
	}
	return n, nil
}

// Exchange returns one delivery of that hook in full, or problem.NotFound.
func (m *Room) Exchange(ctx context.Context, r db.Reader, hook id.Hook, delivery id.Delivery) (Exchange, error) {
	var x Exchange
	var asked, answered string
	var err error
	x.Delivery, err = scanDelivery(r.QueryRow(ctx, `
		SELECT `+deliveryColumns+`, d.asked, d.answered, d.answer, e.payload
		FROM hook_deliveries d
		JOIN hook_events e ON e.id = d.event_id
		WHERE d.id = $1 AND d.hook_id = $2 AND d.due_at = 0`, delivery, hook), &asked, &answered, &x.Answer, &x.Payload)
	if err = missing(err); problem.Is(err, problem.NotFound) {
		return Exchange{}, problem.New(problem.NotFound, "There is no such delivery.", "Deliveries are kept for seven days.")
	}
	if err != nil {
		return Exchange{}, fmt.Errorf("read delivery: %w", err)
	}
	if x.Asked, x.Answered = headers(asked), headers(answered); len(x.Asked) == 0 {
		x.Payload = nil // it was made for others, and perhaps not for these eyes
	}
	return x, nil
}

// Redeliver has the event of a delivery sent to the hook once more. It fails
// with problem.NotFound.
func (m *Room) Redeliver(ctx context.Context, hook id.Hook, delivery id.Delivery) error {
	return m.o.DB.Write(ctx, func(tx *db.Tx) error {
		x, err := m.Exchange(ctx, tx, hook, delivery)
		if err != nil {
			return err
		}
		var event int64
		if err := tx.QueryRow(ctx, `SELECT event_id FROM hook_deliveries WHERE id = $1`, x.ID).Scan(&event); err != nil {
			return fmt.Errorf("read delivery: %w", err)
		}
		tx.AfterCommit(m.poke)
		return enqueue(ctx, tx, hook, event, true, 1, db.Micros(m.o.Now()))
	})
}

func headers(text string) []Header {
	var out []Header
	_ = json.Unmarshal([]byte(text), &out) // nothing was sent: nothing is there
	return out
}
