// Package chain makes the logs tamper-evident: each of their lines becomes a
// link, a digest under a server key over the line's own digest and the link
// before. Whoever changes, removes or puts in a line in the database can't make
// the links that would fit, for the keys lie outside of it. It must never know
// what a line says: the rooms whose lines they are give it their bytes.
package chain

import (
	"context"
	"crypto/hmac"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"jeton/internal/db"
	"jeton/internal/keys"
	"jeton/internal/problem"
)

// Log is one of the logs in the chain. The numbers are stored.
type Log int64

// The logs.
const (
	begin    Log = 0 // the first link, of no line
	Security Log = 1
	Uses     Log = 2
)

// The labels keep the digests apart. They are part of the stored form.
const (
	dueLabel     = "log line due/1"
	contentLabel = "log line/1"
	linkLabel    = "log link/1"
	goneLabel    = "log line trimmed/1"
)

// Source is a log whose lines are linked. Both functions are called with the
// reader or the transaction of whoever seals or verifies.
type Source struct {
	Log  Log
	Name string // for people: "security log"
	// Rows returns the bytes of the lines of those ids, without those that
	// are not there.
	Rows func(ctx context.Context, r db.Reader, ids []int64) (map[int64][]byte, error)
	// IDs returns ids of lines above after, in order, at most limit.
	IDs func(ctx context.Context, r db.Reader, after int64, limit int) ([]int64, error)
}

// Options are what the chain needs. DB and Keys are required.
type Options struct {
	DB   *db.DB
	Keys *keys.Ring
	Log  *slog.Logger
	Now  func() time.Time
}

// Chain links the lines of the logs. It is safe for concurrent use once its
// sources are known.
type Chain struct {
	o       Options
	sources []Source
	due     atomic.Bool // this process has written lines that may not be linked yet
}

// New makes the chain. Each log adds itself with Register before anything is
// written.
func New(o Options) *Chain {
	if o.DB == nil || o.Keys == nil {
		panic("chain: no DB or no Keys")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Chain{o: o}
}

// Register adds a log.
func (c *Chain) Register(s Source) { c.sources = append(c.sources, s) }

func (c *Chain) source(l Log) *Source {
	for i := range c.sources {
		if c.sources[i].Log == l {
			return &c.sources[i]
		}
	}
	return nil
}

// Content collects the fields of a line in a form that can be read in one way only.
type Content []byte

// Int appends a number.
func (c *Content) Int(n int64) { *c = binary.BigEndian.AppendUint64(*c, uint64(n)) }

// Text appends a text after its length.
func (c *Content) Text(s string) {
	c.Int(int64(len(s)))
	*c = append(*c, s...)
}

// named is the content of a line with its log and its number in front: moved to
// another place, it is another line.
func named(l Log, row int64, content []byte) []byte {
	out := make(Content, 0, 16+len(content))
	out.Int(int64(l))
	out.Int(row)
	return append(out, content...)
}

// Due notes in the transaction that writes a line that it is to be linked, with
// the proof that this program wrote it: a line without is never linked. A line
// that will be written again before ripe is noted again with what it says then.
func (c *Chain) Due(ctx context.Context, tx *db.Tx, l Log, row int64, content []byte, ripe time.Time) error {
	key, mac := c.o.Keys.Digest(dueLabel, named(l, row, content))
	_, err := tx.Exec(ctx, `
		INSERT INTO chain_due (log, row_id, ripe_at, key_id, mac) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (log, row_id) DO UPDATE SET ripe_at = excluded.ripe_at, key_id = excluded.key_id, mac = excluded.mac`,
		int64(l), row, db.Micros(ripe), key, mac[:])
	if err != nil {
		return fmt.Errorf("note a line to be linked: %w", err)
	}
	c.due.Store(true)
	return nil
}

// link is one link as it is stored.
type link struct {
	seq, at  int64
	log      Log
	row, key int64
	content  []byte
	link     []byte
	goneBy   int64
	gone     []byte
}

// input is what the link's digest is over.
func (l *link) input(before []byte) []byte {
	out := make(Content, 0, 128)
	out.Int(l.seq)
	out.Int(l.at)
	out.Int(int64(l.log))
	out.Int(l.row)
	out = append(out, l.content...)
	return append(out, before...)
}

// trimmed is what the proof of a trimming is over.
func (l *link) trimmed(by int64) []byte {
	out := make(Content, 0, 64)
	out.Int(l.seq)
	out.Int(by)
	return append(out, l.link...)
}

// Head is the end of the chain. Saved elsewhere, it shows later that nothing was
// cut off behind it, and that this is the same chain still.
type Head struct {
	Seq  int64  `json:"seq"`
	Link string `json:"link"` // in hexadecimal
}

// String writes the head as ParseHead reads it.
func (h Head) String() string { return fmt.Sprintf("%d:%s", h.Seq, h.Link) }

// ParseHead reads what String wrote.
func ParseHead(s string) (Head, error) {
	var h Head
	if n, err := fmt.Sscanf(strings.TrimSpace(s), "%d:%64x", &h.Seq, new([]byte)); err != nil || n != 2 || h.Seq < 1 {
		return Head{}, problem.New(problem.Invalid, "that is no head of the chain", "It looks like 1234:5f…, a number and 64 digits, as \"jeton audit head\" prints it.")
	}
	_, h.Link, _ = strings.Cut(strings.TrimSpace(s), ":")
	if len(h.Link) != 64 {
		return Head{}, problem.New(problem.Invalid, "that is no whole head of the chain", "It looks like 1234:5f…, a number and 64 digits, as \"jeton audit head\" prints it.")
	}
	return h, nil
}

// Head returns the end of the chain; ok is false before the first link.
func (c *Chain) Head(ctx context.Context) (h Head, ok bool, err error) {
	last, err := tail(ctx, c.o.DB)
	if err != nil || last == nil {
		return Head{}, false, err
	}
	return Head{Seq: last.seq, Link: fmt.Sprintf("%x", last.link)}, true, nil
}

// Begun returns when the chain began: lines from before were taken in as they
// were found. It is zero before the first link.
func (c *Chain) Begun(ctx context.Context) (time.Time, error) {
	var at int64
	err := c.o.DB.QueryRow(ctx, `SELECT at FROM chain WHERE seq = 1`).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("read the chain: %w", err)
	}
	return db.Time(at), nil
}

func tail(ctx context.Context, r db.Reader) (*link, error) {
	l := &link{}
	err := r.QueryRow(ctx, `SELECT seq, link FROM chain ORDER BY seq DESC LIMIT 1`).Scan(&l.seq, &l.link)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the chain: %w", err)
	}
	return l, nil
}

// proves reports whether sum is the digest of value under that key.
func (c *Chain) proves(key int64, label string, value, sum []byte) (ok, known bool) {
	want, known := c.o.Keys.DigestUnder(key, label, value)
	return known && hmac.Equal(want[:], sum), known
}
