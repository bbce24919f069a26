// Package peer starts the servers that are compared: Jeton as it is built,
// nginx with git http-backend, and a bare Go handler that writes recorded
// bytes. They must never listen on anything but loopback, nor keep anything
// outside the folders that the caller gives.
package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"jeton/bench/client"
	"jeton/bench/meter"
)

// Peer is a started server.
type Peer struct {
	Name     string
	Group    *meter.Group
	Port     int
	User     string
	Password string        // a password or a token
	Start    time.Duration // from its start to its first answer
	Log      string        // the file with what it printed
	Cert     *Certificate  // nil: no TLS
}

// Address is where it listens.
func (p *Peer) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Port)) }

// Host is the value of the header of that name.
func (p *Peer) Host() string { return net.JoinHostPort("localhost", strconv.Itoa(p.Port)) }

// Repo is the URL of a repository for real git, with the credentials.
func (p *Peer) Repo(name string) string {
	scheme := "http"
	if p.Cert != nil {
		scheme = "https"
	}
	u := url.URL{Scheme: scheme, User: url.UserPassword(p.User, p.Password), Host: p.Host(), Path: Path(name)}
	return u.String()
}

// Basic is the header line with the credentials.
func (p *Peer) Basic() client.Line { return client.Basic(p.User, p.Password) }

// Path is the path of a repository in URLs.
func Path(name string) string { return "/" + Owner + "/" + name + ".git" }

// Owner is the account that everything belongs to.
const Owner = "bench"

// Stop ends the server and all of its processes.
func (p *Peer) Stop() error { return p.Group.Stop(10 * time.Second) }

// freePort returns a port of loopback that nobody listens on.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// await asks for a path until the answer has one of the statuses, and returns
// how long that took since the server's start.
func (p *Peer) await(ctx context.Context, client *http.Client, scheme, path string, start time.Time, statuses ...int) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	every := time.NewTicker(2 * time.Millisecond)
	defer every.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, "GET", scheme+"://"+p.Host()+path, nil)
		if err != nil {
			return err
		}
		if resp, err := client.Do(req); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			for _, s := range statuses {
				if resp.StatusCode == s {
					p.Start = time.Since(start)
					return nil
				}
			}
		}
		select {
		case <-ctx.Done():
			return p.gone(ctx.Err())
		case <-p.Group.Ended():
			return p.gone(errors.New("it has ended"))
		case <-every.C:
		}
	}
}

// gone says why a server does not answer.
func (p *Peer) gone(err error) error {
	text, _ := os.ReadFile(p.Log)
	return fmt.Errorf("%s does not answer: %w: %s", p.Name, err, text[max(0, len(text)-2000):])
}

// output is the file that a server prints into.
func output(dir, name string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
}
