package web

import (
	"jeton/internal/account"
	"jeton/internal/gate"
	"jeton/internal/org"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
)

const peoplePerPage = 50

// orgFrame is the frame of a page of the organisation that was loaded.
func (c *call) orgFrame(title, here string) OrgFrame {
	g, o := c.door.o.Gate, &c.org
	f := OrgFrame{Frame: Frame{Title: title, Crumbs: []Link{{Text: o.Login, Href: "/" + o.Login}}},
		Org: orgHead{Login: o.Login, Name: line(o.Name), Href: "/" + o.Login, Member: g.AllowsOrg(&c.actor, right.OrgMembers, o),
			Owner: g.AllowsOrg(&c.actor, right.OrgManageMembers, o), MayCreate: g.AllowsOrg(&c.actor, right.OrgCreateSome, o)}}
	f.Tabs = []Link{{Text: "Repositories", Href: "/" + o.Login, Current: here == "repositories"}, {Text: "People", Href: c.orgPath("/people"), Current: here == "people"}}
	if f.Org.Member {
		f.Tabs = append(f.Tabs, Link{Text: "Teams", Href: c.orgPath("/teams"), Current: here == "teams"})
	}
	if f.Org.Owner {
		f.Tabs = append(f.Tabs, Link{Text: "Settings", Href: c.orgSettingsPath(""), Current: here == "settings"})
	}
	return f
}

func (c *call) orgPath(rest string) string { return "/orgs/" + c.org.Login + rest }

func (c *call) orgSettingsPath(rest string) string {
	return "/organizations/" + c.org.Login + "/settings" + rest
}

// orgProfile is an organisation as others see it.
func orgProfile(c *call, who account.Account) error {
	var err error
	if c.org, err = c.door.o.Gate.Org(c.ctx(), &c.actor, right.OrgBrowse, who.Login); err != nil {
		return err
	}
	n := c.pageNumber()
	rows, total, err := c.repos(repo.Query{Owner: who.ID, Sort: repo.SortPushed, Descending: true, Page: n, PerPage: reposPerPage})
	if err != nil {
		return err
	}
	p := &orgPage{OrgFrame: c.orgFrame(who.Login, "repositories"), Bio: c.org.Bio, Location: line(c.org.Location), Website: line(c.org.Website), Contact: line(c.org.Contact),
		Repos: rows, Pager: pagerFor("/"+who.Login, n, total > n*reposPerPage)}
	p.Crumbs = nil
	if p.People, p.PeopleMore, err = c.orgPeople(1, 20); err != nil {
		return err
	}
	return c.show("org", p)
}

// orgPeople lists the members whom the viewer may see.
func (c *call) orgPeople(page, perPage int) ([]orgPerson, bool, error) {
	q := org.MemberQuery{OnlyShown: !c.door.o.Gate.AllowsOrg(&c.actor, right.OrgMembers, &c.org), Page: page, PerPage: perPage}
	list, total, err := c.door.o.Orgs.Members(c.ctx(), c.door.o.DB, c.org.ID, q)
	return c.orgRows(list), total > page*perPage, err
}

func (c *call) orgRows(list []org.Membership) []orgPerson {
	out := make([]orgPerson, len(list))
	for i, m := range list {
		role := "Member"
		if m.Role == org.Owner {
			role = "Owner"
		}
		out[i] = orgPerson{Login: m.Login, Name: line(m.Name), Role: role, Self: m.Account == c.actor.Account, Shown: m.Shown, Since: m.Since,
			Roles: []levelOption{{Value: "member", Text: "Member", Selected: m.Role == org.Member}, {Value: "admin", Text: "Owner", Selected: m.Role == org.Owner}}}
	}
	return out
}

func newOrgForm(c *call) error {
	return c.show("new-org", &newOrgPage{Frame: Frame{Title: "New organization"}})
}

