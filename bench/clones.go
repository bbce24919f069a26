package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"jeton/bench/client"
	"jeton/bench/meter"
	"jeton/bench/peer"
	"jeton/bench/shape"
	"jeton/bench/table"
)

func cloneRows() []row {
	var out []row
	for _, depth := range []int{0, 1} {
		for _, clients := range []int{1, 16} {
			out = append(out, row{fmt.Sprintf("%s, warm, %d at once", cloneName(depth), clients), func(ctx context.Context, l *lab, r *table.Row) error {
				return l.warmClone(ctx, r, depth, clients)
			}})
		}
	}
	for _, depth := range []int{0, 1} {
		out = append(out, row{cloneName(depth) + ", cold", func(ctx context.Context, l *lab, r *table.Row) error { return l.coldClone(ctx, r, depth) }})
	}
	for _, depth := range []int{0, 1} {
		out = append(out, row{cloneName(depth) + ", real git", func(ctx context.Context, l *lab, r *table.Row) error { return l.gitClone(ctx, r, depth) }})
	}
	return append(out, row{"fetch, nothing new, real git", emptyFetch}, row{"fetch of new commits, real git", newFetch}, row{"the same fetch again, real git", sameFetch})
}

func cloneName(depth int) string {
	if depth > 0 {
		return fmt.Sprintf("clone --depth %d of R2", depth)
	}
	return "clone of R2"
}

// askClone is the request that git would send for a clone.
func (l *lab) askClone(ctx context.Context, p *peer.Peer, repo string, depth int) (client.Request, error) {
	_, body, err := ask(ctx, p, client.Post(p.Host(), peer.Path(repo), uploadPack, client.LsRefs("HEAD", "refs/heads/", "refs/tags/"), ok, p.Basic(), client.V2()))
	if err != nil {
		return client.Request{}, err
	}
	refs, err := client.Refs(body)
	if err != nil {
		return client.Request{}, err
	}
	var wants []string
	for _, r := range refs {
		if depth == 0 || r.Name == "refs/heads/main" {
			wants = append(wants, r.ID)
		}
	}
	slices.Sort(wants)
	return client.Post(p.Host(), peer.Path(repo), uploadPack, client.Fetch(depth, slices.Compact(wants)...), ok, p.Basic(), client.V2()), nil
}

// cloned is the work of sending a whole answer to each client, once.
func cloned(side string, p func() *peer.Peer, clients int, q func(p *peer.Peer) client.Request) work {
	return work{side: side, group: func() *meter.Group { return p().Group }, memory: true, load: clients > 1, run: func(ctx context.Context) (int, error) {
		return client.Load{Address: p().Address(), Requests: []client.Request{q(p())}, Clients: clients, Rounds: 1}.Run(ctx)
	}}
}

// warmClone compares an answer that was given before with the same bytes from a
// file.
func (l *lab) warmClone(ctx context.Context, r *table.Row, depth, clients int) error {
	repo, err := l.fill(ctx, shape.R2())
	if err != nil {
		return err
	}
	q, err := l.askClone(ctx, &l.jeton.Peer, repo, depth)
	if err != nil {
		return err
	}
	a, err := l.record(ctx, l.jeton, q, "/clone")
	if err != nil {
		return err
	}
	a.Static = true
	f, err := l.floor(ctx, nil, l.jeton.Password, a)
	if err != nil {
		return err
	}
	defer l.end(f)
	f.Name = "bare Go handler, a file"
	works := []work{
		cloned("Jeton", func() *peer.Peer { return &l.jeton.Peer }, clients, func(*peer.Peer) client.Request { return q }),
		cloned(f.Name, func() *peer.Peer { return &f.Peer }, clients, func(p *peer.Peer) client.Request { return client.Get(p.Host(), "/clone", ok, p.Basic()) }),
	}
	if l.backend != nil {
		theirs, err := l.askClone(ctx, &l.backend.Peer, repo, depth)
		if err != nil {
			return err
		}
		w := cloned(l.backend.Name, func() *peer.Peer { return &l.backend.Peer }, clients, func(*peer.Peer) client.Request { return theirs })
		w.cap = 1
		if clients == 1 {
			w.cap = 3
		}
		works = append(works, w)
	}
	runs := l.runs(9)
	if clients > 1 {
		runs = l.runs(4)
	}
	// What earlier rows left in memory shrinks with time, so fewer clients are
	// looked at on both sides of the many.
	before, err := l.peak(ctx, clients/4, q)
	if err != nil {
		return err
	}
	if r.Sides, err = compare(ctx, runs, true, works...); err != nil {
		return err
	}
	after, err := l.peak(ctx, clients/4, q)
	if err != nil {
		return err
	}
	if i, err := os.Stat(a.File); err == nil {
		r.Note = fmt.Sprintf("Jeton's answer has %s MB.", table.Number(float64(i.Size())/1e6))
	}
	r.Add("CPU at most 1.5 times a static file's from Go", cpu(r.Sides[0])/cpu(r.Sides[1]), 1.5, " times")
	if clients > 1 {
		r.Add(fmt.Sprintf("memory under 100 MB at %d", clients), float64(r.Sides[0].Peak)/1e6, 100, " MB")
		r.Add(fmt.Sprintf("memory flat: at most a fifth more at %d than at %d", clients, clients/4), float64(r.Sides[0].Peak)/float64(max(before, after)), 1.2, " times")
	}
	return nil
}

