package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"jeton/bench/peer"
	"jeton/bench/shape"
	"jeton/bench/table"
)

func pushRows() []row {
	return []row{
		{"push of one commit, real git", pushOne},
		{"push of 200 new branches", pushBranches},
		{"push of 50,000 refs", pushRefs},
		{"first push of R2", pushFirst},
		{"8 pushers on 8 repositories", func(ctx context.Context, l *lab, r *table.Row) error { return l.pushers(ctx, r, 8) }},
		{"8 pushers on one repository", func(ctx context.Context, l *lab, r *table.Row) error { return l.pushers(ctx, r, 1) }},
	}
}

// noProcess adds the target that the first side starts no process.
func noProcess(r *table.Row) {
	c := table.Check{Target: "no process started", Got: r.Sides[0].Started, Verdict: table.Misses}
	switch n, err := strconv.ParseFloat(strings.ReplaceAll(c.Got, ",", ""), 64); {
	case err != nil:
		c.Got, c.Verdict = "this system does not tell", table.Failed
	case n == 0:
		c.Verdict = table.Holds
	}
	r.Checks = append(r.Checks, c)
}

// empty makes a repository without anything in it on both sides.
func (l *lab) empty(ctx context.Context, base string) (string, error) {
	name := l.name(base)
	if err := l.jeton.Create(ctx, name); err != nil {
		return "", err
	}
	if l.backend != nil {
		return name, l.backend.Create(ctx, name)
	}
	return name, nil
}

// copyOf is a new repository with R1's content on both sides.
func (l *lab) copyOf(ctx context.Context, base string) (string, error) {
	dir, err := l.source(ctx, shape.R1())
	if err != nil {
		return "", err
	}
	name := l.name(base)
	if err := l.push(ctx, l.jeton, dir, name); err != nil {
		return "", err
	}
	if l.backend != nil {
		return name, l.copyTo(ctx, dir, name)
	}
	return name, nil
}

// person is a clone of R1 with commits that nobody has pushed.
func (l *lab) person(ctx context.Context) (string, error) {
	source, err := l.source(ctx, shape.R1())
	if err != nil {
		return "", err
	}
	dir := filepath.Join(l.dir, l.name("person"))
	_, err = l.git.Run(ctx, l.dir, "clone", "-q", "--bare", source, dir)
	return dir, err
}

// commits makes n commits after R1's last one in dir, each an edit of one file,
// and returns their ids.
func (l *lab) commits(ctx context.Context, dir string, n int) ([]string, error) {
	branch := "refs/bench/" + l.name("chain")
	var in bytes.Buffer
	for i := range n {
		text := fmt.Sprintf("%s, step %d\n%s", branch, i, strings.Repeat("a line that stays as it is\n", 40))
		fmt.Fprintf(&in, "commit %s\ncommitter Ada Example <ada@example.com> %d +0000\ndata 5\nstep\n", branch, 1_200_000_000+i)
		if i == 0 {
			fmt.Fprintf(&in, "from %s\n", l.facts["R1"].Head)
		}
		fmt.Fprintf(&in, "M 100644 inline notes.txt\ndata %d\n%s\n", len(text), text)
	}
	if _, err := l.git.RunIn(ctx, dir, &in, "fast-import", "--quiet"); err != nil {
		return nil, err
	}
	out, err := l.git.Run(ctx, dir, "rev-list", "--reverse", "-n", strconv.Itoa(n), branch)
	return strings.Fields(out), err
}

// pushOne is a small push, as people make them.
func pushOne(ctx context.Context, l *lab, r *table.Row) error {
	const times = 5
	runs := l.runs(9)
	repo, err := l.copyOf(ctx, "push")
	if err != nil {
		return err
	}
	if err := errors.Join(l.jeton.Bound(ctx, repo), l.jeton.Protect(ctx, repo)); err != nil {
		return err
	}
	dir, err := l.person(ctx)
	if err != nil {
		return err
	}
	ids, err := l.commits(ctx, dir, (runs+1)*times)
	if err != nil {
		return err
	}
	if r.Sides, err = compare(ctx, runs, true, l.both(func(p *peer.Peer) func(context.Context) (int, error) {
		next := 0
		return func(ctx context.Context) (int, error) {
			for range times {
				if _, err := l.git.Run(ctx, dir, "push", "-q", p.Repo(repo), ids[next]+":refs/heads/main"); err != nil {
					return 0, err
				}
				next++
			}
			return times, nil
		}
	})...); err != nil {
		return err
	}
	if len(r.Sides) > 1 {
		r.Add("CPU at most a quarter of git http-backend's", cpu(r.Sides[0])/cpu(r.Sides[1]), 0.25, " times")
		r.Add("wall time below git http-backend's", wall(r.Sides[0])/wall(r.Sides[1]), 1, " times")
	}
	noProcess(r)
	return nil
}

