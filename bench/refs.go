package main

import (
	"context"
	"errors"
	"fmt"

	"jeton/bench/client"
	"jeton/bench/peer"
	"jeton/bench/shape"
	"jeton/bench/table"
)

const (
	uploadPack    = "git-upload-pack"
	advertisement = "/info/refs?service=" + uploadPack
)

func refRows() []row {
	var out []row
	for _, what := range []struct {
		name string
		ask  func(host, repo string, lines ...client.Line) client.Request
	}{{"advertisement of R1", askAdvertisement}, {"ls-refs of R1", askRefs}} {
		for _, clients := range []int{8, 64} {
			out = append(out, row{fmt.Sprintf("%s, %d clients", what.name, clients), func(ctx context.Context, l *lab, r *table.Row) error {
				return l.keepAlive(ctx, r, what.ask, clients)
			}})
		}
	}
	return append(out,
		row{"advertisement of R1, new TLS connections", func(ctx context.Context, l *lab, r *table.Row) error {
			return l.newConnections(ctx, r, askAdvertisement)
		}},
		row{"ls-refs of R1, new TLS connections", func(ctx context.Context, l *lab, r *table.Row) error {
			return l.newConnections(ctx, r, askRefs)
		}},
		row{"ls-refs of 50,000 refs", func(ctx context.Context, l *lab, r *table.Row) error { return l.manyRefs(ctx, r) }},
		row{"ls-refs of 50,000 refs, compressed", func(ctx context.Context, l *lab, r *table.Row) error {
			return l.manyRefs(ctx, r, client.Line{Name: "Accept-Encoding", Value: "deflate, gzip"})
		}},
		row{"ls-refs of one prefix in 50,000", onePrefix},
		row{"ls-remote of R1, real git", lsRemote},
	)
}

func askAdvertisement(host, repo string, lines ...client.Line) client.Request {
	return client.Get(host, peer.Path(repo)+advertisement, ok, append(lines, client.V2())...)
}

func askRefs(host, repo string, lines ...client.Line) client.Request {
	return client.Post(host, peer.Path(repo), uploadPack, client.LsRefs(), ok, append(lines, client.V2())...)
}

func askPrefix(host, repo string, lines ...client.Line) client.Request {
	return client.Post(host, peer.Path(repo), uploadPack, client.LsRefs("refs/heads/main"), ok, append(lines, client.V2())...)
}

// asked is the work of answering one request again and again.
func (l *lab) asked(side string, p *peer.Peer, cert *peer.Certificate, clients int, fresh bool, q client.Request) work {
	return work{side: side, group: of(p), load: true, run: func(ctx context.Context) (int, error) {
		return client.Load{Address: p.Address(), TLS: cert.Trust(), Requests: []client.Request{q}, Clients: clients, For: l.last(), Fresh: fresh}.Run(ctx)
	}}
}

// keepAlive compares one small request on connections that stay.
func (l *lab) keepAlive(ctx context.Context, r *table.Row, what func(string, string, ...client.Line) client.Request, clients int) error {
	repo, err := l.fill(ctx, shape.R1())
	if err != nil {
		return err
	}
	q := what(l.jeton.Host(), repo, l.jeton.Basic())
	f, bare, err := l.bare(ctx, l.jeton, q)
	if err != nil {
		return err
	}
	defer l.end(f)
	works := []work{l.asked("Jeton", &l.jeton.Peer, nil, clients, false, q), l.asked(f.Name, &f.Peer, nil, clients, false, bare)}
	if l.backend != nil {
		w := l.asked(l.backend.Name, &l.backend.Peer, nil, min(clients, 8), false, what(l.backend.Host(), repo, l.backend.Basic()))
		w.cap = 2
		works = append(works, w)
	}
	if r.Sides, err = compare(ctx, l.runs(7), true, works...); err != nil {
		return err
	}
	r.Add("a bare Go handler reaches at most 2 times as many", rate(r.Sides[1])/rate(r.Sides[0]), 2, " times")
	return nil
}

// bare is a bare handler that gives j's answer to q, and the request for it.
func (l *lab) bare(ctx context.Context, j *peer.Jeton, q client.Request) (*peer.Floor, client.Request, error) {
	const path = "/answer"
	a, err := l.record(ctx, j, q, path)
	if err != nil {
		return nil, client.Request{}, err
	}
	f, err := l.floor(ctx, j.Cert, j.Password, a)
	if err != nil {
		return nil, client.Request{}, err
	}
	return f, client.Get(f.Host(), path, a.Status, f.Basic(), client.V2()), nil
}

func (l *lab) end(f *peer.Floor) {
	if err := f.Stop(); err != nil {
		l.say("%s: %v", f.Name, err)
	}
}

// newConnections compares one small request on a TLS connection of its own.
func (l *lab) newConnections(ctx context.Context, r *table.Row, what func(string, string, ...client.Line) client.Request) error {
	j, repo, err := l.secure(ctx)
	if err != nil {
		return err
	}
	q := what(j.Host(), repo, j.Basic())
	f, bare, err := l.bare(ctx, j, q)
	if err != nil {
		return err
	}
	defer l.end(f)
	if r.Sides, err = compare(ctx, l.runs(7), true, l.asked("Jeton", &j.Peer, l.cert, 4, true, q), l.asked(f.Name, &f.Peer, l.cert, 4, true, bare)); err != nil {
		return err
	}
	r.Add("CPU at most 1.5 times a bare Go TLS handler's", cpu(r.Sides[0])/cpu(r.Sides[1]), 1.5, " times")
	return nil
}

