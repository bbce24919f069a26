package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"jeton/bench/meter"
	"jeton/bench/table"
)

// work is what one server is asked to do in a comparison.
type work struct {
	side    string
	group   func() *meter.Group // asked for each run: a restart makes a new one
	prepare func(ctx context.Context) error
	run     func(ctx context.Context) (ops int, err error)
	load    bool // many at once: the rate is shown, not one operation's time
	memory  bool // look at the peak of memory, which costs the machine a little
	cap     int  // runs at most; 0: as many as the others
	settles bool // work goes on after the answer: wait for it, it counts
}

// compare runs the works in turn, so many times, and returns a side for each.
// The first one fills caches and is thrown away if warm is set.
func compare(ctx context.Context, runs int, warm bool, works ...work) ([]table.Side, error) {
	sides := make([]table.Side, len(works))
	first := 0
	if warm {
		first = -1
	}
	for i := first; i < runs; i++ {
		for j, w := range works {
			if w.cap > 0 && (i < 0 || i >= w.cap) {
				continue
			}
			s, err := w.once(ctx)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", w.side, err)
			}
			if i >= 0 {
				s.into(&sides[j], w)
			}
		}
	}
	return sides, nil
}

// sample is one run of one work.
type sample struct {
	ops     int
	wall    time.Duration
	cpu     time.Duration
	peak    int64
	started int
	known   bool // started is
}

func (w work) once(ctx context.Context) (s sample, err error) {
	if w.prepare != nil {
		if err := w.prepare(ctx); err != nil {
			return s, err
		}
	}
	g := w.group()
	if err := settle(ctx, g); err != nil {
		return s, err
	}
	var peak func() int64
	if w.memory {
		peak = g.Peak()
	}
	started, known := g.Started()
	before, err := g.CPU()
	if err != nil {
		return s, err
	}
	begin := time.Now()
	s.ops, err = w.run(ctx)
	s.wall = time.Since(begin)
	if w.settles && err == nil {
		err = settle(ctx, g)
	}
	after, cpuErr := g.CPU()
	if peak != nil {
		s.peak = peak()
	}
	if err != nil {
		return s, err
	}
	now, _ := g.Started()
	s.cpu, s.started, s.known = after-before, now-started, known
	return s, cpuErr
}

func (s sample) into(side *table.Side, w work) {
	n := float64(s.ops)
	side.Name = w.side
	if w.load {
		side.Rate = append(side.Rate, n/s.wall.Seconds())
	} else {
		side.Wall = append(side.Wall, table.Milliseconds(s.wall)/n)
	}
	side.CPU = append(side.CPU, table.Milliseconds(s.cpu)/n)
	side.Peak = max(side.Peak, s.peak)
	if s.known {
		side.Started = strconv.FormatFloat(float64(s.started)/n, 'f', -1, 64)
		if len(side.Started) > 4 {
			side.Started = table.Number(float64(s.started) / n)
		}
	}
}

// settle waits until the group has been idle for a moment: what an earlier
// operation left to be done must not count for the next one.
func settle(ctx context.Context, g *meter.Group) error {
	const moment, idle = 40 * time.Millisecond, 600 * time.Microsecond
	last, err := g.CPU()
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(moment):
		}
		now, err := g.CPU()
		if err != nil {
			return err
		}
		if now-last < idle {
			return nil
		}
		last = now
	}
	return nil // it never rests: then that is its price
}

// cpu is a side's processor time for one operation, in milliseconds.
func cpu(s table.Side) float64 { return s.CPU.Median() }

// wall is a side's time for one operation, in milliseconds.
func wall(s table.Side) float64 { return s.Wall.Median() }

// rate is a side's operations in a second.
func rate(s table.Side) float64 { return s.Rate.Median() }
