package web

import (
	"cmp"
	"time"

	"jeton/internal/application"
	"jeton/internal/id"
	"jeton/internal/right"
)

// appInfo is an application as pages speak of it.
type appInfo struct {
	Name, ClientID, Homepage, Description string
	Owner                                 string // its login; empty for a program that every host knows
	Known                                 bool
	Created                               time.Time
}

func appWords(a application.App) appInfo {
	name := line(a.Name)
	if name == "" {
		name = "An application that was deleted"
	}
	return appInfo{Name: name, ClientID: a.ClientID, Homepage: a.Homepage, Description: line(a.Description), Known: a.Public(), Created: a.CreatedAt}
}

// scopeWord says what a scope gives.
type scopeWord struct{ Name, Title string }

// plainWords say what a scope means to a person who is asked for it, where the
// form for tokens is short. A scope that is not here has its title.
var plainWords = map[right.Scope]string{
	right.ScopeRepo:       "Read and change everything in every repository that you can: code, settings and who has access, private ones too",
	right.ScopePublicRepo: "Read and change everything in the public repositories that you can: code, settings and who has access",
	right.ScopeWorkflow:   "Change files under .github/workflows, which run programs",
	right.ScopeUser:       "Read and change your profile, and read your e-mail addresses",
	right.ScopeReadUser:   "Read all of your profile",
	right.ScopeUserEmail:  "Read your e-mail addresses",
	right.ScopeDeleteRepo: "Delete repositories that you administer, for good",
}

// scopeWords says in plain words what is granted, from the fixed list of scopes
// alone: what an application calls them is shown to nobody.
func scopeWords(set right.ScopeSet) []scopeWord {
	var out []scopeWord
	normal := set.Names()
	for _, s := range right.Scopes() {
		for _, n := range normal {
			if n == string(s.Name) {
				out = append(out, scopeWord{n, cmp.Or(plainWords[s.Name], s.Title)})
			}
		}
	}
	return out
}

// authorizePage asks whether an application may act for the person.
type authorizePage struct {
	Frame
	App      appInfo
	Scopes   []scopeWord
	Redirect string // where the person is led afterwards
	Hint     string // the login that the program expected, when it is another
	Keep     []hiddenField
}

// backPage leads back to the application. To was checked.
type backPage struct {
	Frame
	Name, To string
}

// devicePage is the form for the code that a device shows.
type devicePage struct {
	Frame
	Code string
}

// deviceConfirmPage asks whether the device may act for the person.
type deviceConfirmPage struct {
	Frame
	App             appInfo
	Scopes          []scopeWord
	Code            string
	Address, Client string
	SameAddress     bool // it asked from where the person is
	Asked           time.Time
}

// deviceDonePage is the end of it, good or not.
type deviceDonePage struct {
	Frame
	Good bool
	Text string
}

// authorizationRow is an application in the list of those that were allowed
// something.
type authorizationRow struct {
	App    appInfo
	Scopes string
	Used   string
}

// authorizationsPage is Settings, Applications.
type authorizationsPage struct {
	Frame
	Rows []authorizationRow
}

// appTokenRow is one token of an application.
type appTokenRow struct {
	Created, Used       time.Time
	Address, Client     string
	Repo, Scopes, Words string
	LastEight           string
	Expiry              expiry
}

// authorizationPage is one application with what it was allowed.
type authorizationPage struct {
	Frame
	App     appInfo
	Scopes  []scopeWord
	Created time.Time
	Used    string
	Tokens  []appTokenRow
}

// appRow is an application that the person registered.
type appRow struct {
	ID   id.App
	Name string
}

// appsPage is Developer settings, OAuth Apps, and the same of an organisation.
type appsPage struct {
	OrgFrame
	Base string
	Apps []appRow
}

// appForm is what the forms for a new application and for a changed one share.
type appForm struct {
	OrgFrame
	Base, List                            string // paths of the applications' pages and of the list
	ID                                    id.App // zero: it is a new one
	Name, Homepage, Description, Callback string
	DeviceFlow, Expiring                  bool

	ClientID string
	Secrets  []application.Secret
	New      string // a secret that was made a moment ago, in the clear, for one answer
	Users    int
	Created  time.Time
}
