package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"jeton/internal/app"
	"jeton/internal/cert"
	"jeton/internal/config"
	"jeton/internal/problem"
)

const serveUsage = `Usage: jeton serve [--data DIR] [--listen ADDRESS] [--url URL] [flags]

Start the server. Without any flag: on https://localhost:8443, with the data in ./data and a
certificate authority of its own. The first start prints a link to set it up.

  --data DIR               the folder that holds everything (default ./data)
  --config FILE            settings, TOML (default DATA/jeton.toml if it exists)
  --listen ADDRESS         where to listen (default 127.0.0.1:8443)
  --url URL                the public URL (default https://localhost:PORT)
  --closed                 show nothing to visitors who are not signed in
  --keys DIR               where the server keys are (default DATA/keys)
  --database URL           PostgreSQL instead of SQLite: postgres://USER@HOST/DATABASE
  --tls MODE               auto, local, files, acme or off (default auto)
  --tls-cert FILE          the certificate with its chain, read again when it changes
  --tls-key FILE           its key
  --acme-email E-MAIL      get the certificate from Let's Encrypt, accepting its terms
  --acme-directory URL     another ACME authority
  --acme-roots FILE        what that authority's own server is checked against
  --trusted-proxy CIDR     whose forwarded headers are believed; needed for --tls=off
  --mail URL               mail server, smtp://HOST or smtps://HOST (default files in DATA/mail)
  --mail-user NAME         the name to sign in with at the mail server
  --mail-password PASSWORD its password: better as JETON_MAIL_PASSWORD, or in the settings file
  --mail-from E-MAIL       the address that mails come from (default jeton@HOST)
  --mail-hello NAME        the name to greet the mail server with (default HOST)
  --mail-ca FILE           what it is checked against beside the system's authorities
  --webhook-allow CIDR     private networks that webhooks may reach (default none)
  --webhook-ca FILE        what their receivers are checked against beside the system's
  --api-rate-limit N       API requests an hour and account (default 15000)
  --max-pack-size SIZE     the most that one push may send (default 4GiB)
  --max-file-size SIZE     the largest file of a push (default 100MiB)
  --max-object-size SIZE   the name that max-file-size had before
  --warn-file-size SIZE    files past this are warned of (default 50MiB)
  --repository-quota SIZE  the most that a repository may take (default 0, no limit)
  --account-quota SIZE     the most that an account's repositories may take (default 0, no limit)
  --max-objects-per-push N the most objects of one push (default 2000000)
  --max-refs-per-push N    the most branches and tags of one push (default 100000)
  --max-ref-length N       the longest name of a branch or tag (default 512)
  --fetch-timeout TIME     the longest clone or fetch (default 1h)
  --push-timeout TIME      the longest push (default 1h)
  --lfs=false              no Git LFS; --lfs is as without it
  --lfs-max-object-size SIZE
                           the largest file in Git LFS (default 5GiB)
  --git-cache-size SIZE    the answers to clones and fetches that are kept (default 2GiB; 0: none)
  --git-bundle-size SIZE   repositories from this size on get bundles (default none)
  --git PROGRAM            the git program, 2.39 or newer (default git)
  --maintenance MODE       auto, or off: repack repositories only when asked to (default auto)
  --maintenance-parallel N repositories that are maintained at a time (default 1)
  --prune-after TIME       how long unreachable objects are kept (default 336h)
  --drain-time TIME        how long running clones and pushes may go on at the end (default 1m)
  --uses-keep TIME         how long the uses of tokens are kept (default 9600h)
  --uses-keep-revoked TIME how long after the token was deleted (default 2160h)
  --log-level LEVEL        debug, info, warn or error (default info)
  --log-format FORMAT      text or json (default text)
  --json                   the log as JSON, as --log-format json

Every flag can also be a variable (JETON_LISTEN) or a line of the file
(listen = ":443"). Flags win over variables, variables over the file.
`

