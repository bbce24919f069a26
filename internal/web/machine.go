package web

import (
	"net/http"
	"slices"

	"jeton/internal/account"
	"jeton/internal/gate"
	"jeton/internal/httpkit"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/token"
)

// machineTable is the pages of service accounts and of their tokens below base: of
// the person's own, or of an organisation's. look is the action of those that only
// show, deed of all others.
func machineTable(base string, look, deed right.Action) []httpkit.Route[handler] {
	const get, post = http.MethodGet, http.MethodPost
	k := token.FineGrained
	tokens := base + "/{machine}/tokens"
	return slices.Concat(usesTable(tokens, look, deed, ofMachine), tokenTable(tokens, k, look, deed, ofMachine), []httpkit.Route[handler]{
		{Method: get, Path: base, Action: look, Handle: listMachines},
		{Method: post, Path: base, Action: deed, Handle: createMachine},
		{Method: get, Path: base + "/new", Action: deed, Handle: newMachineForm},
		{Method: get, Path: base + "/{machine}", Action: look, Handle: ofMachine(showMachine)},
		{Method: post, Path: base + "/{machine}", Action: deed, Handle: ofMachine(describeMachine)},
		{Method: post, Path: base + "/{machine}/rename", Action: deed, Handle: ofMachine(renameMachine)},
		{Method: get, Path: base + "/{machine}/delete", Action: deed, Handle: ofMachine(deleteMachineForm)},
		{Method: post, Path: base + "/{machine}/delete", Action: deed, Handle: ofMachine(deleteMachine)},
		{Method: post, Path: base + "/{machine}/invitations/{invitation}/accept", Action: deed, Handle: ofMachine(acceptForMachine)},
		{Method: post, Path: base + "/{machine}/invitations/{invitation}/decline", Action: deed, Handle: ofMachine(declineForMachine)},
		{Method: get, Path: base + "/{machine}/security-log", Action: look, Handle: ofMachine(machineLog)},
		{Method: get, Path: base + "/{machine}/security-log/export", Action: look, Handle: ofMachine(exportMachineLog)},
		{Method: get, Path: tokens, Action: look, Handle: ofMachine(toMachine)},
		{Method: post, Path: tokens, Action: deed, Handle: ofMachine(createFine)},
		{Method: get, Path: tokens + "/new", Action: deed, Handle: ofMachine(newFineForm)},
		{Method: get, Path: tokens + "/revoke_all", Action: deed, Handle: ofMachine(revokeAllForm(k))},
		{Method: post, Path: tokens + "/revoke_all", Action: deed, Handle: ofMachine(revokeAll(k))},
		{Method: get, Path: tokens + "/{token}", Action: look, Handle: ofMachine(showFine)},
		{Method: post, Path: tokens + "/{token}", Action: deed, Handle: ofMachine(updateFine)},
	})
}

// managing is who manages the service accounts that the page is about: the person,
// or the organisation in the path.
func (c *call) managing() gate.Resource {
	if c.org.ID != 0 {
		return gate.Resource{ID: c.org.ID, Login: c.org.Login, Org: true}
	}
	return gate.Resource{ID: c.actor.Account, Login: c.actor.Login}
}

func (c *call) machinesPath() string {
	if c.org.ID != 0 {
		return c.orgSettingsPath("/service-accounts")
	}
	return "/settings/service-accounts"
}

// machinesFrame is the frame of a page about service accounts.
func (c *call) machinesFrame(title string) Frame {
	f := Frame{Title: title, Dev: true, Here: "/settings/service-accounts",
		Crumbs: []Link{{Text: "Settings", Href: "/settings/profile"}, {Text: "Developer settings", Href: "/settings/developers"}}}
	if c.org.ID == 0 {
		return f
	}
	f.Dev, f.Here = false, c.machinesPath()
	f.Crumbs = []Link{{Text: c.org.Login, Href: "/" + c.org.Login}, {Text: "Settings", Href: c.orgSettingsPath("")}}
	f.SideLabel, f.Side = "Settings of the organization", []Link{{Text: "General", Href: c.orgSettingsPath("")}, {Text: "OAuth Apps", Href: c.orgSettingsPath("/applications")},
		{Text: "Webhooks", Href: c.orgSettingsPath("/hooks")}, {Text: "Service accounts", Href: c.machinesPath()}, {Text: "Token policy", Href: c.orgSettingsPath("/personal-access-tokens")}, {Text: "Security log", Href: c.orgSettingsPath("/audit-log")}}
	return f
}

