package main

import (
	"fmt"
	"io"
	"strings"

	"jeton/internal/app"
	"jeton/internal/config"
	"jeton/internal/printable"
	"jeton/internal/repo"
	"jeton/internal/right"
)

const userQuotaUsage = `Usage: jeton user quota LOGIN [SIZE] [--json] [--data DIR]

Show or set how much all repositories of an account may take, with Git LFS.

SIZE is a size such as 500MB or 2GiB, "none" for no limit, or "site" for what
the setting account-quota says. What is there already stays.
`

func userQuota(c *call) error {
	quota, set, err := c.parseQuota()
	if err != nil {
		return err
	}
	return c.with(func(k *app.Core) error {
		a, err := c.user(k, c.args[0])
		if err != nil {
			return err
		}
		if set {
			if err := k.Accounts.SetQuota(c.ctx, right.Operator(), a.ID, quota); err != nil {
				return err
			}
		}
		if quota, err = k.Accounts.Quota(c.ctx, k.DB, a.ID); err != nil {
			return err
		}
		usage, err := k.Repos.Usage(c.ctx, k.DB, a.ID)
		if err != nil {
			return err
		}
		return c.printQuota(a.Login, usage.Size<<10, quota)
	})
}

const repoQuotaUsage = `Usage: jeton repo quota OWNER/NAME [SIZE] [--json] [--data DIR]

Show or set how much a repository may take, with Git LFS.

SIZE is a size such as 500MB or 2GiB, "none" for no limit, or "site" for what
the setting repository-quota says. What is there already stays.
`

func repoQuota(c *call) error {
	quota, set, err := c.parseQuota()
	if err != nil {
		return err
	}
	return c.with(func(k *app.Core) error {
		found, err := c.findRepo(k, c.args[0])
		if err != nil {
			return err
		}
		r := found.Repo
		if set {
			if err := k.Repos.SetQuota(c.ctx, right.Operator(), r.ID, quota); err != nil {
				return err
			}
			r.Quota = quota
		}
		return c.printQuota(r.FullName(), r.Size<<10+r.LFSBytes, r.Quota)
	})
}

// parseQuota parses the arguments: whose quota, and what it is to be, if that
// is said.
func (c *call) parseQuota() (bytes int64, set bool, err error) {
	if err := c.parse(1, 2); err != nil {
		return 0, false, err
	}
	if len(c.args) < 2 {
		return 0, false, nil
	}
	switch strings.ToLower(c.args[1]) {
	case "none":
		return repo.NoQuota, true, nil
	case "site":
		return repo.SiteQuota, true, nil
	}
	size, err := config.ParseSize(c.args[1])
	if err != nil || size == 0 {
		return 0, false, usageError("not a size: "+printable.Line(c.args[1], 50), "Write it as 500MB or 2GiB, or none, or site.")
	}
	return int64(size), true, nil
}

// quotaJSON is a quota as --json has it.
type quotaJSON struct {
	Name  string `json:"name"`
	Used  int64  `json:"used_bytes"`
	Quota *int64 `json:"quota_bytes"` // null: the site's; 0: none
}

func (c *call) printQuota(name string, used, quota int64) error {
	out := quotaJSON{Name: name, Used: used, Quota: &quota}
	text := fmt.Sprintf("may take %d bytes", quota)
	switch quota {
	case repo.NoQuota:
		text = "has no limit"
	case repo.SiteQuota:
		out.Quota, text = nil, "has the limit of the site"
	}
	return c.print(out, func(w io.Writer) { _, _ = fmt.Fprintf(w, "%s %s; %d bytes are used\n", name, text, used) })
}
