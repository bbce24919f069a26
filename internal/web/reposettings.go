package web

import (
	"strings"

	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
)

func (c *call) repoPath(rest string) string { return "/" + c.repo.FullName() + rest }

func (c *call) repoSettingsPage() (*repoSettingsPage, error) {
	p := &repoSettingsPage{RepoFrame: c.repoFrame("Settings of "+c.repo.FullName(), "settings"), Name: c.repo.Name, Description: c.repo.Description, DefaultBranch: c.repo.DefaultBranch,
		Homepage: c.repo.Homepage, Topics: c.repo.Topics, Template: c.repo.Template, AskForking: c.repo.OwnerIsOrg && c.repo.Private, MayFork: !c.repo.NoForking}
	p.Here = "general"
	refs, err := c.door.o.Git.Repo(c.repo.ID).Refs(c.ctx())
	if err != nil {
		return nil, err
	}
	for i, b := range refs.Branches() {
		if i < maxEntries || b.Short() == p.DefaultBranch {
			p.Branches = append(p.Branches, b.Short())
		}
	}
	if u, err := c.door.o.Git.Repo(c.repo.ID).Upkeep(); err == nil {
		p.Upkeep = &u
	}
	p.Storage, err = c.storage()
	return p, err
}

// storage tells how much room the repository takes. What the owner's others
// take is for the owner's eyes.
func (c *call) storage() (storage, error) {
	mine, all, err := c.door.o.Repos.Spaces(c.ctx(), c.door.o.DB, &c.repo.Repo)
	s := storage{Git: c.repo.Size << 10, LFS: c.repo.LFSBytes, Quota: mine.Limit, OwnerQuota: all.Limit,
		Full: mine.Refuse(0) != nil || all.Refuse(0) != nil}
	if c.actor.Account == c.repo.Owner {
		s.OwnerIsMine, s.OwnerUsed = true, all.Used
	}
	return s, err
}

// maintainRepo has the store maintain the repository soon.
func maintainRepo(c *call) error {
	c.door.o.Git.RequestUpkeep(c.repo.ID)
	return c.done("The repository will be maintained now.", c.repoPath("/settings"))
}

func repoSettings(c *call) error {
	p, err := c.repoSettingsPage()
	if err != nil {
		return err
	}
	return c.show("repo-settings", p)
}

func saveRepo(c *call) error {
	p, err := c.repoSettingsPage()
	if err != nil {
		return err
	}
	p.Name, p.Description = c.field("name"), c.field("description")
	p.Homepage, p.Topics, p.Template = c.field("homepage"), c.field("topics"), c.field("template") == "yes"
	topics := strings.FieldsFunc(p.Topics, func(r rune) bool { return r == ' ' || r == ',' })
	patch := repo.Patch{Name: &p.Name, Description: &p.Description, Homepage: &p.Homepage, Topics: &topics, Template: &p.Template}
	if p.AskForking {
		p.MayFork = c.field("forking") == "yes"
		no := !p.MayFork
		patch.NoForking = &no
	}
	if branch := c.field("default_branch"); branch != "" {
		p.DefaultBranch = branch
		patch.DefaultBranch = &branch
	}
	r, err := c.door.o.Lifecycle.EditRepo(c.ctx(), c.actor, c.repo.Repo, patch)
	if err != nil {
		return c.again(err, "repo-settings", p)
	}
	return c.done("Saved the settings.", "/"+r.FullName()+"/settings")
}

func (c *call) accessPage() (*accessPage, error) {
	list, err := c.door.o.Repos.Collaborators(c.ctx(), c.door.o.DB, c.repo.ID)
	if err != nil {
		return nil, err
	}
	p := &accessPage{RepoFrame: c.repoFrame("Access to "+c.repo.FullName(), "settings")}
	p.Here = "access"
	for _, one := range list {
		row := personRow{Login: one.Login}
		for _, l := range []levelOption{{Value: "read", Text: "Read"}, {Value: "write", Text: "Write"}, {Value: "admin", Text: "Admin"}} {
			l.Selected = l.Value == one.Level.String()
			row.Levels = append(row.Levels, l)
		}
		p.People = append(p.People, row)
	}
	invited, err := c.door.o.Repos.Invitations(c.ctx(), c.door.o.DB, c.repo.ID, 0)
	if err != nil {
		return nil, err
	}
	for _, i := range invited {
		p.Invited = append(p.Invited, invitedRow{ID: i.ID, Login: i.Login, Level: i.Level.String(), Since: i.CreatedAt, Expired: i.Expired})
	}
	teams, err := c.door.o.Orgs.RepoTeams(c.ctx(), c.door.o.DB, c.repo.ID, c.actor.Account)
	for _, t := range teams {
		p.Teams = append(p.Teams, teamAccess{Name: line(t.Name), Href: c.teamPath(&t.Team), Level: t.Access.String()})
	}
	return p, err
}