func createOrg(c *call) error {
	p := &newOrgPage{Frame: Frame{Title: "New organization"}, Login: c.field("login"), Name: c.field("name")}
	made, err := c.door.o.Orgs.Create(c.ctx(), c.actor, p.Login, p.Name, c.actor.Account)
	if err != nil {
		return c.again(err, "new-org", p)
	}
	return c.done("Created the organization "+made.Login+".", "/"+made.Login)
}

func (c *call) peoplePage() (*peoplePage, error) {
	n := c.pageNumber()
	people, more, err := c.orgPeople(n, peoplePerPage)
	if err != nil {
		return nil, err
	}
	p := &peoplePage{OrgFrame: c.orgFrame("People of "+c.org.Login, "people"), People: people, Pager: pagerFor(c.orgPath("/people"), n, more)}
	if !p.Org.Owner {
		return p, nil
	}
	invited, _, err := c.door.o.Orgs.Members(c.ctx(), c.door.o.DB, c.org.ID, org.MemberQuery{Pending: true, Page: 1, PerPage: 200})
	if err != nil {
		return nil, err
	}
	p.Invited = c.orgRows(invited)
	outsiders, err := c.door.o.Repos.Outsiders(c.ctx(), c.door.o.DB, c.org.ID)
	for i, o := range outsiders {
		if i < peoplePerPage {
			p.Outsiders = append(p.Outsiders, o.Login)
		}
	}
	return p, err
}

func orgPeople(c *call) error {
	p, err := c.peoplePage()
	if err != nil {
		return err
	}
	return c.show("org-people", p)
}

// peopleDone shows the page again, with what was wrong or what happened.
func (c *call) peopleDone(err error, text string) error {
	if err == nil {
		return c.done(text, c.orgPath("/people"))
	}
	p, loadErr := c.peoplePage()
	if loadErr != nil {
		return loadErr
	}
	p.Login = c.field("login")
	return c.again(err, "org-people", p)
}

// byLogin is the account that the form names.
func (c *call) byLogin() (account.Account, error) {
	who, err := c.door.o.Accounts.ByLogin(c.ctx(), c.door.o.DB, c.field("login"))
	if problem.Is(err, problem.NotFound) {
		err = problem.Field("login", "There is no such user.")
	}
	return who, err
}

// setOrgRole invites, or gives a member another role.
func setOrgRole(c *call) error {
	role, ok := org.ParseRole(c.field("role"))
	if !ok {
		return c.peopleDone(problem.Field("role", "Choose member or owner."), "")
	}
	who, err := c.byLogin()
	if err != nil {
		return c.peopleDone(err, "")
	}
	m, err := c.door.o.Orgs.SetRole(c.ctx(), c.actor, c.org.ID, who.ID, role)
	if err == nil && m.Pending {
		return c.peopleDone(nil, "Invited "+who.Login+". They belong to the organization once they accept.")
	}
	word := "a member"
	if role == org.Owner {
		word = "an owner"
	}
	return c.peopleDone(err, who.Login+" is "+word+" now.")
}

func removeOrgPerson(c *call) error {
	who, err := c.byLogin()
	if err == nil {
		err = c.door.o.Lifecycle.RemoveMember(c.ctx(), c.actor, c.org.ID, who.ID, false)
	}
	if problem.Is(err, problem.NotFound) {
		err = problem.Field("", "This user does not belong to the organization any more.")
	}
	return c.peopleDone(err, who.Login+" does not belong to the organization any more.")
}

func removeOutsider(c *call) error {
	who, err := c.byLogin()
	if err == nil {
		err = c.door.o.Lifecycle.RemoveOutsider(c.ctx(), c.actor, c.org.ID, who.ID)
	}
	return c.peopleDone(err, who.Login+" has no access to this organization’s repositories any more.")
}

func showMembership(c *call) error {
	shown := c.field("shown") == "yes"
	err := c.door.o.Orgs.Show(c.ctx(), c.actor, c.org.ID, c.actor.Account, shown)
	text := "Everybody sees now that you belong to " + c.org.Login + "."
	if !shown {
		text = "Only its members see now that you belong to " + c.org.Login + "."
	}
	return c.peopleDone(err, text)
}

