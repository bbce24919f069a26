package mail_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	ours "jeton/internal/mail"
	"jeton/internal/secret"
)

// office is a real mail server.
type office struct {
	*smtp.Server
	address string
	ca      string // a file
	roots   *x509.CertPool

	mu      sync.Mutex
	came    []letter                // guarded by mu
	refuse  func(step string) error // guarded by mu; step is MAIL, RCPT an address, or DATA
	signed  int                     // guarded by mu
	spoken  int                     // sessions; guarded by mu
	secured bool                    // the last sign-in came over TLS; guarded by mu
}

// letter is a mail that came.
type letter struct {
	from, to string
	text     string
}

// how says how an office is reached.
type how struct{ tls, startTLS, auth bool }

const officeUser, officeWord = "jeton", "a word of the office"

// open starts an office on loopback.
func open(t *testing.T, h how, at string) *office {
	t.Helper()
	helper := httptest.NewTLSServer(nil) // it has a certificate for 127.0.0.1
	certificate := helper.TLS.Certificates[0]
	o := &office{roots: x509.NewCertPool(), ca: filepath.Join(t.TempDir(), "office.pem")}
	o.roots.AddCert(helper.Certificate())
	helper.Close()
	if err := os.WriteFile(o.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: helper.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	o.Server = smtp.NewServer(backend{o, h})
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	if h.startTLS {
		o.TLSConfig = config
	}
	o.ErrorLog = log.New(io.Discard, "", 0)
	o.AllowInsecureAuth = true // the client must be the one who says no
	o.ReadTimeout, o.WriteTimeout = 20*time.Second, 20*time.Second
	if at == "" {
		at = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	o.address = l.Addr().String()
	if h.tls {
		l = tls.NewListener(l, config)
	}
	go func() { _ = o.Serve(l) }()
	t.Cleanup(func() { _ = o.Close() })
	return o
}

func (o *office) letters() []letter {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]letter(nil), o.came...)
}

func (o *office) say(refuse func(step string) error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refuse = refuse
}

func (o *office) ask(step string) error {
	o.mu.Lock()
	refuse := o.refuse
	o.mu.Unlock()
	if refuse == nil {
		return nil
	}
	return refuse(step)
}

type backend struct {
	o *office
	h how
}

// NewSession implements smtp.Backend.
func (b backend) NewSession(c *smtp.Conn) (smtp.Session, error) {
	b.o.mu.Lock()
	b.o.spoken++
	b.o.mu.Unlock()
	s := &session{o: b.o, c: c}
	if b.h.auth {
		return &signing{session: s}, nil
	}
	return s, nil
}

type session struct {
	o    *office
	c    *smtp.Conn
	l    letter
	good bool
}

// Reset implements smtp.Session.
func (s *session) Reset() { s.l = letter{} }

// Logout implements smtp.Session.
func (s *session) Logout() error { return nil }

// Mail implements smtp.Session.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.l.from = from
	return s.o.ask("MAIL")
}

// Rcpt implements smtp.Session.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.l.to = to
	return s.o.ask("RCPT " + to)
}

// Data implements smtp.Session.
func (s *session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := s.o.ask("DATA"); err != nil {
		return err
	}
	s.l.text = string(text)
	s.o.mu.Lock()
	defer s.o.mu.Unlock()
	s.o.came = append(s.o.came, s.l)
	return nil
}

// signing is a session that wants a password.
type signing struct{ *session }

// AuthMechanisms implements smtp.AuthSession.
func (s *signing) AuthMechanisms() []string { return []string{sasl.Plain} }

// Auth implements smtp.AuthSession.
func (s *signing) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, word string) error {
		_, secured := s.c.TLSConnectionState()
		s.o.mu.Lock()
		s.o.signed, s.o.secured = s.o.signed+1, secured
		s.o.mu.Unlock()
		if user != officeUser || word != officeWord {
			return smtp.ErrAuthFailed
		}
		s.good = true
		return nil
	}), nil
}

// Mail implements smtp.Session.
func (s *signing) Mail(from string, o *smtp.MailOptions) error {
	if !s.good {
		return smtp.ErrAuthRequired
	}
	return s.session.Mail(from, o)
}

// client is a sender to the office.
func (o *office) client(h how) *ours.Server {
	host, port, _ := net.SplitHostPort(o.address)
	s := &ours.Server{Host: host, Port: port, TLS: h.tls, Plain: !h.tls && !h.startTLS, From: "jeton@git.example.com", Hello: "git.example.com", Roots: o.roots, Patience: 10 * time.Second}
	if h.auth {
		s.User, s.Password = officeUser, secret.New(officeWord)
	}
	return s
}

func hello() ours.Mail {
	return ours.Mail{ID: "notice-1-1@git.example.com", Name: "x", To: "ada@example.com", Subject: "Your token \"ci\" ends", Text: "Hello,\n\n.a line with a dot\nÄ and a long one " + strings.Repeat("word ", 60) + "\n", At: time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)}
}

