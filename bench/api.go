package main

import (
	"context"

	"jeton/bench/client"
	"jeton/bench/table"
)

func apiRows() []row {
	return []row{{"GET /user", func(ctx context.Context, l *lab, r *table.Row) (err error) {
		q := client.Get(l.jeton.Host(), "/api/v3/user", ok, l.jeton.Basic())
		f, bare, err := l.bare(ctx, l.jeton, q)
		if err != nil {
			return err
		}
		defer l.end(f)
		r.Sides, err = compare(ctx, l.runs(7), true, l.asked("Jeton", &l.jeton.Peer, nil, 8, false, q), l.asked(f.Name, &f.Peer, nil, 8, false, bare))
		if err != nil {
			return err
		}
		r.Add("a bare Go handler reaches at most 2 times as many", rate(r.Sides[1])/rate(r.Sides[0]), 2, " times")
		return nil
	}}}
}
