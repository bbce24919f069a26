package attack

import (
	"testing"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/org"
	"jeton/internal/right"
	"jeton/internal/token"
	"jeton/internal/trust"
)

// machineDoors are open to every token of a machine of works before there is a policy.
var machineDoors = []string{"git fetch", "git push", "repository", "commits", "raw file", "archive", "LFS batch", "LFS transfer", "who am I"}

// ofMachine reports whether it is no person's token.
func (c *credential) ofMachine() bool {
	return c.kind == "deploy" || c.kind == "exchanged" || c.account != ""
}

// employ gives tokens to machines: a deploy token of works/plans that never ends, one
// that was exchanged there and reads alone, and that of a service account of works,
// which an owner made.
func (g *governed) employ(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	deploy, plain, err := g.Lifecycle.CreateDeployToken(ctx, asPerson(g.ada), g.plans.ID, token.NewDeploy{Note: "deploy", Permissions: right.ParseFine("contents=write,statuses=write")})
	if err != nil {
		t.Fatal(err)
	}
	g.creds = append(g.creds, &credential{name: "deploy", kind: "deploy", tid: deploy.ID, plain: plain.Reveal(), fine: true})

	trusted, err := g.Trusts.Create(ctx, asPerson(g.ada), trust.Place{Repo: g.plans.ID, Owner: g.works.ID, Name: "works/plans"},
		trust.Statement{Name: "CI", Issuer: "https://issuer.example.com", Audience: "jeton", Subject: "job", Permissions: right.ParseFine("contents=read,statuses=write"), Minutes: 60})
	if err != nil {
		t.Fatal(err)
	}
	var exchanged token.Token
	err = g.DB.Write(ctx, func(tx *db.Tx) error {
		m, err := g.Repos.MachineTx(ctx, tx, right.Anonymous(), g.plans.ID)
		if err != nil {
			return err
		}
		exchanged, plain, err = g.Tokens.ExchangeTx(ctx, tx, m, token.NewExchanged{Trust: trusted.ID, Note: "exchanged", Owner: g.works.ID, Access: token.Selected, Repos: []id.Repo{g.plans.ID},
			Permissions: trusted.Permissions, ExpiresAt: g.Now().Add(5 * time.Hour)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	g.creds = append(g.creds, &credential{name: "exchanged", kind: "exchanged", tid: exchanged.ID, plain: plain.Reveal(), ends: exchanged.ExpiresAt, fine: true, reads: true})

	bot := g.machine(t, g.ada, g.works.ID, "works-bot")
	crew, err := g.Orgs.FindTeam(ctx, g.DB, g.works.ID, "crew", 0)
	if err == nil {
		_, err = g.Orgs.SetMate(ctx, right.Operator(), crew.Team, bot.ID, org.TeamMember)
	}
	if err != nil {
		t.Fatal(err)
	}
	ends := g.Now().Add(300 * 24 * time.Hour)
	service, plain, err := g.Tokens.CreateFine(ctx, asPerson(g.ada), bot.ID, token.NewFine{Name: "service", Owner: g.works.ID, OwnerIsOrg: true, Access: token.AllOf, Permissions: right.ParseFine(everything), ExpiresAt: ends, Approved: true})
	if err != nil {
		t.Fatal(err)
	}
	g.creds = append(g.creds, &credential{name: "service account's", kind: "fine-grained", account: bot.Login, tid: service.ID, plain: plain.Reveal(), ends: ends, fine: true})
}
