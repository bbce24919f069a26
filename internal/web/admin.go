package web

import (
	"jeton/internal/account"
	"jeton/internal/id"
	"jeton/internal/signin"
)

func adminFrame(title string) Frame {
	return Frame{Title: title, Admin: true, Here: "/admin/users", Crumbs: []Link{{Text: "Site administration", Href: "/admin/users"}}}
}

func toUsers(c *call) error { return c.seeOther("/admin/users") }

const usersPerPage = 50

func userRowOf(a account.Account) userRow {
	return userRow{ID: a.ID, Login: a.Login, Name: line(a.Name), Email: a.Email, SiteAdmin: a.SiteAdmin, Suspended: a.Suspended, Machine: a.IsMachine(), Created: a.CreatedAt}
}

func (c *call) usersPage() (*usersPage, error) {
	after := cut(c.r.URL.Query().Get("after"), 100)
	list, err := c.door.o.Accounts.List(c.ctx(), c.door.o.DB, account.Query{After: after, Limit: usersPerPage + 1, Machines: true})
	if err != nil {
		return nil, err
	}
	p := &usersPage{Frame: adminFrame("Users")}
	if len(list) > usersPerPage {
		list = list[:usersPerPage]
		p.Pager.Next = href("/admin/users") + "?after=" + list[usersPerPage-1].Login
	}
	if after != "" {
		p.Pager.Prev = "/admin/users"
	}
	for _, a := range list {
		p.Users = append(p.Users, userRowOf(a))
	}
	return p, nil
}

func listUsers(c *call) error {
	p, err := c.usersPage()
	if err != nil {
		return err
	}
	if p.Link, err = c.takeLink("invite"); err != nil {
		return err
	}
	if p.Link != nil {
		p.Scripts = append(p.Scripts, "fresh.js")
	}
	return c.show("admin-users", p)
}

// takeLink shows a link that was made a moment ago, once.
func (c *call) takeLink(key string) (*madeLink, error) {
	if !c.mayTake() {
		return nil, nil
	}
	plain, ok := c.door.o.Reveals.Take(c.actor.Sess, key)
	if !ok {
		return nil, nil
	}
	l, err := c.door.o.Signin.PeekLink(c.ctx(), plain)
	if err != nil {
		return nil, err
	}
	c.shown()
	made := &madeLink{Heading: "Invitation link", Text: "Give this link to the person whom you invite.", URL: c.door.o.Gate.URL("/join#" + plain.Reveal()), Until: l.ExpiresAt}
	if l.Kind == signin.Reset {
		made.Heading, made.Text = "Reset link", "Give this link to "+l.Login+" and to nobody else: whoever opens it can choose the password."
		made.URL = c.door.o.Gate.URL("/password_reset#" + plain.Reveal())
	}
	return made, nil
}

func inviteUser(c *call) error {
	plain, _, err := c.door.o.Signin.NewLink(c.ctx(), c.actor, signin.Invite, signin.For{Email: c.field("email")}, 0)
	if err != nil {
		p, loadErr := c.usersPage()
		if loadErr != nil {
			return loadErr
		}
		p.Email = c.field("email")
		return c.again(err, "admin-users", p)
	}
	c.door.o.Reveals.Put(c.actor.Sess, "invite", plain)
	return c.seeOther("/admin/users")
}

// user loads the account that the path names.
func (c *call) user() (account.Account, error) {
	n, err := pathID[id.Account](c, "user")
	if err != nil {
		return account.Account{}, err
	}
	a, err := c.door.o.Accounts.ByID(c.ctx(), c.door.o.DB, n)
	if err == nil && (a.IsOrg() || !a.Named()) {
		err = errMissing() // an organisation is its owners' to manage, and so is what belongs to a repository
	}
	return a, err
}

func userPath(a account.Account) string { return "/admin/users/" + id.Text(a.ID) }

