package audit

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"jeton/internal/chain"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/right"
)

// content is the line's bytes for the chain, without its number.
func (l *Line) content() []byte {
	c := make(chain.Content, 0, 512)
	c.Int(db.Micros(l.At))
	c.Text(l.Action)
	c.Int(int64(l.Account))
	c.Text(l.Kind)
	c.Int(int64(l.ActorID))
	c.Text(l.Actor)
	c.Int(int64(l.Token))
	c.Text(l.Note)
	c.Int(int64(l.Session))
	c.Int(int64(l.Repo))
	for _, text := range []string{l.Target, l.Address, l.Client, l.Request, l.detailRaw} {
		c.Text(text)
	}
	return c
}

func rowsOf(ctx context.Context, r db.Reader, ids []int64) (map[int64][]byte, error) {
	out := make(map[int64][]byte, len(ids))
	err := db.Batches(ids, func(in string, args []any) error {
		rows, err := r.Query(ctx, `SELECT `+columns+` FROM audit_events WHERE id IN (`+in+`)`, args...)
		if err != nil {
			return fmt.Errorf("read the security log: %w", err)
		}
		list, err := gather(rows, scanRaw)
		for i := range list {
			out[int64(list[i].ID)] = list[i].content()
		}
		return err
	})
	return out, err
}

func idsAfter(ctx context.Context, r db.Reader, after int64, limit int) ([]int64, error) {
	rows, err := r.Query(ctx, `SELECT id FROM audit_events WHERE id > $1 ORDER BY id LIMIT $2`, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read the security log: %w", err)
	}
	return numbers(rows)
}

// trimmed is how many lines one transaction of Trim deletes, so that it holds
// nobody up.
const trimmed = 500

// Trim deletes the lines of one action from before the given time out of one
// account's log, or out of the site's own. It is for what anybody can cause
// without end; nothing else is ever deleted from the log. That it was done, and
// how many there were, is a line of the site's log, and their places in the
// chain stay.
func (l *Log) Trim(ctx context.Context, of id.Account, action string, before time.Time) error {
	rule := fmt.Sprintf("%s from before %s", action, before.UTC().Format(time.RFC3339))
	for {
		n := 0
		err := l.o.DB.WriteAlone(ctx, func(tx *db.Tx) error {
			rows, err := tx.Query(ctx, `SELECT id FROM audit_events WHERE account_id = $1 AND action = $2 AND at < $3 ORDER BY id LIMIT $4`,
				int64(of), action, db.Micros(before), trimmed)
			if err != nil {
				return err
			}
			ids, err := numbers(rows)
			if n = len(ids); err != nil || n == 0 {
				return err
			}
			if err := l.Trimmed(ctx, tx, chain.Security, ids, rule); err != nil {
				return err
			}
			for _, one := range ids {
				if _, err := tx.Exec(ctx, `DELETE FROM audit_events WHERE id = $1`, one); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("trim the security log: %w", err)
		}
		if n < trimmed {
			return nil
		}
	}
}

// Trimmed records in the site's log that a rule removes lines of one of the logs,
// and proves it to the chain, in the transaction of WriteAlone that removes them.
func (l *Log) Trimmed(ctx context.Context, tx *db.Tx, of chain.Log, ids []int64, rule string) error {
	name := map[chain.Log]string{chain.Security: "security log", chain.Uses: "uses of tokens"}[of]
	by, err := l.record(ctx, tx, Entry{Action: "site.trim_log", Actor: right.Anonymous(), Target: name,
		Detail: map[string]string{"lines": strconv.Itoa(len(ids)), "rule": rule}})
	if err != nil || l.o.Chain == nil {
		return err
	}
	return l.o.Chain.Trimmed(ctx, tx, of, ids, int64(by))
}
