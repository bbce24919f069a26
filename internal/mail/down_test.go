package mail_test

import (
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"jeton/internal/app/apptest"
	"jeton/internal/config"
	"jeton/internal/secret"
)

// TestServerDown: what a mail server does not take is sent later, also by the next
// process after one that was killed in the middle; who is refused holds up nobody.
func TestServerDown(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	_ = l.Close() // nobody is there
	data := filepath.Join(t.TempDir(), "data")
	settings := func(ca string) func(*config.Config) {
		return func(c *config.Config) {
			c.Data, c.Mail, c.MailCA = data, "smtp://"+at, ca
			c.MailUser, c.MailPassword = officeUser, secret.New(officeWord)
		}
	}
	s := apptest.Start(t, settings(""))
	if s.DB.Engine() != "sqlite" {
		t.Skip("the second server opens the same data folder")
	}
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	s.Token(t, ada, "ci", "repo")
	s.Token(t, bob, "bob's", "repo")
	round(t, s)
	status, err := s.Notices.Status(t.Context(), s.DB)
	if err != nil || status.Waiting != 2 || status.LastError == "" {
		t.Fatalf("with nobody there: %+v, %v", status, err)
	}
	if strings.Contains(s.Log.String(), officeWord) {
		t.Error("the log holds the password")
	}
	// A process is killed between taking a notice and the end of its mail.
	s.Advance(2 * time.Minute)
	if taken, err := s.Notices.Take(t.Context(), 10, s.Now().Add(10*time.Minute)); err != nil || len(taken) != 1 {
		t.Fatalf("%v, %v", taken, err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Broken = true // it is closed

	o := open(t, how{startTLS: true, auth: true}, at)
	o.say(func(step string) error {
		if step == "RCPT bob@example.com" {
			return &smtp.SMTPError{Code: 550, Message: "no such user"}
		}
		return nil
	})
	next := apptest.Start(t, settings(o.ca))
	next.Advance(15 * time.Minute)
	for range 3 {
		round(t, next)
		next.Advance(2 * time.Minute)
	}
	all := o.letters()
	if len(all) != 1 || all[0].to != "ada@example.com" || all[0].from != "jeton@localhost" {
		t.Fatalf("what came: %+v", all)
	}
	status, err = next.Notices.Status(t.Context(), next.DB)
	if err != nil || status.Waiting != 0 || status.Sent != 1 || status.Failed != 1 || !strings.Contains(status.LastError, "no such user") {
		t.Errorf("at the end: %+v, %v", status, err)
	}
	admin := next.Admin(t, "grace")
	page := next.Person(t, admin).Get(t, "/admin/notices")
	if page.StatusCode != http.StatusOK || !strings.Contains(page.Text, "no such user") || strings.Contains(page.Text, officeWord) {
		t.Errorf("the administrators' page: %d %s", page.StatusCode, page.Text)
	}
	if got := next.Person(t, ada).Get(t, "/admin/notices"); got.StatusCode == http.StatusOK {
		t.Error("anybody may look at the queue")
	}
	if metrics := next.Do(t, "GET", "/metrics", ""); !strings.Contains(metrics.Text, "jeton_notices_failed_total 1") || !strings.Contains(metrics.Text, "jeton_notices_waiting 0") {
		t.Errorf("the metrics do not say it")
	}
}

// TestGivesUp: after three days without a mail server a notice is given up, and in
// between it is tried seldom.
func TestGivesUp(t *testing.T) {
	t.Parallel()
	o := open(t, how{}, "")
	o.say(func(step string) error { return &smtp.SMTPError{Code: 451, Message: "not today"} })
	s := apptest.Start(t, func(c *config.Config) { c.Mail = "smtp+plain://" + o.address })
	s.Token(t, s.User(t, "ada"), "ci", "repo")
	for range 4 * 24 * 12 { // four days, every five minutes
		round(t, s)
		s.Advance(5 * time.Minute)
	}
	o.mu.Lock()
	tries := o.spoken
	o.mu.Unlock()
	if tries < 10 || tries > 25 {
		t.Errorf("it was tried %d times", tries)
	}
	status, err := s.Notices.Status(t.Context(), s.DB)
	if err != nil || status.Waiting != 0 || status.Failed != 1 || s.Mail.Failed() != 1 {
		t.Errorf("%+v, %v", status, err)
	}
}
