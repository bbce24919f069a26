package web_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/org"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/token"
	"jeton/internal/trust"
)

// TestInventory_machines: what deploys, what was exchanged and what service accounts
// have stands in the list of the organization and of the site, under the name of the
// machine, and ends there.
func TestInventory_machines(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	s.Admin(t, "boss")
	chief := s.User(t, "chief")
	guild := s.Org(t, chief, "guild")
	s.Join(t, guild, org.Member, s.User(t, "ada"))
	hall, err := s.Lifecycle.CreateRepo(t.Context(), right.Operator(), repo.NewRepo{Owner: guild.ID, Name: "hall", Private: true})
	if err != nil {
		t.Fatal(err)
	}
	by := right.Actor{Account: chief.ID, Login: chief.Login, Kind: right.SessionCredential, Grant: right.Everything()}
	bot, err := s.Lifecycle.CreateMachine(t.Context(), by, account.NewMachine{Login: "guild-bot", Manager: guild.ID})
	if err != nil {
		t.Fatal(err)
	}
	s.Share(t, hall, bot, right.Read)
	// made are a deploy token, an exchanged one and a service account's, with their secrets.
	made := func(round string) (all []token.Token, secrets []string) {
		t.Helper()
		deploy, plain, err := s.Lifecycle.CreateDeployToken(t.Context(), by, hall.ID, token.NewDeploy{Note: "server" + round, Permissions: right.ParseFine("contents=read")})
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, plain.Reveal())
		trusted, err := s.Trusts.Create(t.Context(), by, trust.Place{Repo: hall.ID, Owner: guild.ID, Name: "guild/hall"},
			trust.Statement{Name: "CI" + round, Issuer: "https://issuer.example.com", Audience: "x", Subject: "job", Permissions: right.ParseFine("contents=read"), Minutes: 60})
		if err != nil {
			t.Fatal(err)
		}
		var exchanged token.Token
		err = s.DB.Write(t.Context(), func(tx *db.Tx) error {
			m, err := s.Repos.MachineTx(t.Context(), tx, right.Anonymous(), hall.ID)
			if err != nil {
				return err
			}
			exchanged, plain, err = s.Tokens.ExchangeTx(t.Context(), tx, m, token.NewExchanged{Trust: trusted.ID, Note: "job" + round, Owner: guild.ID, Access: token.Selected, Repos: []id.Repo{hall.ID},
				Permissions: trusted.Permissions, ExpiresAt: s.Now().Add(time.Hour)})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, plain.Reveal())
		service, text := s.FineToken(t, bot, token.NewFine{Name: "ci" + round, Owner: guild.ID, OwnerIsOrg: true, Access: token.AllOf}, "contents=read")
		return []token.Token{deploy, exchanged, service}, append(secrets, text)
	}
	opens := func(when string, secrets []string, status int) {
		t.Helper()
		for i, plain := range secrets {
			if got := bearerOf(t, s, plain, "/api/v3/repos/guild/hall"); got != status {
				t.Errorf("%s, the token %d: %d, want %d", when, i, got, status)
			}
		}
	}
	hidden := fmt.Sprintf("deploy-%d[bot]", hall.ID)
	for who, path := range map[string]string{"chief": "/organizations/guild/settings/tokens", "boss": "/admin/tokens"} {
		all, secrets := made(" for " + who)
		opens("before", secrets, 200)
		p := signedIn(t, s, who)
		g := p.get(path).want(t, 200, hidden, "guild-bot", "server for "+who, "job for "+who, "ci for "+who, "Deploy token", "Exchanged", "Fine-grained", "1 repository of guild", "all repositories of guild")
		if got := g.listed(); got != numbers(all[2], all[1], all[0]) {
			t.Errorf("%s: listed: %s", who, got)
		}
		hides(t, "the page", g.body, secrets...)
		// What names somebody leads somewhere.
		for _, one := range strings.Split(g.body, `href="`)[1:] {
			to, _, _ := strings.Cut(one, `"`)
			if strings.Contains(to, "bot") {
				p.get(to).want(t, 200)
			}
		}
		for query, want := range map[string]string{"kind=deploy": numbers(all[0]), "kind=exchanged": numbers(all[1]), "owner=guild-bot": numbers(all[2]), "owner=" + url.QueryEscape(hidden): numbers(all[1], all[0]),
			"reach=selected": numbers(all[1], all[0]), "may=contents": numbers(all[2], all[1], all[0]), "ends=never": numbers(all[2], all[0])} {
			if got := p.get(path+"?"+query).want(t, 200).listed(); got != want {
				t.Errorf("%s, %s: %q, want %q", who, query, got, want)
			}
		}
		for _, format := range []string{"csv", "jsonl"} {
			file := p.get(path + "/export?format=" + format).body
			if !strings.Contains(file, hidden) || !strings.Contains(file, "guild-bot") {
				t.Errorf("%s: the file names no machine: %s", who, file)
			}
			hides(t, "the file", file, secrets...)
		}
		ask := p.get(path+"/revoke?all=yes").want(t, 200, "Revoke 3 tokens?", hidden)
		p.follow(p.post(path+"/revoke", "ids", ask.ids(), "reason", "an audit")).want(t, 200, "Ended 3 tokens.")
		opens("revoked by "+who, secrets, 401)
		for _, a := range []id.Account{all[0].Account, bot.ID} {
			logged(t, s, a, "personal_access_token.destroy", "an audit")
		}
		log, action := guild.ID, "org.end_token"
		if who == "boss" {
			boss, _ := s.Accounts.ByLogin(t.Context(), s.DB, "boss")
			log, action = boss.ID, "site.end_token"
		}
		if line := logged(t, s, log, action, "an audit"); line.Target != hidden && line.Target != "guild-bot" {
			t.Errorf("%s: %+v", action, line)
		}
	}
}
