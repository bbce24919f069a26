package web

import (
	"net/http"
	"slices"

	"jeton/internal/account"
	"jeton/internal/gate"
	"jeton/internal/httpkit"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/token"
)

// deployTable is the pages of the deploy tokens of a repository.
func deployTable() []httpkit.Route[handler] {
	const get, post = http.MethodGet, http.MethodPost
	const base, k, of = "/{owner}/{repo}/settings/deploy-tokens", token.Deploy, right.RepoDeployTokens
	return slices.Concat(usesTable(base, of, of, ofDeploy), tokenTable(base, k, of, of, ofDeploy), []httpkit.Route[handler]{
		{Method: get, Path: base, Action: of, Handle: ofDeploy(listDeployTokens)},
		{Method: post, Path: base, Action: of, Handle: ofDeploy(createDeployToken)},
		{Method: get, Path: base + "/new", Action: of, Handle: ofDeploy(newDeployForm)},
		{Method: get, Path: base + "/{token}", Action: of, Handle: ofDeploy(showDeployToken)},
		{Method: post, Path: base + "/{token}", Action: of, Handle: ofDeploy(updateDeployToken)},
	})
}

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
				{Text: "Branches and tags", Href: c.repoPath("/settings/branches")}, {Text: "Webhooks", Href: c.repoPath("/settings/hooks")}, {Text: "Deploy tokens", Href: base},
				{Text: "Trusted issuers", Href: c.repoPath("/settings/trusts")}}
			return f
		}
		c.of = &holding{who: who, actor: c.door.o.Gate.Through(&who), base: base, manager: gate.Resource{ID: c.repo.Owner, Login: c.repo.OwnerLogin, Org: c.repo.OwnerIsOrg},
			home: tokenHome{kind: token.Deploy, path: base, list: base, noun: "deploy token", all: "all deploy tokens", gives: "permissions",
				template: "deploy-tokens", revealed: "deploy token of " + id.Text(c.repo.ID), around: frame}}
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

// deployFields are what the forms for a new one and for a changed one share.
type deployFields struct {
	Note                  string
	Write                 bool
	Statuses, Deployments bool
}

// given are the fields as they stand for t.
func given(t *token.Token) deployFields {
	has := func(name string) bool { return t.Permissions.Level(name) == right.Write }
	return deployFields{Note: t.Note, Write: has("contents"), Statuses: has("statuses"), Deployments: has("deployments")}
}

// sentDeploy reads the fields, and which permissions they ask for.
func (c *call) sentDeploy() (f deployFields, asked right.Fine, err error) {
	f = deployFields{Note: c.field("note"), Write: c.field("level") == "write", Statuses: c.field("statuses") == "write", Deployments: c.field("deployments") == "write"}
	level, ok := right.ParseLevel(c.field("level"))
	if !ok || level > right.Write {
		return f, asked, problem.Field("level", "Choose whether the token reads, or reads and writes.")
	}
	_ = asked.Set("contents", level) // all levels are offered
	if f.Statuses {
		_ = asked.Set("statuses", right.Write)
	}
	if f.Deployments {
		_ = asked.Set("deployments", right.Write)
	}
	return f, asked, nil
}

// deployForm is the form for a new one.
type deployForm struct {
	RepoFrame
	deployFields
	Base   string
	Expiry expiryField
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
	fields, asked, wrong := c.sentDeploy()
	p.deployFields = fields
	until, err := c.expiry(&p.Expiry, c.repo.Owner)
	if err == nil {
		err = wrong
	}
	if err != nil {
		return c.again(err, "deploy-new", p)
	}
	t, plain, err := c.door.o.Lifecycle.CreateDeployToken(c.ctx(), c.actor, c.repo.ID, token.NewDeploy{Note: p.Note, Permissions: asked, ExpiresAt: until})
	if err != nil {
		return c.again(err, "deploy-new", p)
	}
	return c.reveal(t, plain, false)
}

// deployTokenPage is one deploy token: the form to change it, and how it was used.
type deployTokenPage struct {
	RepoFrame
	deployFields
	tokenUse
	Name, Gives, Base string
	Expiry            expiry
}

func (c *call) deployTokenPage(t *token.Token, f deployFields) (*deployTokenPage, error) {
	use, err := c.useOf(t)
	return &deployTokenPage{RepoFrame: c.deployFrame("Deploy token " + line(t.Note)), deployFields: f, tokenUse: use, Name: line(t.Note), Gives: gives(t), Base: c.of.base,
		Expiry: newExpiry(t.ExpiresAt, c.door.o.Now())}, err
}

func showDeployToken(c *call) error {
	t, err := c.ownToken(token.Deploy)
	if err != nil {
		return err
	}
	p, err := c.deployTokenPage(&t, given(&t))
	if err != nil {
		return err
	}
	if p.Narrowed, err = c.narrowedOf(&t); err != nil {
		return err
	}
	if p.Ledger, err = c.tokenLedger(&t); err != nil {
		return err
	}
	return c.show("deploy-token", p)
}

func updateDeployToken(c *call) error {
	t, err := c.ownToken(token.Deploy)
	if err != nil {
		return err
	}
	f, asked, wrong := c.sentDeploy()
	if wrong == nil {
		_, wrong = c.door.o.Tokens.UpdateDeploy(c.ctx(), c.actor, c.holder().Account, t.ID, f.Note, asked)
	}
	if wrong != nil {
		p, err := c.deployTokenPage(&t, f)
		if err != nil {
			return err
		}
		return c.again(wrong, "deploy-token", p)
	}
	return c.done("Updated the token "+line(f.Note)+".", c.homeOf(t.Kind).of(t.ID, ""))
}
