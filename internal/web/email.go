package web

import (
	"net/http"
	"strings"

	"jeton/internal/id"
	"jeton/internal/problem"
)

// Settings, Emails, and where the link in a mail that confirms an address leads.

func (c *call) emailsPage() (*emailsPage, error) {
	rows, err := c.emails(c.actor.Account)
	return &emailsPage{Frame: settingsFrame("Emails", "/settings/emails"), Emails: rows, Delivers: c.door.o.Mail.Delivers()}, err
}

func (c *call) emails(of id.Account) ([]emailRow, error) {
	list, err := c.door.o.Accounts.ListEmails(c.ctx(), c.door.o.DB, of)
	if err != nil {
		return nil, err
	}
	rows := make([]emailRow, len(list))
	for i, e := range list {
		rows[i] = emailRow{ID: e.ID, Address: e.Address, Primary: e.Primary, Verified: e.Verified, Sent: e.ConfirmAt}
	}
	return rows, nil
}

func emailSettings(c *call) error {
	p, err := c.emailsPage()
	if err != nil {
		return err
	}
	return c.show("set-emails", p)
}

func (c *call) emailsFailed(err error) error {
	p, loadErr := c.emailsPage()
	if loadErr != nil {
		return loadErr
	}
	p.New = c.field("email")
	return c.again(err, "set-emails", p)
}

func addEmail(c *call) error {
	e, err := c.door.o.Accounts.AddEmail(c.ctx(), c.actor, c.actor.Account, c.field("email"))
	if err != nil {
		return c.emailsFailed(err)
	}
	return c.askConfirm(e.ID, "Added "+e.Address+".")
}

// askConfirm has the mail sent by which an address is confirmed, and says what comes
// of it after what was done before.
func (c *call) askConfirm(e id.Email, done string) error {
	m, err := c.door.o.Signin.AskConfirm(c.ctx(), c.actor.Account, e)
	switch {
	case problem.Is(err, problem.TooMany) && done != "": // what was done stays
		c.noted(err)
		p := problem.Of(err)
		return c.done(done+" No mail to confirm it was sent: "+sentence(p.Public)+" "+sentence(p.Remedy), "/settings/emails")
	case err != nil:
		return c.emailsFailed(err)
	case c.door.o.Mail.Delivers():
		done += " A mail was sent to " + m.Address + ": open the link in it to confirm that the address is yours."
	default:
		done += " This site sends no mail: the one with the link was written to a file on the server. Ask an administrator for it, or to mark " + m.Address + " as verified."
	}
	return c.done(strings.TrimSpace(done), "/settings/emails")
}

func sendConfirmation(c *call) error {
	e, err := pathID[id.Email](c, "email")
	if err != nil {
		return err
	}
	return c.askConfirm(e, "")
}

// confirmEmailPage is where the link in the mail leads. It says nothing of the address: the
// secret stands in the fragment, and programs that follow links in mails must find
// nothing to do.
func (c *call) confirmEmailPage() *linkPage {
	p := c.linkPage("Confirm your e-mail address", "", "Confirm the address")
	p.Login = c.actor.Login
	return p
}

func confirmEmailForm(c *call) error { return c.show("confirm-email", c.confirmEmailPage()) }

func confirmEmail(c *call) error {
	e, err := c.door.o.Signin.UseConfirm(c.ctx(), c.actor, c.linkSecret())
	if problem.Is(err, problem.NotFound) {
		c.noted(err)
		p, e := c.confirmEmailPage(), problem.Of(err)
		p.Problem = &Wrongs{Field: "link", Public: sentence(e.Public), Remedy: sentence(e.Remedy)}
		return c.showAs(http.StatusNotFound, "confirm-email", p)
	}
	if err != nil {
		return err
	}
	return c.done("Confirmed "+e.Address+".", "/settings/emails")
}

func makePrimary(c *call) error {
	e, err := pathID[id.Email](c, "email")
	if err != nil {
		return err
	}
	if err := c.door.o.Accounts.SetPrimary(c.ctx(), c.actor, c.actor.Account, e); err != nil {
		return c.emailsFailed(err)
	}
	return c.done("Changed your primary address.", "/settings/emails")
}

func removeEmail(c *call) error {
	e, err := pathID[id.Email](c, "email")
	if err != nil {
		return err
	}
	if err := c.door.o.Accounts.RemoveEmail(c.ctx(), c.actor, c.actor.Account, e); err != nil {
		return c.emailsFailed(err)
	}
	return c.done("Removed the address.", "/settings/emails")
}
