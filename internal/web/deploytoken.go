package web

import (
	"jeton/internal/account"
	"jeton/internal/gate"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/token"
)

// ofDeploy makes h a page about the deploy tokens of the repository in the path.
func ofDeploy(h handler) handler {
	return func(c *call) error {
		n, err := c.door.o.Accounts.FindMachineOfRepo(c.ctx(), c.door.o.DB, c.repo.ID)
		if err != nil {
			return err
		}
		who := account.Account{Place: c.repo.ID} // who has none yet
		if n != 0 {
			if who, err = c.door.o.Accounts.ByID(c.ctx(), c.door.o.DB, n); err != nil {
				return err
			}
		}
		base := c.repoPath("/settings/deploy-tokens")
		frame := func(title string) Frame {
			f := Frame{Title: title, Here: base, Crumbs: []Link{{Text: c.repo.OwnerLogin, Href: "/" + c.repo.OwnerLogin}, {Text: c.repo.Name, Href: c.repoPath("")},
				{Text: "Settings", Href: c.repoPath("/settings")}, {Text: "Deploy tokens", Href: base}}}
			f.SideLabel, f.Side = "Settings of the repository", []Link{{Text: "General", Href: c.repoPath("/settings")}, {Text: "Access", Href: c.repoPath("/settings/access")},
				{Text: "Branches and tags", Href: c.repoPath("/settings/branches")}, {Text: "Webhooks", Href: c.repoPath("/settings/hooks")}, {Text: "Deploy tokens", Href: base}}
			return f
		}
		c.of = &holding{who: who, actor: c.door.o.Gate.Through(&who), base: base, manager: gate.Resource{ID: c.repo.Owner, Login: c.repo.OwnerLogin, Org: c.repo.OwnerIsOrg},
			home: tokenHome{kind: token.Deploy, path: base, list: base, noun: "deploy token", all: "all deploy tokens", gives: "permissions",
				template: "deploy-tokens", revealed: "deploy token of " + itoa(int64(c.repo.ID)), around: frame}}
		return h(c)
	}
}

// deployPage is the list of a repository's deploy tokens.
type deployPage struct {
	RepoFrame
	New    *newToken
	Tokens []tokenRow
	Base   string
	Max    int
}

func (c *call) deployFrame(title string) RepoFrame {
	f := c.repoFrame(title, "settings")
	f.Here = "deploy-tokens"
	return f
}

func listDeployTokens(c *call) error {
	h, now := c.of.home, c.door.o.Now()
	list, err := c.door.o.Lifecycle.DeployTokens(c.ctx(), c.repo.ID)
	if err != nil {
		return err
	}
	p := &deployPage{RepoFrame: c.deployFrame("Deploy tokens of " + c.repo.FullName()), Base: h.path, Max: token.MaxDeploy}
	for i := range list {
		p.Tokens = append(p.Tokens, h.row(&list[i], gives(&list[i]), now))
	}
	if p.New, err = c.freshToken(h, list, &p.Frame); err != nil {
		return err
	}
	if p.New != nil {
		// Any user name does, and the machine's own is none that a shell likes.
		p.New.Login = "deploy"
		p.New.API = "curl " + c.door.trustCurl() + "-u deploy " + c.door.o.Gate.URL("/api/v3/repos/"+c.repo.FullName())
	}
	return c.show("deploy-tokens", p)
}

// deployForm is the form for a new one.
type deployForm struct {
	RepoFrame
	Base, Note            string
	Write                 bool
	Statuses, Deployments bool
	Expiry                expiryField
}

func (c *call) deployForm() *deployForm {
	p := &deployForm{RepoFrame: c.deployFrame("New deploy token"), Base: c.of.base, Expiry: newExpiryField(defaultPreset, "", c.door.o.Now())}
	p.Scripts = append(p.Scripts, "expiry.js")
	return p
}

func newDeployForm(c *call) error {
	p := c.deployForm()
	if err := c.limitExpiry(&p.Expiry, c.repo.Owner); err != nil {
		return err
	}
	return c.show("deploy-new", p)
}

func createDeployToken(c *call) error {
	p := c.deployForm()
	p.Note, p.Write = c.field("note"), c.field("level") == "write"
	p.Statuses, p.Deployments = c.field("statuses") == "write", c.field("deployments") == "write"
	n := token.NewDeploy{Note: p.Note}
	level, ok := right.ParseLevel(c.field("level"))
	until, err := c.expiry(&p.Expiry, c.repo.Owner)
	if err == nil && (!ok || level > right.Write) {
		err = problem.Field("level", "Choose whether the token reads, or reads and writes.")
	}
	if err != nil {
		return c.again(err, "deploy-new", p)
	}
	n.ExpiresAt = until
	_ = n.Permissions.Set("contents", level) // both levels are offered
	if p.Statuses {
		_ = n.Permissions.Set("statuses", right.Write)
	}
	if p.Deployments {
		_ = n.Permissions.Set("deployments", right.Write)
	}
	t, plain, err := c.door.o.Lifecycle.CreateDeployToken(c.ctx(), c.actor, c.repo.ID, n)
	if err != nil {
		return c.again(err, "deploy-new", p)
	}
	return c.reveal(t, plain, false)
}

// deployTokenPage is one deploy token.
type deployTokenPage struct {
	RepoFrame
	tokenUse
	Note, Gives string
	Expiry      expiry
}

func showDeployToken(c *call) error {
	t, err := c.ownToken(token.Deploy)
	if err != nil {
		return err
	}
	use, err := c.useOf(&t)
	if err != nil {
		return err
	}
	p := &deployTokenPage{RepoFrame: c.deployFrame("Deploy token " + line(t.Note)), tokenUse: use, Note: line(t.Note), Gives: gives(&t), Expiry: newExpiry(t.ExpiresAt, c.door.o.Now())}
	if p.Ledger, err = c.tokenLedger(&t); err != nil {
		return err
	}
	return c.show("deploy-token", p)
}
