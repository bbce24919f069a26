package web

import (
	"strings"

	"jeton/internal/gate"
	"jeton/internal/right"
	"jeton/internal/token"
)

// The kinds of access, as the form sends them.
const (
	accessNone     = "none"
	accessAll      = "all"
	accessSelected = "selected"
)

// fineForm is what the forms for a new fine-grained token and for a changed one
// share.
type fineForm struct {
	Frame
	List              string // of all tokens
	Who               string // who has access to what can be chosen, as in "you have"
	Machine           bool   // the token is a service account's
	Action, Again     string // where it is sent; where its buttons lead that only load it again
	Name, Description string
	Owner             string
	Owners            []resourceOption // of whom one can be chosen; empty when it can't be changed
	Gone              bool             // the owner shares nothing any more
	Access            string
	Repos             []repoChoice
	Find              string // by which the list of repositories is filtered
	More, Lost        int    // repositories that are not listed; chosen ones that can't be seen any more
	Max               int    // how many can be chosen
	Groups            []permissionGroup
	Kept              bool // the form was loaded again by one of its buttons
	FromLink          bool
	Asks              bool   // the organization's owners will be asked
	Reason            string // for them
	Unknown           string // what a link asked for and what is not offered
}

// fineNew is the form for a new fine-grained token.
type fineNew struct {
	fineForm
	Expiry expiryField
}

// finePage is one fine-grained token: the form to change it, and how it was used.
type finePage struct {
	fineForm
	tokenUse
	Expiry expiry
}

// resourceOption is somebody whose repositories a token can reach.
type resourceOption struct {
	Login    string
	Org      bool
	Selected bool
}

// repoChoice is a repository that can be ticked.
type repoChoice struct {
	ID, Name    string // Name is with its owner
	Description string
	Private, On bool
}

// permissionGroup is a part of the permissions.
type permissionGroup struct {
	Key, Title, Lead string
	Rows             []permissionRow
}

// permissionRow is one permission with the levels that can be chosen.
type permissionRow struct {
	Name, Title, About string
	Mandatory          bool
	Levels             []levelOption
}

var groupTitles = [...]struct{ key, title, lead string }{
	right.RepositoryGroup:   {"repository", "Repository permissions", "What the token may do in the repositories that you chose above."},
	right.OrganizationGroup: {"organization", "Organization permissions", "What the token may do in the organization itself."},
	right.AccountGroup:      {"account", "Account permissions", "What the token may do in your own account."},
}

// levelTexts are GitHub's words for what can be chosen.
var levelTexts = [...]string{right.None: "No access", right.Read: "Read-only", right.Write: "Read and write"}

// groupsFor are the permissions that a token for what of owns can have, each with
// the level that f gives.
func groupsFor(of gate.Resource, self bool, f right.Fine) []permissionGroup {
	var out []permissionGroup
	for _, info := range right.Fines() {
		if !fits(info.Group, of, self) {
			continue
		}
		t := groupTitles[info.Group]
		if len(out) == 0 || out[len(out)-1].Key != t.key {
			out = append(out, permissionGroup{Key: t.key, Title: t.title, Lead: t.lead})
		}
		g := &out[len(out)-1]
		g.Rows = append(g.Rows, permissionRowOf(info, f.Level(info.Name)))
	}
	return out
}

// permissionRowOf is a permission with the levels that it is offered with.
func permissionRowOf(info right.FineInfo, chosen right.Level) permissionRow {
	row := permissionRow{Name: info.Name, Title: info.Title, About: info.About, Mandatory: info.Name == "metadata"}
	for level := right.None; level < right.Admin; level++ {
		if level != right.None && !info.Offers(level) {
			continue
		}
		value := level.String()
		if level == right.None {
			value = ""
		}
		row.Levels = append(row.Levels, levelOption{value, levelTexts[level], chosen == level})
	}
	return row
}

// fits reports whether permissions of the group mean anything for what of owns.
func fits(g right.Group, of gate.Resource, self bool) bool {
	switch g {
	case right.OrganizationGroup:
		return of.Org
	case right.AccountGroup:
		return self
	}
	return true
}

// permissionWords says what the permissions are: "contents: read, metadata: read".
func permissionWords(f right.Fine) string {
	return strings.NewReplacer("=", ": ", ",", ", ").Replace(f.String())
}

// reaches says on what a fine-grained token's permissions hold.
func reaches(t *token.Token, owner string) string {
	switch t.Access {
	case token.AllOf:
		return "All repositories of " + owner
	case token.Selected:
		return plural(len(t.Repos), "repository", "repositories") + " of " + owner
	}
	return "Public repositories, read-only"
}
