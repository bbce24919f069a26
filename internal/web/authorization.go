package web

import (
	"jeton/internal/application"
	"jeton/internal/problem"
)

func applicationsFrame(title string) Frame { return settingsFrame(title, "/settings/applications") }

// listAuthorizations shows whom the person allowed to act for them.
func listAuthorizations(c *call) error {
	list, err := c.door.o.Apps.Authorizations(c.ctx(), c.actor.Account)
	if err != nil {
		return err
	}
	now := c.door.o.Now()
	p := &authorizationsPage{Frame: applicationsFrame("Applications")}
	for i := range list {
		p.Rows = append(p.Rows, authorizationRow{App: appWords(list[i].App), Scopes: list[i].Scopes.String(), Used: used(list[i].LastUse().At, now)})
	}
	return c.show("set-applications", p)
}

// ownAuthorization is what the person allowed the application of the path.
func (c *call) ownAuthorization() (application.Authorization, error) {
	a, err := c.door.o.Apps.Authorization(c.ctx(), c.actor.Account, c.r.PathValue("client_id"))
	if problem.Is(err, problem.NotFound) {
		return a, errMissing()
	}
	return a, err
}

func showAuthorization(c *call) error {
	a, err := c.ownAuthorization()
	if err != nil {
		return err
	}
	now := c.door.o.Now()
	p := &authorizationPage{Frame: applicationsFrame(line(a.App.Name)), App: appWords(a.App), Scopes: scopeWords(a.Scopes), Created: a.CreatedAt, Used: used(a.LastUse().At, now)}
	p.Crumbs = append(p.Crumbs, Link{Text: "Applications", Href: "/settings/applications"})
	if p.App.Owner, err = c.ownerOf(a.App); err != nil {
		return err
	}
	for _, t := range a.Tokens {
		p.Tokens = append(p.Tokens, appTokenRow{Created: t.CreatedAt, Used: t.LastUse.At, Address: t.LastUse.Address, Client: line(t.LastUse.Client), Repo: line(t.LastUse.Repo),
			Words: actionWords(t.LastUse.Action), Scopes: t.Scopes.String(), LastEight: t.LastEight, Expiry: newExpiry(t.ExpiresAt, now)})
	}
	return c.show("set-application", p)
}

func (c *call) revokeAppPage(a application.App) *confirmPage {
	path := href("/settings/connections/applications/%s", a.ClientID)
	return &confirmPage{Frame: applicationsFrame("Revoke access"), Heading: "Revoke the access of " + appWords(a).Name + "?", Action: path + "/revoke",
		Button: "I understand, revoke access", Back: path,
		Consequences: []string{"On every computer where you use it, it loses access at once. You can sign in with it again later."}}
}

func revokeAppForm(c *call) error {
	a, err := c.ownAuthorization()
	if err != nil {
		return err
	}
	return c.show("confirm", c.revokeAppPage(a.App))
}

func revokeApp(c *call) error {
	a, err := c.ownAuthorization()
	if err != nil {
		return err
	}
	if err := c.door.o.Apps.Revoke(c.ctx(), c.actor, c.actor.Account, a.App.ClientID, ""); err != nil {
		return err
	}
	return c.done("Revoked the access of "+appWords(a.App).Name+".", "/settings/applications")
}

func (c *call) revokeAppsPage() *confirmPage {
	return &confirmPage{Frame: applicationsFrame("Revoke all applications"), Heading: "Revoke the access of all applications?", Action: "/settings/applications/revoke_all",
		Button: "I understand, revoke access for everything", Back: "/settings/applications", TypeThis: c.actor.Login,
		Consequences: []string{"Every program that you signed in with loses access at once, on every computer. Your personal access tokens go on working."}}
}

func revokeAppsForm(c *call) error { return c.show("confirm", c.revokeAppsPage()) }

func revokeApps(c *call) error {
	if err := c.typed(c.actor.Login); err != nil {
		return c.again(err, "confirm", c.revokeAppsPage())
	}
	n, err := c.door.o.Apps.RevokeEvery(c.ctx(), c.actor, c.actor.Account)
	if err != nil {
		return err
	}
	return c.done("Revoked the access of "+plural(n, "application", "applications")+".", "/settings/applications")
}
