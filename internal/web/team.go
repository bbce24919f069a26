package web

import (
	"strings"

	"jeton/internal/gate"
	"jeton/internal/org"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
)

const teamsPerPage = 50

func (c *call) teamPath(t *org.Team) string { return "/orgs/" + t.OrgLogin + "/teams/" + t.Slug }

func (c *call) teamRow(t *org.FoundTeam) teamRow {
	return teamRow{Name: line(t.Name), Slug: t.Slug, Href: c.teamPath(&t.Team), Description: line(t.Description), Secret: t.Secret, Inside: t.Inside, Members: t.Members, Repos: t.Repos}
}

func orgTeams(c *call) error {
	n := c.pageNumber()
	list, total, err := c.door.o.Orgs.Teams(c.ctx(), c.door.o.DB, c.org.ID, c.actor.Account, n, teamsPerPage)
	if err != nil {
		return err
	}
	p := &teamsPage{OrgFrame: c.orgFrame("Teams of "+c.org.Login, "teams"), Pager: pagerFor(c.orgPath("/teams"), n, total > n*teamsPerPage)}
	for i := range list {
		p.Teams = append(p.Teams, c.teamRow(&list[i]))
	}
	return c.show("org-teams", p)
}

func (c *call) newTeamPage() *newTeamPage {
	return &newTeamPage{OrgFrame: c.orgFrame("New team", "teams"), Name: c.field("name"), Description: c.field("description"), Visible: c.field("privacy") != "secret"}
}

func newTeamForm(c *call) error { return c.show("new-team", c.newTeamPage()) }

func createTeam(c *call) error {
	p := c.newTeamPage()
	t, err := c.door.o.Orgs.CreateTeam(c.ctx(), c.actor, c.org.ID, org.NewTeam{Name: p.Name, Description: p.Description, Secret: !p.Visible})
	if err != nil {
		return c.again(err, "new-team", p)
	}
	return c.done("Created the team "+t.Name+". Add its members and repositories.", c.teamPath(&t.Team))
}

func (c *call) teamPage() (*teamPage, error) {
	t := &c.group
	c.org = t.Of
	n := c.pageNumber()
	p := &teamPage{OrgFrame: c.orgFrame(line(t.Name)+", a team of "+t.OrgLogin, "teams"), Team: c.teamRow(&t.FoundTeam), Inside: t.Inside,
		May:  c.door.o.Gate.AllowsTeam(&c.actor, right.TeamEdit, t),
		Name: t.Name, Description: t.Description, Visible: !t.Secret}
	mates, total, err := c.door.o.Orgs.Mates(c.ctx(), c.door.o.DB, t.ID, org.NoTeamRole, n, peoplePerPage)
	if err != nil {
		return nil, err
	}
	p.Pager = pagerFor(c.teamPath(&t.Team), n, total > n*peoplePerPage)
	for _, m := range mates {
		p.Mates = append(p.Mates, teamMate{Login: m.Login, Role: m.Role.String(), Roles: []levelOption{
			{Value: "member", Text: "Member", Selected: m.Role == org.TeamMember}, {Value: "maintainer", Text: "Maintainer", Selected: m.Role == org.Maintainer}}})
	}
	return p, c.teamRepos(p)
}

// teamRepos are those of the team that the viewer may know of.
func (c *call) teamRepos(p *teamPage) error {
	levels, err := c.door.o.Orgs.TeamLevels(c.ctx(), c.door.o.DB, &c.group.Team)
	if err != nil {
		return err
	}
	found, _, err := c.door.o.Repos.ListVisible(c.ctx(), c.door.o.DB, &c.actor,
		repo.Query{Owner: c.group.Org, Team: c.group.ID, PerPage: repo.MaxPerPage, Closed: c.door.o.Gate.Closed()})
	if err != nil {
		return err
	}
	for i := range found {
		f := &found[i]
		row := teamRepo{FullName: f.FullName(), Name: f.Name, Href: "/" + f.FullName(), Private: f.Private, Level: levels[f.ID].String(), May: f.Relation >= right.Admin}
		row.Levels = append(row.Levels, levelOptions(levels[f.ID])...)
		p.Repos = append(p.Repos, row)
	}
	return nil
}

func levelOptions(now right.Level) []levelOption {
	out := []levelOption{{Value: "read", Text: "Read"}, {Value: "write", Text: "Write"}, {Value: "admin", Text: "Admin"}}
	for i := range out {
		out[i].Selected = out[i].Value == now.String()
	}
	return out
}

func showTeam(c *call) error {
	p, err := c.teamPage()
	if err != nil {
		return err
	}
	return c.show("team", p)
}

