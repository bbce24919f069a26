package web

import (
	"net/http"
	"strings"

	"jeton/internal/account"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/repo"
)

func settingsFrame(title, here string) Frame {
	return Frame{Title: title, Here: here, Crumbs: []Link{{Text: "Settings", Href: "/settings/profile"}}}
}

func toProfile(c *call) error { return c.seeOther("/settings/profile") }

// self is the person's own account.
func (c *call) self() (account.Account, error) {
	return c.door.o.Accounts.ByID(c.ctx(), c.door.o.DB, c.actor.Account)
}

func profileSettings(c *call) error {
	who, err := c.self()
	if err != nil {
		return err
	}
	return c.show("set-profile", &profileForm{Frame: settingsFrame("Profile", "/settings/profile"), Name: who.Name, Bio: who.Bio, Location: who.Location, Website: who.Website})
}

func saveProfile(c *call) error {
	in := account.Profile{Name: c.field("name"), Bio: c.field("bio"), Location: c.field("location"), Website: c.field("website")}
	if _, err := c.door.o.Accounts.UpdateProfile(c.ctx(), c.actor, c.actor.Account, in); err != nil {
		return c.again(err, "set-profile", &profileForm{Frame: settingsFrame("Profile", "/settings/profile"), Name: in.Name, Bio: in.Bio, Location: in.Location, Website: in.Website})
	}
	return c.done("Saved your profile.", "/settings/profile")
}

func (c *call) accountForm() (*accountForm, error) {
	owned, err := c.door.o.Repos.Owned(c.ctx(), c.door.o.DB, c.actor.Account)
	return &accountForm{Frame: settingsFrame("Account", "/settings/admin"), NewLogin: c.actor.Login, Owns: len(owned)}, err
}

func accountSettings(c *call) error {
	p, err := c.accountForm()
	if err != nil {
		return err
	}
	return c.show("set-account", p)
}

// accountFailed shows the account's page with what is wrong.
func (c *call) accountFailed(err error) error {
	p, loadErr := c.accountForm()
	if loadErr != nil {
		return loadErr
	}
	if c.r.PostForm.Has("login") {
		p.NewLogin = c.field("login")
	}
	return c.again(err, "set-account", p)
}

func changePassword(c *call) error {
	if err := c.door.o.Signin.ChangePassword(c.ctx(), c.actor, c.hidden("old_password"), c.hidden("password")); err != nil {
		return c.accountFailed(err)
	}
	return c.done("Changed your password. Your other sessions have ended.", "/settings/admin")
}

func renameAccount(c *call) error {
	who, err := c.door.o.Accounts.Rename(c.ctx(), c.actor, c.actor.Account, c.field("login"))
	if err != nil {
		return c.accountFailed(err)
	}
	return c.done("Your user name is "+who.Login+" now.", "/settings/admin")
}

func (c *call) deleteAccountPage() *confirmPage {
	return &confirmPage{Frame: settingsFrame("Delete account", "/settings/admin"), Heading: "Delete your account " + c.actor.Login + "?", Action: "/settings/admin/delete",
		Button: "I understand, delete my account", Back: "/settings/admin", TypeThis: c.actor.Login,
		Consequences: []string{"Your profile, tokens and sessions are removed for good. Nobody can bring them back.", "Your access to the repositories of others ends."}}
}

func deleteAccountForm(c *call) error { return c.show("confirm", c.deleteAccountPage()) }

func deleteAccount(c *call) error {
	err := c.typed(c.actor.Login)
	if err == nil {
		err = c.door.o.Lifecycle.DeleteAccount(c.ctx(), c.actor, c.actor.Account, 0)
	}
	if err != nil {
		return c.again(err, "confirm", c.deleteAccountPage())
	}
	c.clearSession()
	return c.seeOther("/")
}

func appearanceSettings(c *call) error {
	return c.show("set-appearance", &appearanceForm{Frame: settingsFrame("Appearance", "/settings/appearance")})
}