// peak is Jeton's memory while so many clone at once, in bytes; 0 for none.
func (l *lab) peak(ctx context.Context, clients int, q client.Request) (int64, error) {
	if clients == 0 {
		return 0, nil
	}
	sides, err := compare(ctx, 1, false, cloned("Jeton", func() *peer.Peer { return &l.jeton.Peer }, clients, func(*peer.Peer) client.Request { return q }))
	if err != nil {
		return 0, err
	}
	return sides[0].Peak, nil
}

// coldClone compares answers that nobody had asked for before: Jeton starts
// afresh with an empty cache for each run.
func (l *lab) coldClone(ctx context.Context, r *table.Row, depth int) error {
	repo, err := l.fill(ctx, shape.R2())
	if err != nil {
		return err
	}
	q, err := l.askClone(ctx, &l.jeton.Peer, repo, depth)
	if err != nil {
		return err
	}
	ours := cloned("Jeton", func() *peer.Peer { return &l.jeton.Peer }, 1, func(*peer.Peer) client.Request { return q })
	ours.prepare = func(ctx context.Context) error {
		if err := l.jeton.Restart(ctx); err != nil {
			return err
		}
		// The new port is in the request.
		var err error
		q, err = l.askClone(ctx, &l.jeton.Peer, repo, depth)
		return err
	}
	works := []work{ours}
	if l.backend != nil {
		indexed, err := l.withBitmap(ctx, repo)
		if err != nil {
			return err
		}
		for _, b := range []struct{ side, repo string }{{l.backend.Name, repo}, {l.backend.Name + ", bitmap", indexed}} {
			theirs, err := l.askClone(ctx, &l.backend.Peer, b.repo, depth)
			if err != nil {
				return err
			}
			works = append(works, cloned(b.side, func() *peer.Peer { return &l.backend.Peer }, 1, func(*peer.Peer) client.Request { return theirs }))
		}
	}
	if r.Sides, err = compare(ctx, l.runs(5), false, works...); err != nil || l.backend == nil {
		return err
	}
	if depth > 0 {
		r.Add("CPU at most half of git http-backend's", cpu(r.Sides[0])/cpu(r.Sides[1]), 0.5, " times")
		return nil
	}
	r.Add("CPU at most git http-backend's with a bitmap", cpu(r.Sides[0])/cpu(r.Sides[2]), 1, " times")
	r.Add("CPU at most a quarter of git http-backend's without one", cpu(r.Sides[0])/cpu(r.Sides[1]), 0.25, " times")
	return nil
}

// withBitmap is a copy of a repository beside git http-backend, with a bitmap.
func (l *lab) withBitmap(ctx context.Context, repo string) (string, error) {
	name := repo + "-bitmap"
	if l.filled[name] {
		return name, nil
	}
	if err := l.copyTo(ctx, l.backend.Dir(repo), name); err != nil {
		return "", err
	}
	_, err := l.git.Run(ctx, l.backend.Dir(name), "repack", "-adbq")
	l.filled[name] = err == nil
	return name, err
}