func withdrawInvitation(c *call) error {
	n, ok := id.Parse[id.Invitation](c.field("invitation"))
	if !ok {
		return c.accessDone(problem.Field("", "This invitation does not wait any more."), "")
	}
	err := c.door.o.Repos.Withdraw(c.ctx(), c.actor, c.repo.ID, n)
	if problem.Is(err, problem.NotFound) {
		err = problem.Field("", "This invitation does not wait any more.")
	}
	return c.accessDone(err, "Withdrew the invitation.")
}

func repoAccess(c *call) error {
	p, err := c.accessPage()
	if err != nil {
		return err
	}
	return c.show("repo-access", p)
}

// accessDone shows the page again, with what was wrong or what happened.
func (c *call) accessDone(err error, text string) error {
	if err == nil {
		return c.done(text, c.repoPath("/settings/access"))
	}
	p, loadErr := c.accessPage()
	if loadErr != nil {
		return loadErr
	}
	p.Login = c.field("login")
	return c.again(err, "repo-access", p)
}

func setAccess(c *call) error {
	level, ok := right.ParseLevel(c.field("level"))
	if !ok {
		return c.accessDone(problem.Field("level", "Choose read, write or admin."), "")
	}
	who, err := c.door.o.Accounts.ByLogin(c.ctx(), c.door.o.DB, c.field("login"))
	if problem.Is(err, problem.NotFound) {
		return c.accessDone(problem.Field("login", "There is no such user."), "")
	}
	if err != nil {
		return err
	}
	i, err := c.door.o.Repos.Invite(c.ctx(), c.actor, c.repo.ID, who.ID, level)
	if err == nil && i != nil {
		return c.accessDone(nil, "Invited "+who.Login+". They have "+level.String()+" access once they accept.")
	}
	if p := problem.Of(err); p != nil && p.Field == "username" {
		err = problem.Field("login", p.Public)
	}
	return c.accessDone(err, who.Login+" has "+level.String()+" access now.")
}

func removeAccess(c *call) error {
	who, err := c.door.o.Accounts.ByLogin(c.ctx(), c.door.o.DB, c.field("login"))
	if err == nil {
		err = c.door.o.Repos.RemoveCollaborator(c.ctx(), c.actor, c.repo.ID, who.ID)
	}
	if problem.Is(err, problem.NotFound) {
		err = problem.Field("", "This user had no access any more.")
	}
	return c.accessDone(err, who.Login+" has no access any more.")
}

// confirmRepo is the page that asks once more about the repository.
func (c *call) confirmRepo(part, heading, button string, consequences ...string) *confirmPage {
	return &confirmPage{Frame: Frame{Title: heading, Crumbs: []Link{{Text: c.repo.OwnerLogin, Href: "/" + c.repo.OwnerLogin}, {Text: c.repo.Name, Href: c.repoPath("")}, {Text: "Settings", Href: c.repoPath("/settings")}}},
		Heading: heading, Action: c.repoPath("/settings/" + part), Button: button, Back: c.repoPath("/settings"), Consequences: consequences}
}

func (c *call) visibilityPage() *confirmPage {
	name := c.repo.FullName()
	p := c.confirmRepo("visibility", "Make "+name+" private?", "I understand, make it private",
		"Only you and the people whom you added can see it from then on.", "Copies that others have cloned stay where they are.")
	want := "private"
	if c.repo.Private {
		want = "public"
		p = c.confirmRepo("visibility", "Make "+name+" public?", "I understand, make it public",
			"Everybody who reaches this site can see and clone it, with its whole history.", "What others have cloned by then cannot be taken back.")
	}
	p.Hidden, p.TypeThis = []hiddenField{{"visibility", want}}, name
	return p
}