func serve(c *call) error {
	var all []string
	for _, s := range config.Settings() {
		all = append(all, s.Name)
	}
	if err := c.parse(0, 0, all...); err != nil {
		return err
	}
	if err := checkRestored(c.config.Data); err != nil {
		return err
	}
	dozeLonger()
	spareCollections()
	log, flush := c.logger()
	defer flush()
	a, err := app.New(c.ctx, c.config, app.Options{Log: log, Version: programVersion()})
	if err != nil {
		return c.whyNot(err)
	}
	// Serving goes on while the drain runs, which begins when the signal has
	// ended c.ctx already.
	lasting := context.WithoutCancel(c.ctx)
	err = c.serving(lasting, a)
	log.Info("stopping: running clones and pushes may finish", "within", c.config.DrainTime)
	if e := a.Close(lasting); err == nil {
		err = e
	}
	return err
}

func (c *call) serving(ctx context.Context, a *app.App) error {
	if err := a.Start(ctx); err != nil {
		return err
	}
	if err := noteURL(a.Config); err != nil {
		return err
	}
	link, err := setupLink(ctx, a.Core)
	if err != nil {
		return err
	}
	c.banner(a, link)
	return c.wait(a)
}

// whyNot explains an address that is in use: mostly by the server that serves
// this data folder already.
func (c *call) whyNot(err error) error {
	if !errors.Is(err, syscall.EADDRINUSE) {
		return err
	}
	served := c.with(func(k *app.Core) error {
		release, err := k.DB.LockServer(c.ctx)
		if err == nil {
			release()
		}
		return err
	})
	if problem.Is(served, problem.Conflict) {
		return served
	}
	return problem.New(problem.Conflict, "another program listens on "+c.config.Listen, "Stop it, or choose another address with --listen, as in --listen 127.0.0.1:9443.")
}

// wait returns when the signal comes, or with the error that ended the serving.
func (c *call) wait(a *app.App) error {
	select {
	case <-c.ctx.Done():
		return nil
	case err := <-a.Done():
		return err
	}
}

// banner tells the person at the terminal where to go now. It goes to standard
// output, the log to standard error: the link's secret is in no log.
func (c *call) banner(a *app.App, link string) {
	w := c.stdout
	_, _ = fmt.Fprintf(w, "Jeton serves %s\n", a.URL())
	if authority, ok := a.Authority(); ok {
		if link == "" {
			_, _ = fmt.Fprintf(w, "Its certificate is from an authority of its own: \"jeton doctor --trust --data %s\" says how to trust it.\n", c.config.Data)
		} else {
			trust(w, authority, a.URL(), runtime.GOOS)
		}
	}
	if link != "" {
		_, _ = fmt.Fprintf(w, "\nNobody has an account yet. Make the first one, an administrator, within an hour:\n\n    %s\n\nThe link works once. Starting the server again makes a new one.\n", link)
	}
}

// trust says how to trust the local authority on this machine, and where to
// find out about others.
func trust(w io.Writer, a cert.Authority, url, system string) {
	_, _ = fmt.Fprintf(w, `
Its certificate is from an authority of its own, which nothing trusts yet:

    %s
    SHA-256 %s

`, a.File, wrapFingerprint(a.Fingerprint))
	names := map[string]string{"windows": "Windows", "darwin": "macOS"}
	want := names[system]
	if want == "" {
		want = "Linux"
	}
	guides := a.Guides(url, a.File)
	g := guides[max(0, slices.IndexFunc(guides, func(g cert.Guide) bool { return g.System == want }))]
	for _, s := range g.Steps {
		_, _ = fmt.Fprintf(w, "%s: %s\n\n    %s\n\n", s.Tool, s.Text, strings.Join(s.Lines, "\n    "))
	}
	_, _ = fmt.Fprintln(w, "\"jeton doctor --trust\" says it for Windows, macOS and Linux.")
}

// wrapFingerprint puts the second half on a line of its own, below the first.
func wrapFingerprint(f string) string {
	if len(f) < 95 {
		return f
	}
	return f[:48] + "\n            " + f[48:]
}
