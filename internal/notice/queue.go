package notice

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/printable"
)

// Notice is one that waits to be sent.
type Notice struct {
	ID      id.Notice
	Account id.Account
	Kind    Kind
	Token   id.Token
	Mark    string
	Detail  Detail
	At      time.Time
	Tries   int // before this one
}

// State is what became of a notice. The numbers are stored.
type State int64

// The states.
const (
	Waiting State = iota
	Sent
	Failed // given up
	Moot   // not wanted, or not true any more
)

const (
	keepFor  = 30 * 24 * time.Hour // what was sent is known, so that it is not told again
	maxError = 300                 // bytes
)

// Take returns what is due of one account and kind, the longest waiting first, most
// at a time, and lets nobody else take it until then: what is not finished by then is
// due again. It returns nothing when nothing is due.
func (r *Room) Take(ctx context.Context, most int, until time.Time) (out []Notice, err error) {
	err = r.o.DB.Write(ctx, func(tx *db.Tx) error {
		out = nil
		now := db.Micros(r.o.Now())
		var account id.Account
		var kind string
		err := tx.QueryRow(ctx, `SELECT account_id, kind FROM notices WHERE due_at > 0 AND due_at <= $1 ORDER BY due_at, id LIMIT 1`, now).Scan(&account, &kind)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("look for notices: %w", err)
		}
		if out, err = list(ctx, tx, account, Kind(kind), now, most); err != nil {
			return err
		}
		return each(out, func(in string, args []any) error {
			_, err := tx.Exec(ctx, `UPDATE notices SET tries = tries + 1, due_at = `+micros(until)+` WHERE id IN (`+in+`)`, args...)
			return err
		})
	})
	return out, err
}

func list(ctx context.Context, tx *db.Tx, account id.Account, kind Kind, now int64, most int) ([]Notice, error) {
	rows, err := tx.Query(ctx, `
		SELECT id, account_id, kind, token_id, mark, detail, created_at, tries FROM notices
		WHERE account_id = $1 AND kind = $2 AND due_at > 0 AND due_at <= $3 ORDER BY id LIMIT $4`, account, string(kind), now, most)
	if err != nil {
		return nil, fmt.Errorf("look for notices: %w", err)
	}
	defer rows.Close()
	var out []Notice
	for rows.Next() {
		var n Notice
		var detail string
		var at int64
		if err := rows.Scan(&n.ID, &n.Account, &n.Kind, &n.Token, &n.Mark, &detail, &at, &n.Tries); err != nil {
			return nil, fmt.Errorf("look for notices: %w", err)
		}
		if err := json.Unmarshal([]byte(detail), &n.Detail); err != nil {
			return nil, fmt.Errorf("read notice %d: %w", n.ID, err)
		}
		n.At = db.Time(at)
		out = append(out, n)
	}
	return out, rows.Err()
}

