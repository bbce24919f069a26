package web

import (
	"jeton/internal/application"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/secret"
)

// appHome is whose applications a page is about: the person's, or those of the
// organisation in its path.
type appHome struct {
	owner id.Account
	base  string // the path under which each has its page
	list  string // the path of the list
}

func (c *call) appHome() appHome {
	if c.org.ID != 0 {
		path := c.orgSettingsPath("/applications")
		return appHome{c.org.ID, path, path}
	}
	return appHome{c.actor.Account, "/settings/applications", "/settings/developers"}
}

func (h appHome) path(a id.App, rest string) string { return h.base + "/" + id.Text(a) + rest }

func (c *call) appFrame(title string) OrgFrame {
	if c.org.ID != 0 {
		f := c.orgFrame(title, "settings")
		f.Crumbs = append(f.Crumbs, Link{Text: "OAuth Apps", Href: c.appHome().list})
		return f
	}
	return OrgFrame{Frame: Frame{Title: title, Dev: true, Here: "/settings/developers",
		Crumbs: []Link{{Text: "Settings", Href: "/settings/profile"}, {Text: "Developer settings", Href: "/settings/developers"}}}}
}

// listApps shows the applications that the person or the organisation registered.
func listApps(c *call) error {
	list, err := c.door.o.Apps.Owned(c.ctx(), c.appHome().owner)
	if err != nil {
		return err
	}
	p := &appsPage{OrgFrame: c.appFrame("OAuth Apps"), Base: c.appHome().base}
	for _, a := range list {
		p.Apps = append(p.Apps, appRow{ID: a.ID, Name: line(a.Name)})
	}
	return c.show("apps", p)
}

func newAppForm(c *call) error {
	return c.show("app-new", c.newAppPage())
}

func (c *call) newAppPage() *appForm {
	h := c.appHome()
	return &appForm{OrgFrame: c.appFrame("Register a new OAuth app"), Base: h.base, List: h.list}
}

// appInput reads the form.
func (c *call) appInput() application.Form {
	return application.Form{Name: c.field("name"), Homepage: c.field("homepage"), Description: c.field("description"), Callback: c.field("callback"),
		DeviceFlow: c.field("device_flow") != "", Expiring: c.field("expiring") != ""}
}

func (p *appForm) fillIn(f application.Form) *appForm {
	p.Name, p.Homepage, p.Description, p.Callback, p.DeviceFlow, p.Expiring = f.Name, f.Homepage, f.Description, f.Callback, f.DeviceFlow, f.Expiring
	return p
}

func registerApp(c *call) error {
	in := c.appInput()
	a, err := c.door.o.Apps.Register(c.ctx(), c.actor, c.appHome().owner, in)
	if err != nil {
		return c.again(err, "app-new", c.newAppPage().fillIn(in))
	}
	return c.done("Registered "+line(a.Name)+".", c.appHome().path(a.ID, ""))
}

// ownApp loads the application that the path names, of those that the page is
// about.
func (c *call) ownApp() (application.App, error) {
	n, err := pathID[id.App](c, "app")
	if err != nil {
		return application.App{}, err
	}
	a, err := c.door.o.Apps.OwnedByID(c.ctx(), c.appHome().owner, n)
	if problem.Is(err, problem.NotFound) {
		return a, errMissing()
	}
	return a, err
}

func (c *call) appPage(a application.App) (*appForm, error) {
	h := c.appHome()
	p := (&appForm{OrgFrame: c.appFrame(line(a.Name)), Base: h.base, List: h.list, ID: a.ID, ClientID: a.ClientID, Created: a.CreatedAt}).fillIn(application.Form{Name: a.Name, Homepage: a.Homepage,
		Description: a.Description, Callback: a.Callback, DeviceFlow: a.DeviceFlow, Expiring: a.Expiring})
	var err error
	if p.Secrets, err = c.door.o.Apps.Secrets(c.ctx(), c.appHome().owner, a.ID); err != nil {
		return nil, err
	}
	p.Users, err = c.door.o.Tokens.CountApp(c.ctx(), a.ClientID)
	return p, err
}

// revealedApp keys the secret that the application's page shows once.
func revealedApp(a id.App) string { return "application " + id.Text(a) }