// manyRefs compares the whole list of R3.
func (l *lab) manyRefs(ctx context.Context, r *table.Row, lines ...client.Line) error {
	repo, err := l.fill(ctx, shape.R3())
	if err != nil {
		return err
	}
	q := askRefs(l.jeton.Host(), repo, append(lines, l.jeton.Basic())...)
	_, body, err := ask(ctx, &l.jeton.Peer, q)
	if err != nil {
		return err
	}
	f, bare, err := l.bare(ctx, l.jeton, q)
	if err != nil {
		return err
	}
	defer l.end(f)
	works := []work{l.asked("Jeton", &l.jeton.Peer, nil, 2, false, q), l.asked(f.Name, &f.Peer, nil, 2, false, bare)}
	if l.backend != nil {
		w := l.asked(l.backend.Name, &l.backend.Peer, nil, 2, false, askRefs(l.backend.Host(), repo, append(lines, l.backend.Basic())...))
		w.cap = 2
		works = append(works, w)
	}
	if r.Sides, err = compare(ctx, l.runs(7), true, works...); err != nil {
		return err
	}
	r.Note = fmt.Sprintf("Jeton's answer has %s KiB.", table.Number(float64(len(body))/1024))
	r.Add("CPU at most 3 times the bare handler's", cpu(r.Sides[0])/cpu(r.Sides[1]), 3, " times")
	return nil
}

// onePrefix compares one ref of 50,000 with one ref of R1.
func onePrefix(ctx context.Context, l *lab, r *table.Row) error {
	small, err := l.fill(ctx, shape.R1())
	if err != nil {
		return err
	}
	large, err := l.fill(ctx, shape.R3())
	if err != nil {
		return err
	}
	q := askPrefix(l.jeton.Host(), large, l.jeton.Basic())
	_, body, err := ask(ctx, &l.jeton.Peer, q)
	if err != nil {
		return err
	}
	if refs, err := client.Refs(body); err != nil || len(refs) != 1 {
		return errors.Join(err, fmt.Errorf("the answer has %d refs, want 1", len(refs)))
	}
	works := []work{
		l.asked("Jeton", &l.jeton.Peer, nil, 8, false, q),
		l.asked("Jeton, the same of R1", &l.jeton.Peer, nil, 8, false, askPrefix(l.jeton.Host(), small, l.jeton.Basic())),
	}
	if l.backend != nil {
		w := l.asked(l.backend.Name, &l.backend.Peer, nil, 8, false, askPrefix(l.backend.Host(), large, l.backend.Basic()))
		w.cap = 2
		works = append(works, w)
	}
	if r.Sides, err = compare(ctx, l.runs(7), true, works...); err != nil {
		return err
	}
	// The same, as far as two measurements of the same are the same.
	r.Add("the same CPU as for R1, within a tenth", cpu(r.Sides[0])/cpu(r.Sides[1]), 1.1, " times")
	return nil
}

// lsRemote is what a person feels, and three requests.
func lsRemote(ctx context.Context, l *lab, r *table.Row) error {
	repo, err := l.fill(ctx, shape.R1())
	if err != nil {
		return err
	}
	f, err := l.canned(ctx, repo)
	if err != nil {
		return err
	}
	defer l.end(f)
	run := func(p *peer.Peer) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			const times = 5
			for range times {
				if _, err := l.git.Run(ctx, l.dir, "ls-remote", "-q", p.Repo(repo)); err != nil {
					return 0, err
				}
			}
			return times, nil
		}
	}
	r.Sides, err = compare(ctx, l.runs(7), true, append(l.both(run), work{side: f.Name, group: of(&f.Peer), run: run(&f.Peer), settles: true})...)
	return err
}

// canned is a bare handler that real git takes for a server where nothing ever
// changes: what any server in Go pays for git's three requests from rest.
func (l *lab) canned(ctx context.Context, repo string) (*peer.Floor, error) {
	var answers []peer.Recorded
	for path, q := range map[string]client.Request{
		peer.Path(repo) + "/info/refs":     askAdvertisement(l.jeton.Host(), repo, l.jeton.Basic()),
		peer.Path(repo) + "/" + uploadPack: askRefs(l.jeton.Host(), repo, l.jeton.Basic()),
	} {
		a, err := l.record(ctx, l.jeton, q, path)
		if err != nil {
			return nil, err
		}
		answers = append(answers, a)
	}
	return l.floor(ctx, nil, l.jeton.Password, answers...)
}

// both are the works of Jeton and of git http-backend on the same task.
func (l *lab) both(run func(p *peer.Peer) func(context.Context) (int, error)) []work {
	works := []work{{side: "Jeton", group: of(&l.jeton.Peer), run: run(&l.jeton.Peer), settles: true}}
	if l.backend != nil {
		works = append(works, work{side: l.backend.Name, group: of(&l.backend.Peer), run: run(&l.backend.Peer), settles: true})
	}
	return works
}
