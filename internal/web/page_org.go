package web

import (
	"time"

	"jeton/internal/id"
)

// orgHead is the organisation that a page belongs to.
type orgHead struct {
	Login, Name, Href string // Href is its page
	Member, Owner     bool   // what the viewer is
	MayCreate         bool   // repositories
}

// OrgFrame is what every page of an organisation has. Page structs embed it.
type OrgFrame struct {
	Frame
	Org  orgHead
	Tabs []Link
}

// orgPage is an organisation's first page.
type orgPage struct {
	OrgFrame
	Bio, Location, Website, Contact string
	Repos                           []repoRow
	Pager                           pager
	People                          []orgPerson // who may be seen, as far as there is room
	PeopleMore                      bool
}

// orgPerson is a member, or somebody who was invited.
type orgPerson struct {
	Login, Name, Role string
	Self, Shown       bool
	Since             time.Time
	Roles             []levelOption
}

// peoplePage is the people of an organisation.
type peoplePage struct {
	OrgFrame
	People, Invited []orgPerson
	Outsiders       []string
	Login           string // of the form
	Pager           pager
}

// teamRow is a team in a list.
type teamRow struct {
	Name, Slug, Href, Description string
	Secret, Inside                bool
	Members, Repos                int
}

// teamsPage is the teams of an organisation.
type teamsPage struct {
	OrgFrame
	Teams []teamRow
	Pager pager
}

// newTeamPage is the form for a new team.
type newTeamPage struct {
	OrgFrame
	Name, Description string
	Visible           bool
}

// teamMate is somebody in a team.
type teamMate struct {
	Login, Role string
	Pending     bool
	Roles       []levelOption
}

// teamRepo is a repository that a team may use.
type teamRepo struct {
	FullName, Name, Href string
	Private              bool
	Level                string
	May                  bool // the viewer administers it
	Levels               []levelOption
}

// teamPage is one team.
type teamPage struct {
	OrgFrame
	Team              teamRow
	May, Inside       bool // the viewer manages it, is in it
	Mates             []teamMate
	Repos             []teamRepo
	Login, Repo       string // of the forms
	Name, Description string
	Visible           bool
	Pager             pager
}

// newOrgPage is the form for a new organisation.
type newOrgPage struct {
	Frame
	Login, Name string
}

// orgSettingsPage is an organisation's settings.
type orgSettingsPage struct {
	OrgFrame
	Name, Bio, Location, Website, Contact string
	NewLogin                              string
	Base                                  []levelOption
	CreatePublic, CreatePrivate           bool
	Owns                                  int
}

// membershipRow is an organisation that the viewer belongs to.
type membershipRow struct {
	Login, Role, Href string
	Shown, Owner      bool
}

// organizationsPage is Settings, Organizations.
type organizationsPage struct {
	Frame
	Orgs    []membershipRow
	Invited int // how many invitations wait
}

// invitationRow is an invitation that waits for the viewer.
type invitationRow struct {
	ID      id.Invitation
	What    string // the repository's full name, or the organisation's login
	By      string
	Text    string // what it is to
	Private bool
	Accept  string // where the forms are sent
	Decline string
	Until   time.Time
}

// invitationsPage is everything that waits for an answer of the viewer's.
type invitationsPage struct {
	Frame
	Rows []invitationRow
}

// ownerOption is an account under which something can be made.
type ownerOption struct {
	Login    string
	Selected bool
}
