package web

import (
	"jeton/internal/account"
	"jeton/internal/audit"
	"jeton/internal/id"
	"jeton/internal/org"
	"jeton/internal/problem"
	"jeton/internal/right"
)

func (c *call) orgSettingsPage() (*orgSettingsPage, error) {
	o := &c.org
	p := &orgSettingsPage{OrgFrame: c.orgFrame("Settings of "+o.Login, "settings"), Name: o.Name, Bio: o.Bio, Location: o.Location, Website: o.Website, Contact: o.Contact,
		NewLogin: o.Login, CreatePublic: o.CreatePublic, CreatePrivate: o.CreatePrivate}
	for _, l := range []levelOption{{Value: "none", Text: "None: only what their teams give them"}, {Value: "read", Text: "Read: see and clone every repository"},
		{Value: "write", Text: "Write: push to every repository as well"}, {Value: "admin", Text: "Admin: change every repository’s settings as well"}} {
		l.Selected = l.Value == o.Base.String()
		p.Base = append(p.Base, l)
	}
	usage, err := c.door.o.Repos.Usage(c.ctx(), c.door.o.DB, o.ID)
	p.Owns = usage.Public + usage.Private
	return p, err
}

func orgSettings(c *call) error {
	p, err := c.orgSettingsPage()
	if err != nil {
		return err
	}
	return c.show("org-settings", p)
}

// orgSettingsDone shows the page again, with what was wrong or what happened.
func (c *call) orgSettingsDone(err error, text string) error {
	if err == nil {
		return c.done(text, c.orgSettingsPath(""))
	}
	p, loadErr := c.orgSettingsPage()
	if loadErr != nil {
		return loadErr
	}
	for name, to := range map[string]*string{"name": &p.Name, "bio": &p.Bio, "location": &p.Location, "website": &p.Website, "email": &p.Contact, "login": &p.NewLogin} {
		if c.r.PostForm.Has(name) {
			*to = c.field(name)
		}
	}
	return c.again(err, "org-settings", p)
}

func saveOrgProfile(c *call) error {
	in := account.Profile{Name: c.field("name"), Bio: c.field("bio"), Location: c.field("location"), Website: c.field("website")}
	_, err := c.door.o.Accounts.UpdateProfile(c.ctx(), c.actor, c.org.ID, in)
	if err == nil {
		contact := c.field("email")
		err = c.door.o.Orgs.Update(c.ctx(), c.actor, c.org.ID, org.Patch{Contact: &contact})
	}
	return c.orgSettingsDone(err, "Saved the profile.")
}

func saveOrgPrivileges(c *call) error {
	base, ok := right.ParseLevel(c.field("base"))
	if !ok && c.field("base") != "none" {
		return c.orgSettingsDone(problem.Field("base", "Choose what every member may do."), "")
	}
	public, private := c.field("create_public") == "yes", c.field("create_private") == "yes"
	err := c.door.o.Orgs.Update(c.ctx(), c.actor, c.org.ID, org.Patch{Base: &base, CreatePublic: &public, CreatePrivate: &private})
	return c.orgSettingsDone(err, "Saved what members may do. It holds from now on.")
}

func renameOrg(c *call) error {
	who, err := c.door.o.Accounts.Rename(c.ctx(), c.actor, c.org.ID, c.field("login"))
	if err != nil {
		return c.orgSettingsDone(err, "")
	}
	return c.done("The organization is called "+who.Login+" now.", "/organizations/"+who.Login+"/settings")
}

func (c *call) deleteOrgPage() *confirmPage {
	return &confirmPage{Frame: Frame{Title: "Delete " + c.org.Login, Crumbs: []Link{{Text: c.org.Login, Href: "/" + c.org.Login}, {Text: "Settings", Href: c.orgSettingsPath("")}}},
		Heading: "Delete the organization " + c.org.Login + "?", Action: c.orgSettingsPath("/delete"), Button: "I understand, delete this organization", Back: c.orgSettingsPath(""),
		TypeThis: c.org.Login, Consequences: []string{"Its profile, members and teams are removed for good. It must own no repositories by then.", "Its name stays reserved for 90 days."}}
}

func deleteOrgForm(c *call) error { return c.show("confirm", c.deleteOrgPage()) }

func deleteOrg(c *call) error {
	err := c.typed(c.org.Login)
	if err == nil {
		err = c.door.o.Lifecycle.DeleteOrg(c.ctx(), c.actor, c.org.ID)
	}
	if err != nil {
		return c.again(err, "confirm", c.deleteOrgPage())
	}
	return c.done("Deleted the organization "+c.org.Login+".", "/settings/organizations")
}

// orgLogPage is an organisation's security log.
type orgLogPage struct {
	OrgFrame
	Lines []logRow
	Pager pager
}

// orgLog is what happened in the organisation. From where its members act is
// theirs: addresses and browsers of others are left out.
func orgLog(c *call) error {
	p := &orgLogPage{OrgFrame: c.orgFrame("Security log of "+c.org.Login, "settings")}
	q := audit.Query{Account: c.org.ID, Limit: logPerPage + 1}
	before := c.r.URL.Query().Get("before")
	if q.Before, _ = id.Parse[id.Event](before); before != "" && q.Before == 0 {
		return errMissing()
	}
	lines, err := c.door.o.Audit.List(c.ctx(), q)
	if err != nil {
		return err
	}
	if len(lines) > logPerPage {
		lines = lines[:logPerPage]
		p.Pager.Next = c.orgSettingsPath("/audit-log?before=" + id.Text(lines[logPerPage-1].ID))
	}
	if q.Before != 0 {
		p.Pager.Prev = c.orgSettingsPath("/audit-log")
	}
	for i := range lines {
		row := logLine(&lines[i])
		row.Address, row.Client = "", ""
		p.Lines = append(p.Lines, row)
	}
	return c.show("org-log", p)
}
