// Package client is who asks the measured servers: connections of its own that
// cost little, because they run on the same processors as the server, and real
// git. It must never spare a server work that its users' programs ask for.
package client

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Request is one HTTP request, as bytes, and what its answer must be.
type Request struct {
	Bytes  []byte
	Status int
}

// Line is one header line's name and value.
type Line struct{ Name, Value string }

// Basic is the header line with a user name and a password.
func Basic(user, password string) Line {
	return Line{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))}
}

// V2 is the header line that asks for protocol version 2.
func V2() Line { return Line{"Git-Protocol", "version=2"} }

// Get is a request for a path; its answer must have the status.
func Get(host, path string, status int, lines ...Line) Request {
	return request("GET", host, path, nil, status, lines)
}

// Post is a request with a body for a service of Git: "git-upload-pack".
func Post(host, path, service string, body []byte, status int, lines ...Line) Request {
	lines = append(lines, Line{"Content-Type", "application/x-" + service + "-request"}, Line{"Accept", "application/x-" + service + "-result"})
	return request("POST", host, path+"/"+service, body, status, lines)
}

func request(method, host, path string, body []byte, status int, lines []Line) Request {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: git/2.39.5\r\n", method, path, host)
	for _, l := range lines {
		fmt.Fprintf(&b, "%s: %s\r\n", l.Name, l.Value)
	}
	if method == "POST" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n")
	b.Write(body)
	return Request{b.Bytes(), status}
}

// Conn is one connection that asks one request after the other.
type Conn struct {
	conn net.Conn
	r    *bufio.Reader
	copy []byte
	stop func() bool
}

// Dial connects to address, with TLS if config is not nil. The end of ctx closes
// the connection.
func Dial(ctx context.Context, address string, config *tls.Config) (*Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if config != nil {
		t := tls.Client(conn, config)
		if err := t.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		conn = t
	}
	// Whoever gives up does not wait for an answer that may never come.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	return &Conn{conn: conn, stop: stop, r: bufio.NewReaderSize(conn, 64<<10), copy: make([]byte, 64<<10)}, nil
}

// Close ends the connection.
func (c *Conn) Close() error {
	c.stop()
	return c.conn.Close()
}

// Answer is what came back, but for the body.
type Answer struct {
	Status int
	Type   string // Content-Type
	Header []Line
	Size   int64 // of the body as it was sent
}

// Do sends q and reads its answer, with the body into w. It fails if the status
// is not the one that q wants.
func (c *Conn) Do(q Request, w io.Writer) (Answer, error) {
	if _, err := c.conn.Write(q.Bytes); err != nil {
		return Answer{}, err
	}
	return c.read(q, w)
}

func (c *Conn) read(q Request, w io.Writer) (Answer, error) {
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return Answer{}, err
	}
	if len(line) < 12 {
		return Answer{}, fmt.Errorf("no status line: %q", line)
	}
	var a Answer
	a.Status, _ = strconv.Atoi(string(line[9:12]))
	length, chunked := int64(0), false
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return a, err
		}
		name, value, found := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(":"))
		if !found {
			break
		}
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			length, _ = strconv.ParseInt(string(value), 10, 64)
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = bytes.EqualFold(value, []byte("chunked"))
		case w != io.Discard: // who counts needs no header
			a.Header = append(a.Header, Line{string(name), string(value)})
			if bytes.EqualFold(name, []byte("Content-Type")) {
				a.Type = string(value)
			}
		}
	}
	if chunked {
		err = c.chunks(&a, w)
	} else {
		err = c.body(&a, w, length)
	}
	if err == nil && q.Status != 0 && a.Status != q.Status {
		err = fmt.Errorf("the answer is %d, not %d", a.Status, q.Status)
	}
	return a, err
}

func (c *Conn) chunks(a *Answer, w io.Writer) error {
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(line)), 16, 64)
		if err != nil {
			return err
		}
		if err := c.body(a, w, n); err != nil {
			return err
		}
		if _, err := c.r.Discard(2); err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
	}
}

func (c *Conn) body(a *Answer, w io.Writer, n int64) error {
	a.Size += n
	for n > 0 {
		got, err := c.r.Read(c.copy[:min(n, int64(len(c.copy)))])
		if err != nil {
			return err
		}
		n -= int64(got)
		if w != io.Discard {
			if _, err := w.Write(c.copy[:got]); err != nil {
				return err
			}
		}
	}
	return nil
}

// Load is many clients that ask the same at the same time.
type Load struct {
	Address  string
	TLS      *tls.Config
	Requests []Request // one round, one after the other on one connection
	Clients  int
	Rounds   int           // of each client; 0: as many as fit into For
	For      time.Duration // how long; used if Rounds is 0
	Fresh    bool          // a new connection for each round
}

// Run returns how many rounds were made, by all clients together. The first
// failure ends it.
func (l Load) Run(ctx context.Context) (int, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	end := time.Now().Add(l.For)
	var rounds atomic.Int64
	var wg sync.WaitGroup
	for range l.Clients {
		wg.Go(func() {
			if err := l.one(ctx, end, &rounds); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	if rounds.Load() == 0 {
		return 0, errors.New("no round was made")
	}
	return int(rounds.Load()), nil
}

func (l Load) one(ctx context.Context, end time.Time, rounds *atomic.Int64) error {
	var c *Conn
	defer func() {
		if c != nil {
			_ = c.Close()
		}
	}()
	for n := 0; ; n++ {
		if ctx.Err() != nil || l.Rounds > 0 && n == l.Rounds || l.Rounds == 0 && time.Now().After(end) {
			return nil
		}
		if c == nil {
			var err error
			if c, err = Dial(ctx, l.Address, l.TLS); err != nil {
				return err
			}
		}
		for _, q := range l.Requests {
			if _, err := c.Do(q, io.Discard); err != nil {
				return err
			}
		}
		if l.Fresh {
			_ = c.Close()
			c = nil
		}
		rounds.Add(1)
	}
}
