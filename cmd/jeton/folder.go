package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"jeton/internal/backup"
	"jeton/internal/config"
	"jeton/internal/problem"
)

// checkFolder refuses a data folder that is not there, is half restored, or
// belongs to another user: files made by root in it would stop the server.
func (c *call) checkFolder() error {
	if err := checkRestored(c.config.Data); err != nil {
		return err
	}
	if !c.config.Database.IsZero() {
		return c.checkOwner(c.config.Data)
	}
	_, err := os.Stat(c.config.SQLite())
	if errors.Is(err, fs.ErrNotExist) {
		return problem.New(problem.NotFound, "there is no Jeton data in "+c.config.Data, "Name the server's data folder with --data, or start \"jeton serve\" first.")
	}
	if err != nil {
		return problem.Wrap(err, problem.Invalid, "the data folder cannot be read", "Run this as the user that runs the server.")
	}
	return c.checkOwner(c.config.SQLite())
}

func checkRestored(data string) error {
	if _, err := os.Stat(filepath.Join(data, backup.Unfinished)); err == nil {
		return problem.New(problem.Conflict, "a restore into "+data+" was not finished", "Empty the folder and run \"jeton restore\" again.")
	}
	return nil
}

func (c *call) checkOwner(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return problem.Wrap(err, problem.Invalid, "the data folder cannot be read", "Run this as the user that runs the server.")
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(stat.Uid) == os.Geteuid() {
		return nil
	}
	owner := strconv.Itoa(int(stat.Uid))
	if u, err := user.LookupId(owner); err == nil {
		owner = u.Username
	}
	return problem.New(problem.Forbidden, fmt.Sprintf("the data in %s belongs to the user %s", c.config.Data, owner),
		fmt.Sprintf("Files of another user in it would stop the server. Run: sudo -u %s jeton %s …", owner, c.name))
}

// urlFile holds the URL of the server that last ran on a data folder, so that
// the commands beside it print links that lead to it.
const urlFile = "server-url"

func noteURL(c config.Config) error {
	path := filepath.Join(c.Data, urlFile)
	if err := os.WriteFile(path, []byte(c.URL+"\n"), 0o600); err != nil {
		return problem.Wrap(err, problem.Invalid, "the data folder cannot be written to", "Check its owner and the free space.")
	}
	return nil
}

func servedURL(c config.Config) string {
	text, err := os.ReadFile(filepath.Join(c.Data, urlFile))
	if err != nil {
		return ""
	}
	u, err := url.Parse(strings.TrimSpace(string(text)))
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return ""
	}
	return "https://" + u.Host
}
