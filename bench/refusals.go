package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"jeton/bench/client"
	"jeton/bench/meter"
	"jeton/bench/peer"
	"jeton/bench/shape"
	"jeton/bench/table"
)

func refusalRows() []row {
	return []row{
		{"wrong token, well-formed", func(ctx context.Context, l *lab, r *table.Row) error {
			token, err := l.strange(ctx)
			if err != nil {
				return err
			}
			return l.refused(ctx, r, token, 2.5)
		}},
		{"wrong token, garbage", func(ctx context.Context, l *lab, r *table.Row) error {
			return l.refused(ctx, r, "not-a-token-at-all", 1.5)
		}},
	}
}

// refused compares the refusal of a token with a bare handler's.
func (l *lab) refused(ctx context.Context, r *table.Row, password string, limit float64) error {
	repo, err := l.fill(ctx, shape.R1())
	if err != nil {
		return err
	}
	wrong := func(host, path string) client.Request {
		return client.Get(host, path, http.StatusUnauthorized, client.Basic(peer.Owner, password), client.V2())
	}
	q := wrong(l.jeton.Host(), peer.Path(repo)+advertisement)
	a, err := l.record(ctx, l.jeton, q, "/refused")
	if err != nil {
		return err
	}
	a.Open = true
	f, err := l.floor(ctx, nil, l.jeton.Password, a)
	if err != nil {
		return err
	}
	defer l.end(f)
	works := []work{l.asked("Jeton", &l.jeton.Peer, nil, 8, false, q), l.asked(f.Name, &f.Peer, nil, 8, false, wrong(f.Host(), "/refused"))}
	if l.backend != nil {
		w := l.asked(l.backend.Name, &l.backend.Peer, nil, 8, false, wrong(l.backend.Host(), peer.Path(repo)+advertisement))
		w.cap = 2
		works = append(works, w)
	}
	if r.Sides, err = compare(ctx, l.runs(7), true, works...); err != nil {
		return err
	}
	r.Add(fmt.Sprintf("CPU at most %v times a bare Go handler's", limit), cpu(r.Sides[0])/cpu(r.Sides[1]), limit, " times")
	return l.noWrites(ctx, r, q)
}

// noWrites counts the writes into the database while refusals rain: what the
// server writes every second anyhow is no write per refusal.
func (l *lab) noWrites(ctx context.Context, r *table.Row, q client.Request) error {
	stop, err := meter.Writes(filepath.Join(l.jeton.Data, "jeton.db"), filepath.Join(l.jeton.Data, "jeton.db-wal"))
	if err != nil {
		return err
	}
	n, err := client.Load{Address: l.jeton.Address(), Requests: []client.Request{q}, Clients: 4, For: 2 * time.Second}.Run(ctx)
	writes := stop()
	if err != nil {
		return err
	}
	r.Note = fmt.Sprintf("%s refusals, %d writes into the database's files.", table.Count(int64(n)), writes)
	r.Add("no database write per refusal: at most one for a hundred", float64(writes)/float64(n), 0.01, " writes each")
	return nil
}
