package mail_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/config"
	"jeton/internal/notice"
	"jeton/internal/right"
	"jeton/internal/signin"
)

var confirmLink = regexp.MustCompile(`/settings/emails/confirm#([A-Za-z0-9_-]{43})\r?\n`)

// linkOf is the link in a mail, which stands on a line of its own.
func linkOf(t *testing.T, d decoded) string {
	t.Helper()
	found := confirmLink.FindAllStringSubmatch(d.body, -1)
	if len(found) != 1 {
		t.Fatalf("there are %d links in the mail:\n%s", len(found), d.body)
	}
	return found[0][1]
}

// newcomer joins by an invitation, as people do.
func newcomer(t *testing.T, s *apptest.Server, login, address string) account.Account {
	t.Helper()
	link, _, err := s.Signin.NewLink(t.Context(), right.Operator(), signin.Invite, signin.For{Email: address}, 0)
	if err != nil {
		t.Fatal(err)
	}
	got := s.Do(t, "POST", "/join", url.Values{"link": {link.Reveal()}, "login": {login}, "password": {apptest.Password}}.Encode(), "Content-Type: application/x-www-form-urlencoded", "Sec-Fetch-Site: same-origin")
	if got.StatusCode != http.StatusSeeOther {
		t.Fatalf("join: %d %s", got.StatusCode, got.Text)
	}
	a, err := s.Accounts.ByLogin(t.Context(), s.DB, login)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestConfirm: who joins, or adds an address, gets a mail there from a real server,
// and by its link gets what is sent to a verified one.
func TestConfirm(t *testing.T) {
	t.Parallel()
	o := open(t, how{}, "")
	s := apptest.Start(t, func(c *config.Config) { c.Mail = "smtp+plain://" + o.address })
	bob := newcomer(t, s, "bob", "bob@example.com")
	round(t, s)
	letters := o.letters()
	if len(letters) != 1 || letters[0].to != "bob@example.com" {
		t.Fatalf("what came: %+v", letters)
	}
	m := read(t, letters[0].text)
	link := linkOf(t, m)
	if got := m.subject(t); got != "Confirm your e-mail address at "+strings.TrimPrefix(s.URL(), "https://") {
		t.Errorf("the subject is %q", got)
	}
	for _, want := range []string{"the account bob at", s.URL() + "/settings/emails/confirm#", "do nothing"} {
		if !strings.Contains(strings.Join(strings.Fields(m.body), " "), want) {
			t.Errorf("the mail does not say %q:\n%s", want, m.body)
		}
	}

	p := s.Person(t, bob)
	s.Token(t, bob, "before", "repo")
	round(t, s)
	if n := len(o.letters()); n != 1 {
		t.Errorf("something was sent to an address that is not verified: %d letters", n)
	}
	// A program that follows links confirms nothing: the secret is not sent, and GET does nothing.
	for range 2 {
		if got := p.Get(t, "/settings/emails/confirm"); got.StatusCode != http.StatusOK || strings.Contains(got.Text, "bob@example.com") || got.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Fatalf("%d %s", got.StatusCode, got.Text)
		}
		if got := p.Get(t, "/settings/emails/confirm?link="+link); got.StatusCode != http.StatusOK || strings.Contains(got.Text, link) {
			t.Fatalf("%d %s", got.StatusCode, got.Text)
		}
	}
	if verified(t, s, bob, "bob@example.com") {
		t.Fatal("to look at the page confirmed the address")
	}
	if got := p.Post(t, "/settings/emails/confirm", url.Values{"link": {s.URL() + "/settings/emails/confirm#" + link}}); got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "/settings/emails" {
		t.Fatalf("%d %s", got.StatusCode, got.Text)
	}
	if !verified(t, s, bob, "bob@example.com") {
		t.Fatal("the link did not confirm the address")
	}
	if got := p.Get(t, "/settings/emails"); !strings.Contains(got.Text, "Confirmed bob@example.com.") || strings.Contains(got.Text, "Not verified") {
		t.Errorf("the page says %s", got.Text)
	}
	if got := p.Get(t, "/settings/security-log"); !strings.Contains(got.Text, "user.confirm_email") {
		t.Error("the security log does not tell of it")
	}
	s.Token(t, bob, "after", "repo")
	round(t, s)
	if all := o.letters(); len(all) != 2 || read(t, all[1].text).subject(t) != `Your token "after" was made` {
		t.Errorf("what came: %+v", all)
	}

	// Another address: it gets its mail, the primary one none.
	got := p.Post(t, "/settings/emails", url.Values{"email": {"bob@work.example.com"}})
	if got.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %s", got.StatusCode, got.Text)
	}
	if got := p.Get(t, "/settings/emails"); !strings.Contains(got.Text, "A mail was sent to bob@work.example.com") {
		t.Errorf("the page says %s", got.Text)
	}
	round(t, s)
	if all := o.letters(); len(all) != 3 || all[2].to != "bob@work.example.com" {
		t.Fatalf("what came: %+v", all)
	}
	for _, k := range notice.Kinds() {
		if k == notice.Confirm {
			t.Error("it can be chosen")
		}
	}
}

