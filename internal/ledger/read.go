package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"jeton/internal/chain"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/right"
)

// Entry is one line, as it is stored.
type Entry struct {
	ID             id.Use
	Token          id.Token
	Node           string // the number of the narrowed one; empty: the token itself
	Account        id.Account
	First, Last    time.Time
	Times          int64
	Action         string // the gate's name of what was done; empty when nothing was asked for yet
	Result         string
	RepoID         id.Repo
	Repo           string // "owner/name", or empty
	Address        string
	Client         string
	Received, Sent int64 // bytes of bodies
}

const columns = `id, token_id, node, account_id, first_at, last_at, times, action, result, repo_id, repo, address, client, received, sent`

func scan(rows *sql.Rows) (Entry, error) {
	var e Entry
	var first, last int64
	err := rows.Scan(&e.ID, &e.Token, &e.Node, &e.Account, &first, &last, &e.Times, &e.Action, &e.Result, &e.RepoID, &e.Repo, &e.Address, &e.Client, &e.Received, &e.Sent)
	e.First, e.Last = db.Time(first), db.Time(last)
	return e, err
}

// content is the line's bytes for the chain, without its number.
func (e *Entry) content() []byte {
	c := make(chain.Content, 0, 256)
	for _, n := range []int64{int64(e.Token), int64(e.Account), db.Micros(e.First), db.Micros(e.Last), e.Times, int64(e.RepoID), e.Received, e.Sent} {
		c.Int(n)
	}
	for _, text := range []string{e.Node, e.Action, e.Result, e.Repo, e.Address, e.Client} {
		c.Text(text)
	}
	return c
}

func read(ctx context.Context, r db.Reader, query string, args ...any) ([]Entry, error) {
	rows, err := r.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read uses of tokens: %w", err)
	}
	defer rows.Close()
	var out []Entry
	for rows.Next() {
		e, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("read uses of tokens: %w", err)
		}
		out = append(out, e)
	}
	return out, rows.Err()
}

// MaxLimit is how many lines List returns at most.
const MaxLimit = 500

// List returns the uses of a token, the line that began last first: those older
// than before, if it is not zero.
func (r *Room) List(ctx context.Context, of id.Token, before id.Use, limit int) ([]Entry, error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	return read(ctx, r.o.DB, `SELECT `+columns+` FROM token_uses WHERE token_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3`,
		int64(of), int64(before), min(limit, MaxLimit))
}

// Deeds returns what the gate let a token do since then.
func (r *Room) Deeds(ctx context.Context, of id.Token, since time.Time) ([]right.Deed, error) {
	rows, err := r.o.DB.Query(ctx, `SELECT action, public FROM token_actions WHERE token_id = $1 AND last_at >= $2 ORDER BY action, public`, int64(of), db.Micros(since))
	if err != nil {
		return nil, fmt.Errorf("read what a token did: %w", err)
	}
	defer rows.Close()
	names := map[string]right.Action{}
	for _, a := range right.Actions() {
		names[a.String()] = a
	}
	out := []right.Deed{}
	for rows.Next() {
		var name string
		var public int64
		if err := rows.Scan(&name, &public); err != nil {
			return nil, fmt.Errorf("read what a token did: %w", err)
		}
		if a, ok := names[name]; ok {
			out = append(out, right.Deed{Action: a, Public: public != 0})
		}
	}
	return out, rows.Err()
}

// Since returns from when on the uses of tokens are known at all: from the
// beginning of the chain, or for as long as they are kept.
func (r *Room) Since(ctx context.Context) (time.Time, error) {
	begun, err := r.o.Chain.Begun(ctx)
	if err != nil || begun.IsZero() {
		return r.o.Now(), err
	}
	if kept := r.o.Now().Add(-r.o.Keep); kept.After(begun) {
		return kept, nil
	}
	return begun, nil
}

func rowsOf(ctx context.Context, r db.Reader, ids []int64) (map[int64][]byte, error) {
	out := make(map[int64][]byte, len(ids))
	err := db.Batches(ids, func(in string, args []any) error {
		list, err := read(ctx, r, `SELECT `+columns+` FROM token_uses WHERE id IN (`+in+`)`, args...)
		for i := range list {
			out[int64(list[i].ID)] = list[i].content()
		}
		return err
	})
	return out, err
}

func idsAfter(ctx context.Context, r db.Reader, after int64, limit int) ([]int64, error) {
	return numbers(ctx, r, `SELECT id FROM token_uses WHERE id > $1 ORDER BY id LIMIT $2`, after, limit)
}

func numbers(ctx context.Context, r db.Reader, query string, args ...any) ([]int64, error) {
	rows, err := r.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read uses of tokens: %w", err)
	}
	defer rows.Close()
	var out []int64
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, fmt.Errorf("read uses of tokens: %w", err)
		}
		out = append(out, n)
	}
	return out, rows.Err()
}
