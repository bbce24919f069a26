package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"jeton/internal/app"
	"jeton/internal/carry"
	"jeton/internal/foreign"
	"jeton/internal/printable"
)

const carryFlags = `
Nothing is joined unasked, and each thing that can't be brought gets a line. Run
it again, and only what is new is brought. Stop the old system first.

  --repositories DIR  %s;
                      without it no repository is brought
  --until WHEN        when the tokens end at the latest: in so many days, such as
                      90d (the default), or at the end of a date; within a year
  --merge LOGIN       the account LOGIN here is the one of that name there; may be
                      given more than once
  --rename OLD=NEW    an account of there gets another login; may be given more
                      than once
  --source NAME       what this system is called, if there are several of them
  --dry-run           say what would happen, and change nothing
`

const (
	giteaFolder = "where the repositories lie, as OWNER/NAME.git"
	serveFolder = "where the repositories lie, as NAME.git"
)

const importGiteaText = `Usage: jeton import gitea DATABASE [--repositories DIR] [--until WHEN] [--dry-run]
                          [--json] [--data DIR]

Bring over accounts, repositories and access tokens from Gitea or Forgejo.
Tokens go on working: people and programs change the host's name alone.
DATABASE is the file of SQLite, or postgres://USER@HOST/NAME.
`

const importGogsText = `Usage: jeton import gogs DATABASE [--repositories DIR] [--until WHEN] [--dry-run]
                         [--json] [--data DIR]

Bring over accounts, repositories and access tokens from Gogs. Tokens go on
working: people and programs change the host's name alone. DATABASE is the file
of SQLite, or postgres://USER@HOST/NAME.
`

const importSoftServeText = `Usage: jeton import soft-serve DATABASE [--repositories DIR] [--until WHEN] [--dry-run]
                               [--json] [--data DIR]

Bring over accounts, repositories and access tokens from Soft Serve. Tokens go on
working: people and programs change the host's name alone. A repository belongs to
who made it, and folder/name is called folder-name. DATABASE is the file of
SQLite, or postgres://USER@HOST/NAME.
`

func importUsage(text, folder string) string { return text + fmt.Sprintf(carryFlags, folder) }

// importFrom is the command for one system.
func importFrom(s foreign.System) func(*call) error {
	return func(c *call) error { return carryOver(c, s) }
}

// pairs is a flag for OLD=NEW that may be given more than once.
type pairs map[string]string

func (p pairs) String() string { return "" }

func (p pairs) Set(s string) error {
	from, to, ok := strings.Cut(s, "=")
	if !ok || from == "" || to == "" {
		return fmt.Errorf("%q is not OLD=NEW", printable.Line(s, 80))
	}
	p[from] = to
	return nil
}

// carriedJSON is what --json prints.
type carriedJSON struct {
	DryRun bool         `json:"dry_run"`
	Until  time.Time    `json:"tokens_end_at"`
	Items  []carry.Item `json:"items"`
	Said   []string     `json:"notes"`
}

func carryOver(c *call, s foreign.System) error {
	repositories := c.flags.String("repositories", "", "")
	until := c.flags.String("until", "90d", "")
	source := c.flags.String("source", "", "")
	dry := c.flags.Bool("dry-run", false, "")
	var merge words
	c.flags.Var(&merge, "merge", "")
	rename := pairs{}
	c.flags.Var(rename, "rename", "")
	if err := c.parse(1, 1); err != nil {
		return err
	}
	end, err := parseExpiry(*until, time.Now())
	if err != nil {
		return err
	}
	if end.IsZero() {
		return usageError("tokens that are brought over end", "Give --until a date, or a number of days such as 90d.")
	}
	if *repositories != "" {
		if *repositories, err = filepath.Abs(*repositories); err != nil {
			return err
		}
		if info, err := os.Stat(*repositories); err != nil || !info.IsDir() {
			return usageError("the folder of --repositories is not there", "Give the one that the old system's configuration names.")
		}
	}
	out := carriedJSON{DryRun: *dry, Until: end, Items: []carry.Item{}, Said: []string{}}
	err = c.with(func(k *app.Core) error {
		w, err := foreign.Read(c.ctx, s, c.args[0])
		if err != nil {
			return err
		}
		out.Said = append(out.Said, w.Said...)
		return k.Carry.Run(c.ctx, carry.Plan{System: s, Source: *source, World: w, Repositories: *repositories, Until: end, Merge: merge, Rename: rename, Dry: *dry}, func(i carry.Item) {
			out.Items = append(out.Items, i)
			if !c.json {
				c.item(i)
			}
		})
	})
	if err != nil {
		return err
	}
	refused := c.after(s, &out, *repositories == "")
	if c.json {
		if err := c.print(out, nil); err != nil {
			return err
		}
	}
	if refused > 0 {
		return errAnsweredNo
	}
	return nil
}

func (c *call) item(i carry.Item) {
	line := string(i.Done) + " " + i.Kind + " " + i.Name
	if i.Why != "" {
		line += ": " + i.Why
	}
	_, _ = fmt.Fprintln(c.stdout, line)
}

// after tells what is left to do, and returns how much was refused.
func (c *call) after(s foreign.System, out *carriedJSON, without bool) (refused int) {
	n := map[carry.Done]int{}
	people, tokens := 0, 0
	for _, i := range out.Items {
		n[i.Done]++
		switch {
		case i.Kind == "account" && i.Done == carry.Made:
			people++
		case i.Kind == "token" && i.Done == carry.Made:
			tokens++
		}
	}
	if !c.json {
		_, _ = io.WriteString(c.stdout, fmt.Sprintf("%d made, %d joined, %d there already, %d skipped, %d refused\n", n[carry.Made], n[carry.Joined], n[carry.There], n[carry.Skipped], n[carry.Refused]))
	}
	if out.DryRun {
		c.note("Nothing was changed: this is what would happen.")
	}
	for _, said := range out.Said {
		c.note("%s", said)
	}
	if without {
		c.note("No repositories were brought: say where they lie with --repositories DIR.")
	}
	c.note("Not brought: passwords, keys, wikis, issues, large files, releases, hooks, and who administers the site.")
	if people > 0 {
		c.note("People have no password here: give each a link from \"jeton user reset-password LOGIN\".")
	}
	if tokens > 0 {
		c.note("Tokens of %s end on %s at the latest: their pages say so, and how to replace them.", s.Title(), out.Until.UTC().Format(time.DateOnly))
	}
	return n[carry.Refused]
}