func each(list []Notice, f func(in string, args []any) error) error {
	ids := make([]id.Notice, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	return db.Batches(ids, f)
}

// Finish notes what became of notices. why is for the site's administrators, and is
// cut to a line.
func (r *Room) Finish(ctx context.Context, list []Notice, s State, why string) error {
	return r.set(ctx, list, `due_at = 0, state = `+strconv.Itoa(int(s))+`, done_at = `+micros(r.o.Now()), why)
}

// Again lets notices wait until at, because of why.
func (r *Room) Again(ctx context.Context, list []Notice, at time.Time, why string) error {
	return r.set(ctx, list, `due_at = `+micros(at), why)
}

// Hold lets notices that were taken wait until at: nothing was tried.
func (r *Room) Hold(ctx context.Context, list []Notice, at time.Time) error {
	return r.set(ctx, list, `tries = tries - 1, due_at = `+micros(at), "")
}

func (r *Room) set(ctx context.Context, list []Notice, what, why string) error {
	why = printable.Line(why, maxError)
	return r.o.DB.Write(ctx, func(tx *db.Tx) error {
		return each(list, func(in string, args []any) error {
			args = append(args, why)
			_, err := tx.Exec(ctx, fmt.Sprintf(`UPDATE notices SET %s, error = $%d WHERE state = 0 AND id IN (%s)`, what, len(args), in), args...)
			if err != nil {
				return fmt.Errorf("note what became of notices: %w", err)
			}
			return nil
		})
	})
}

// trimmed is how many rows a transaction of Trim deletes, so that it holds nobody up.
const trimmed = 500

// Trim forgets what was done a month ago, and networks from which a token was not used
// for half a year, but for the last one: of a token that was not used for so long, the
// next use from elsewhere is news. It is called now and then.
func (r *Room) Trim(ctx context.Context) error {
	now := r.o.Now()
	for _, q := range []struct {
		text   string
		before time.Time
	}{
		{`DELETE FROM notices WHERE id IN (SELECT id FROM notices WHERE done_at > 0 AND done_at < $1 LIMIT $2)`, now.Add(-keepFor)},
		{`DELETE FROM token_networks WHERE (token_id, network) IN (
			SELECT token_id, network FROM token_networks o WHERE o.last_at < $1
				AND EXISTS (SELECT 1 FROM token_networks n WHERE n.token_id = o.token_id AND (n.last_at > o.last_at OR n.last_at = o.last_at AND n.network > o.network))
			LIMIT $2)`, now.Add(-forgotten)},
	} {
		for n := int64(trimmed); n >= trimmed; {
			err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
				done, err := tx.Exec(ctx, q.text, db.Micros(q.before), trimmed)
				if err != nil {
					return err
				}
				n, err = done.RowsAffected()
				return err
			})
			if err != nil {
				return fmt.Errorf("trim notices: %w", err)
			}
		}
	}
	return nil
}

// DropTx takes everything away that is of an account, which is deleted.
func (r *Room) DropTx(ctx context.Context, tx *db.Tx, account id.Account) error {
	if r == nil {
		return nil
	}
	for _, q := range []string{
		`DELETE FROM token_networks WHERE token_id IN (SELECT id FROM tokens WHERE account_id = $1)`,
		`DELETE FROM notices WHERE account_id = $1`,
		`DELETE FROM notice_choices WHERE account_id = $1`,
	} {
		if _, err := tx.Exec(ctx, q, account); err != nil {
			return fmt.Errorf("delete the notices of account %d: %w", account, err)
		}
	}
	return nil
}

// Status is how the sending goes.
type Status struct {
	Waiting, Late int64 // Late: waiting for another attempt
	Sent, Failed  int64 // within the last 30 days
	Oldest        time.Time
	LastError     string // of the latest that waits or was given up; empty: none
	LastErrorAt   time.Time
}

// Status returns how the sending goes.
func (r *Room) Status(ctx context.Context, read db.Reader) (Status, error) {
	var s Status
	var oldest int64
	err := read.QueryRow(ctx, `SELECT COUNT(*), COALESCE(SUM(CASE WHEN tries > 0 THEN 1 ELSE 0 END), 0), COALESCE(MIN(created_at), 0) FROM notices WHERE due_at > 0`).
		Scan(&s.Waiting, &s.Late, &oldest)
	if err != nil {
		return s, fmt.Errorf("count notices: %w", err)
	}
	s.Oldest = db.Time(oldest)
	err = read.QueryRow(ctx, `
		SELECT COALESCE(SUM(CASE WHEN state = 1 THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN state = 2 THEN 1 ELSE 0 END), 0) FROM notices WHERE done_at > $1`,
		db.Micros(r.o.Now().Add(-keepFor))).Scan(&s.Sent, &s.Failed)
	if err != nil {
		return s, fmt.Errorf("count notices: %w", err)
	}
	var at int64
	err = read.QueryRow(ctx, `SELECT error, CASE WHEN done_at > 0 THEN done_at ELSE created_at END FROM notices WHERE state IN (0, 2) AND error <> '' ORDER BY done_at DESC, id DESC LIMIT 1`).Scan(&s.LastError, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("look for failed notices: %w", err)
	}
	s.LastErrorAt = db.Time(at)
	return s, nil
}
