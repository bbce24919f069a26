package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"jeton/bench/client"
	"jeton/bench/peer"
	"jeton/bench/shape"
	"jeton/bench/table"
	"jeton/internal/account"
	"jeton/internal/app"
	"jeton/internal/config"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// crowd is how full the full server is.
type crowd struct{ accounts, tokens, repositories int }

// large is the crowd of the targets.
func large() crowd { return crowd{accounts: 100_000, tokens: 1_000_000, repositories: 10_000} }

func scaleRows() []row {
	out := []row{{"full: start and rest", idleFull}}
	for _, what := range []struct {
		name string
		work func(l *lab, j *peer.Jeton, side string) (work, error)
	}{
		{"full: advertisement of R1, 8 clients", func(l *lab, j *peer.Jeton, side string) (work, error) {
			return l.asked(side, &j.Peer, nil, 8, false, askAdvertisement(j.Host(), "r1", j.Basic())), nil
		}},
		{"full: ls-refs of R1, 8 clients", func(l *lab, j *peer.Jeton, side string) (work, error) {
			return l.asked(side, &j.Peer, nil, 8, false, askRefs(j.Host(), "r1", j.Basic())), nil
		}},
		{"full: wrong token, well-formed", func(l *lab, j *peer.Jeton, side string) (work, error) {
			other, err := l.strange(context.Background())
			q := client.Get(j.Host(), peer.Path("r1")+advertisement, 401, client.Basic(peer.Owner, other), client.V2())
			return l.asked(side, &j.Peer, nil, 8, false, q), err
		}},
		{"full: ls-remote of R1, real git", func(l *lab, j *peer.Jeton, side string) (work, error) {
			return work{side: side, group: of(&j.Peer), run: func(ctx context.Context) (int, error) {
				_, err := l.git.Run(ctx, l.dir, "ls-remote", "-q", j.Repo("r1"))
				return 1, err
			}}, nil
		}},
		{"full: push of one commit, real git", fullPush},
	} {
		out = append(out, row{what.name, func(ctx context.Context, l *lab, r *table.Row) error {
			full, err := l.fullServer(ctx)
			if err != nil {
				return err
			}
			if _, err := l.fill(ctx, shape.R1()); err != nil {
				return err
			}
			ours, err := what.work(l, full, "Jeton, full")
			if err != nil {
				return err
			}
			small, err := what.work(l, l.jeton, "Jeton, small")
			if err != nil {
				return err
			}
			if r.Sides, err = compare(ctx, l.runs(9), true, ours, small); err != nil {
				return err
			}
			r.Add("within a fifth of the small one's CPU", cpu(r.Sides[0])/cpu(r.Sides[1]), 1.2, " times")
			return nil
		}})
	}
	return out
}

// fullPush pushes one commit a run.
func fullPush(l *lab, j *peer.Jeton, side string) (work, error) {
	ctx := context.Background()
	dir, err := l.person(ctx)
	if err != nil {
		return work{}, err
	}
	ids, err := l.commits(ctx, dir, 40)
	if err != nil {
		return work{}, err
	}
	branch, next := l.name("refs/heads/full"), 0
	return work{side: side, group: of(&j.Peer), settles: true, run: func(ctx context.Context) (int, error) {
		_, err := l.git.Run(ctx, dir, "push", "-q", j.Repo("r1"), ids[next]+":"+branch)
		next++
		return 1, err
	}}, nil
}

// idleFull is the start of the full server, and its rest.
func idleFull(ctx context.Context, l *lab, r *table.Row) error {
	j, err := l.fullServer(ctx)
	if err != nil {
		return err
	}
	c := large()
	r.Note = fmt.Sprintf("%s repositories, %s tokens, %s accounts.", table.Count(int64(c.repositories)), table.Count(int64(c.tokens)), table.Count(int64(c.accounts)))
	return l.rest(ctx, r, j, l.runs(3), 1000, 100)
}