func saveAppearance(c *call) error {
	k := &http.Cookie{Name: themeCookie, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: 400 * 24 * 3600}
	switch theme := c.field("theme"); theme {
	case "light", "dark":
		k.Value = theme
	default:
		k.MaxAge = -1
	}
	http.SetCookie(c.w, k)
	return c.done("Saved how this browser shows the site.", "/settings/appearance")
}

func sessionSettings(c *call) error {
	list, err := c.door.o.Signin.ListSessions(c.ctx(), c.actor.Account)
	if err != nil {
		return err
	}
	p := &sessionsPage{Frame: settingsFrame("Sessions", "/settings/sessions")}
	for _, s := range list {
		p.Sessions = append(p.Sessions, sessionRow{ID: s.ID, Client: browser(s.Client), Address: s.Address, Seen: s.SeenAt, Created: s.CreatedAt, Current: s.ID == c.actor.Sess})
	}
	return c.show("set-sessions", p)
}

// browser names the browser and the system of a User-Agent. What it does not
// know it returns as it is.
func browser(agent string) string {
	first := func(names ...[2]string) string {
		for _, n := range names {
			if strings.Contains(agent, n[0]) {
				return n[1]
			}
		}
		return ""
	}
	name := first([2]string{"Edg/", "Edge"}, [2]string{"OPR/", "Opera"}, [2]string{"Firefox/", "Firefox"}, [2]string{"Chrome/", "Chrome"}, [2]string{"Safari/", "Safari"})
	system := first([2]string{"Android", "Android"}, [2]string{"iPhone", "iOS"}, [2]string{"iPad", "iOS"}, [2]string{"Windows", "Windows"}, [2]string{"Mac OS X", "macOS"}, [2]string{"CrOS", "ChromeOS"}, [2]string{"Linux", "Linux"})
	switch {
	case name == "" && agent == "":
		return "Unknown browser"
	case name == "":
		return line(agent)
	case system == "":
		return name
	}
	return name + " on " + system
}

func endSession(c *call) error {
	s, err := pathID[id.Session](c, "session")
	if err != nil {
		return err
	}
	if err := c.door.o.Signin.EndSession(c.ctx(), c.actor, c.actor.Account, s); err != nil {
		if problem.Is(err, problem.NotFound) {
			return c.done("That session had ended already.", "/settings/sessions")
		}
		return err
	}
	return c.done("Ended the session.", "/settings/sessions")
}

func endOthers(c *call) error {
	n, err := c.door.o.Signin.EndOthers(c.ctx(), c.actor)
	if err != nil {
		return err
	}
	return c.done("Ended "+plural(n, "other session", "other sessions")+".", "/settings/sessions")
}

func repositorySettings(c *call) error {
	n := c.pageNumber()
	rows, total, err := c.repos(repo.Query{Affiliation: repo.ByOwner | repo.ByCollaborator | repo.ByMember, Page: n, PerPage: reposPerPage})
	if err != nil {
		return err
	}
	return c.show("set-repositories", &repositoriesPage{Frame: settingsFrame("Repositories", "/settings/repositories"), Repos: rows,
		Pager: pagerFor("/settings/repositories", n, total > n*reposPerPage)})
}

func (c *call) leavePage() *confirmPage {
	name := c.repo.FullName()
	return &confirmPage{Frame: settingsFrame("Leave "+name, "/settings/repositories"), Heading: "Leave " + name + "?", Action: c.repoPath("/leave"),
		Button: "Leave this repository", Back: "/settings/repositories",
		Consequences: []string{"The access that you were given ends, also for your tokens. What you have cloned stays where it is.", "Only somebody who administers the repository can add you again."}}
}

func leaveForm(c *call) error { return c.show("confirm", c.leavePage()) }

func leaveRepo(c *call) error {
	if err := c.door.o.Repos.Leave(c.ctx(), c.actor, c.repo.ID); err != nil {
		return c.again(err, "confirm", c.leavePage())
	}
	return c.done("You left "+c.repo.FullName()+".", "/settings/repositories")
}