func showApp(c *call) error {
	a, err := c.ownApp()
	if err != nil {
		return err
	}
	p, err := c.appPage(a)
	if err != nil {
		return err
	}
	if c.mayTake() {
		if plain, ok := c.door.o.Reveals.Take(c.actor.Sess, revealedApp(a.ID)); ok {
			p.New = plain.Reveal()
			c.shown()
			p.Scripts = append(p.Scripts, "fresh.js")
		}
	}
	return c.show("app", p)
}

func updateApp(c *call) error {
	a, err := c.ownApp()
	if err != nil {
		return err
	}
	in := c.appInput()
	if _, err := c.door.o.Apps.Update(c.ctx(), c.actor, c.appHome().owner, a.ID, in); err != nil {
		p, loadErr := c.appPage(a)
		if loadErr != nil {
			return loadErr
		}
		return c.again(err, "app", p.fillIn(in))
	}
	return c.done("Updated "+line(in.Name)+".", c.appHome().path(a.ID, ""))
}

func newAppSecret(c *call) error {
	a, err := c.ownApp()
	if err != nil {
		return err
	}
	var plain secret.Value
	if plain, err = c.door.o.Apps.NewSecret(c.ctx(), c.actor, c.appHome().owner, a.ID); err != nil {
		p, loadErr := c.appPage(a)
		if loadErr != nil {
			return loadErr
		}
		return c.again(err, "app", p)
	}
	c.door.o.Reveals.Put(c.actor.Sess, revealedApp(a.ID), plain)
	return c.seeOther(c.appHome().path(a.ID, ""))
}

func deleteAppSecret(c *call) error {
	a, err := c.ownApp()
	if err != nil {
		return err
	}
	which, err := pathID[id.AppSecret](c, "secret")
	if err != nil {
		return err
	}
	if err := c.door.o.Apps.DeleteSecret(c.ctx(), c.actor, c.appHome().owner, a.ID, which); err != nil {
		if problem.Is(err, problem.NotFound) {
			return c.done("That secret was deleted already.", c.appHome().path(a.ID, ""))
		}
		return err
	}
	return c.done("Deleted the client secret.", c.appHome().path(a.ID, ""))
}

func (c *call) revokeUsersPage(a application.App) *confirmPage {
	return &confirmPage{Frame: c.appFrame("Revoke all user tokens").Frame, Heading: "Revoke all user tokens of " + line(a.Name) + "?", Action: c.appHome().path(a.ID, "/revoke_users"),
		Button: "I understand, revoke all user tokens", Back: c.appHome().path(a.ID, ""),
		Consequences: []string{"Everybody who signed in with the application has to do so again. The application itself stays."}}
}

func revokeUsersForm(c *call) error {
	a, err := c.ownApp()
	if err != nil {
		return err
	}
	return c.show("confirm", c.revokeUsersPage(a))
}

func revokeUsers(c *call) error {
	a, err := c.ownApp()
	if err != nil {
		return err
	}
	n, err := c.door.o.Apps.RevokeUsers(c.ctx(), c.actor, c.appHome().owner, a.ID)
	if err != nil {
		return err
	}
	return c.done("Revoked "+plural(n, "token", "tokens")+".", c.appHome().path(a.ID, ""))
}

func (c *call) deleteAppPage(a application.App) *confirmPage {
	return &confirmPage{Frame: c.appFrame("Delete OAuth app").Frame, Heading: "Delete " + line(a.Name) + "?", Action: c.appHome().path(a.ID, "/delete"),
		Button: "I understand, delete this application", Back: c.appHome().path(a.ID, ""), TypeThis: line(a.Name),
		Consequences: []string{"Its client id and secrets stop, and everybody who signed in with it loses that access at once. This cannot be undone."}}
}

func deleteAppForm(c *call) error {
	a, err := c.ownApp()
	if err != nil {
		return err
	}
	return c.show("confirm", c.deleteAppPage(a))
}

func deleteApp(c *call) error {
	a, err := c.ownApp()
	if err != nil {
		return err
	}
	if err := c.typed(line(a.Name)); err != nil {
		return c.again(err, "confirm", c.deleteAppPage(a))
	}
	if _, err := c.door.o.Apps.Delete(c.ctx(), c.actor, c.appHome().owner, a.ID); err != nil {
		return err
	}
	return c.done("Deleted "+line(a.Name)+".", c.appHome().list)
}
