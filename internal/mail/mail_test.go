package mail_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/config"
	"jeton/internal/db"
	ours "jeton/internal/mail"
	"jeton/internal/notice"
	"jeton/internal/right"
	"jeton/internal/token"
)

const day = 24 * time.Hour

// box is what stands in the folder of a server's mails, the oldest first.
func box(t *testing.T, s *apptest.Server) []decoded {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(s.Config.Mails(), "*.eml"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	var out []decoded
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, read(t, string(text)))
	}
	return out
}

func round(t *testing.T, s *apptest.Server) {
	t.Helper()
	if err := s.Mail.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func subjects(t *testing.T, all []decoded) []string {
	t.Helper()
	out := []string{}
	for _, d := range all {
		out = append(out, d.subject(t))
	}
	return out
}

// expect compares the subjects of the mails that came since, and forgets them.
func expect(t *testing.T, s *apptest.Server, what string, want ...string) []decoded {
	t.Helper()
	round(t, s)
	all := box(t, s)
	if got := subjects(t, all); !slices.Equal(got, want) && len(got)+len(want) > 0 {
		t.Errorf("%s: the mails are %q, want %q", what, got, want)
	}
	remove(t, s)
	return all
}

// empty forgets the mails that came, and those that are about to.
func empty(t *testing.T, s *apptest.Server) {
	t.Helper()
	round(t, s)
	remove(t, s)
}

func remove(t *testing.T, s *apptest.Server) {
	t.Helper()
	names, _ := filepath.Glob(filepath.Join(s.Config.Mails(), "*.eml"))
	for _, name := range names {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCreated: somebody who makes a token on the page reads of it, and not its secret.
func TestCreated(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	got := s.Person(t, ada).Post(t, "/settings/tokens", url.Values{"note": {"ci"}, "scopes": {"repo"}, "expires": {"30"}}, "User-Agent: Mozilla/5.0 of ada")
	if got.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %s", got.StatusCode, got.Text)
	}
	all := expect(t, s, "a token is made", `Your token "ci" was made`)
	if len(all) != 1 {
		t.FailNow()
	}
	for _, want := range []string{"Hello ada,", "ci (classic token)", "127.0.0.1", "Mozilla/5.0 of ada", s.URL() + "/settings/tokens/1", "change your password", "/settings/notifications"} {
		if !strings.Contains(all[0].body, want) {
			t.Errorf("the mail does not say %q:\n%s", want, all[0].body)
		}
	}
	if strings.Contains(all[0].body, "jtp_") {
		t.Error("the mail holds a token")
	}
	for l := range strings.Lines(all[0].body) {
		if len(l) > 90 {
			t.Errorf("a line is long: %q", l)
		}
	}
	expect(t, s, "nothing happened since")

	s.FineToken(t, ada, token.NewFine{Name: "fine", Owner: ada.ID, Access: token.PublicOnly}, "")
	expect(t, s, "a fine-grained token", `Your token "fine" was made`)
	_, _, err := s.Tokens.Regenerate(t.Context(), right.Operator(), ada.ID, 1, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, s, "another secret", `Your token "ci" was regenerated`)
}

// TestEnds: a token's owner hears of its end a week before, a day before and then,
// once of each, and of the most urgent alone when nobody could be told in time.
func TestEnds(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	in := func(note string, d time.Duration) token.Token {
		tok, _ := s.TokenUntil(t, ada, note, s.Now().Add(d), "repo")
		return tok
	}
	in("ci", 30*day)
	late, moved := in("late", 60*day), in("moved", 60*day)
	in("short", 2*day)
	s.Token(t, ada, "endless", "repo")
	empty(t, s)

	s.Advance(1*day + time.Hour) // short has less than a day
	expect(t, s, "a day before short", `Your token "short" ends in 23 hours`)
	s.Advance(day)
	expect(t, s, "short has ended", `Your token "short" has ended`)
	s.Advance(20 * day)
	expect(t, s, "eight days before ci")
	s.Advance(day)
	expect(t, s, "a week before ci", `Your token "ci" ends in 7 days`)
	s.Advance(time.Hour)
	expect(t, s, "told already")
	restart := ours.New(ours.Options{DB: s.DB, Notices: s.Notices, Tokens: s.Tokens, Accounts: s.Accounts, Signin: s.Signin, Sender: ours.NewFolder(s.Config.Mails(), "x@example.com"), URL: s.URL(), Now: s.Now})
	if err := restart.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect(t, s, "told before the restart")
	s.Advance(6 * day)
	expect(t, s, "a day before ci", `Your token "ci" ends in 22 hours`)
	s.Advance(day)
	expect(t, s, "ci has ended", `Your token "ci" has ended`)

	// A server that slept: a week before late and moved is over, and so is a day.
	s.Advance(late.ExpiresAt.Sub(s.Now()) - 12*time.Hour)
	expect(t, s, "twelve hours before late", `2 tokens of yours end soon`)
	if _, _, err := s.Tokens.Regenerate(t.Context(), right.Operator(), ada.ID, moved.ID, s.Now().Add(60*day)); err != nil {
		t.Fatal(err)
	}
	expect(t, s, "moved was regenerated", `Your token "moved" was regenerated`)
	if _, err := s.Tokens.Revoke(t.Context(), right.Operator(), ada.ID, late.ID); err != nil {
		t.Fatal(err)
	}
	s.Advance(2 * day)
	expect(t, s, "late was deleted and moved has another end")
	s.Advance(90 * day)
	expect(t, s, "what ended long ago")
}

// TestEnds_moot: a notice that waited while its token was given another end, or
// deleted, is not sent, nor one that something more urgent overtook.
func TestEnds_moot(t *testing.T) {
	t.Parallel()
	o := open(t, how{}, "")
	s := apptest.Start(t, func(c *config.Config) { c.Mail = "smtp+plain://" + o.address })
	ada := s.User(t, "ada")
	var all []token.Token
	for _, note := range []string{"renewed", "deleted", "overtaken", "kept"} {
		end := 30 * day
		if note == "kept" {
			end = 34 * day
		}
		tok, _ := s.TokenUntil(t, ada, note, s.Now().Add(end), "repo")
		all = append(all, tok)
	}
	round(t, s)
	o.say(func(step string) error { return &smtp.SMTPError{Code: 451, Message: "later"} })
	n := len(o.letters())
	s.Advance(29*day - time.Hour) // all have less than a week; kept five days
	round(t, s)
	if _, _, err := s.Tokens.Regenerate(t.Context(), right.Operator(), ada.ID, all[0].ID, s.Now().Add(90*day)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Tokens.Revoke(t.Context(), right.Operator(), ada.ID, all[1].ID); err != nil {
		t.Fatal(err)
	}
	s.Advance(3 * time.Hour)
	round(t, s)
	o.say(nil)
	for range 3 { // after its rest, and after the longest pause
		s.Advance(time.Hour)
		round(t, s)
	}
	var got []string
	for _, l := range o.letters()[n:] {
		got = append(got, read(t, l.text).subject(t))
	}
	slices.Sort(got)
	want := []string{`Your token "kept" ends in 5 days`, `Your token "overtaken" ends in 21 hours`, `Your token "renewed" was regenerated`}
	if !slices.Equal(got, want) {
		t.Errorf("the mails are %q, want %q", got, want)
	}
}

// TestWho: nobody without a verified primary address is written to, nobody who is
// suspended, and nobody of what they do not want, but for what everybody must hear.
func TestWho(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, eve := s.User(t, "ada"), s.User(t, "eve")
	bob, err := s.Accounts.Create(t.Context(), right.Operator(), account.NewAccount{Login: "bob", Email: "bob@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Accounts.Suspend(t.Context(), right.Operator(), eve.ID); err != nil {
		t.Fatal(err)
	}
	got := s.Person(t, ada).Post(t, "/settings/notifications", url.Values{"kinds": {string(notice.Ended)}})
	if got.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %s", got.StatusCode, got.Text)
	}
	tok, _ := s.TokenUntil(t, ada, "mine", s.Now().Add(2*day), "repo")
	s.Token(t, bob, "bob's", "repo")
	s.Token(t, eve, "eve's", "repo")
	expect(t, s, "unwanted, unverified and suspended")
	status, err := s.Notices.Status(t.Context(), s.DB)
	if err != nil || status.Waiting != 0 || status.Failed != 0 {
		t.Errorf("%+v, %v", status, err)
	}
	s.Advance(day + time.Hour)
	expect(t, s, "a day before the end is unwanted")
	s.Advance(day)
	expect(t, s, "the end is wanted", `Your token "mine" has ended`)

	// An old secret that comes after its time is always told.
	if _, _, err := s.Tokens.Regenerate(t.Context(), right.Operator(), ada.ID, tok.ID, s.Now().Add(60*day)); err != nil {
		t.Fatal(err)
	}
	other, plain := s.Token(t, ada, "other", "repo")
	if _, err := s.Tokens.Rotate(t.Context(), right.Operator(), ada.ID, other.ID, token.Rotation{Window: token.MinWindow}); err != nil {
		t.Fatal(err)
	}
	empty(t, s)
	s.Advance(time.Hour)
	s.Do(t, "GET", "/api/v3/user", "", "Authorization: token "+plain, "User-Agent: curl/8 of a thief")
	all := expect(t, s, "reuse", `Your token "other" is frozen: an old secret was used`)
	if len(all) == 1 && !strings.Contains(all[0].body, "curl/8 of a thief") {
		t.Errorf("the mail does not say by what:\n%s", all[0].body)
	}
	if strings.Contains(all[0].body, plain) {
		t.Error("the mail holds the secret")
	}
}

// TestNetworks: a use from a network that is new is told, of one token five times a
// day at most; the first network is no news.
func TestNetworks(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, func(c *config.Config) {
		c.TLS, c.URL = config.Off, "https://git.example.com"
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	ada := s.User(t, "ada")
	tok, plain := s.Token(t, ada, "ci", "repo")
	expect(t, s, "made", `Your token "ci" was made`)
	use := func(addresses ...string) {
		t.Helper()
		for _, a := range addresses {
			r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+s.Address()+"/api/v3/user", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = "git.example.com"
			for name, value := range map[string]string{"Authorization": "token " + plain, "X-Forwarded-For": a, "X-Forwarded-Proto": "https", "User-Agent": "git/2.47"} {
				r.Header.Set(name, value)
			}
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("GET /user from %s: %d", a, resp.StatusCode)
			}
		}
		if err := s.Ledger.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	use("203.0.113.7", "203.0.113.200")
	expect(t, s, "the first network")
	use("198.51.100.1")
	all := expect(t, s, "another", `Your token "ci" was used from a new network`)
	if len(all) == 1 {
		for _, want := range []string{"198.51.100.1", "198.51.100.0/24", "git/2.47"} {
			if !strings.Contains(all[0].body, want) {
				t.Errorf("the mail does not say %s:\n%s", want, all[0].body)
			}
		}
	}
	use("198.51.100.99", "203.0.113.7")
	expect(t, s, "known ones")
	use("2001:db8:1:1::1", "2001:db8:1:2::1")
	expect(t, s, "one network of IPv6", `Your token "ci" was used from a new network`)
	for i := range 8 {
		use(fmt.Sprintf("192.0.%d.1", i))
	}
	round(t, s)
	var told int
	if err := s.DB.QueryRow(t.Context(), `SELECT COUNT(*) FROM notices WHERE kind = 'token_new_network'`).Scan(&told); err != nil || told != 5 {
		t.Errorf("%d were told of within a day (%v)", told, err)
	}
	expect(t, s, "the rest of the day", slices.Repeat([]string{`Your token "ci" was used from a new network`}, len(box(t, s)))...)
	s.Advance(25 * time.Hour)
	use("192.0.3.1")
	expect(t, s, "a network that was not told of, but is known")

	// It is bounded, and forgets.
	var networks int
	count := func() int {
		t.Helper()
		if err := s.DB.QueryRow(t.Context(), `SELECT COUNT(*) FROM token_networks WHERE token_id = $1`, tok.ID).Scan(&networks); err != nil {
			t.Fatal(err)
		}
		return networks
	}
	for i := range 120 {
		use(fmt.Sprintf("10.0.%d.1", i))
	}
	if n := count(); n != 100 {
		t.Errorf("%d networks are kept", n)
	}
	s.Advance(200 * day)
	round(t, s)
	if n := count(); n != 1 {
		t.Errorf("%d networks are kept after half a year", n)
	}
}

// TestMany: ten thousand tokens that end on one day make as many notices, in a few
// mails, and each is told of once, by two processes at once.
func TestMany(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	one, _ := s.TokenUntil(t, ada, "first", s.Now().Add(30*day), "repo")
	expect(t, s, "made", `Your token "first" was made`)
	const many = 10_000
	err := s.DB.Write(t.Context(), func(tx *db.Tx) error {
		for i := range many - 1 {
			_, err := tx.Exec(t.Context(), `
				INSERT INTO tokens (account_id, kind, app, note, scopes, last_eight, created_at, expires_at, key_id, digest, lookup_id, chain_key, description, permissions, access, owner_id, repos, parent_id, limits)
				SELECT account_id, kind, app, note || '-' || $2, scopes, last_eight, created_at, expires_at + $3, key_id, $4, $4, chain_key, description, permissions, access, owner_id, repos, parent_id, limits FROM tokens WHERE id = $1`,
				one.ID, fmt.Sprint(i), i%7, []byte(fmt.Sprintf("%032d", i)))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Advance(23*day + time.Hour)
	other := ours.New(ours.Options{DB: s.DB, Notices: notice.New(notice.Options{DB: s.DB, Audit: s.Audit, Now: s.Now}), Tokens: s.Tokens, Accounts: s.Accounts, Signin: s.Signin,
		Sender: ours.NewFolder(s.Config.Mails(), "x@example.com"), URL: s.URL(), Now: s.Now})
	var both sync.WaitGroup
	for _, f := range []*ours.Flow{s.Mail, other} {
		both.Go(func() {
			if err := f.Round(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	for range 8 { // what goes beyond a few mails waits, and none of it is lost
		s.Advance(time.Hour)
		round(t, s)
	}
	var all, sent int
	if err := s.DB.QueryRow(t.Context(), `SELECT COUNT(*), SUM(CASE WHEN state = 1 THEN 1 ELSE 0 END) FROM notices WHERE kind = 'token_ends_7d'`).Scan(&all, &sent); err != nil {
		t.Fatal(err)
	}
	if all != many || sent != many {
		t.Errorf("%d notices, %d were sent", all, sent)
	}
	if n := s.Mail.Sent() + other.Sent(); n != many+1 {
		t.Errorf("%d were sent", n)
	}
	mails := box(t, s)
	if len(mails) < 1 || len(mails) > many/500+2*2 {
		t.Errorf("%d mails", len(mails))
	}
	for _, m := range mails {
		if len(m.body) > 10<<10 {
			t.Errorf("a mail has %d bytes", len(m.body))
		}
	}
}

// TestCreated_many: a program that makes one token after another fills nobody's
// mailbox. The first ones are told at once, and the rest together within the hour.
func TestCreated_many(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	mails := 0
	for i := range 40 {
		s.Token(t, ada, fmt.Sprint("t", i), "repo")
		round(t, s)
		mails += len(box(t, s))
		remove(t, s)
	}
	if mails == 0 || mails > 10 {
		t.Errorf("%d mails about 40 tokens", mails)
	}
	s.Token(t, bob, "his", "repo")
	expect(t, s, "another's", `Your token "his" was made`)
	s.Advance(time.Hour)
	expect(t, s, "within the hour", fmt.Sprintf("%d tokens of yours are new", 40-mails))
	s.Advance(time.Hour)
	s.Token(t, ada, "later", "repo")
	expect(t, s, "afterwards", `Your token "later" was made`)
}