// teamDone shows the page again, with what was wrong or what happened.
func (c *call) teamDone(err error, text string) error {
	if err == nil {
		return c.done(text, c.teamPath(&c.group.Team))
	}
	p, loadErr := c.teamPage()
	if loadErr != nil {
		return loadErr
	}
	p.Login, p.Repo = c.field("login"), c.field("repository")
	return c.again(err, "team", p)
}

func saveTeam(c *call) error {
	t, err := c.door.o.Orgs.UpdateTeam(c.ctx(), c.actor, c.group.Team, org.NewTeam{Name: c.field("name"), Description: c.field("description"), Secret: c.field("privacy") == "secret"})
	if err != nil {
		return c.teamDone(err, "")
	}
	return c.done("Saved the team.", c.teamPath(&t.Team))
}

func setTeamMate(c *call) error {
	role, ok := org.ParseTeamRole(c.field("role"))
	if !ok {
		return c.teamDone(problem.Field("role", "Choose member or maintainer."), "")
	}
	who, err := c.byLogin()
	if err == nil {
		_, err = c.door.o.Orgs.SetMate(c.ctx(), c.actor, c.group.Team, who.ID, role)
	}
	if p := problem.Of(err); p != nil && p.Field == "username" {
		err = problem.Field("login", "Only members of the organization can be in its teams. Its owners can invite them.")
	}
	return c.teamDone(err, who.Login+" is in the team now.")
}

func removeTeamMate(c *call) error {
	who, err := c.byLogin()
	if err == nil {
		err = c.door.o.Orgs.RemoveMate(c.ctx(), c.actor, c.group.Team, who.ID)
	}
	if problem.Is(err, problem.NotFound) {
		err = problem.Field("", "This user is not in the team any more.")
	}
	return c.teamDone(err, who.Login+" is not in the team any more.")
}

// leaveTeam is for everybody in the team, for themselves.
func leaveTeam(c *call) error {
	err := c.door.o.Orgs.RemoveMate(c.ctx(), c.actor, c.group.Team, c.actor.Account)
	if problem.Is(err, problem.NotFound) {
		err = problem.Field("", "You are not in this team.")
	}
	if err != nil {
		return c.teamDone(err, "")
	}
	return c.done("You left the team "+line(c.group.Name)+".", "/orgs/"+c.group.OrgLogin+"/teams")
}

// namedRepo is the repository that the form names, which the viewer must
// administer.
func (c *call) namedRepo() (gate.Repo, error) {
	name := c.field("repository")
	if login, rest, ok := strings.Cut(name, "/"); ok {
		if !strings.EqualFold(login, c.group.OrgLogin) {
			return gate.Repo{}, problem.Field("repository", "The repository does not belong to this organization.")
		}
		name = rest
	}
	r, err := c.door.o.Gate.Repo(c.ctx(), &c.actor, right.RepoAccess, c.group.OrgLogin, name)
	switch problem.KindOf(err) {
	case problem.NotFound:
		err = problem.Field("repository", "There is no such repository.")
	case problem.Forbidden:
		err = problem.Field("repository", "You don’t administer this repository.")
	}
	return r, err
}

func setTeamRepo(c *call) error {
	level, ok := right.ParseLevel(c.field("level"))
	if !ok {
		return c.teamDone(problem.Field("level", "Choose read, write or admin."), "")
	}
	r, err := c.namedRepo()
	if err == nil {
		err = c.door.o.Orgs.SetTeamRepo(c.ctx(), c.actor, c.group.Team, r.ID, level)
	}
	return c.teamDone(err, "The team has "+level.String()+" access to "+r.Name+" now.")
}

func removeTeamRepo(c *call) error {
	r, err := c.namedRepo()
	if err == nil {
		err = c.door.o.Orgs.RemoveTeamRepo(c.ctx(), c.actor, c.group.Team, r.ID)
	}
	return c.teamDone(err, "The team has no access to "+r.Name+" any more.")
}

func (c *call) deleteTeamPage() *confirmPage {
	t := &c.group
	return &confirmPage{Frame: Frame{Title: "Delete the team " + line(t.Name), Crumbs: []Link{{Text: t.OrgLogin, Href: "/" + t.OrgLogin}, {Text: line(t.Name), Href: c.teamPath(&t.Team)}}},
		Heading: "Delete the team " + line(t.Name) + "?", Action: c.teamPath(&t.Team) + "/delete", Button: "Delete this team", Back: c.teamPath(&t.Team),
		Consequences: []string{"The access to repositories that its members have by it ends at once."}}
}

func deleteTeamForm(c *call) error { return c.show("confirm", c.deleteTeamPage()) }

func deleteTeam(c *call) error {
	if err := c.door.o.Orgs.DeleteTeam(c.ctx(), c.actor, c.group.Team); err != nil {
		return err
	}
	return c.done("Deleted the team "+line(c.group.Name)+".", "/orgs/"+c.group.OrgLogin+"/teams")
}
