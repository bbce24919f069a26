package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"jeton/internal/audit"
	"jeton/internal/chain"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/notice"
	"jeton/internal/printable"
	"jeton/internal/right"
	"jeton/internal/token"
)

// written is how many lines one transaction writes, so that it holds nobody up.
const written = 200

// The most bytes that a field keeps.
const (
	maxName   = 256
	maxClient = 256
)

// openLine is a line in the database that may take in further uses.
type openLine struct {
	id id.Use
	sum
}

// Run writes what was told, each second, and removes what is old, each hour, until
// ctx ends. Then it writes what is left.
func (r *Room) Run(ctx context.Context) error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			if err := r.Flush(context.WithoutCancel(ctx)); err != nil { // it is what Close waits for
				return err
			}
			return ctx.Err()
		case <-tick.C:
		}
		if err := r.Flush(ctx); err != nil && ctx.Err() == nil {
			r.o.Log.WarnContext(ctx, "uses of tokens not written yet", "err", err)
		}
		if now := r.o.Now(); now.Sub(r.trimmed) >= time.Hour {
			r.trimmed = now
			if err := r.Trim(ctx); err != nil && ctx.Err() == nil {
				r.o.Log.ErrorContext(ctx, "old uses of tokens can't be removed", "err", err)
			}
		}
	}
}

// Flush writes what was told so far. What cannot be written is kept for the next
// time.
func (r *Room) Flush(ctx context.Context) error {
	r.flushing.Lock()
	defer r.flushing.Unlock()
	for l, o := range r.open {
		if !r.o.Now().Before(o.first.Add(openFor)) {
			delete(r.open, l)
		}
	}
	r.gather()
	if err := r.o.Tokens.Flush(ctx); err != nil { // a narrowed token must be known before its use is
		return err
	}
	if err := r.writeDeeds(ctx); err != nil {
		return err
	}
	order := slices.SortedFunc(maps.Keys(r.waiting), func(a, b line) int { return r.waiting[a].first.Compare(r.waiting[b].first) })
	for len(order) > 0 {
		some := order[:min(len(order), written)]
		if err := r.write(ctx, some); err != nil {
			return err
		}
		order = order[len(some):]
		for _, l := range some {
			delete(r.waiting, l)
		}
	}
	return r.tellLost(ctx)
}

// tellLost records how many uses are in no line.
func (r *Room) tellLost(ctx context.Context) error {
	n := r.lost.Swap(0)
	if n == 0 {
		return nil
	}
	err := r.o.Audit.RecordAlone(ctx, audit.Entry{Action: "site.uses_lost", Actor: right.Anonymous(), Target: "uses of tokens", Detail: map[string]string{"uses": strconv.FormatInt(n, 10)}})
	if err != nil {
		r.lost.Add(n)
	}
	return err
}

func (r *Room) writeDeeds(ctx context.Context) error {
	if len(r.deeds) == 0 {
		return nil
	}
	err := r.o.DB.WriteAlone(ctx, func(tx *db.Tx) error {
		for d, at := range r.deeds {
			_, err := tx.Exec(ctx, `
				INSERT INTO token_actions (token_id, action, public, last_at) VALUES ($1, $2, $3, $4)
				ON CONFLICT (token_id, action, public) DO UPDATE SET last_at = excluded.last_at`,
				int64(d.token), d.action.String(), number(d.public), db.Micros(at))
			if err != nil {
				return fmt.Errorf("record what a token did: %w", err)
			}
		}
		return nil
	})
	if err == nil {
		clear(r.deeds)
	}
	return err
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// write writes some lines and what they mean for their tokens, in one transaction.
func (r *Room) write(ctx context.Context, some []line) error {
	var opened map[line]openLine
	err := r.o.DB.WriteAlone(ctx, func(tx *db.Tx) error {
		opened = make(map[line]openLine, len(some))
		latest := map[token.Holder]token.Use{}
		var seen []notice.Seen
		for _, l := range some {
			s := r.waiting[l]
			o, err := r.writeLine(ctx, tx, l, *s)
			if err != nil {
				return err
			}
			opened[l] = o
			by := token.Holder{Token: l.Token, Node: l.Node, Old: l.Old}
			if (l.result == Done || l.result == UnderWay) && s.last.After(latest[by].At) {
				e := l.entry(o.sum)
				latest[by] = token.Use{At: s.last, Address: e.Address, Client: e.Client, Repo: e.Repo, Action: e.Action}
			}
			if l.result == Done || l.result == UnderWay {
				seen = append(seen, notice.Seen{Token: l.Token, Address: l.Address, Client: l.Client, At: s.last})
			}
		}
		if err := r.o.Tokens.SeenTx(ctx, tx, seen); err != nil {
			return err
		}
		return r.o.Tokens.UsedTx(ctx, tx, latest)
	})
	if err == nil {
		maps.Copy(r.open, opened)
	}
	return err
}

// writeLine adds to the open line of the same, if it may grow still, or begins one.
func (r *Room) writeLine(ctx context.Context, tx *db.Tx, l line, s sum) (openLine, error) {
	if o, ok := r.open[l]; ok {
		grows, err := r.o.Chain.Waits(ctx, tx, chain.Uses, int64(o.id))
		if err != nil {
			return o, err
		}
		if grows {
			o.add(&s)
			_, err = tx.Exec(ctx, `UPDATE token_uses SET first_at = $1, last_at = $2, times = $3, received = $4, sent = $5 WHERE id = $6`,
				db.Micros(o.first), db.Micros(o.last), o.times, o.received, o.sent, int64(o.id))
			if err != nil {
				return o, fmt.Errorf("record use of token: %w", err)
			}
			return o, r.due(ctx, tx, l, o)
		}
	}
	o := openLine{sum: s}
	e := l.entry(s)
	err := tx.QueryRow(ctx, `
		INSERT INTO token_uses (token_id, node, account_id, first_at, last_at, times, action, result, repo_id, repo, address, client, received, sent)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id`,
		int64(e.Token), e.Node, int64(e.Account), db.Micros(e.First), db.Micros(e.Last), e.Times, e.Action, e.Result, int64(e.RepoID), e.Repo,
		e.Address, e.Client, e.Received, e.Sent).Scan(&o.id)
	if err != nil {
		return o, fmt.Errorf("record use of token: %w", err)
	}
	return o, r.due(ctx, tx, l, o)
}

// due has the line linked once it can't grow any more.
func (r *Room) due(ctx context.Context, tx *db.Tx, l line, o openLine) error {
	e := l.entry(o.sum)
	return r.o.Chain.Due(ctx, tx, chain.Uses, int64(o.id), e.content(), o.first.Add(openFor))
}

// entry is the line as it is stored.
func (l line) entry(s sum) Entry {
	e := Entry{Token: l.Token, Node: l.Node, Account: l.Account, First: s.first, Last: s.last, Times: s.times, Action: l.Action.String(),
		Result: printable.Line(l.result, maxName), RepoID: l.Repo, Client: printable.Line(l.Client, maxClient), Received: s.received, Sent: s.sent}
	if l.Owner != "" {
		e.Repo = printable.Line(l.Owner+"/"+l.Name, maxName)
	}
	if l.Address.IsValid() {
		e.Address = l.Address.Unmap().WithZone("").String()
	}
	return e
}
