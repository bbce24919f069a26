package chain

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"jeton/internal/db"
)

const (
	sealEvery = time.Second
	sealed    = 500 // lines that one transaction links, so that it holds nobody up
	atOnce    = 50  // links in one statement
)

// Run links what is due, each second, until ctx ends.
func (c *Chain) Run(ctx context.Context) error {
	tick := time.NewTicker(sealEvery)
	defer tick.Stop()
	for {
		if err := c.Seal(ctx); err != nil && ctx.Err() == nil {
			c.o.Log.ErrorContext(ctx, "the logs' chain can't be written", "err", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// Close links what this process wrote, for a command beside no server.
func (c *Chain) Close(ctx context.Context) error {
	if !c.due.Load() {
		return nil
	}
	if err := c.Seal(ctx); err != nil { // the next who seals will do it
		c.o.Log.WarnContext(ctx, "lines of the logs not linked yet", "err", err)
	}
	return nil
}

// Seal links every line that is due. Another process may do so at the same time.
func (c *Chain) Seal(ctx context.Context) error {
	for {
		var some bool // most of the time there is nothing, and no reason to wait for the one writer
		err := c.o.DB.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM chain_due WHERE bad = 0 AND ripe_at <= $1) OR NOT EXISTS (SELECT 1 FROM chain)`, db.Micros(c.o.Now())).Scan(&some)
		if err != nil {
			return fmt.Errorf("look for lines to link: %w", err)
		}
		if !some {
			return nil
		}
		n := 0
		err = c.o.DB.WriteAlone(ctx, func(tx *db.Tx) (err error) {
			n, err = c.sealTx(ctx, tx)
			return err
		})
		if err != nil || n < sealed {
			return err
		}
	}
}

// Waits reports whether a line that this program wrote waits to be linked still,
// so that it may be written again. Ask in a transaction of WriteAlone.
func (c *Chain) Waits(ctx context.Context, tx *db.Tx, l Log, row int64) (bool, error) {
	var n int
	err := tx.QueryRow(ctx, `SELECT COUNT(1) FROM chain_due WHERE log = $1 AND row_id = $2 AND bad = 0`, int64(l), row).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look for a line to be linked: %w", err)
	}
	return n > 0, nil
}

// due is a line that waits.
type due struct {
	log      Log
	row, key int64
	mac      []byte
}

// sealTx links some of what is due, in a transaction of WriteAlone, and returns
// how many lines it took up.
func (c *Chain) sealTx(ctx context.Context, tx *db.Tx) (int, error) {
	last, err := tail(ctx, tx)
	if err != nil {
		return 0, err
	}
	if last == nil {
		if last, err = c.begin(ctx, tx); err != nil {
			return 0, err
		}
	}
	list, err := dues(ctx, tx, `SELECT log, row_id, key_id, mac FROM chain_due WHERE bad = 0 AND ripe_at <= $1 ORDER BY ripe_at, log, row_id LIMIT $2`,
		db.Micros(c.o.Now()), sealed)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	contents, err := c.contents(ctx, tx, list)
	if err != nil {
		return 0, err
	}
	var links []*link
	for _, d := range list {
		content, ok := contents[d.log][d.row]
		if ok {
			ok, _ = c.proves(d.key, dueLabel, named(d.log, d.row, content), d.mac)
		}
		if !ok {
			c.o.Log.ErrorContext(ctx, "a line of the logs was changed or removed before it was linked", "log", int64(d.log), "line", d.row)
			if _, err := tx.Exec(ctx, `UPDATE chain_due SET bad = 1 WHERE log = $1 AND row_id = $2`, int64(d.log), d.row); err != nil {
				return 0, fmt.Errorf("mark a line: %w", err)
			}
			continue
		}
		last = c.next(last, d.log, d.row, content)
		links = append(links, last)
		if _, err := tx.Exec(ctx, `DELETE FROM chain_due WHERE log = $1 AND row_id = $2`, int64(d.log), d.row); err != nil {
			return 0, fmt.Errorf("link lines: %w", err)
		}
	}
	return len(list), insert(ctx, tx, links)
}

// next makes the link of a line behind last.
func (c *Chain) next(last *link, l Log, row int64, content []byte) *link {
	n := &link{seq: 1, at: db.Micros(c.o.Now()), log: l, row: row}
	var before []byte
	if last != nil {
		n.seq, before = last.seq+1, last.link
	}
	key, sum := c.o.Keys.Digest(contentLabel, named(l, row, content))
	n.key, n.content = key, sum[:]
	// The same key for both: a rotation in between would leave a link that names one.
	linked, ok := c.o.Keys.DigestUnder(key, linkLabel, n.input(before))
	if !ok {
		return c.next(last, l, row, content) // the key was retired a moment ago
	}
	n.link = linked[:]
	return n
}

func insert(ctx context.Context, tx *db.Tx, links []*link) error {
	for len(links) > 0 {
		n := 1
		if len(links) >= atOnce {
			n = atOnce
		}
		rows, args := make([]string, n), make([]any, 0, 7*n)
		for i, l := range links[:n] {
			m := 7 * i
			rows[i] = fmt.Sprintf("($%d, $%d, $%d, $%d, $%d, $%d, $%d)", m+1, m+2, m+3, m+4, m+5, m+6, m+7)
			args = append(args, l.seq, l.at, int64(l.log), l.row, l.key, l.content, l.link)
		}
		if _, err := tx.Exec(ctx, `INSERT INTO chain (seq, at, log, row_id, key_id, content, link) VALUES `+strings.Join(rows, ", "), args...); err != nil {
			return fmt.Errorf("link lines: %w", err)
		}
		links = links[n:]
	}
	return nil
}

// begin makes the first link and takes in the lines that were there before the
// chain, as they are found. How many they were, and when, is in the first link.
func (c *Chain) begin(ctx context.Context, tx *db.Tx) (*link, error) {
	found := int64(0)
	count := func(_ *Source, ids []int64) error { found += int64(len(ids)); return nil }
	if err := c.older(ctx, tx, count); err != nil {
		return nil, err
	}
	last := c.next(nil, begin, found, nil)
	if err := insert(ctx, tx, []*link{last}); err != nil {
		return nil, err
	}
	if found > 0 {
		c.o.Log.WarnContext(ctx, "the logs' chain begins: what the logs held before is taken in as it is", "lines", found)
	}
	return last, c.older(ctx, tx, func(s *Source, ids []int64) error {
		rows, err := s.Rows(ctx, tx, ids)
		if err != nil {
			return err
		}
		links := make([]*link, 0, len(ids))
		for _, row := range ids {
			last = c.next(last, s.Log, row, rows[row])
			links = append(links, last)
		}
		return insert(ctx, tx, links)
	})
}

// older walks the lines that nobody noted as due. What is due is read after the
// lines: others commit both at once, and while this goes on.
func (c *Chain) older(ctx context.Context, r db.Reader, each func(*Source, []int64) error) error {
	for i := range c.sources {
		s := &c.sources[i]
		for after := int64(math.MinInt64); ; {
			ids, err := s.IDs(ctx, r, after, sealed)
			if err != nil {
				return err
			}
			if len(ids) == 0 {
				break
			}
			to := ids[len(ids)-1]
			waits, err := rowsBetween(ctx, r, waitingRows, s.Log, after, to)
			if err != nil {
				return err
			}
			after = to
			old := slices.DeleteFunc(ids, func(row int64) bool { _, in := slices.BinarySearch(waits, row); return in })
			if err := each(s, old); err != nil {
				return err
			}
		}
	}
	return nil
}

func dues(ctx context.Context, r db.Reader, query string, args ...any) ([]due, error) {
	rows, err := r.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read what is to be linked: %w", err)
	}
	defer rows.Close()
	var out []due
	for rows.Next() {
		var d due
		if err := rows.Scan(&d.log, &d.row, &d.key, &d.mac); err != nil {
			return nil, fmt.Errorf("read what is to be linked: %w", err)
		}
		out = append(out, d)
	}
	return out, rows.Err()
}

// contents reads the lines that list names.
func (c *Chain) contents(ctx context.Context, r db.Reader, list []due) (map[Log]map[int64][]byte, error) {
	ids := map[Log][]int64{}
	for _, d := range list {
		ids[d.log] = append(ids[d.log], d.row)
	}
	out := map[Log]map[int64][]byte{}
	for l, some := range ids {
		s := c.source(l)
		if s == nil {
			continue // the first link, or what no log of ours wrote
		}
		rows, err := s.Rows(ctx, r, some)
		if err != nil {
			return nil, err
		}
		out[l] = rows
	}
	return out, nil
}

// Trimmed proves that lines are removed by the line numbered by of the security
// log, which says by which rule. Call it in the transaction of WriteAlone that
// removes them. What is not linked yet is linked first.
func (c *Chain) Trimmed(ctx context.Context, tx *db.Tx, l Log, rows []int64, by int64) error {
	for {
		n, err := c.sealTx(ctx, tx)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
	}
	for _, row := range rows {
		e := link{}
		err := tx.QueryRow(ctx, `SELECT seq, link FROM chain WHERE log = $1 AND row_id = $2`, int64(l), row).Scan(&e.seq, &e.link)
		if err != nil {
			return fmt.Errorf("find the link of line %d: %w", row, err)
		}
		key, proof := c.o.Keys.Digest(goneLabel, e.trimmed(by))
		// The key's number goes in front, since it may be another than the link's.
		gone := Content{}
		gone.Int(key)
		if _, err := tx.Exec(ctx, `UPDATE chain SET gone_by = $1, gone = $2 WHERE seq = $3`, by, append(gone, proof[:]...), e.seq); err != nil {
			return fmt.Errorf("note a trimmed line: %w", err)
		}
	}
	return nil
}
