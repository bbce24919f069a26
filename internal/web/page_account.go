package web

import (
	"html/template"
	"net/url"
	"time"

	"jeton/internal/id"
)

// welcomePage is "/" for a visitor.
type welcomePage struct {
	loginPage
	URL   string
	Fresh bool // nobody has an account yet
}

// loginPage is the form to sign in. ReturnTo was checked by returnTo.
type loginPage struct {
	Frame
	Login, ReturnTo, Purpose string
}

// linkPage is the form that a one-use link leads to: setting up the site,
// joining it, choosing a new password, or confirming an address of the account Login. Link is the link's secret once the
// person has sent it and something else was wrong.
type linkPage struct {
	Frame
	Link               string
	Lead, Button       string
	AskLogin, AskEmail bool
	EmailRequired      bool
	Login, Email       string
}

// hiddenField is a field of a form that is kept while the person confirms
// something else. It never holds a password.
type hiddenField struct{ Name, Value string }

// sudoPage asks for the password before something sensitive.
type sudoPage struct {
	Frame
	Action, ReturnTo string
	Keep             []hiddenField
	Again            bool // passwords were typed, which are not kept
}

// errorPage is every refusal.
type errorPage struct {
	Frame
	Status              int
	StatusText, Heading string
	What, Remedy        string
	Next                []Link
	Request             string
}

// homePage is "/" for somebody who is signed in.
type homePage struct {
	Frame
	Repos    []repoRow
	More     bool
	HasToken bool
	Invited  int // how many invitations wait for an answer
}

// repoRow is a repository in a list.
type repoRow struct {
	Name, Href, Description string
	Private, Archived, Own  bool
	Shared                  bool // by somebody else, with whoever looks at it
	Size                    int64
	Pushed                  time.Time
}

// pager leads to the pages of a list before and after this one.
type pager struct{ Prev, Next string }

// profilePage is a person as others see them.
type profilePage struct {
	Frame
	Login, Name, Bio, Location, Website string
	Own                                 bool
	Repos                               []repoRow
	Pager                               pager
}

// profileForm is Settings, Profile.
type profileForm struct {
	Frame
	Name, Bio, Location, Website string
}

// accountForm is Settings, Account.
type accountForm struct {
	Frame
	NewLogin string
	Owns     int // repositories, which stand in the way of deleting the account
}

// appearanceForm is Settings, Appearance.
type appearanceForm struct{ Frame }

// emailRow is one address.
type emailRow struct {
	ID                id.Email
	Address           string
	Primary, Verified bool
	Sent              time.Time // when a mail to confirm it was asked for; zero: none that counts
}

// emailsPage is Settings, Emails.
type emailsPage struct {
	Frame
	Emails   []emailRow
	New      string
	Delivers bool // there is a mail server
}

// keyRow is one public key.
type keyRow struct {
	Name, Print      string // Print is how people tell keys apart
	Emails, Subkeys  []string
	Added, Until     time.Time
	Expired, Revoked bool
	DeleteHref       string
}

// keysPage is Settings, SSH and GPG keys.
type keysPage struct {
	Frame
	SSH, GPG []keyRow
	Login    string
}

// keyForm adds a key.
type keyForm struct {
	Frame
	Words      keyWords
	GPG        bool
	Name, Text string
}

// sessionRow is one browser that is signed in.
type sessionRow struct {
	ID              id.Session
	Client, Address string
	Seen, Created   time.Time
	Current         bool
}

// sessionsPage is Settings, Sessions.
type sessionsPage struct {
	Frame
	Sessions []sessionRow
}

// repositoriesPage is Settings, Repositories.
type repositoriesPage struct {
	Frame
	Repos []repoRow
	Pager pager
}

// logFilter is what the security log is narrowed to, as it was typed.
type logFilter struct{ Action, Address, Since, Until, Token string }

// logRow is one line of the security log.
type logRow struct {
	Action, Target, Actor, Credential, Address, Client string
	Detail                                             []hiddenField
	Time                                               time.Time
}

// logPage is Settings, Security log, and Site administration, Site log.
type logPage struct {
	Frame
	Of      logOf
	Filter  logFilter
	Actions []string
	Lines   []logRow
	Pager   pager
}

// userRow is an account as an administrator sees it.
type userRow struct {
	ID                   id.Account
	Login, Name, Email   string
	SiteAdmin, Suspended bool
	Created              time.Time
	Machine              bool   // nobody signs in as it
	Manager              string // who answers for a machine
}

// madeLink is a one-use link, shown once.
type madeLink struct {
	Heading, Text, URL string
	Until              time.Time
}

// usersPage is the administrator's list of users.
type usersPage struct {
	Frame
	Users []userRow
	Link  *madeLink
	Email string
	Pager pager
}

// userPage is one user as an administrator manages them.
type userPage struct {
	Frame
	User   *userRow
	Emails []emailRow
	Link   *madeLink
	Self   bool
	Owns   int
}

// confirmPage asks once more before something that is hard to undo. With
// script the same form comes up as a dialog.
type confirmPage struct {
	Frame
	Heading, Action, Button, Back string
	Consequences                  []string
	Hidden                        []hiddenField
	Ask                           *askField
	TypeThis                      string // what is to be typed, if anything
}

// askField is a field that a confirmation needs beside its button.
type askField struct{ Name, Label, Type, Value string }

// Any reports whether the log is narrowed at all.
func (f logFilter) Any() bool { return f != logFilter{} }

// Query is the filter as the rest of a query string, beginning with "&".
func (f logFilter) Query() template.URL {
	q := url.Values{}
	for k, v := range map[string]string{"action": f.Action, "address": f.Address, "since": f.Since, "until": f.Until, "token": f.Token} {
		if v != "" {
			q.Set(k, v)
		}
	}
	if len(q) == 0 {
		return ""
	}
	return template.URL("&" + q.Encode()) // encoded, so that it needs no escaping
}