// ofMachine makes h a page of the service account in the path, or of its tokens. One
// of somebody else's is as good as missing.
func ofMachine(h handler) handler {
	return func(c *call) error {
		m := c.managing()
		who, err := c.door.o.Accounts.MachineOf(c.ctx(), c.door.o.DB, m.ID, c.r.PathValue("machine"))
		if err != nil {
			return missingOr(err)
		}
		base := c.machinesPath() + "/" + who.Login
		frame := func(title string) Frame {
			f := c.machinesFrame(title)
			f.Crumbs = append(f.Crumbs, Link{Text: "Service accounts", Href: c.machinesPath()}, Link{Text: who.Login, Href: base})
			return f
		}
		c.of = &holding{who: who, manager: m, base: base, actor: c.door.o.Gate.Through(&who),
			home: tokenHome{kind: token.FineGrained, path: base + "/tokens", list: base, noun: "token of " + who.Login, all: "the tokens of " + who.Login,
				gives: "permissions", template: "machine", revealed: "token of account " + id.Text(who.ID), around: frame}}
		return h(c)
	}
}

// machinesPage is the list of service accounts.
type machinesPage struct {
	Frame
	Base     string
	Org      string // of which they are; empty: the person's own
	Machines []machineRow
	Max      int
}

// machineRow is one of them.
type machineRow struct {
	Login, Description, Href string
	Tokens                   int
	Suspended                bool
}

func listMachines(c *call) error {
	m := c.managing()
	list, err := c.door.o.Accounts.Machines(c.ctx(), c.door.o.DB, m.ID)
	if err != nil {
		return err
	}
	p := &machinesPage{Frame: c.machinesFrame("Service accounts"), Base: c.machinesPath(), Org: c.org.Login, Max: account.MaxMachines}
	for _, a := range list {
		held, err := c.door.o.Tokens.List(c.ctx(), a.ID, token.FineGrained)
		if err != nil {
			return err
		}
		p.Machines = append(p.Machines, machineRow{Login: a.Login, Description: line(a.Bio), Href: p.Base + "/" + a.Login, Tokens: len(held), Suspended: a.Suspended})
	}
	return c.show("machines", p)
}

// machineForm is the form for a new one.
type machineForm struct {
	Frame
	Base, Org          string
	Login, Description string
}

func (c *call) machineForm() *machineForm {
	f := c.machinesFrame("New service account")
	f.Crumbs = append(f.Crumbs, Link{Text: "Service accounts", Href: c.machinesPath()})
	return &machineForm{Frame: f, Base: c.machinesPath(), Org: c.org.Login}
}

func newMachineForm(c *call) error { return c.show("machine-new", c.machineForm()) }

func createMachine(c *call) error {
	p := c.machineForm()
	p.Login, p.Description = c.field("login"), c.field("description")
	made, err := c.door.o.Lifecycle.CreateMachine(c.ctx(), c.actor, account.NewMachine{Login: p.Login, Description: p.Description, Manager: c.managing().ID})
	if err != nil {
		return c.again(err, "machine-new", p)
	}
	return c.done("Made the service account "+made.Login+".", p.Base+"/"+made.Login)
}

// machinePage is one service account.
type machinePage struct {
	tokensPage
	Base, Login, Org string
	Description      string
	NewLogin         string
	Suspended        bool
	Invited          []invitationRow
	Repos            []repoRow
	MoreRepos        int
}

const reposOfMachine = 20

// machinePage is the page of the service account, with its tokens.
func (c *call) machinePage() (*machinePage, []token.Token, error) {
	who := &c.of.who
	p := &machinePage{tokensPage: tokensPage{Frame: c.machinesFrame("Service account " + who.Login)}, Base: c.of.base, Login: who.Login, Org: c.org.Login, Description: who.Bio,
		NewLogin: who.Login, Suspended: who.Suspended}
	p.Crumbs = append(p.Crumbs, Link{Text: "Service accounts", Href: c.machinesPath()})
	invited, err := c.door.o.Repos.Invitations(c.ctx(), c.door.o.DB, 0, who.ID)
	if err != nil {
		return nil, nil, err
	}
	for _, i := range invited {
		p.Invited = append(p.Invited, repoInvitation(&i, c.of.base+"/invitations/"+id.Text(i.ID)))
	}
	rows, total, err := c.repos(repo.Query{Affiliation: repo.ByCollaborator | repo.ByMember, Sort: repo.SortPushed, Descending: true, PerPage: reposOfMachine})
	if err != nil {
		return nil, nil, err
	}
	p.Repos, p.MoreRepos = rows, total-len(rows)
	list, err := c.door.o.Tokens.List(c.ctx(), who.ID, token.FineGrained)
	if err != nil {
		return nil, nil, err
	}
	p.Tokens, err = c.fineRows(c.of.home, list)
	return p, list, err
}

