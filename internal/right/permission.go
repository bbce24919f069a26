// Package right is the one model of rights: who acts (Actor), what their
// credential may do at most (Grant), what they ask for (Action), what is true
// of the thing they ask it of (Facts), and the pure function that decides
// (Check). It does no I/O, keeps no state and allocates nothing to decide.
//
// What is allowed is the account's right ∩ the credential's grant ∩ the
// resource's state. A missing part means no.
package right

// Level is how far a right goes. A higher level includes the lower ones.
type Level uint8

// The levels, in order.
const (
	None Level = iota
	Read
	Write
	Admin
)

var levelNames = [...]string{"none", "read", "write", "admin"}

// String names the level in GitHub's words.
func (l Level) String() string { return levelNames[l] }

// ParseLevel reads "read", "write" or "admin" (and GitHub's "pull" and "push").
func ParseLevel(s string) (Level, bool) {
	switch s {
	case "read", "pull":
		return Read, true
	case "write", "push":
		return Write, true
	case "admin":
		return Admin, true
	}
	return None, false
}

// Permission is one kind of thing that a grant gives by level, with the names
// of GitHub's fine-grained permissions where it has one.
type Permission uint8

// The permissions.
const (
	// Of a repository.
	Metadata        Permission = iota // that it exists, its description and settings, read only
	Contents                          // objects, refs and files
	Workflows                         // files under .github/workflows
	Administration                    // settings, collaborators, visibility, creation
	RepositoryHooks                   // webhooks: read, make and change, and (admin) delete
	SecretAlerts                      // alerts about tokens that were found: read and decide
	Statuses                          // what is said of commits by continuous integration, and no code
	Deployments                       // which commit was put where, and no code
	People                            // who else may use it
	Deletion                          // deleting a repository

	// Of an account.
	Profile        // its own profile, private fields included
	Emails         // its own e-mail addresses
	SSHSigningKeys // its SSH keys for signing
	GPGKeys        // its OpenPGP keys
	Memberships    // which organisations it belongs to
	Invitations    // its own invitations to repositories
	Security       // passwords, sessions, tokens, the security log: people only

	// Of an organisation.
	Members           // its members and teams
	OrgAdministration // its settings
	OrganizationHooks // webhooks of the organisation itself: read, make and change, and (admin) delete
	OrgTokens         // fine-grained tokens that reach what is its
	OrgTokenRequests  // what its owners are asked about them

	Site // users and settings of the whole site: administrators only

	permissions // how many there are
)

var permissionNames = [permissions]string{
	Metadata: "metadata", Contents: "contents", Workflows: "workflows", Administration: "administration", RepositoryHooks: "repository_hooks",
	SecretAlerts: "secret_scanning_alerts", Statuses: "statuses", Deployments: "deployments", People: "people", Deletion: "deletion",
	Profile: "profile", Emails: "emails", SSHSigningKeys: "git_signing_ssh_public_keys", GPGKeys: "gpg_keys", Memberships: "memberships",
	Invitations: "invitations", Security: "security",
	Members: "members", OrgAdministration: "organization_administration", OrganizationHooks: "organization_hooks",
	OrgTokens: "organization_personal_access_tokens", OrgTokenRequests: "organization_personal_access_token_requests", Site: "site",
}

// ofRepositories reports whether p is about repositories, rather than an account,
// an organisation or the site.
func (p Permission) ofRepositories() bool { return p <= Deletion }

// String names the permission.
func (p Permission) String() string { return permissionNames[p] }

// Levels is one level for each permission. Its zero value gives nothing.
type Levels [permissions]Level

func (l *Levels) raise(o *Levels) {
	for p := range l {
		l[p] = max(l[p], o[p])
	}
}

// Grant is what a credential may do at most: one set of levels on what is
// public, one on what is private, both within its reach. Accounts and the site
// count as private. The zero value grants nothing. A grant never adds to what
// its account may do.
type Grant struct {
	Public, Private Levels  // ask Level for them, since limits narrow them
	Reach           *Reach  // nil: wherever the account may do something
	Limits          *Limits // nil: none
}

// Level returns what the grant gives for p on something public or private, within
// its reach.
func (g *Grant) Level(p Permission, public bool) Level {
	level := g.whole(p, public)
	if g.Limits != nil {
		level = g.Limits.least(p, level)
	}
	return level
}

// whole is Level without the limits.
func (g *Grant) whole(p Permission, public bool) Level {
	if public {
		return g.Public[p]
	}
	return g.Private[p]
}

// Everything is the grant of a person who signed in: no limit of its own.
func Everything() Grant {
	var all Levels
	for p := range all {
		all[p] = Admin
	}
	return Grant{Public: all, Private: all}
}

// PublicRead is the grant of a credential without any scope, and of visitors
// who present none: what is public can be read.
func PublicRead() Grant { return Grant{Public: publicRead} }

var publicRead = Levels{Metadata: Read, Contents: Read, Statuses: Read, Deployments: Read}
