package main

import (
	"jeton/internal/app"
	"jeton/internal/problem"
)

const repoImportUsage = `Usage: jeton repo import OWNER/NAME PATH-OR-HTTPS-URL [--private]
                         [--credentials-stdin] [--json] [--data DIR]

Make a repository with the branches and tags of another one. Its hooks,
configuration and links are not taken over. From a URL no redirect is followed
and no private address is reached.

  --private            seen by its owner and collaborators alone
  --description TEXT   what it is
  --credentials-stdin  read a user name and a password or token for the URL from
                       standard input, one line each
`

func repoImport(c *call) error {
	n := c.newRepoFlags()
	_ = c.flags.Bool("credentials-stdin", false, "")
	if err := c.parse(2, 2); err != nil {
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
		return problem.New(problem.Unavailable, "import is not there yet", "")
	})
}