func (c *call) userPage(a account.Account) (*userPage, error) {
	emails, err := c.emails(a.ID)
	if err != nil {
		return nil, err
	}
	owned, err := c.door.o.Repos.Owned(c.ctx(), c.door.o.DB, a.ID)
	if err != nil {
		return nil, err
	}
	row := userRowOf(a)
	if row.Machine {
		if row.Manager, err = c.loginOf(a.Manager); err != nil {
			return nil, err
		}
	}
	p := &userPage{Frame: adminFrame(a.Login), User: &row, Emails: emails, Self: a.ID == c.actor.Account, Owns: len(owned)}
	return p, nil
}

func showUser(c *call) error {
	a, err := c.user()
	if err != nil {
		return err
	}
	p, err := c.userPage(a)
	if err != nil {
		return err
	}
	if p.Link, err = c.takeLink("reset"); err != nil {
		return err
	}
	if p.Link != nil {
		p.Scripts = append(p.Scripts, "fresh.js")
	}
	return c.show("admin-user", p)
}

// userDone ends a change of a user: it shows the page again, with what was wrong
// or what happened.
func (c *call) userDone(a account.Account, err error, text string) error {
	if err == nil {
		return c.done(text, userPath(a))
	}
	p, loadErr := c.userPage(a)
	if loadErr != nil {
		return loadErr
	}
	return c.again(err, "admin-user", p)
}

func resetUser(c *call) error {
	a, err := c.user()
	if err != nil {
		return err
	}
	plain, _, err := c.door.o.Signin.NewLink(c.ctx(), c.actor, signin.Reset, signin.For{Account: a.ID}, 0)
	if err == nil {
		c.door.o.Reveals.Put(c.actor.Sess, "reset", plain)
	}
	return c.userDone(a, err, "")
}

func suspendUser(c *call) error {
	a, err := c.user()
	if err != nil {
		return err
	}
	if a.ID == c.actor.Account {
		return errMissing()
	}
	if c.field("suspend") == "no" {
		return c.userDone(a, c.door.o.Lifecycle.UnsuspendAccount(c.ctx(), c.actor, a.ID), "Lifted the suspension of "+a.Login+".")
	}
	return c.userDone(a, c.door.o.Lifecycle.SuspendAccount(c.ctx(), c.actor, a.ID), "Suspended "+a.Login+".")
}

func setAdmin(c *call) error {
	a, err := c.user()
	if err != nil {
		return err
	}
	if a.ID == c.actor.Account {
		return errMissing()
	}
	admin := c.field("admin") == "yes"
	text := a.Login + " does not administer this site any more."
	if admin {
		text = a.Login + " administers this site now."
	}
	return c.userDone(a, c.door.o.Accounts.SetSiteAdmin(c.ctx(), c.actor, a.ID, admin), text)
}

func verifyEmail(c *call) error {
	a, err := c.user()
	if err != nil {
		return err
	}
	e, err := pathID[id.Email](c, "email")
	if err != nil {
		return err
	}
	return c.userDone(a, c.door.o.Accounts.MarkVerified(c.ctx(), c.actor, a.ID, e, true), "Marked the address as verified.")
}

func deleteUserPage(a account.Account) *confirmPage {
	return &confirmPage{Frame: adminFrame("Delete " + a.Login), Heading: "Delete the account " + a.Login + "?", Action: userPath(a) + "/delete",
		Button: "I understand, delete this account", Back: userPath(a), TypeThis: a.Login,
		Consequences: []string{"The account, its tokens and its sessions are removed for good.", "The user name is given to nobody else for 90 days."}}
}

func deleteUserForm(c *call) error {
	a, err := c.user()
	if err != nil {
		return err
	}
	return c.show("confirm", deleteUserPage(a))
}

func deleteUser(c *call) error {
	a, err := c.user()
	if err != nil {
		return err
	}
	if err = c.typed(a.Login); err == nil {
		err = c.door.o.Lifecycle.DeleteAccount(c.ctx(), c.actor, a.ID, 0)
	}
	if err != nil {
		return c.again(err, "confirm", deleteUserPage(a))
	}
	return c.done("Deleted the account "+a.Login+".", "/admin/users")
}
