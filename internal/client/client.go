// Package client is the side of the person: it signs in at a host, keeps the
// credential in the operating system's keyring or in a file, and is git's
// credential helper. The server never imports it, and it imports nothing of the
// server's. A token leaves it for git's standard input and the host alone.
package client

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"jeton/internal/problem"
)

// ID is the client id of this program at every host that runs it. It is no
// secret: a public client has none.
const ID = "jeton"

// Scopes are asked for unless others are: clone, push and call the API.
const Scopes = "repo workflow read:user user:email"

// Options are what surrounds the client. Dir, Git and Self are required.
type Options struct {
	Dir     string                               // where it keeps what it must remember
	Git     string                               // the git whose configuration names the helper
	Self    string                               // this program's path, for git's configuration
	Env     []string                             // what git sees; nil: this process's own
	Keyring Keyring                              // nil: none, secrets are in a file
	Out     io.Writer                            // what the person is told; nil: nothing
	Now     func() time.Time                     // nil: time.Now
	Wait    func(time.Duration) <-chan time.Time // nil: time.After
}

// Client signs in and out at hosts.
type Client struct {
	o     Options
	store store
}

// New makes a client.
func New(o Options) *Client {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Wait == nil {
		o.Wait = time.After
	}
	if o.Out == nil {
		o.Out = io.Discard
	}
	return &Client{o: o, store: store{dir: o.Dir, keyring: o.Keyring}}
}

// DefaultDir is the folder for what a program of this name remembers, by the
// rules of the operating system.
func DefaultDir() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", problem.Wrap(err, problem.Invalid, "there is no folder for settings", "Set HOME.")
	}
	return filepath.Join(dir, "jeton"), nil
}

// ParseHost reads what a person calls a host ("git.example.com",
// "https://localhost:8443/") into its URL without a path. Without TLS only this
// machine is a host: a token would be readable on its way.
func ParseHost(s string) (string, error) {
	if !strings.Contains(s, "://") {
		s = "https://" + s
	}
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.User != nil {
		return "", problem.New(problem.Invalid, fmt.Sprintf("%.100q is no host", s), "Give it as https://HOST.")
	}
	switch ip := net.ParseIP(u.Hostname()); {
	case u.Scheme == "https":
	case u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()):
	default:
		return "", problem.New(problem.Invalid, "a token must not be sent without encryption", "Give the host as https://"+u.Host+".")
	}
	host := strings.ToLower(u.Host)
	if u.Scheme == "https" {
		host = strings.TrimSuffix(host, ":443")
	}
	return u.Scheme + "://" + host, nil
}
