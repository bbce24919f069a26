package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"jeton/internal/app"
	"jeton/internal/printable"
	"jeton/internal/repo"
	"jeton/internal/right"
)

const repoCreateUsage = `Usage: jeton repo create OWNER/NAME [--private] [--json] [--data DIR]

Make an empty repository.

  --private           seen by its owner and collaborators alone
  --description TEXT  what it is
  --branch NAME       the default branch (default main)
  --object-format F   sha1 or sha256 (default sha1)
`

// newRepoFlags defines the flags that describe a new repository.
func (c *call) newRepoFlags() *repo.NewRepo {
	n := &repo.NewRepo{}
	c.flags.BoolVar(&n.Private, "private", false, "")
	c.flags.StringVar(&n.Description, "description", "", "")
	return n
}

func repoCreate(c *call) error {
	n := c.newRepoFlags()
	c.flags.StringVar(&n.DefaultBranch, "branch", "", "")
	c.flags.StringVar(&n.Format, "object-format", "", "")
	if err := c.parse(1, 1); err != nil {
		return err
	}
	owner, err := c.nameRepo(n)
	if err != nil {
		return err
	}
	return c.with(func(k *app.Core) error {
		a, err := c.user(k, owner)
		if err != nil {
			return err
		}
		n.Owner = a.ID
		r, err := k.Lifecycle.CreateRepo(c.ctx, right.Operator(), *n)
		if err != nil {
			return err
		}
		return c.madeRepo("made", r)
	})
}

// nameRepo reads OWNER/NAME from the first argument and returns the owner.
func (c *call) nameRepo(n *repo.NewRepo) (owner string, err error) {
	owner, n.Name, err = splitName(c.args[0])
	return owner, err
}

func splitName(text string) (owner, name string, err error) {
	owner, name, ok := strings.Cut(text, "/")
	if !ok || owner == "" || name == "" || strings.Contains(name, "/") {
		return "", "", usageError("not a repository's name: "+printable.Line(text, 100), "Write it as OWNER/NAME.")
	}
	return owner, strings.TrimSuffix(name, ".git"), nil
}

func (c *call) madeRepo(done string, r repo.Repo) error {
	return c.print(c.repoLine(r), func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "%s %s\n", done, r.FullName())
		c.note("Clone it from %s", c.repoLine(r).CloneURL)
	})
}

const repoListUsage = `Usage: jeton repo list [--json] [--data DIR]

List the repositories.
`

// repoJSON is a repository as --json has it.
type repoJSON struct {
	ID            int64      `json:"id"`
	FullName      string     `json:"full_name"`
	Description   string     `json:"description"`
	Private       bool       `json:"private"`
	Archived      bool       `json:"archived"`
	DefaultBranch string     `json:"default_branch"`
	CloneURL      string     `json:"clone_url"`
	CreatedAt     time.Time  `json:"created_at"`
	PushedAt      *time.Time `json:"pushed_at"` // null: never
}

func (c *call) repoLine(r repo.Repo) repoJSON {
	url := c.url() + "/" + r.FullName() + ".git"
	return repoJSON{int64(r.ID), r.FullName(), r.Description, r.Private, r.Archived, r.DefaultBranch, url, r.CreatedAt, orNull(r.PushedAt)}
}

func repoList(c *call) error {
	if err := c.parse(0, 0); err != nil {
		return err
	}
	return c.with(func(k *app.Core) error {
		all, err := allRepos(c.ctx, k)
		if err != nil {
			return err
		}
		list := []repoJSON{}
		for _, r := range all {
			list = append(list, c.repoLine(r))
		}
		return c.print(list, func(io.Writer) {
			c.table("REPOSITORY\tSTATE\tCREATED\tLAST PUSH", len(list), func(w io.Writer, i int) {
				r := list[i]
				state := "public"
				if r.Private {
					state = "private"
				}
				if r.Archived {
					state += ", archived"
				}
				_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.FullName, state, r.CreatedAt.Format(time.DateOnly), day(r.PushedAt))
			})
		})
	})
}

const repoDeleteUsage = `Usage: jeton repo delete OWNER/NAME --yes [--json] [--data DIR]

Delete a repository for good, with everything in it.

  --yes  really
`

func repoDelete(c *call) error {
	yes := c.flags.Bool("yes", false, "")
	if err := c.parse(1, 1); err != nil {
		return err
	}
	if _, _, err := splitName(c.args[0]); err != nil {
		return err
	}
	if !*yes {
		return usageError("a deleted repository is gone for good", "Add --yes to delete "+printable.Line(c.args[0], 150)+".")
	}
	return c.with(func(k *app.Core) error {
		found, err := c.findRepo(k, c.args[0])
		if err != nil {
			return err
		}
		if err := k.Lifecycle.DeleteRepo(c.ctx, right.Operator(), found.ID); err != nil {
			return err
		}
		return c.print(map[string]string{"full_name": found.FullName(), "done": "deleted"}, func(w io.Writer) { _, _ = fmt.Fprintf(w, "deleted %s\n", found.FullName()) })
	})
}
