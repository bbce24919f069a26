package matrix

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"jeton/internal/account"
	"jeton/internal/id"
	"jeton/internal/right"
	"jeton/internal/token"
)

// machineRules are about service accounts, which are their managers' alone, and about
// the deploy tokens of a repository.
var machineRules = []rule{
	about(`web (POST|GET) /settings/service-accounts(/new|/\{machine\}/(delete|rename|tokens/(new|revoke_all)|tokens/\{token\}/(regenerate|rotate)))`, signedIn, "", true),
	about(`web \w+ /organizations/\{org\}/settings/service-accounts(/.*)?`, orgOwner, "", true),
	about(`web \w+ /\{owner\}/\{repo\}/settings/deploy-tokens(/.*)?`, manager, "", true),
}

var machineFixtures = func() map[string]fixture {
	const deploys = "/{owner}/{repo}/settings/deploy-tokens/{token}"
	out := map[string]fixture{
		"web GET " + deploys + "/uses/export": {query: "format=csv"},
		"web POST " + deploys + "/delete":     {anew: true},
		"web POST " + deploys + "/shrink": {anew: true, form: url.Values{"from": {strings.ReplaceAll(right.ParseFine(deployable).String(), ",", ", ")},
			"permissions": {"contents=read,metadata=read"}}.Encode()},
	}
	for _, base := range []string{"/settings/service-accounts/{machine}", "/organizations/{org}/settings/service-accounts/{machine}"} {
		out["web GET "+base+"/tokens/{token}/uses/export"] = fixture{query: "format=csv"}
		out["web GET "+base+"/security-log/export"] = fixture{query: "format=csv"}
		out["web POST "+base+"/tokens/{token}/delete"] = fixture{anew: true}
		out["web POST "+base+"/tokens/{token}/shrink"] = fixture{form: "permissions=", anew: true}
	}
	return out
}()

// deployable is all that a deploy token can have.
const deployable = "contents=write,statuses=write,deployments=write,metadata=read"

// The tokens of accounts that are no people's: what a writer's token with every
// permission may, and what a deploy token may.
const (
	ofMachine = "of a service account"
	ofDeploy  = "of the repository itself"
)

// machines are the service accounts of a world, and their tokens.
type machines struct {
	of      map[relation]account.Account // of each person
	tokens  map[relation]id.Token
	org     account.Account // of the organisation
	orgs    id.Token
	deploys map[bool]id.Token // of each repository
	secret  string            // of the owner's machine, which writes to both repositories
	secrets map[bool]string   // of the deploy tokens
}

// employ makes a service account of everybody.
func (w *world) employ(t *testing.T, prefix string) {
	t.Helper()
	w.machines = machines{of: map[relation]account.Account{}, tokens: map[relation]id.Token{}, deploys: map[bool]id.Token{}, secrets: map[bool]string{}}
	for r, p := range w.people {
		w.machines.of[r] = w.machine(t, p.ID, p.Login+"-bot")
		w.machines.tokens[r] = w.tokenOf(t, w.machines.of[r], p.ID, "decoy")
	}
}

func (w *world) machine(t testing.TB, manager id.Account, login string) account.Account {
	t.Helper()
	a, err := w.s.Lifecycle.CreateMachine(context.WithoutCancel(t.Context()), right.Operator(), account.NewMachine{Login: login, Manager: manager})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (w *world) tokenOf(t testing.TB, machine account.Account, reaches id.Account, name string) id.Token {
	t.Helper()
	made, _ := w.s.FineToken(t, machine, token.NewFine{Name: name, Owner: reaches, Access: token.PublicOnly}, "")
	return made.ID
}

// arm makes the organisation's machine, the deploy tokens, and the tokens by which
// machines come.
func (w *world) arm(t *testing.T, prefix string) {
	t.Helper()
	w.machines.org = w.machine(t, w.org.ID, prefix+"acme-bot")
	w.machines.orgs = w.tokenOf(t, w.machines.org, w.org.ID, "decoy")
	_, w.machines.secret = w.s.FineToken(t, w.machines.of[owner], token.NewFine{Name: "all", Owner: w.people[owner].ID, Access: token.AllOf}, right.AllFine().String())
	for private, r := range w.repos {
		w.machines.deploys[private], w.machines.secrets[private] = w.deploy(t, r.ID, "server")
	}
}

func (w *world) deploy(t testing.TB, repo id.Repo, note string) (id.Token, string) {
	t.Helper()
	n := token.NewDeploy{Note: note, Permissions: right.ParseFine(deployable)}
	made, plain, err := w.s.Lifecycle.CreateDeployToken(context.WithoutCancel(t.Context()), right.Operator(), repo, n)
	if err != nil {
		t.Fatal(err)
	}
	return made.ID, plain.Reveal()
}

// machineToken is the token that a page's path names: one for this request alone, or
// the one that is there.
func (m *matrix) machineToken(t testing.TB, c kase) (made id.Token) {
	t.Helper()
	w := m.world(c)
	if !fixtures[c.route.String()].anew {
		switch {
		case c.ofRepo():
			return w.machines.deploys[c.private]
		case c.ofOrg():
			return w.machines.orgs
		}
		return w.machines.tokens[c.relation]
	}
	switch {
	case c.ofRepo():
		made, _ = w.deploy(t, w.repos[c.private].ID, m.notes.next())
	case c.ofOrg():
		made = w.tokenOf(t, w.machines.org, w.org.ID, m.notes.next())
	default:
		made = w.tokenOf(t, w.machines.of[c.relation], m.person(c).ID, m.notes.next())
	}
	m.fine.Store(c.String(), made)
	return made
}

// machinePath fills in which machine, and which token of it, a page's path names.
func (m *matrix) machinePath(t testing.TB, c kase) []string {
	of := m.world(c).machines.of[c.relation]
	if c.ofOrg() {
		of = m.world(c).machines.org
	}
	pairs := []string{"{machine}", of.Login, "{node}", "000102030405060708090a0b0c0d0e0f", "{invitation}", strconv.FormatInt(1<<40, 10)}
	if strings.Contains(c.path, "{token}") {
		pairs = append(pairs, "{token}", strconv.FormatInt(int64(m.machineToken(t, c)), 10))
	}
	return pairs
}

// TestMatrix_machines sends every request of the API, of Git and of Git LFS that is of
// a repository or of oneself by a service account that may write, and by a deploy
// token: they may what their permissions and a writer may, and nothing else.
func TestMatrix_machines(t *testing.T) {
	t.Parallel()
	m := newMatrix(t)
	sent := 0
	for _, r := range routesOf(t, m.alive) {
		if r.door == "web" || r.door == "oauth" || r.ofOrg() {
			continue
		}
		for _, private := range []bool{false, true} {
			if private && !r.ofRepo() {
				continue
			}
			for _, credential := range []string{ofMachine, ofDeploy} {
				c := kase{route: r, private: private, relation: write, credential: credential}
				c.carrier = headers[int(c.hash())%len(headers)]
				sent++
				if want, got, a := m.run(t, c); want != got {
					t.Errorf("%s: got %s, want %s\n\t%d %.200s", c, got, want, a.status, a.body)
				}
			}
		}
	}
	t.Logf("%d requests", sent)
}