// pushBranches pushes many new names for commits that are there.
func pushBranches(ctx context.Context, l *lab, r *table.Row) error {
	repo, err := l.copyOf(ctx, "branches")
	if err != nil {
		return err
	}
	dir, err := l.person(ctx)
	if err != nil {
		return err
	}
	out, err := l.git.Run(ctx, dir, "rev-list", "main")
	if err != nil {
		return err
	}
	ids := strings.Fields(out)
	if r.Sides, err = compare(ctx, l.runs(5), true, l.both(func(p *peer.Peer) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			args := []string{"push", "-q", p.Repo(repo)}
			folder := l.name("refs/heads/run")
			for i := range 200 {
				args = append(args, fmt.Sprintf("%s:%s/branch-%d", ids[i%len(ids)], folder, i))
			}
			_, err := l.git.Run(ctx, dir, args...)
			return 1, err
		}
	})...); err != nil || len(r.Sides) < 2 {
		return err
	}
	r.Add("no slower than git http-backend", wall(r.Sides[0])/wall(r.Sides[1]), 1, " times")
	return nil
}

// pushRefs pushes all of R3 into an empty repository.
func pushRefs(ctx context.Context, l *lab, r *table.Row) error {
	return l.whole(ctx, r, shape.R3(), 1, func() {
		r.Add("seconds: at most 10", wall(r.Sides[0])/1000, 10, " s")
	})
}

// pushFirst pushes all of R2 into an empty repository.
func pushFirst(ctx context.Context, l *lab, r *table.Row) error {
	return l.whole(ctx, r, shape.R2(), l.runs(3), func() {
		if len(r.Sides) > 1 {
			r.Add("no slower than git http-backend (the aim: 0.5)", wall(r.Sides[0])/wall(r.Sides[1]), 1, " times")
		}
	})
}

func (l *lab) whole(ctx context.Context, r *table.Row, s shape.Shape, runs int, judge func()) error {
	dir, err := l.source(ctx, s)
	if err != nil {
		return err
	}
	var repo string // made for one side's run, and used in it
	works := l.both(func(p *peer.Peer) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			return 1, l.send(ctx, p, dir, repo)
		}
	})
	for i := range works {
		works[i].memory = true
		works[i].prepare = func(ctx context.Context) (err error) {
			if err := l.tidy(ctx, repo); err != nil {
				return err
			}
			repo, err = l.empty(ctx, "whole")
			return err
		}
	}
	if r.Sides, err = compare(ctx, runs, false, works...); err != nil {
		return err
	}
	judge()
	return l.tidy(ctx, repo)
}

// tidy does now the maintenance that Jeton would do some seconds after the last
// push, in the midst of something else.
func (l *lab) tidy(ctx context.Context, repo string) error {
	if repo == "" {
		return nil
	}
	return l.jeton.Maintain(ctx, repo)
}

// pushers has 8 people push at the same time, each to a branch of their own.
func (l *lab) pushers(ctx context.Context, r *table.Row, repositories int) error {
	const people, times = 8, 3
	runs := l.runs(3)
	repos := make([]string, repositories)
	for i := range repos {
		var err error
		if repos[i], err = l.copyOf(ctx, "busy"); err != nil {
			return err
		}
	}
	dir, err := l.person(ctx)
	if err != nil {
		return err
	}
	var chains [people][]string
	for i := range chains {
		if chains[i], err = l.commits(ctx, dir, (runs+1)*times); err != nil {
			return err
		}
	}
	var failed []*failures
	works := l.both(func(p *peer.Peer) func(context.Context) (int, error) {
		f, next := &failures{}, 0
		failed = append(failed, f)
		return func(ctx context.Context) (int, error) {
			var wg sync.WaitGroup
			var done atomic.Int64
			for i := range people {
				wg.Go(func() {
					for k := range times {
						_, err := l.git.Run(ctx, dir, "push", "-q", p.Repo(repos[i%repositories]), fmt.Sprintf("%s:refs/heads/person-%d", chains[i][next+k], i))
						if f.add(err); err == nil {
							done.Add(1)
						}
					}
				})
			}
			wg.Wait()
			next += times
			if done.Load() == 0 {
				return 0, errors.Join(errors.New("no push went through"), f.first)
			}
			return int(done.Load()), nil
		}
	})
	for i := range works {
		works[i].load = true
	}
	if r.Sides, err = compare(ctx, runs, true, works...); err != nil {
		return err
	}
	if failed[0].n > 0 {
		r.Note = fmt.Sprintf("Jeton refused %d pushes; the first: %v.", failed[0].n, failed[0].first)
	}
	if len(r.Sides) < 2 {
		return nil
	}
	r.Add("no failure that plain git would not give", float64(failed[0].n), float64(failed[1].n), fmt.Sprintf(" and git http-backend's %d", failed[1].n))
	r.Add("CPU at most a third of git http-backend's", cpu(r.Sides[0])/cpu(r.Sides[1]), 1.0/3, " times")
	r.Add("1.5 times the throughput: git http-backend reaches at most 0.67 of it", rate(r.Sides[1])/rate(r.Sides[0]), 1/1.5, " of it")
	return nil
}

// failures counts pushes that did not go through.
type failures struct {
	mu    sync.Mutex
	n     int
	first error
}

func (f *failures) add(err error) {
	if err == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n == 0 {
		f.first = err
	}
	f.n++
}
