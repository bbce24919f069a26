package main

import (
	"fmt"
	"io"

	"jeton/internal/app"
	"jeton/internal/problem"
)

const repoScanUsage = `Usage: jeton repo scan OWNER/NAME | --all [--json] [--data DIR]

Look through what a repository holds for tokens of this site, and make alerts of them. The
server does so by itself after an import or a fork, and once for what was there before; what
is pushed is looked at on its way. Only what came since the last time is looked at.

  --all               every repository, one after the other
`

// scannedJSON is one repository that was looked through, as --json has it.
type scannedJSON struct {
	FullName string `json:"full_name"`
	Found    int    `json:"found"` // tokens of this site, in what was looked at now
	Failed   string `json:"failed,omitempty"`
}

func repoScan(c *call) error {
	all := c.flags.Bool("all", false, "")
	if err := c.parse(0, 1, "data", "keys", "database", "url", "git"); err != nil {
		return err
	}
	if *all == (len(c.args) == 1) {
		return usageError("either one repository or --all is looked through", "Name it as OWNER/NAME, or give --all alone.")
	}
	return c.with(func(k *app.Core) error {
		which, err := c.toMaintain(k)
		if err != nil {
			return err
		}
		list := []scannedJSON{}
		var failed error
		for _, r := range which {
			one := scannedJSON{FullName: r.FullName()}
			if one.Found, err = k.Scan.Repo(c.ctx, r.ID); err != nil {
				if !*all || c.ctx.Err() != nil {
					return err
				}
				one.Failed = err.Error()
				failed = problem.New(problem.Unavailable, "not every repository was looked through", "What went wrong stands beside each.")
			}
			list = append(list, one)
		}
		err = c.print(list, func(w io.Writer) {
			for _, one := range list {
				switch {
				case one.Failed != "":
					_, _ = fmt.Fprintf(w, "%s: failed: %s\n", one.FullName, one.Failed)
				case one.Found == 1:
					_, _ = fmt.Fprintf(w, "%s: 1 token\n", one.FullName)
				default:
					_, _ = fmt.Fprintf(w, "%s: %d tokens\n", one.FullName, one.Found)
				}
			}
		})
		if err == nil {
			err = failed
		}
		return err
	})
}
