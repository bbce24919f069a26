package client

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"jeton/internal/problem"
)

// configureGit names this program as the only helper for the host, and the
// authority that was confirmed for it.
func (c *Client) configureGit(ctx context.Context, host string, authority []byte) error {
	helper := "credential." + host + ".helper"
	// An empty value makes git forget the helpers for all hosts, which would
	// store what they are told.
	if err := c.git(ctx, "--replace-all", helper, ""); err != nil {
		return err
	}
	if err := c.git(ctx, "--add", helper, "!"+quoted(c.o.Self)+" credential"); err != nil {
		return err
	}
	if authority == nil {
		return nil
	}
	file := c.authorityFile(host)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return c.store.failed(err)
	}
	if err := os.WriteFile(file, authority, 0o600); err != nil {
		return c.store.failed(err)
	}
	return c.git(ctx, "http."+host+"/.sslCAInfo", file)
}

func (c *Client) authorityFile(host string) string {
	_, name, _ := strings.Cut(host, "://")
	return filepath.Join(c.o.Dir, "authorities", strings.ReplaceAll(name, ":", "_")+".pem")
}

// unconfigureGit takes back what configureGit did.
func (c *Client) unconfigureGit(ctx context.Context, host string) error {
	var errs []error
	for _, name := range []string{"credential." + host + ".helper", "http." + host + "/.sslCAInfo"} {
		err := c.git(ctx, "--unset-all", name)
		if e, ok := errors.AsType[*exec.ExitError](err); ok && e.ExitCode() == 5 {
			err = nil // there was none
		}
		errs = append(errs, err)
	}
	if err := os.Remove(c.authorityFile(host)); err != nil && !os.IsNotExist(err) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// git changes the person's own configuration. No secret is ever an argument.
func (c *Client) git(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, c.o.Git, append([]string{"config", "--global"}, args...)...)
	cmd.Env = c.o.Env
	out, err := cmd.CombinedOutput()
	if err != nil {
		return problem.Wrap(err, problem.Unavailable, "git's configuration can't be changed: "+strings.TrimSpace(string(out)), "Check that git is installed and that its global configuration can be written.")
	}
	return nil
}

// quoted is s as one word for a shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
