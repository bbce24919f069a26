package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"

	"jeton/internal/secret"
)

// Server is a mail server. Without Plain nothing is said to it but over TLS with a
// certificate that is good for Host.
type Server struct {
	Host, Port string
	TLS        bool // from the first byte, and not by STARTTLS
	Plain      bool // neither: it is on this machine
	User       string
	Password   secret.Value
	From       string
	Hello      string
	Roots      *x509.CertPool // nil: the system's
	Patience   time.Duration  // for one answer; 0: 30 seconds
}

// String names the server.
func (s *Server) String() string { return "the mail server " + net.JoinHostPort(s.Host, s.Port) }

// Trim implements Sender: the server keeps what it keeps.
func (s *Server) Trim(time.Time) error { return nil }

// connection is the one of an attempt. go-mail does not close it after each of its
// failures, and does not end with its context.
type connection struct {
	mu   sync.Mutex
	conn net.Conn
	over bool
}

func (l *connection) set(c net.Conn) net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = c
	if l.over {
		_ = c.Close()
	}
	return c
}

func (l *connection) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	if l.conn != nil {
		_ = l.conn.Close()
	}
}

// client returns a client for one attempt, and what ends it.
func (s *Server) client(ctx context.Context) (*gomail.Client, func(), error) {
	port, err := strconv.Atoi(s.Port)
	if err != nil {
		return nil, nil, fmt.Errorf("the mail server's port: %w", err)
	}
	config := &tls.Config{ServerName: s.Host, RootCAs: s.Roots, MinVersion: tls.VersionTLS12}
	l := &connection{}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		l.set(c) // closed whatever becomes of it
		if !s.TLS {
			return c, nil
		}
		t := tls.Client(c, config)
		return t, t.HandshakeContext(ctx)
	}
	patience := s.Patience
	if patience == 0 {
		patience = 30 * time.Second
	}
	o := []gomail.Option{gomail.WithPort(port), gomail.WithTimeout(patience), gomail.WithTLSConfig(config), gomail.WithDialContextFunc(dial), gomail.WithHELO(s.Hello)}
	switch {
	case s.TLS:
		o = append(o, gomail.WithSSL())
	case s.Plain:
		o = append(o, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		o = append(o, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if s.User != "" {
		o = append(o, gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin),
			gomail.WithUsername(s.User), gomail.WithPassword(s.Password.Reveal())) // it is what the server asks for
	}
	c, err := gomail.NewClient(s.Host, o...)
	stop := context.AfterFunc(ctx, l.close)
	return c, func() { stop(); l.close() }, err
}

// Send hands the mail to the server.
func (s *Server) Send(ctx context.Context, m Mail) error {
	msg, err := message(m, s.From)
	if err != nil {
		return err
	}
	c, end, err := s.client(ctx)
	if err != nil {
		return err
	}
	defer end()
	err = c.DialAndSendWithContext(ctx, msg)
	if err == nil || msg.IsDelivered() { // it is the server's now, whatever its good-bye was
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("the mail server took too long: %w", ctx.Err())
	}
	return judge(err)
}

// judge says whether it is this mail that was refused, and for how long.
func judge(err error) error {
	bad, ok := errors.AsType[*gomail.SendError](err)
	if !ok {
		return err
	}
	switch bad.Reason {
	case gomail.ErrSMTPRcptTo, gomail.ErrSMTPDataClose:
	default:
		return err
	}
	switch code := bad.ErrorCode(); {
	case code >= 500 && code < 600:
		return fmt.Errorf("%w: %w", ErrRefused, err)
	case code >= 400:
		return fmt.Errorf("%w: %w", errLater, err)
	}
	return err
}

// Check signs in at the server and leaves.
func (s *Server) Check(ctx context.Context) error {
	c, end, err := s.client(ctx)
	if err != nil {
		return err
	}
	defer end()
	conn, err := c.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return err
	}
	return c.CloseWithSMTPClient(conn)
}
