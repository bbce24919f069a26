package main

import (
	"fmt"
	"io"
	"path/filepath"
	"time"

	"jeton/internal/app"
	"jeton/internal/backup"
	"jeton/internal/db"
	"jeton/internal/repo"
)

const backupUsage = `Usage: jeton backup DIR [--keys-out DIR] [--json] [--data DIR] [--keys DIR] [--database URL]

Copy everything into a new folder, while the server runs or not. That is the
database, every repository, which git then checks, and every large file. The backup holds no
secret in the clear, and the server keys are not in it: without them no token and no
session of it is good, so keep a copy of them elsewhere.

  --keys-out DIR  copy the server keys and the certificates into this new folder,
                  which must not lie with the backup
`

func backupData(c *call) error {
	keysOut := c.flags.String("keys-out", "", "")
	if err := c.parse(1, 1); err != nil {
		return err
	}
	return c.with(func(k *app.Core) error {
		m, err := backup.Write(c.ctx, backup.Options{DB: k.DB, Git: k.Git, Blobs: k.Blobs, Assets: k.ReleaseBlobs, Repos: k.Repos, Keys: c.config.Keys, TLS: c.config.TLSDir(), Program: programVersion(), GitProgram: c.config.Git}, c.args[0], *keysOut)
		if err != nil {
			return err
		}
		if *keysOut == "" {
			c.note("The server keys are not in it. Keep a copy of %s in another place; --keys-out makes one.", c.config.Keys)
		} else {
			c.note("The keys are in %s. Keep it apart from the backup: the two together open everything.", *keysOut)
		}
		return c.print(m, func(w io.Writer) {
			_, _ = fmt.Fprintf(w, "backup of %d repositories in %s, made in %s\n", len(m.Repositories), c.args[0], m.Made.Sub(m.Began).Round(time.Millisecond))
		})
	})
}

const restoreUsage = `Usage: jeton restore DIR [--keys-in DIR] [--json] [--data DIR] [--keys DIR] [--database URL]

Put a backup back into an empty data folder. All of it is checked before the
command says that it is done. The database may be another engine than the one that was backed
up; it must be empty. When it fails, the data folder is as it was.

  --keys-in DIR  the folder that "jeton backup --keys-out" made; without it the
                 keys must already be where --keys says
`

func restoreData(c *call) error {
	keysIn := c.flags.String("keys-in", "", "")
	if err := c.parse(1, 1); err != nil {
		return err
	}
	cfg := c.config
	m, err := backup.Restore(c.ctx, c.args[0], *keysIn, backup.Target{
		Data: cfg.Data, Allowed: []string{"jeton.toml", "lost+found"}, Keys: cfg.Keys, TLS: cfg.TLSDir(), Repositories: cfg.Repositories(), LargeFiles: cfg.LargeFiles(), Assets: cfg.Releases(),
		Database: db.Options{URL: cfg.Database.Reveal(), Path: cfg.SQLite()}, GitProgram: cfg.Git,
	})
	if err != nil {
		return err
	}
	missing, err := c.missing()
	if err != nil {
		return err
	}
	for _, r := range missing {
		c.note("%s was deleted while the backup was made; remove what is left of it: jeton repo delete %s --yes", r.FullName(), r.FullName())
	}
	c.note("Tokens, sessions and passwords are as they were on %s: what was revoked or changed since is good again.\nLook through \"jeton token list\", or end a user's tokens with \"jeton token revoke-all\".", m.Made.Format("2006-01-02 15:04 MST"))
	return c.print(m, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "restored %d repositories into %s\n", len(m.Repositories), filepath.Clean(cfg.Data))
	})
}

// missing opens what was restored as every command does, and returns the
// repositories of the database that have no data.
func (c *call) missing() (out []repo.Repo, err error) {
	err = c.with(func(k *app.Core) error {
		all, err := allRepos(c.ctx, k)
		for _, r := range all {
			if !k.Git.Exists(r.ID) {
				out = append(out, r)
			}
		}
		return err
	})
	return out, err
}