// verified says what the page and the API show of an address.
func verified(t *testing.T, s *apptest.Server, a account.Account, address string) bool {
	t.Helper()
	all, err := s.Accounts.ListEmails(t.Context(), s.DB, a.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if e.Address == address {
			return e.Verified
		}
	}
	t.Fatalf("%s is not an address of %s", address, a.Login)
	return false
}

// TestConfirm_folder: without a mail server the page says so, and the mail is a file.
func TestConfirm_folder(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	p := s.Person(t, ada)
	p.Post(t, "/settings/emails", url.Values{"email": {"ada@work.example.com"}})
	got := p.Get(t, "/settings/emails")
	if strings.Contains(got.Text, "was sent to") || !strings.Contains(got.Text, "written to a file on the server") {
		t.Errorf("the page says %s", got.Text)
	}
	round(t, s)
	all := box(t, s)
	if len(all) != 1 || all[0].Header.Get("To") != "<ada@work.example.com>" {
		t.Fatalf("%d mails", len(all))
	}
	if got := p.Post(t, "/settings/emails/confirm", url.Values{"link": {linkOf(t, all[0])}}); got.StatusCode != http.StatusSeeOther || !verified(t, s, ada, "ada@work.example.com") {
		t.Errorf("%d %s", got.StatusCode, got.Text)
	}
}

// TestConfirm_waits: what waited while the server was down is sent once, with the
// latest link, to each address its own; what is of no use any more is not.
func TestConfirm_waits(t *testing.T) {
	t.Parallel()
	o := open(t, how{}, "")
	s := apptest.Start(t, func(c *config.Config) { c.Mail = "smtp+plain://" + o.address })
	o.say(func(string) error { return &smtp.SMTPError{Code: 451, Message: "later"} })
	ada := s.User(t, "ada")
	p := s.Person(t, ada)
	for _, e := range []string{"kept", "removed", "marked", "twice"} {
		p.Post(t, "/settings/emails", url.Values{"email": {e + "@example.com"}})
	}
	round(t, s)
	all, err := s.Accounts.ListEmails(t.Context(), s.DB, ada.ID)
	if err != nil || len(all) != 5 {
		t.Fatalf("%v, %v", all, err)
	}
	s.Advance(6 * time.Minute)
	for _, e := range all {
		switch e.Address {
		case "removed@example.com":
			err = s.Accounts.RemoveEmail(t.Context(), right.Operator(), ada.ID, e.ID)
		case "marked@example.com":
			err = s.Accounts.MarkVerified(t.Context(), right.Operator(), ada.ID, e.ID, true)
		case "twice@example.com":
			_, err = s.Signin.AskConfirm(t.Context(), ada.ID, e.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	o.say(nil)
	for range 3 {
		s.Advance(10 * time.Minute)
		round(t, s)
	}
	to := map[string]int{}
	for _, l := range o.letters() {
		to[l.to]++
		if got := p.Post(t, "/settings/emails/confirm", url.Values{"link": {linkOf(t, read(t, l.text))}}); got.StatusCode != http.StatusSeeOther || !verified(t, s, ada, l.to) {
			t.Errorf("the link that %s got: %d", l.to, got.StatusCode)
		}
	}
	if len(to) != 2 || to["kept@example.com"] != 1 || to["twice@example.com"] != 1 {
		t.Errorf("mails went to %v", to)
	}

	// One that no server took within the life of its link is not sent.
	p.Post(t, "/settings/emails", url.Values{"email": {"late@example.com"}})
	o.say(func(string) error { return &smtp.SMTPError{Code: 451, Message: "later"} })
	round(t, s)
	o.say(nil)
	s.Advance(25 * time.Hour)
	round(t, s)
	if n := len(o.letters()); n != 2 {
		t.Errorf("%d letters: a link was sent that is over", n)
	}
}