// fullServer is a third Jeton, beside whose repository a crowd lives.
func (l *lab) fullServer(ctx context.Context) (*peer.Jeton, error) {
	if l.full != nil {
		return l.full, nil
	}
	source, err := l.source(ctx, shape.R1())
	if err != nil {
		return nil, err
	}
	j := &peer.Jeton{Program: l.Program, Data: filepath.Join(l.dir, "jeton-full")}
	if err := l.openJeton(ctx, j); err != nil {
		return nil, err
	}
	if err := l.push(ctx, j, source, "r1"); err != nil {
		return nil, err
	}
	if err := j.Stop(); err != nil {
		return nil, err
	}
	begin := time.Now()
	if err := crowdIn(ctx, j.Data, large()); err != nil {
		return nil, err
	}
	l.say("filled a server in %.0f s", time.Since(begin).Seconds())
	if err := j.Serve(ctx); err != nil {
		return nil, err
	}
	l.full = j
	return j, nil
}

// crowdIn fills a data folder that no server uses, as a busy site would have
// filled it over years.
func crowdIn(ctx context.Context, data string, c crowd) (err error) {
	cfg, err := config.Config{Data: data}.Complete()
	if err != nil {
		return err
	}
	k, err := app.OpenCore(ctx, cfg, app.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.Close(context.WithoutCancel(ctx))) }()
	owners, err := addAccounts(ctx, k, c.accounts)
	if err != nil {
		return err
	}
	if err := addTokens(ctx, k, c.tokens); err != nil {
		return err
	}
	return addRepositories(ctx, k, owners, c.repositories)
}

// addAccounts goes through the room, many in one transaction.
func addAccounts(ctx context.Context, k *app.Core, n int) ([]id.Account, error) {
	const batch = 2000
	var out []id.Account
	for from := 0; from < n; from += batch {
		err := k.DB.Write(ctx, func(tx *db.Tx) error {
			for i := from; i < min(n, from+batch); i++ {
				a, err := k.Accounts.CreateTx(ctx, tx, right.Operator(), account.NewAccount{Login: fmt.Sprintf("person-%d", i), Name: fmt.Sprintf("Person %d", i)})
				if err != nil {
					return err
				}
				out = append(out, a.ID)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// addTokens writes rows as the token room would have, spread over the accounts
// (the first has none to spare: it is the benchmark's own). A token's secret is
// drawn by nobody: what is looked for among them is never one of them.
func addTokens(ctx context.Context, k *app.Core, n int) error {
	const batch = 100_000
	for from := 0; from < n; from += batch {
		err := k.DB.Write(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `
				WITH RECURSIVE n (i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2)
				INSERT INTO tokens (account_id, note, scopes, last_eight, created_at, key_id, digest, lookup_id, chain_key)
				SELECT a.first + i % a.many, 'token ' || i, 'repo', 'AAAAAAAA', $3, (SELECT max(key_id) FROM tokens), randomblob(32), randomblob(16), randomblob(60)
				FROM n, (SELECT min(id) + 1 AS first, count(id) - 1 AS many FROM accounts) AS a`,
				from, min(n, from+batch), db.Micros(time.Now()))
			return err
		})
		if err != nil {
			return fmt.Errorf("fill in tokens: %w", err)
		}
	}
	return nil
}

// addRepositories makes empty repositories with their folders, some at a time.
func addRepositories(ctx context.Context, k *app.Core, owners []id.Account, n int) error {
	var wg sync.WaitGroup
	var next atomic.Int64
	errs := make([]error, 8)
	for w := range errs {
		wg.Go(func() {
			for errs[w] == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				_, errs[w] = k.Lifecycle.CreateRepo(ctx, right.Operator(), repo.NewRepo{Owner: owners[i%len(owners)], Name: fmt.Sprintf("repository-%d", i), Private: i%2 == 0})
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
