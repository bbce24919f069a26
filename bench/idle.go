package main

import (
	"context"
	"path/filepath"
	"time"

	"jeton/bench/peer"
	"jeton/bench/shape"
	"jeton/bench/table"
)

func idleRows() []row {
	return []row{{"start and rest, small", idleSmall}}
}

// idleSmall starts a server with one account and one repository.
func idleSmall(ctx context.Context, l *lab, r *table.Row) error {
	dir, err := l.source(ctx, shape.R1())
	if err != nil {
		return err
	}
	j := &peer.Jeton{Program: l.Program, Data: filepath.Join(l.dir, l.name("small"))}
	if err := l.openJeton(ctx, j); err != nil {
		return err
	}
	if err := l.push(ctx, j, dir, "r1"); err != nil {
		return err
	}
	return l.rest(ctx, r, j, l.runs(5), 100, 40)
}

// rest starts j again and again, and looks at it when it has nothing to do.
// The limits are milliseconds and megabytes.
func (l *lab) rest(ctx context.Context, r *table.Row, j *peer.Jeton, runs int, start, memory float64) error {
	s := table.Side{Name: "Jeton"}
	var most int64
	for range runs {
		if err := j.Stop(); err != nil {
			return err
		}
		if err := j.Serve(ctx); err != nil {
			return err
		}
		s.Wall = append(s.Wall, table.Milliseconds(j.Start))
		used, err := j.Group.CPU()
		if err != nil {
			return err
		}
		s.CPU = append(s.CPU, table.Milliseconds(used))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
		m, err := j.Group.Memory()
		if err != nil {
			return err
		}
		most = max(most, m.Shared)
		s.Peak = max(s.Peak, m.Anonymous)
	}
	r.Sides = append(r.Sides, s)
	r.Add("start to first answer under "+table.Count(int64(start))+" ms", s.Wall.Median(), start, " ms")
	r.Add("idle memory (PSS) under "+table.Count(int64(memory))+" MB", float64(most)/1e6, memory, " MB")
	return nil
}
