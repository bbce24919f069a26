package web

import (
	"net/http"
	"strings"

	"jeton/internal/problem"
	"jeton/internal/secret"
)

// The pages that one-use links lead to. A link's secret stands in the URL's
// fragment, which browsers do not send; a script moves it into the form, and
// without script the person pastes it there.

func (c *call) linkPage(title, lead, button string) *linkPage {
	// What a page with a secret in its address loads must not learn the address.
	c.w.Header().Set("Referrer-Policy", "no-referrer")
	return &linkPage{Frame: Frame{Title: title, Scripts: []string{"link.js"}}, Lead: lead, Button: button}
}

func (c *call) setupPage() *linkPage {
	p := c.linkPage("Set up this site", "You make the first account. It administers the site.", "Create the administrator")
	p.AskLogin, p.AskEmail, p.EmailRequired = true, true, true
	return p
}

func (c *call) joinPage() *linkPage {
	p := c.linkPage("Join this site", "Choose the user name and the password of your new account.", "Create account")
	p.AskLogin, p.AskEmail = true, true
	return p
}

func (c *call) resetPage() *linkPage {
	return c.linkPage("Choose a new password", "All your sessions end. Access tokens go on working.", "Change password")
}

func setupForm(c *call) error {
	n, err := c.door.o.Accounts.Count(c.ctx(), c.door.o.DB)
	if err != nil {
		return err
	}
	p := c.setupPage()
	if n > 0 {
		p.Flash = &Flash{Tone: "warn", Text: "This site is set up already. Sign in, or ask an administrator for an invitation."}
	}
	return c.show("link", p)
}

func joinForm(c *call) error  { return c.show("link", c.joinPage()) }
func resetForm(c *call) error { return c.show("link", c.resetPage()) }

// linkSecret is the part of a pasted link after the "#", or all that was pasted.
func (c *call) linkSecret() secret.Value {
	s := c.field("link")
	if _, after, ok := strings.Cut(s, "#"); ok {
		s = after
	}
	return secret.New(s)
}

// linkFailed shows the form again. The secret of a link that is good stays in
// it: the page is kept nowhere, and the person, who may have no script, does
// not have to find the link again.
func (c *call) linkFailed(err error, p *linkPage) error {
	p.Login, p.Email = c.field("login"), c.field("email")
	if problem.Is(err, problem.NotFound) {
		c.noted(err)
		e := problem.Of(err)
		p.Problem = &Wrongs{Field: "link", Public: sentence(e.Public), Remedy: sentence(e.Remedy)}
		return c.showAs(http.StatusNotFound, "link", p)
	}
	p.Link = c.linkSecret().Reveal()
	return c.again(err, "link", p)
}

func setup(c *call) error {
	bearer, s, err := c.door.o.Signin.UseSetup(c.ctx(), c.linkSecret(), c.field("login"), c.field("email"), c.hidden("password"))
	if err != nil {
		return c.linkFailed(err, c.setupPage())
	}
	return c.startSession(bearer, s, "/")
}

func join(c *call) error {
	bearer, s, err := c.door.o.Signin.UseInvite(c.ctx(), c.linkSecret(), c.field("login"), c.field("email"), c.hidden("password"))
	if err != nil {
		return c.linkFailed(err, c.joinPage())
	}
	return c.startSession(bearer, s, "/")
}

func reset(c *call) error {
	if _, err := c.door.o.Signin.UseReset(c.ctx(), c.linkSecret(), c.hidden("password")); err != nil {
		return c.linkFailed(err, c.resetPage())
	}
	c.clearSession()
	return c.seeOther("/login?done=reset")
}