func (c *call) leaveOrgPage() *confirmPage {
	return &confirmPage{Frame: settingsFrame("Leave "+c.org.Login, "/settings/organizations"), Heading: "Leave " + c.org.Login + "?", Action: c.orgPath("/leave"),
		Button: "Leave this organization", Back: "/settings/organizations",
		Consequences: []string{"Your access to its repositories ends, also for your tokens, with your places in its teams.", "Only its owners can invite you again."}}
}

func leaveOrgForm(c *call) error { return c.show("confirm", c.leaveOrgPage()) }

func leaveOrg(c *call) error {
	if err := c.door.o.Lifecycle.RemoveMember(c.ctx(), c.actor, c.org.ID, c.actor.Account, false); err != nil {
		return c.again(err, "confirm", c.leaveOrgPage())
	}
	return c.done("You left "+c.org.Login+".", "/settings/organizations")
}

// ownOrgs is Settings, Organizations.
func ownOrgs(c *call) error {
	list, err := c.door.o.Orgs.Of(c.ctx(), c.door.o.DB, c.actor.Account, false, false)
	if err != nil {
		return err
	}
	p := &organizationsPage{Frame: settingsFrame("Organizations", "/settings/organizations")}
	for _, m := range list {
		role := "Member"
		if m.Role == org.Owner {
			role = "Owner"
		}
		p.Orgs = append(p.Orgs, membershipRow{Login: m.OrgLogin, Role: role, Href: "/" + m.OrgLogin, Shown: m.Shown, Owner: m.Role == org.Owner})
	}
	if p.Invited, err = c.waiting(); err != nil {
		return err
	}
	return c.show("set-organizations", p)
}

// waiting counts what waits for an answer of the viewer's.
func (c *call) waiting() (int, error) {
	n, err := c.door.o.Repos.WaitingFor(c.ctx(), c.door.o.DB, c.actor.Account)
	if err != nil {
		return 0, err
	}
	asked, err := c.door.o.Orgs.Of(c.ctx(), c.door.o.DB, c.actor.Account, true, false)
	return n + len(asked), err
}

// owners are the accounts under which the viewer may make something, with the one
// chosen that was asked for.
func (c *call) owners(chosen string) ([]ownerOption, error) {
	mine, err := c.door.o.Orgs.Mine(c.ctx(), c.door.o.DB, c.actor.Account)
	if err != nil {
		return nil, err
	}
	out := []ownerOption{{Login: c.actor.Login}}
	for _, o := range mine {
		if o.MayCreate(true) || o.MayCreate(false) {
			out = append(out, ownerOption{Login: o.Login, Selected: o.Login == chosen})
		}
	}
	return out, nil
}

// newOwner is the account that the form chose, asked about by the gate.
func (c *call) newOwner(public bool) (account.Account, error) {
	own, of := right.RepoCreatePrivate, right.OrgCreateRepoPrivate
	if public {
		own, of = right.RepoCreate, right.OrgCreateRepo
	}
	login := c.field("owner")
	if login == "" || login == c.actor.Login {
		return account.Account{ID: c.actor.Account, Login: c.actor.Login}, c.door.o.Gate.Check(&c.actor, own)
	}
	o, err := c.door.o.Gate.Org(c.ctx(), &c.actor, right.OrgBrowse, login)
	if problem.Is(err, problem.NotFound) {
		return account.Account{}, problem.Field("owner", "There is no such organization.")
	}
	if err == nil {
		err = c.mayIn(&o, of)
	}
	return o.Account, err
}

// mayIn asks about an action on an organisation, and tells a refusal beside the
// field.
func (c *call) mayIn(o *gate.Org, action right.Action) error {
	err := c.door.o.Gate.CheckOrg(&c.actor, action, o)
	if problem.Is(err, problem.Forbidden) {
		return problem.Field("owner", problem.Of(err).Public)
	}
	return err
}
