package attack

import (
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/application"
	"jeton/internal/id"
	"jeton/internal/right"
)

var linkInMail = regexp.MustCompile(`/settings/emails/confirm#([A-Za-z0-9_-]{43})`)

// confirmation is a mail by which an address is confirmed.
type confirmation struct{ to, link string }

// confirmations has mails sent and takes those that confirm an address, the oldest
// first.
func (s *scene) confirmations(t *testing.T) []confirmation {
	t.Helper()
	if err := s.Mail.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(s.Config.Mails(), "*.eml"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	var out []confirmation
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		plain := strings.ReplaceAll(string(text), "=\r\n", "")
		_, to, _ := strings.Cut(plain, "\nTo: <")
		to, _, _ = strings.Cut(to, ">")
		if found := linkInMail.FindStringSubmatch(plain); found != nil {
			out = append(out, confirmation{to, found[1]})
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// linkLeft is the link of the one mail that confirms an address, which stays.
func (s *scene) linkLeft(t *testing.T) string {
	t.Helper()
	var found [][]string
	for path, text := range files(t, s.Config.Mails()) {
		if strings.HasSuffix(path, ".eml") {
			found = append(found, linkInMail.FindAllStringSubmatch(strings.ReplaceAll(string(text), "=\r\n", ""), -1)...)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d links to confirm an address", len(found))
	}
	return found[0][1]
}

// setting sends a form of the settings. Where the last sign-in is long ago, the password
// comes with it.
func (s *scene) setting(t *testing.T, path string, form url.Values, who string) apptest.Answer {
	t.Helper()
	sent := url.Values{"sudo_password": {apptest.Password}}
	maps.Copy(sent, form)
	return s.post(t, "/settings/emails"+path, sent, who)
}

// oneLink is the link of the one mail that comes.
func (s *scene) oneLink(t *testing.T) string {
	t.Helper()
	all := s.confirmations(t)
	if len(all) != 1 {
		t.Fatalf("%d mails came: %v", len(all), all)
	}
	return all[0].link
}

func (s *scene) email(t *testing.T, a account.Account, address string) account.Email {
	t.Helper()
	all, err := s.Accounts.ListEmails(t.Context(), s.DB, a.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if e.Address == address {
			return e
		}
	}
	return account.Email{}
}

// TestW7_ALinkConfirmsOneAddressOnce: the link in a mail is good for its account and
// address, in its time, once, and says nothing to anybody else.
func TestW7_ALinkConfirmsOneAddressOnce(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	ada, eve := cookie(s.session(t, s.ada)), cookie(s.session(t, s.eve))
	const address = "ada@work.example.com"
	add := func(a string) { t.Helper(); want(t, "add", s.setting(t, "", url.Values{"email": {a}}, ada), 303) }
	use := func(what, link string, status int, who string) {
		t.Helper()
		a := s.post(t, "/settings/emails/confirm", url.Values{"link": {link}}, who)
		want(t, what, a, status)
		if status == 404 && (link != "" && strings.Contains(a.Text, link) || strings.Contains(a.Text, address)) {
			t.Errorf("%s: the answer holds the link or the address", what)
		}
		if verified := s.email(t, s.ada, address).Verified; verified != (status == 303) {
			t.Fatalf("%s: verified is %v", what, verified)
		}
	}
	send := func() string {
		t.Helper()
		s.Advance(6 * time.Minute)
		want(t, "send again", s.setting(t, fmt.Sprintf("/%d/send", s.email(t, s.ada, address).ID), nil, ada), 303)
		return s.oneLink(t)
	}
	add(address)
	first := s.oneLink(t)

	// Others, forgeries, and links of another kind.
	a := s.post(t, "/settings/emails/confirm", url.Values{"link": {first}}, eve)
	want(t, "another account", a, 404)
	if !strings.Contains(a.Text, "the account eve, as which you are signed in") || strings.Contains(a.Text, "ada") {
		t.Errorf("another account reads %s", a.Text)
	}
	forged := s.post(t, "/settings/emails/confirm", url.Values{"link": {strings.Repeat("A", 43)}}, eve)
	if cut := regexp.MustCompile(`[0-9A-F:]{20,}`); cut.ReplaceAllString(a.Text, "") != cut.ReplaceAllString(forged.Text, "") {
		t.Error("another's link is told from none")
	}
	want(t, "nobody", s.post(t, "/settings/emails/confirm", url.Values{"link": {first}}), 303) // to the sign-in
	want(t, "another site", s.Do(t, "POST", "/settings/emails/confirm", url.Values{"link": {first}}.Encode(), "Content-Type: application/x-www-form-urlencoded", "Sec-Fetch-Site: cross-site", ada), 403)
	want(t, "a token", s.post(t, "/settings/emails/confirm", url.Values{"link": {first}}, "Authorization: token "+s.token(t, s.ada, "all", "repo", "user")), 403)
	want(t, "another's address to send to", s.setting(t, fmt.Sprintf("/%d/send", s.email(t, s.ada, address).ID), nil, eve), 404)
	turned := []byte(first)
	turned[0] ^= 1
	for what, link := range map[string]string{"forged": string(turned), "empty": "", "longer": first + "A", "shorter": first[:42], "another spelling": first[:42] + string(rune(first[42]+1))} {
		use(what, link, 404, ada)
	}
	_, key := s.Keys.Digest("confirm email", nil)
	use("a digest of nothing", fmt.Sprintf("%x", key)[:43], 404, ada)
	want(t, "as a reset", s.post(t, "/password_reset", url.Values{"link": {first}, "password": {"another lantern for teaspoons"}}), 404)

	// A newer mail, time, a removed address, an administrator's word.
	second := send()
	use("after a newer mail", first, 404, ada)
	s.Advance(24 * time.Hour)
	use("after a day", second, 404, ada)
	third := send()
	remove := func() {
		t.Helper()
		want(t, "remove", s.setting(t, fmt.Sprintf("/%d/delete", s.email(t, s.ada, address).ID), nil, ada), 303)
	}
	remove()
	s.Advance(6 * time.Minute)
	add(address)
	fourth := s.oneLink(t)
	use("after it was removed and added", third, 404, ada)
	e := s.email(t, s.ada, address)
	for _, verified := range []bool{true, false} {
		if err := s.Accounts.MarkVerified(t.Context(), right.Operator(), s.ada.ID, e.ID, verified); err != nil {
			t.Fatal(err)
		}
	}
	use("after an administrator took it back", fourth, 404, ada)

	// In its time, from two windows at once.
	last := send()
	var both sync.WaitGroup
	var mu sync.Mutex
	var statuses []int
	for range 6 {
		both.Go(func() {
			a := s.post(t, "/settings/emails/confirm", url.Values{"link": {last}}, ada)
			mu.Lock()
			defer mu.Unlock()
			statuses = append(statuses, a.StatusCode)
		})
	}
	both.Wait()
	slices.Sort(statuses)
	if statuses[0] != 303 || statuses[1] != 404 || !s.email(t, s.ada, address).Verified {
		t.Errorf("six at once: %v", statuses)
	}
	want(t, "twice", s.post(t, "/settings/emails/confirm", url.Values{"link": {last}}, ada), 404)

	// When another has the address meanwhile, the old link is nobody's.
	s.Advance(24 * time.Hour)
	want(t, "eve adds one", s.setting(t, "", url.Values{"email": {"shared@example.com"}}, eve), 303)
	of := s.oneLink(t)
	want(t, "eve removes it", s.setting(t, fmt.Sprintf("/%d/delete", s.email(t, s.eve, "shared@example.com").ID), nil, eve), 303)
	s.Advance(6 * time.Minute)
	add("shared@example.com")
	mine := s.oneLink(t)
	want(t, "the link that eve had sent, by ada", s.post(t, "/settings/emails/confirm", url.Values{"link": {of}}, ada), 404)
	want(t, "the link that eve had sent, by eve", s.post(t, "/settings/emails/confirm", url.Values{"link": {of}}, eve), 404)
	want(t, "a verified one is another's", s.setting(t, "", url.Values{"email": {"shared@example.com"}}, eve), 422)
	want(t, "its own", s.post(t, "/settings/emails/confirm", url.Values{"link": {mine}}, ada), 303)
}

// TestW7_ServerKeys: a link is good while the key it was made under is kept.
func TestW7_ServerKeys(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	ada := cookie(s.session(t, s.ada))
	var links []string
	for _, a := range []string{"one@example.com", "two@example.com"} {
		want(t, "add", s.setting(t, "", url.Values{"email": {a}}, ada), 303)
		links = append(links, s.oneLink(t))
	}
	old := s.Keys.Current()
	if _, err := s.Keys.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, "the key is kept", s.post(t, "/settings/emails/confirm", url.Values{"link": {links[0]}}, ada), 303)
	if err := s.Keys.Retire(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	ada = cookie(s.session(t, s.ada)) // the session ended with the key
	want(t, "the key is retired", s.post(t, "/settings/emails/confirm", url.Values{"link": {links[1]}}, ada), 404)
	s.Advance(6 * time.Minute)
	want(t, "send again", s.setting(t, fmt.Sprintf("/%d/send", s.email(t, s.ada, "two@example.com").ID), nil, ada), 303)
	want(t, "under the new key", s.post(t, "/settings/emails/confirm", url.Values{"link": {s.oneLink(t)}}, ada), 303)
}

// TestW8_NoMailboxIsFlooded: whatever somebody does with an address, few mails go
// there, and few from one account to all.
func TestW8_NoMailboxIsFlooded(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	eve := cookie(s.session(t, s.eve))
	add := func(who, address string) { s.setting(t, "", url.Values{"email": {address}}, who) }
	remove := func(a account.Account, who string, e id.Email) {
		s.setting(t, fmt.Sprintf("/%d/delete", e), nil, who)
		if all, err := s.Accounts.ListEmails(t.Context(), s.DB, a.ID); err != nil || slices.ContainsFunc(all, func(m account.Email) bool { return m.ID == e }) {
			t.Fatalf("it was not removed (%v)", err)
		}
	}
	const victim = "stranger@example.net"
	count := func() int { t.Helper(); return len(s.confirmations(t)) }

	// Adding and removing, and sending again, without a pause: one.
	for i := range 12 {
		add(eve, []string{victim, "Stranger@EXAMPLE.net"}[i%2])
		all, err := s.Accounts.ListEmails(t.Context(), s.DB, s.eve.ID)
		if err != nil || len(all) != 2 {
			t.Fatalf("%v, %v", all, err)
		}
		a := s.setting(t, fmt.Sprintf("/%d/send", all[1].ID), nil, eve)
		want(t, "at once", a, 429)
		if a.Header.Get("Retry-After") == "" {
			t.Error("it does not say when")
		}
		remove(s.eve, eve, all[1].ID)
	}
	if n := count(); n > 1 { // the address of the mail was removed before it was sent: none, or one
		t.Errorf("%d mails without a pause", n)
	}
	// With pauses: five a day, the one above among them.
	asked := func(f func()) (n int) {
		for range 20 {
			s.Advance(6 * time.Minute)
			f()
			n += count()
		}
		return n
	}
	cycle := func(a account.Account, who string) func() {
		return func() {
			if e := s.email(t, a, victim); e.ID != 0 {
				remove(a, who, e.ID)
			}
			add(who, victim)
		}
	}
	if n := asked(cycle(s.eve, eve)); n != 4 {
		t.Errorf("eve sent %d more mails to the same address", n)
	}
	// From many accounts: ten a day in all.
	remove(s.eve, eve, s.email(t, s.eve, victim).ID)
	more := 0
	for i := range 4 {
		m := s.User(t, fmt.Sprintf("mallory%d", i))
		who := cookie(s.session(t, m))
		more += asked(cycle(m, who))
		remove(m, who, s.email(t, m, victim).ID)
	}
	if more != 5 {
		t.Errorf("other accounts sent %d more mails to the same address", more)
	}
	// From one account to many addresses, of which one mailbox may have many: ten a day.
	s.Advance(25 * time.Hour)
	n, i := 0, 0
	n = asked(func() {
		i++
		add(eve, fmt.Sprintf("stranger+%d@example.net", i))
		if i > 15 { // no room for more
			remove(s.eve, eve, s.email(t, s.eve, fmt.Sprintf("stranger+%d@example.net", i-15)).ID)
		}
	})
	if n != 10 {
		t.Errorf("eve sent %d mails to many addresses", n)
	}
	// The next day there are some again, and what was counted is forgotten.
	s.Advance(25 * time.Hour)
	if n := asked(func() {}); n != 0 {
		t.Errorf("%d mails of nobody", n)
	}
	var kept int
	if err := s.DB.QueryRow(t.Context(), `SELECT COUNT(*) FROM account_confirm_mails`).Scan(&kept); err != nil || kept != 0 {
		t.Errorf("%d rows are kept (%v)", kept, err)
	}
	if e := s.email(t, s.eve, "stranger+20@example.net"); e.ID == 0 || e.Verified {
		t.Fatalf("%+v", e)
	}
	s.setting(t, fmt.Sprintf("/%d/send", s.email(t, s.eve, "stranger+20@example.net").ID), nil, eve)
	if n := count(); n != 1 {
		t.Errorf("%d mails on the next day", n)
	}
}

// TestL6_UnverifiedAddresses: what an application is told of an address that nobody
// confirmed says so, and where nothing could say so it is not told.
func TestL6_UnverifiedAddresses(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	const address = "mallory@example.com"
	eve := s.User(t, "mallory")
	if err := s.Accounts.MarkVerified(t.Context(), right.Operator(), eve.ID, s.email(t, eve, address).ID, false); err != nil {
		t.Fatal(err)
	}
	page := cookie(s.session(t, eve))
	auth := "Authorization: token " + s.OAuthToken(t, eve, application.GitHubCLI, "read:user", "user:email")
	const query = `{viewer{email} repository(owner:"ada",name:"open"){viewerDefaultCommitEmail viewerPossibleCommitEmails}}`
	for _, verified := range []bool{false, true} {
		a := s.Do(t, "GET", "/api/v3/user/emails", "", auth)
		want(t, "the addresses", a, 200)
		if !strings.Contains(a.Text, `"mallory@example.com"`) || strings.Contains(a.Text, `"verified":true`) != verified {
			t.Errorf("verified %v: the addresses are %s", verified, a.Text)
		}
		for what, a := range map[string]string{"the user": s.Do(t, "GET", "/api/v3/user", "", auth).Text, "the viewer": s.query(t, query, auth).Text, "the public user": s.Do(t, "GET", "/api/v3/users/mallory", "", auth).Text} {
			if has := strings.Contains(a, address); has && (!verified || what == "the public user") || !has && verified && what != "the public user" {
				t.Errorf("verified %v: %s is %s", verified, what, a)
			}
		}
		if verified {
			break
		}
		want(t, "send", s.setting(t, fmt.Sprintf("/%d/send", s.email(t, eve, address).ID), nil, page), 303)
		want(t, "confirm", s.post(t, "/settings/emails/confirm", url.Values{"link": {s.oneLink(t)}}, page), 303)
	}
}