// showMachine is the page of one, and shows once the secret of a token of it that
// was just made.
func showMachine(c *call) error {
	p, list, err := c.machinePage()
	if err != nil {
		return err
	}
	if p.New, err = c.freshToken(c.of.home, list, &p.Frame); err != nil {
		return err
	}
	return c.show("machine", p)
}

func toMachine(c *call) error { return c.seeOther(c.of.base) }

// machineAgain shows the page again, with what was wrong or what happened.
func (c *call) machineAgain(err error, text string) error {
	if err == nil {
		return c.done(text, c.of.base)
	}
	if p := problem.Of(err); problem.Is(err, problem.NotFound) {
		err = problem.New(problem.Conflict, p.Public, p.Remedy)
	}
	p, _, loadErr := c.machinePage()
	if loadErr != nil {
		return loadErr
	}
	if c.r.PostForm.Has("description") {
		p.Description = c.field("description")
	}
	if c.r.PostForm.Has("login") {
		p.NewLogin = c.field("login")
	}
	return c.again(err, "machine", p)
}

func describeMachine(c *call) error {
	_, err := c.door.o.Accounts.Describe(c.ctx(), c.actor, c.of.who.ID, c.field("description"))
	return c.machineAgain(err, "Saved what it is for.")
}

func renameMachine(c *call) error {
	who, err := c.door.o.Accounts.Rename(c.ctx(), c.actor, c.of.who.ID, c.field("login"))
	if err != nil {
		return c.machineAgain(err, "")
	}
	return c.done("The service account is called "+who.Login+" now.", c.machinesPath()+"/"+who.Login)
}

func (c *call) deleteMachinePage() *confirmPage {
	login := c.of.who.Login
	return &confirmPage{Frame: c.of.home.frame("Delete " + login), Heading: "Delete the service account " + login + "?", Action: c.of.base + "/delete",
		Button: "I understand, delete this service account", Back: c.of.base, TypeThis: login,
		Consequences: []string{"Every program that uses one of its tokens loses access at once. This cannot be undone.", "Its name stays reserved for 90 days."}}
}

func deleteMachineForm(c *call) error { return c.show("confirm", c.deleteMachinePage()) }

func deleteMachine(c *call) error {
	err := c.typed(c.of.who.Login)
	if err == nil {
		err = c.door.o.Lifecycle.DeleteAccount(c.ctx(), c.actor, c.of.who.ID, 0)
	}
	if err != nil {
		return c.again(err, "confirm", c.deleteMachinePage())
	}
	return c.done("Deleted the service account "+c.of.who.Login+".", c.machinesPath())
}

func acceptForMachine(c *call) error {
	n, err := pathID[id.Invitation](c, "invitation")
	if err != nil {
		return err
	}
	r, err := c.door.o.Lifecycle.AcceptInvitation(c.ctx(), c.actor, c.of.who.ID, n)
	return c.machineAgain(err, "Accepted. "+c.of.who.Login+" has access to "+r.FullName()+" now.")
}

func declineForMachine(c *call) error {
	n, err := pathID[id.Invitation](c, "invitation")
	if err != nil {
		return err
	}
	return c.machineAgain(c.door.o.Repos.Decline(c.ctx(), c.actor, c.of.who.ID, n), "Declined the invitation.")
}

// machineLogOf is a service account's own log.
func (c *call) machineLogOf() logOf {
	return logOf{Account: c.of.who.ID, Path: c.of.base + "/security-log", Name: "Security log of " + c.of.who.Login,
		Lead: "Each token and refusal of this service account, and what was changed about it.",
		None: "What the service account does and what is changed about it will be listed here.", actions: commonActions[:]}
}

func machineLog(c *call) error {
	of := c.machineLogOf()
	return c.showLog(of, c.of.home.frame(of.Name))
}

func exportMachineLog(c *call) error { return c.exportLog(c.machineLogOf()) }
