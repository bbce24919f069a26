// Package outbound is the one way from the server to other machines. Every
// connection is made to an address that was looked at: private, local and
// otherwise special networks are not reached on a stranger's behalf, whatever a
// name resolves to and however often its answer changes. Redirects are never
// followed and certificates always verified.
package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"jeton/internal/problem"
)

// Options of a Client. The zero value reaches the public Internet.
type Options struct {
	Allow    []netip.Prefix // networks that the administrator opened, special or not
	Roots    *x509.CertPool // nil is the system's
	Resolver *net.Resolver  // nil is the system's
}

// Client reaches other machines. It is safe for concurrent use.
type Client struct {
	o    Options
	http *http.Client
	post *http.Client
}

// ErrRefused is the cause of a refusal to connect.
var ErrRefused = errors.New("the address is not on the public Internet")

// ErrRedirect is the cause when a server answers with a redirect.
var ErrRedirect = errors.New("the server redirects to another address")

// New makes a client.
func New(o Options) *Client {
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	c := &Client{o: o}
	c.http = &http.Client{
		Transport: &http.Transport{
			DialContext:           c.DialContext,
			TLSClientConfig:       &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2:     true,
			DisableCompression:    true,
			TLSHandshakeTimeout:   15 * time.Second,
			ResponseHeaderTimeout: 5 * time.Minute, // a large repository's refs take their time
			MaxIdleConns:          10,
			IdleConnTimeout:       30 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return ErrRedirect },
	}
	// What is posted to strangers takes a bounded amount of memory, whatever they
	// answer: HTTP/2 would hold megabytes of a body that nobody reads.
	only1 := new(http.Protocols)
	only1.SetHTTP1(true)
	c.post = &http.Client{
		Transport: &http.Transport{
			DialContext:            c.DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
			Protocols:              only1,
			DisableCompression:     true,
			TLSHandshakeTimeout:    15 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConns:           20,
			MaxIdleConnsPerHost:    1,
			IdleConnTimeout:        30 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c
}

// Do sends a request, over HTTPS only.
func (c *Client) Do(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" || r.URL.User != nil {
		return nil, problem.New(problem.Invalid, "only https addresses without a user name in them are reached", "")
	}
	return c.http.Do(r)
}

// Close ends idle connections.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	c.post.CloseIdleConnections()
}

func (c *Client) allowed(a netip.Addr) bool {
	for _, p := range c.o.Allow {
		if p.Contains(a.Unmap()) {
			return true
		}
	}
	return Public(a)
}

// DialContext connects to host:port. All addresses of the name must be allowed,
// and the connection is made to one that was looked at, so that a name cannot
// mean one thing when it is checked and another when it is used.
func (c *Client) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addrs, err := c.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	for _, a := range addrs {
		if !c.allowed(a) {
			return nil, problem.Wrap(ErrRefused, problem.Forbidden, "That host is not on the public Internet, and this server does not reach into private networks.", "An administrator can allow its network.")
		}
	}
	var d net.Dialer
	d.Timeout = 15 * time.Second
	for _, a := range addrs {
		conn, derr := d.DialContext(ctx, network, net.JoinHostPort(a.Unmap().String(), port))
		if derr == nil {
			return conn, nil
		}
		err = derr
	}
	return nil, err
}

func (c *Client) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	found, err := c.o.Resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("look up the host: %w", err)
	}
	out := make([]netip.Addr, 0, len(found))
	for _, a := range found {
		// The resolver writes IPv4 addresses as mapped ones; one that a literal
		// or a record spells as mapped is refused by Public.
		out = append(out, a.Unmap())
	}
	if len(out) == 0 {
		return nil, errors.New("the host has no address")
	}
	return out, nil
}