func visibilityForm(c *call) error { return c.show("confirm", c.visibilityPage()) }

func setVisibility(c *call) error {
	want := c.field("visibility")
	if want != "public" && want != "private" {
		return problem.New(problem.Invalid, "The form did not say what the repository shall be.", "Go back and send it again.")
	}
	err := c.typed(c.repo.FullName())
	if err == nil {
		private := want == "private"
		_, err = c.door.o.Lifecycle.EditRepo(c.ctx(), c.actor, c.repo.Repo, repo.Patch{Private: &private})
	}
	if err != nil {
		return c.again(err, "confirm", c.visibilityPage())
	}
	return c.done("The repository is "+want+" now.", c.repoPath("/settings"))
}

func archiveForm(c *call) error {
	if c.repo.Archived {
		return c.show("confirm", c.confirmRepo("unarchive", "Unarchive "+c.repo.FullName()+"?", "Unarchive this repository", "It can be pushed to and changed again."))
	}
	return c.show("confirm", c.confirmRepo("archive", "Archive "+c.repo.FullName()+"?", "Archive this repository",
		"It can still be read and cloned. Nothing in it can be changed, by anybody, until it is unarchived."))
}

func (c *call) setArchived(archived bool, text string) error {
	if _, err := c.door.o.Lifecycle.EditRepo(c.ctx(), c.actor, c.repo.Repo, repo.Patch{Archived: &archived}); err != nil {
		return err
	}
	return c.done(text, c.repoPath("/settings"))
}

func archiveRepo(c *call) error   { return c.setArchived(true, "Archived the repository.") }
func unarchiveRepo(c *call) error { return c.setArchived(false, "Unarchived the repository.") }

func (c *call) transferPage() *confirmPage {
	p := c.confirmRepo("transfer", "Transfer "+c.repo.FullName()+"?", "I understand, transfer this repository",
		"The new owner gets every right on it. You keep write access until the new owner takes it away.",
		"A person is asked first and has a week to accept. To an organization in which you may create repositories it goes at once.", "Old addresses lead on to the new one for 90 days, also for Git.")
	p.Ask = &askField{Name: "new_owner", Label: "New owner’s user name, or the organization’s name", Type: "text", Value: c.r.PostForm.Get("new_owner")}
	p.TypeThis = c.repo.FullName()
	return p
}

func transferForm(c *call) error { return c.show("confirm", c.transferPage()) }

func transferRepo(c *call) error {
	err := c.typed(c.repo.FullName())
	var r repo.Repo
	var offered bool
	if err == nil {
		r, offered, err = c.door.o.Lifecycle.TransferRepo(c.ctx(), c.actor, c.repo.ID, c.field("new_owner"), "")
	}
	if err != nil {
		return c.again(err, "confirm", c.transferPage())
	}
	if offered {
		return c.done("Asked "+c.field("new_owner")+" to take the repository over. It is yours until then.", c.repoPath("/settings"))
	}
	return c.done("Transferred the repository to "+r.OwnerLogin+".", "/"+r.FullName())
}

func (c *call) deleteRepoPage() *confirmPage {
	p := c.confirmRepo("delete", "Delete "+c.repo.FullName()+"?", "I understand, delete this repository",
		"The repository, its whole history and its settings are deleted for good. Nobody can bring them back.", "Copies that people have cloned stay where they are.")
	p.TypeThis = c.repo.FullName()
	return p
}

func deleteRepoForm(c *call) error { return c.show("confirm", c.deleteRepoPage()) }

func deleteRepo(c *call) error {
	err := c.typed(c.repo.FullName())
	if err == nil {
		err = c.door.o.Lifecycle.DeleteRepo(c.ctx(), c.actor, c.repo.ID)
	}
	if err != nil {
		return c.again(err, "confirm", c.deleteRepoPage())
	}
	return c.done("Deleted the repository "+c.repo.FullName()+".", "/")
}
