package web

import (
	"jeton/internal/id"
	"jeton/internal/org"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// invitations is everything that waits for an answer of the viewer's.
func (c *call) invitations() (*invitationsPage, error) {
	p := &invitationsPage{Frame: Frame{Title: "Invitations"}}
	asked, err := c.door.o.Orgs.Of(c.ctx(), c.door.o.DB, c.actor.Account, true, false)
	if err != nil {
		return nil, err
	}
	for _, m := range asked {
		text := "to be a member of the organization"
		if m.Role == org.Owner {
			text = "to be an owner of the organization, with every right in it"
		}
		p.Rows = append(p.Rows, invitationRow{What: m.OrgLogin, By: m.ByLogin, Text: text, Until: m.Since.Add(org.InviteFor),
			Accept: "/orgs/" + m.OrgLogin + "/invitation", Decline: "/orgs/" + m.OrgLogin + "/invitation/decline"})
	}
	list, err := c.door.o.Repos.Invitations(c.ctx(), c.door.o.DB, 0, c.actor.Account)
	if err != nil {
		return nil, err
	}
	for _, i := range list {
		p.Rows = append(p.Rows, repoInvitation(&i, "/invitations/"+id.Text(i.ID)))
	}
	return p, nil
}

// repoInvitation is an invitation to a repository, which is answered below at.
func repoInvitation(i *repo.Invitation, at string) invitationRow {
	text := map[right.Level]string{right.Read: "to read the repository", right.Write: "to read the repository and push to it", right.Admin: "to administer the repository",
		right.None: "to take the repository over, as its owner"}[i.Level]
	return invitationRow{ID: i.ID, What: i.Repo.FullName(), By: i.ByLogin, Text: text, Private: i.Repo.Private, Until: i.CreatedAt.Add(repo.InviteFor),
		Accept: at + "/accept", Decline: at + "/decline"}
}

func listInvitations(c *call) error {
	p, err := c.invitations()
	if err != nil {
		return err
	}
	return c.show("invitations", p)
}

// toInvitations is where the API's links lead: whoever is invited may not know
// of the repository yet by its own address.
func toInvitations(c *call) error { return c.seeOther("/invitations") }

// answered shows the page again when an invitation is not there any more.
func (c *call) answered(err error, text, to string) error {
	if err == nil {
		return c.done(text, to)
	}
	if problem.Is(err, problem.NotFound) {
		p := problem.Of(err)
		err = problem.New(problem.Conflict, p.Public, p.Remedy)
	}
	p, loadErr := c.invitations()
	if loadErr != nil {
		return loadErr
	}
	return c.again(err, "invitations", p)
}

func acceptInvitation(c *call) error {
	n, err := pathID[id.Invitation](c, "invitation")
	if err != nil {
		return err
	}
	r, err := c.door.o.Lifecycle.AcceptInvitation(c.ctx(), c.actor, c.actor.Account, n)
	return c.answered(err, "Accepted. You have access to "+r.FullName()+" now.", "/"+r.FullName())
}

func declineInvitation(c *call) error {
	n, err := pathID[id.Invitation](c, "invitation")
	if err != nil {
		return err
	}
	return c.answered(c.door.o.Repos.Decline(c.ctx(), c.actor, c.actor.Account, n), "Declined the invitation.", "/invitations")
}

// asked is the organisation whose invitation the viewer answers. One that has
// not invited is told like one that does not exist.
func (c *call) asked() (org.Found, error) {
	o, err := c.door.o.Orgs.Find(c.ctx(), c.door.o.DB, c.r.PathValue("org"), c.actor.Account)
	if err == nil && !o.Pending {
		err = problem.New(problem.NotFound, "There is no such invitation.", "It may have been withdrawn. Ask an owner of the organization for another one.")
	}
	return o, err
}

func acceptOrg(c *call) error {
	o, err := c.asked()
	if err == nil {
		_, err = c.door.o.Orgs.Accept(c.ctx(), c.actor, o.ID)
	}
	return c.answered(err, "Welcome to "+o.Login+".", "/"+o.Login)
}

func declineOrg(c *call) error {
	o, err := c.asked()
	if err == nil {
		err = c.door.o.Lifecycle.RemoveMember(c.ctx(), c.actor, o.ID, c.actor.Account, false)
	}
	return c.answered(err, "Declined the invitation.", "/invitations")
}