// TestServer hands mails over by STARTTLS, by TLS from the start, and to a server on
// this machine.
func TestServer(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]how{
		"STARTTLS": {startTLS: true}, "STARTTLS, signed in": {startTLS: true, auth: true},
		"TLS": {tls: true}, "TLS, signed in": {tls: true, auth: true}, "plain": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := open(t, h, "")
			s := o.client(h)
			if err := s.Check(t.Context()); err != nil {
				t.Fatalf("the check failed: %v", err)
			}
			if len(o.letters()) != 0 {
				t.Fatal("the check sent something")
			}
			if err := s.Send(t.Context(), hello()); err != nil {
				t.Fatal(err)
			}
			all := o.letters()
			if len(all) != 1 || all[0].from != "jeton@git.example.com" || all[0].to != "ada@example.com" {
				t.Fatalf("what came: %+v", all)
			}
			m := read(t, all[0].text)
			if m.body != strings.ReplaceAll(hello().Text, "\n", "\r\n") && m.body != hello().Text {
				t.Errorf("the text is %q", m.body)
			}
			for head, want := range map[string]string{"Subject": `Your token "ci" ends`, "Message-Id": "<notice-1-1@git.example.com>", "Auto-Submitted": "auto-generated", "Date": "Fri, 27 Nov 2026 10:00:00 +0000", "To": "<ada@example.com>"} {
				if got := m.Header.Get(head); got != want {
					t.Errorf("%s is %q, want %q", head, got, want)
				}
			}
			if h.auth && !o.secured {
				t.Error("the password went without TLS")
			}
		})
	}
}

// TestServer_refuses: nothing is said to a server that can't be trusted.
func TestServer_refuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		is, as how
		change func(*ours.Server)
	}{
		"no STARTTLS":          {how{auth: true}, how{startTLS: true, auth: true}, nil},
		"an unknown authority": {how{startTLS: true, auth: true}, how{startTLS: true, auth: true}, func(s *ours.Server) { s.Roots = x509.NewCertPool() }},
		"unknown, with TLS":    {how{tls: true, auth: true}, how{tls: true, auth: true}, func(s *ours.Server) { s.Roots = x509.NewCertPool() }},
		"another name":         {how{startTLS: true, auth: true}, how{startTLS: true, auth: true}, func(s *ours.Server) { s.Host = "localhost" }},
		"another name, TLS":    {how{tls: true, auth: true}, how{tls: true, auth: true}, func(s *ours.Server) { s.Host = "localhost" }},
		"plain text for TLS":   {how{}, how{tls: true}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := open(t, c.is, "")
			s := o.client(c.as)
			if c.change != nil {
				c.change(s)
			}
			for what, err := range map[string]error{"send": s.Send(t.Context(), hello()), "check": s.Check(t.Context())} {
				if err == nil || errors.Is(err, ours.ErrRefused) {
					t.Errorf("%s: %v", what, err)
				}
			}
			if o.signed != 0 || len(o.letters()) != 0 {
				t.Errorf("it was told something: %d sign-ins, %v", o.signed, o.letters())
			}
		})
	}
}

// TestServer_answers tells what ends a mail from what may pass.
func TestServer_answers(t *testing.T) {
	t.Parallel()
	h := how{startTLS: true, auth: true}
	o := open(t, h, "")
	for _, c := range []struct {
		step  string
		code  int
		final bool
	}{
		{"RCPT ada@example.com", 550, true}, {"RCPT ada@example.com", 450, false}, {"DATA", 554, true}, {"DATA", 452, false},
		{"MAIL", 550, false}, {"MAIL", 421, false}, // it is the server, and all mails
	} {
		o.say(func(step string) error {
			if step == c.step {
				return &smtp.SMTPError{Code: c.code, EnhancedCode: smtp.NoEnhancedCode, Message: "no"}
			}
			return nil
		})
		err := o.client(h).Send(t.Context(), hello())
		if err == nil || errors.Is(err, ours.ErrRefused) != c.final {
			t.Errorf("%d to %s: %v", c.code, c.step, err)
		}
	}
	o.say(nil)
	s := o.client(h)
	s.Password = secret.New("another word")
	if err := s.Send(t.Context(), hello()); err == nil || errors.Is(err, ours.ErrRefused) || strings.Contains(err.Error(), "another word") {
		t.Errorf("a wrong password: %v", err)
	}
	if n := len(o.letters()); n != 0 {
		t.Errorf("%d came", n)
	}
}

// TestServer_hangs: a server that accepts and says nothing is left by itself, and at
// once when nobody waits any more.
func TestServer_hangs(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	held := make(chan net.Conn, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			held <- c
		}
	}()
	host, port, _ := net.SplitHostPort(l.Addr().String())
	for _, inTLS := range []bool{false, true} {
		s := &ours.Server{Host: host, Port: port, TLS: inTLS, From: "jeton@example.com", Hello: "x", Patience: 200 * time.Millisecond}
		if err := s.Send(t.Context(), hello()); err == nil || errors.Is(err, ours.ErrRefused) {
			t.Errorf("it was sent into nothing: %v", err)
		}
		s.Patience = time.Hour
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		<-held
		go func() { done <- s.Send(ctx, hello()) }()
		c := <-held
		cancel()
		if err := <-done; err == nil {
			t.Error("it was sent into nothing")
		}
		// The connection does not stay either: what is read ends.
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("the connection was left open")
		}
	}
}

// decoded is a mail as a reader sees it.
type decoded struct {
	*mail.Message
	body string
}