// gitClone is what a person waits for.
func (l *lab) gitClone(ctx context.Context, r *table.Row, depth int) error {
	repo, err := l.fill(ctx, shape.R2())
	if err != nil {
		return err
	}
	r.Sides, err = compare(ctx, l.runs(3), true, l.both(func(p *peer.Peer) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			to := filepath.Join(l.dir, l.name("clone"))
			args := []string{"clone", "-q"}
			if depth > 0 {
				args = append(args, "--depth", fmt.Sprint(depth))
			}
			_, err := l.git.Run(ctx, l.dir, append(args, p.Repo(repo), to)...)
			return 1, errors.Join(err, os.RemoveAll(to))
		}
	})...)
	return err
}

// emptyFetch is what pollers do all day.
func emptyFetch(ctx context.Context, l *lab, r *table.Row) error {
	repo, err := l.fill(ctx, shape.R2())
	if err != nil {
		return err
	}
	f, err := l.canned(ctx, repo)
	if err != nil {
		return err
	}
	defer l.end(f)
	to := filepath.Join(l.dir, l.name("fetch"))
	if _, err := l.git.Run(ctx, l.dir, "clone", "-q", "--bare", l.sources["R2"], to); err != nil {
		return err
	}
	run := func(p *peer.Peer) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			const times = 5
			for range times {
				if _, err := l.git.Run(ctx, to, "fetch", "-q", p.Repo(repo), "refs/heads/*:refs/heads/*"); err != nil {
					return 0, err
				}
			}
			return times, nil
		}
	}
	if r.Sides, err = compare(ctx, l.runs(9), true, append(l.both(run), work{side: f.Name, group: of(&f.Peer), run: run(&f.Peer), settles: true})...); err != nil {
		return err
	}
	r.Add("server CPU under 1 ms", cpu(r.Sides[0]), 1, " ms")
	noProcess(r)
	return nil
}

// newFetch is what people do in the morning: each of them lacks other commits.
func newFetch(ctx context.Context, l *lab, r *table.Row) error {
	next := 0
	behind := func() int { next++; return 2 * next }
	sides, err := l.fetches(ctx, l.runs(8), true, behind)
	r.Sides = sides
	return err
}

// sameFetch is what continuous integration does: many lack the same commits.
func sameFetch(ctx context.Context, l *lab, r *table.Row) error {
	behind := func() int { return 1 }
	// Who has something is answered from what is kept when it comes a third time.
	if _, err := l.fetches(ctx, 2, false, behind); err != nil {
		return err
	}
	sides, err := l.fetches(ctx, l.runs(8), false, behind)
	if r.Sides = sides; err == nil {
		noProcess(r)
	}
	return err
}

// fetches compares fetches of what a clone of R2's main branch lacks that is so
// many commits behind.
func (l *lab) fetches(ctx context.Context, runs int, warm bool, behind func() int) ([]table.Side, error) {
	repo, err := l.fill(ctx, shape.R2())
	if err != nil {
		return nil, err
	}
	var at string
	commits := 0
	works := l.both(func(p *peer.Peer) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			_, err := l.git.Run(ctx, at, "fetch", "-q", p.Repo(repo), "refs/heads/main:refs/heads/main")
			return 1, errors.Join(err, os.RemoveAll(at))
		}
	})
	for i := range works {
		works[i].prepare = func(ctx context.Context) (err error) {
			if i == 0 {
				commits = behind()
			}
			at, err = l.late(ctx, commits)
			return err
		}
	}
	return compare(ctx, runs, warm, works...)
}

// late is a bare clone of R2's main branch that lacks its last n commits.
func (l *lab) late(ctx context.Context, n int) (string, error) {
	to := filepath.Join(l.dir, l.name("late"))
	if _, err := l.git.Run(ctx, l.dir, "init", "-q", "--bare", to); err != nil {
		return "", err
	}
	_, err := l.git.Run(ctx, l.sources["R2"], "push", "-q", to, fmt.Sprintf("refs/heads/main~%d:refs/heads/main", n))
	return to, err
}
