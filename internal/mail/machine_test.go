package mail_test

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/config"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/ledger"
	"jeton/internal/org"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/token"
	"jeton/internal/trust"
)

// as is a signed-in person to the rooms.
func as(a account.Account) right.Actor {
	return right.Actor{Account: a.ID, Login: a.Login, Kind: right.SessionCredential, Grant: right.Everything()}
}

// aboutToken finds in a mail which tokens it is about, and whose they are.
var aboutToken = regexp.MustCompile(`(?m)^  (\S.*) \((?:fine-grained|deploy) token\)\r?\n  Of: +(\S+)\r?$`)

// posted returns to whom mails came since and about which tokens. What happened stands
// in each subject, for one token or for several.
func (o *office) posted(t *testing.T, s *apptest.Server, seen *int, one, several string) []string {
	t.Helper()
	round(t, s)
	all := o.letters()
	out := []string{}
	for _, l := range all[*seen:] {
		d := read(t, l.text)
		if subject := d.subject(t); !strings.Contains(subject, one) && !strings.Contains(subject, several) {
			t.Errorf("the subject is %q, want %q or %q", subject, one, several)
		}
		for _, found := range aboutToken.FindAllStringSubmatch(d.body, -1) {
			out = append(out, l.to+": "+found[1]+", "+found[2])
		}
	}
	*seen = len(all)
	slices.Sort(out)
	return out
}

// TestMachines: whoever answers for a machine reads of its tokens: a person of their
// own service account's, the owner of a repository of its deploy tokens, and of an
// organization's every owner and no other member. Of exchanged tokens nobody reads.
func TestMachines(t *testing.T) {
	t.Parallel()
	o := open(t, how{}, "")
	s := apptest.Start(t, func(c *config.Config) { c.Mail = "smtp+plain://" + o.address })
	ada, bob, eve := s.User(t, "ada"), s.User(t, "bob"), s.User(t, "eve")
	guild := s.Org(t, ada, "guild")
	s.Join(t, guild, org.Owner, bob)
	s.Join(t, guild, org.Member, eve)
	hall, nest := s.Repo(t, account.Account{ID: guild.ID}, "hall", true), s.Repo(t, eve, "nest", true)
	seen := 0
	one, several := "", ""
	expect := func(what string, want ...string) {
		t.Helper()
		slices.Sort(want)
		if got := o.posted(t, s, &seen, one, several); !slices.Equal(got, want) && len(got)+len(want) > 0 {
			t.Errorf("%s: the mails are\n%q, want\n%q", what, got, want)
		}
	}
	expect("nothing is made")

	service := func(by account.Account, manager id.Account, login string) token.Token {
		t.Helper()
		m, err := s.Lifecycle.CreateMachine(t.Context(), as(by), account.NewMachine{Login: login, Manager: manager})
		if err != nil {
			t.Fatal(err)
		}
		n := token.NewFine{Name: "ci of " + login, Owner: manager, OwnerIsOrg: manager == guild.ID, Access: token.AllOf, Permissions: right.ParseFine("contents=read"), ExpiresAt: s.Now().Add(30 * day)}
		tok, _, err := s.Tokens.CreateFine(t.Context(), as(by), m.ID, n)
		if err != nil {
			t.Fatal(err)
		}
		return tok
	}
	deploy := func(by account.Account, r repo.Repo) token.Token {
		t.Helper()
		tok, _, err := s.Lifecycle.CreateDeployToken(t.Context(), as(by), r.ID, token.NewDeploy{Note: "to " + r.Name, Permissions: right.ParseFine("contents=read"), ExpiresAt: s.Now().Add(30 * day)})
		if err != nil {
			t.Fatal(err)
		}
		return tok
	}
	const ofEve, ofGuild = "ci of eves-bot, eves-bot", "ci of guilds-bot, guilds-bot"
	toHall, toNest := fmt.Sprintf("to hall, deploy-%d[bot]", hall.ID), fmt.Sprintf("to nest, deploy-%d[bot]", nest.ID)
	bots := []token.Token{service(eve, eve.ID, "eves-bot"), service(ada, guild.ID, "guilds-bot"), deploy(ada, hall), deploy(eve, nest)}
	expectOf := func(what, happened, tooMany string) {
		t.Helper()
		one, several = happened, tooMany
		expect(what, "eve@example.com: "+ofEve, "eve@example.com: "+toNest, "ada@example.com: "+ofGuild, "bob@example.com: "+ofGuild, "ada@example.com: "+toHall, "bob@example.com: "+toHall)
	}
	expectOf("made", "was made", "are new")
	pages := regexp.MustCompile(`(?m)^  Its page: +` + regexp.QuoteMeta(s.URL()) + `(\S+?)\r?$`)
	led := map[string]bool{}
	for _, l := range o.letters() {
		for _, page := range pages.FindAllStringSubmatch(read(t, l.text).body, -1) {
			if l.to == "bob@example.com" {
				led[s.Person(t, bob).Get(t, page[1]).Header.Get("Location")] = true
			}
		}
	}
	if want := map[string]bool{fmt.Sprintf("/guild/hall/settings/deploy-tokens/%d", bots[2].ID): true, fmt.Sprintf("/organizations/guild/settings/service-accounts/guilds-bot/tokens/%d", bots[1].ID): true}; !maps.Equal(led, want) {
		t.Errorf("the pages lead an owner to %v, want %v", led, want)
	}

	// One that was exchanged, which ends and is used from elsewhere as well.
	trusted, err := s.Trusts.Create(t.Context(), as(ada), trust.Place{Repo: hall.ID, Owner: guild.ID, Name: "guild/hall"},
		trust.Statement{Name: "CI", Issuer: "https://issuer.example.com", Audience: "x", Subject: "job", Permissions: right.ParseFine("contents=read"), Minutes: 60})
	if err != nil {
		t.Fatal(err)
	}
	err = s.DB.Write(t.Context(), func(tx *db.Tx) error {
		m, err := s.Repos.MachineTx(t.Context(), tx, right.Anonymous(), hall.ID)
		if err != nil {
			return err
		}
		tok, _, err := s.Tokens.ExchangeTx(t.Context(), tx, m, token.NewExchanged{Trust: trusted.ID, Note: "job", Owner: guild.ID, Access: token.Selected, Repos: []id.Repo{hall.ID}, Permissions: trusted.Permissions, ExpiresAt: s.Now().Add(30 * day)})
		bots = append(bots, tok)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	expect("exchanged")
	for i, from := range []string{"192.0.2.7", "198.51.100.7"} {
		for _, tok := range bots {
			use := ledger.Use{Account: tok.Account, Token: tok.ID, Action: right.RepoFetch, Client: "git/2.47", Address: netip.MustParseAddr(from)}
			s.Ledger.Begin(use).End(ledger.Done, 0, 0)
		}
		if err := s.Ledger.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			expect("the first network")
		}
	}
	expectOf("another network", "was used from a new network", "were used from new networks")
	s.Advance(23*day + time.Hour)
	expectOf("a week before", "ends in 6 days", "end soon")
	expect("once")

	// Who is no owner any more reads no more, nor who is suspended.
	if err := s.Lifecycle.RemoveMember(t.Context(), right.Operator(), guild.ID, bob.ID, false); err != nil {
		t.Fatal(err)
	}
	if err := s.Lifecycle.SuspendAccount(t.Context(), right.Operator(), eve.ID); err != nil {
		t.Fatal(err)
	}
	s.Advance(6 * day)
	expect("a day before", "ada@example.com: "+ofGuild, "ada@example.com: "+toHall)
}
