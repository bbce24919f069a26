package hook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
)

// Next is the first delivery that waits for a hook.
type Next struct {
	Delivery id.Delivery
	Hook     id.Hook
	Owner    id.Account // of the repository, or whose the hook is
}

// Queue returns what is due now, the first of each hook, the longest waiting first:
// of at most limit hooks, and of at most perOwner of one owner, so that nobody's
// hooks hide others'. It says, too, whether anything waits at all.
func (m *Room) Queue(ctx context.Context, r db.Reader, limit, perOwner int) (due []Next, waiting bool, err error) {
	rows, err := r.Query(ctx, `
		SELECT w.id, w.hook_id, w.owner_id
		FROM (
			SELECT q.id, q.hook_id, q.owner_id, ROW_NUMBER() OVER (PARTITION BY q.owner_id ORDER BY q.id) AS place
			FROM (
				SELECT MIN(d.id) AS id, d.hook_id, COALESCE(MIN(CASE WHEN h.target <> $4 THEN h.target_id ELSE r.owner_id END), 0) AS owner_id
				FROM hook_deliveries d
				JOIN hooks h ON h.id = d.hook_id
				LEFT JOIN repositories r ON h.target = $4 AND r.id = h.target_id
				WHERE d.due_at > 0 AND d.due_at <= $1
				GROUP BY d.hook_id
			) q
		) w
		WHERE w.place <= $3
		ORDER BY w.id LIMIT $2`, db.Micros(m.o.Now()), limit, perOwner, ofRepo)
	if err != nil {
		return nil, false, fmt.Errorf("look for deliveries: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var n Next
		if err := rows.Scan(&n.Delivery, &n.Hook, &n.Owner); err != nil {
			return nil, false, fmt.Errorf("look for deliveries: %w", err)
		}
		due = append(due, n)
	}
	if err := rows.Err(); err != nil || len(due) > 0 {
		return due, true, err
	}
	var n int
	err = r.QueryRow(ctx, `SELECT COUNT(*) FROM (SELECT d.id FROM hook_deliveries d WHERE d.due_at > 0 LIMIT 1) w`).Scan(&n)
	return nil, n > 0, err
}

// Job is a delivery to be made.
type Job struct {
	Hook
	Delivery   id.Delivery
	Redelivery bool
	Attempt    int // from 1
	Event      Event
}

// Event is what happened.
type Event struct {
	ID      int64
	GUID    string
	Name    string
	Action  string
	Repo    id.Repo    // 0: it happened to no repository
	Org     id.Account // the organisation that it is of; 0: it is of the repository
	Person  id.Account // the person whose account it is of; 0: it is of another
	Account int64      // who did it; 0: nobody with an account
	Login   string
	At      time.Time
	Body    []byte // JSON
	Payload []byte // nil: not made yet
}

// Job reads a delivery that waits. It fails with problem.NotFound when it, or its
// hook, is there no more.
func (m *Room) Job(ctx context.Context, r db.Reader, delivery id.Delivery) (Job, error) {
	var j Job
	var at int64
	var body string
	hook, err := scan(r.QueryRow(ctx, `
		SELECT `+columns+`, d.id, d.redelivery, d.attempt, e.id, e.guid, e.event, e.action, e.repo_id, e.org_id, e.person_id, e.account_id, e.login, e.at, e.body, e.payload
		FROM hook_deliveries d
		JOIN hooks h ON h.id = d.hook_id
		JOIN hook_events e ON e.id = d.event_id
		WHERE d.id = $1 AND d.due_at > 0`, delivery),
		&j.Delivery, &j.Redelivery, &j.Attempt, &j.Event.ID, &j.Event.GUID, &j.Event.Name, &j.Event.Action, &j.Event.Repo, &j.Event.Org, &j.Event.Person, &j.Event.Account, &j.Event.Login, &at, &body, &j.Event.Payload)
	if err = missing(err); err != nil {
		return Job{}, err
	}
	j.Hook, j.Event.At, j.Event.Body = hook, db.Time(at), []byte(body)
	return j, nil
}

// KeepPayload keeps what is sent, for the other hooks and the next attempts.
func (m *Room) KeepPayload(ctx context.Context, event int64, payload []byte) error {
	return m.o.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE hook_events SET payload = $2 WHERE id = $1 AND payload IS NULL`, event, payload)
		return err
	})
}

// Result is how a delivery went.
type Result struct {
	At       time.Time
	Took     time.Duration
	Code     int
	Status   string
	Asked    []Header // without secrets
	Answered []Header
	Answer   []byte
	Retry    time.Time // when to try again; zero: never
}

// Finish notes how a delivery went, and lets the next attempt wait. A hook that was
// deleted meanwhile leaves nothing.
func (m *Room) Finish(ctx context.Context, j *Job, res Result) error {
	asked, err := json.Marshal(res.Asked)
	if err != nil {
		return err
	}
	answered, err := json.Marshal(res.Answered)
	if err != nil {
		return err
	}
	return m.o.DB.Write(ctx, func(tx *db.Tx) error {
		done, err := tx.Exec(ctx, `
			UPDATE hook_deliveries SET due_at = 0, delivered_at = $2, duration = $3, code = $4, status = $5, url = $6, asked = $7, answered = $8, answer = $9
			WHERE id = $1 AND due_at > 0`,
			j.Delivery, db.Micros(res.At), res.Took.Microseconds(), res.Code, text(res.Status), j.URL, text(string(asked)), text(string(answered)), bytes.Clone(res.Answer))
		if err != nil {
			return fmt.Errorf("note delivery %d: %w", j.Delivery, err)
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return err
		}
		failures := `failures + 1`
		if res.Code >= 200 && res.Code < 300 {
			failures = `0`
		}
		_, err = tx.Exec(ctx, `UPDATE hooks SET last_code = $2, last_status = $3, failures = `+failures+` WHERE id = $1`, j.ID, res.Code, text(res.Status))
		if err != nil || res.Retry.IsZero() {
			return err
		}
		return enqueue(ctx, tx, j.ID, j.Event.ID, true, j.Attempt+1, db.Micros(res.Retry))
	})
}

// text is fit for a database: it takes no zero bytes and nothing but UTF-8.
func text(s string) string { return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "") }

// trimmed is how many rows a transaction of Trim deletes, so that it holds nobody
// up.
const trimmed = 500

// Trim deletes what is older than a week, what one hook has beyond a thousand
// deliveries, and of what waits for one hook all but the newest thousand. It is
// called now and then.
func (m *Room) Trim(ctx context.Context) error {
	before := db.Micros(m.o.Now().Add(-keepFor))
	over, err := m.crowded(ctx)
	if err != nil {
		return err
	}
	for hook, from := range over {
		if err := m.some(ctx, `DELETE FROM hook_deliveries WHERE id IN (SELECT id FROM hook_deliveries WHERE hook_id = $1 AND id <= $2 LIMIT $3)`, hook, from, trimmed); err != nil {
			return err
		}
	}
	if err := m.some(ctx, `DELETE FROM hook_deliveries WHERE id IN (SELECT id FROM hook_deliveries WHERE due_at = 0 AND delivered_at < $1 LIMIT $2)`, before, trimmed); err != nil {
		return err
	}
	return m.some(ctx, `DELETE FROM hook_events WHERE id IN (SELECT e.id FROM hook_events e WHERE NOT EXISTS (SELECT 1 FROM hook_deliveries d WHERE d.event_id = e.id) LIMIT $1)`, trimmed)
}

// crowded finds the hooks with too many deliveries, and the newest of those that
// are too many.
func (m *Room) crowded(ctx context.Context) (map[id.Hook]id.Delivery, error) {
	rows, err := m.o.DB.Query(ctx, `
		SELECT d.hook_id, (SELECT x.id FROM hook_deliveries x WHERE x.hook_id = d.hook_id ORDER BY x.id DESC LIMIT 1 OFFSET $1)
		FROM hook_deliveries d GROUP BY d.hook_id HAVING COUNT(*) > $1`, keepMost)
	if err != nil {
		return nil, fmt.Errorf("count deliveries: %w", err)
	}
	defer rows.Close()
	out := map[id.Hook]id.Delivery{}
	for rows.Next() {
		var hook id.Hook
		var from *id.Delivery
		if err := rows.Scan(&hook, &from); err != nil {
			return nil, fmt.Errorf("count deliveries: %w", err)
		}
		if from != nil {
			out[hook] = *from
		}
	}
	return out, rows.Err()
}

// some runs a statement that deletes a few rows until it finds none.
func (m *Room) some(ctx context.Context, query string, args ...any) error {
	for {
		var n int64
		err := m.o.DB.Write(ctx, func(tx *db.Tx) error {
			done, err := tx.Exec(ctx, query, args...)
			if err != nil {
				return err
			}
			n, err = done.RowsAffected()
			return err
		})
		if err != nil {
			return fmt.Errorf("trim deliveries: %w", err)
		}
		if n < trimmed {
			return nil
		}
	}
}
