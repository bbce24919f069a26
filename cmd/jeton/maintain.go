package main

import (
	"fmt"
	"io"
	"time"

	"jeton/internal/app"
	"jeton/internal/gitstore"
	"jeton/internal/printable"
	"jeton/internal/problem"
	"jeton/internal/repo"
)

const repoMaintainUsage = `Usage: jeton repo maintain OWNER/NAME | --all [--full] [--prune] [--json] [--data DIR]

Repack and tidy a repository. The server does so by itself; this does it now, beside the
server or without one. Clones and pushes go on meanwhile.

  --all               every repository, one after the other
  --full              repack everything into one pack, whether or not it is due
  --prune             and drop the objects that have been out of reach for longer than
                      --prune-after
  --prune-after TIME  how long those are kept (default 336h)
`

// maintainedJSON is one maintained repository as --json has it.
type maintainedJSON struct {
	FullName string `json:"full_name"`
	Done     string `json:"done"` // empty: nothing was to be done
	Packs    int    `json:"packs"`
	Bitmap   bool   `json:"bitmap"`
	Size     int64  `json:"size"` // bytes
	Millis   int64  `json:"milliseconds"`
	Failed   string `json:"failed,omitempty"`
}

func repoMaintain(c *call) error {
	var m gitstore.Maintain
	all := c.flags.Bool("all", false, "")
	c.flags.BoolVar(&m.Full, "full", false, "")
	c.flags.BoolVar(&m.Prune, "prune", false, "")
	if err := c.parse(0, 1, "data", "keys", "database", "url", "git", "prune-after"); err != nil {
		return err
	}
	if *all == (len(c.args) == 1) {
		return usageError("either one repository or --all is maintained", "Name it as OWNER/NAME, or give --all alone.")
	}
	return c.with(func(k *app.Core) error {
		which, err := c.toMaintain(k)
		if err != nil {
			return err
		}
		list := []maintainedJSON{}
		var failed error
		for _, r := range which {
			one, err := c.maintainOne(k, r, m)
			if err != nil && !*all {
				return err
			}
			if err != nil {
				failed = problem.New(problem.Unavailable, "not every repository was maintained", "What went wrong stands beside each.")
			}
			list = append(list, one)
			if c.ctx.Err() != nil {
				return c.ctx.Err()
			}
		}
		err = c.print(list, func(w io.Writer) {
			for _, one := range list {
				_, _ = fmt.Fprintln(w, one.text())
			}
		})
		if err == nil {
			err = failed
		}
		return err
	})
}

func (c *call) toMaintain(k *app.Core) ([]repo.Repo, error) {
	if len(c.args) == 0 {
		return allRepos(c.ctx, k)
	}
	found, err := c.findRepo(k, c.args[0])
	return []repo.Repo{found.Repo}, err
}

// findRepo finds OWNER/NAME. A name that only redirects is not taken: the person
// may mean another one.
func (c *call) findRepo(k *app.Core, text string) (repo.Found, error) {
	owner, name, err := splitName(text)
	if err != nil {
		return repo.Found{}, err
	}
	found, err := k.Repos.Find(c.ctx, k.DB, owner, name, 0)
	if problem.Is(err, problem.NotFound) || err == nil && found.Renamed {
		return repo.Found{}, problem.New(problem.NotFound, "there is no repository "+printable.Line(text, 150), "\"jeton repo list\" shows what there is.")
	}
	return found, err
}

func (c *call) maintainOne(k *app.Core, r repo.Repo, m gitstore.Maintain) (maintainedJSON, error) {
	start := time.Now()
	u, err := k.Lifecycle.MaintainRepo(c.ctx, r.ID, m)
	one := maintainedJSON{FullName: r.FullName(), Done: u.Did, Packs: u.Packs, Bitmap: u.Bitmap, Size: u.Size, Millis: time.Since(start).Milliseconds()}
	if err != nil {
		one.Failed = err.Error()
	}
	return one, err
}

func (m *maintainedJSON) text() string {
	if m.Failed != "" {
		return m.FullName + ": failed: " + m.Failed
	}
	done, bitmap := m.Done, "with a bitmap"
	if done == "" {
		done = "nothing was to be done"
	}
	if !m.Bitmap {
		bitmap = "without a bitmap"
	}
	packs := fmt.Sprintf("%d packs", m.Packs)
	if m.Packs == 1 {
		packs = "1 pack"
	}
	return fmt.Sprintf("%s: %s; %s, %s, %d KiB", m.FullName, done, packs, bitmap, m.Size>>10)
}
