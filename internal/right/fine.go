package right

import (
	"fmt"
	"slices"
	"strings"
)

// Group is what a fine-grained permission is about.
type Group uint8

// The groups, in the order of the form.
const (
	RepositoryGroup Group = iota
	OrganizationGroup
	AccountGroup
)

var groupNames = [...]string{"repository", "organization", "other"}

// String names the group as GitHub's API does: what is about an account is
// "other".
func (g Group) String() string { return groupNames[g] }

// FineInfo is one permission that a fine-grained token can be given.
type FineInfo struct {
	Name  string // GitHub's, as its links and headers have it
	Title string // GitHub's words on the form
	About string // what it opens, in a few words
	Group Group
	gives [Admin]Levels // by what is chosen: gives[Write] for "Read and write"
}

// Offers reports whether level can be chosen.
func (f *FineInfo) Offers(level Level) bool { return level < Admin && f.gives[level] != Levels{} }

// fines are those behind which there is something here, by group and title.
var fines = [...]FineInfo{
	{Name: "administration", Title: "Administration", About: "Settings, collaborators, creation, transfer and deletion", gives: levels(Levels{Administration: Read}, Levels{Administration: Admin, Deletion: Write})},
	{Name: "statuses", Title: "Commit statuses", About: "What is said of commits", gives: levels(Levels{Statuses: Read}, Levels{Statuses: Write})},
	{Name: "contents", Title: "Contents", About: "Clone and push, files, commits, branches, releases", gives: levels(Levels{Contents: Read}, Levels{Contents: Write})},
	{Name: "deployments", Title: "Deployments", About: "Deployments and their statuses", gives: levels(Levels{Deployments: Read}, Levels{Deployments: Write})},
	{Name: "metadata", Title: "Metadata", About: "Name, description and members: needed for everything else", gives: levels(Levels{Metadata: Read, People: Read}, Levels{})},
	{Name: "secret_scanning_alerts", Title: "Secret scanning alerts", About: "Tokens that were found in repositories", gives: levels(Levels{SecretAlerts: Read}, Levels{SecretAlerts: Write})},
	{Name: "repository_hooks", Title: "Webhooks", About: "Webhooks and what they delivered", gives: levels(Levels{RepositoryHooks: Read}, Levels{RepositoryHooks: Admin})},
	{Name: "workflows", Title: "Workflows", About: "Files under .github/workflows", gives: levels(Levels{}, Levels{Workflows: Write})},

	{Name: "organization_administration", Title: "Administration", About: "The organization's profile and settings", Group: OrganizationGroup, gives: levels(Levels{}, Levels{OrgAdministration: Write})},
	{Name: "members", Title: "Members", About: "Members and teams", Group: OrganizationGroup, gives: levels(Levels{Members: Read}, Levels{Members: Write})},
	{Name: "organization_personal_access_tokens", Title: "Personal access tokens", About: "Fine-grained tokens that reach what is the organization's", Group: OrganizationGroup, gives: levels(Levels{OrgTokens: Read}, Levels{OrgTokens: Write})},
	{Name: "organization_personal_access_token_requests", Title: "Personal access token requests", About: "What the owners are asked about such tokens", Group: OrganizationGroup, gives: levels(Levels{OrgTokenRequests: Read}, Levels{OrgTokenRequests: Write})},
	{Name: "organization_hooks", Title: "Webhooks", About: "Webhooks of the organization and what they delivered", Group: OrganizationGroup, gives: levels(Levels{OrganizationHooks: Read}, Levels{OrganizationHooks: Admin})},

	{Name: "emails", Title: "Email addresses", About: "Your addresses", Group: AccountGroup, gives: levels(Levels{Emails: Read}, Levels{})},
	{Name: "gpg_keys", Title: "GPG keys", About: "Your GPG keys", Group: AccountGroup, gives: levels(Levels{GPGKeys: Read}, Levels{GPGKeys: Admin})},
	{Name: "profile", Title: "Profile", About: "Your profile, private fields included", Group: AccountGroup, gives: levels(Levels{}, Levels{Profile: Write})},
	{Name: "git_signing_ssh_public_keys", Title: "SSH signing keys", About: "Your SSH keys for signing", Group: AccountGroup, gives: levels(Levels{SSHSigningKeys: Read}, Levels{SSHSigningKeys: Admin})},
}

func levels(read, write Levels) [Admin]Levels { return [Admin]Levels{Read: read, Write: write} }

// Fine is what a fine-grained token may do, one level for each permission that
// is offered. Its zero value gives nothing.
type Fine [len(fines)]Level

// Fines returns the permissions that can be given, in the order of the form.
func Fines() []FineInfo { return slices.Clone(fines[:]) }

// Set gives the permission of that name the level. It fails for a name or a
// level that is not offered here.
func (f *Fine) Set(name string, level Level) error {
	for i := range fines {
		if fines[i].Name != name {
			continue
		}
		if level != None && !fines[i].Offers(level) {
			return fmt.Errorf("%s can't be given as %q", name, level)
		}
		f[i] = level
		return nil
	}
	return fmt.Errorf("%q is not a permission that is offered here", name)
}

// Level returns the level of the permission of that name; None for one that is
// not offered.
func (f *Fine) Level(name string) Level {
	for i := range fines {
		if fines[i].Name == name {
			return f[i]
		}
	}
	return None
}

// AllFine is every permission at its highest level.
func AllFine() Fine {
	var f Fine
	for i := range fines {
		for level := Read; level < Admin; level++ {
			if fines[i].Offers(level) {
				f[i] = level
			}
		}
	}
	return f
}

// ParseFine reads what String wrote. What is not offered any more gives nothing.
func ParseFine(s string) Fine {
	var f Fine
	for one := range strings.SplitSeq(s, ",") {
		name, word, _ := strings.Cut(one, "=")
		if level, ok := ParseLevel(word); ok {
			_ = f.Set(name, level) // dropping what is unknown is the safe reading
		}
	}
	return f
}

// String writes the permissions as GitHub's headers do: "contents=read,metadata=read".
func (f Fine) String() string {
	var out []string
	for i, level := range f {
		if level != None {
			out = append(out, fines[i].Name+"="+level.String())
		}
	}
	return strings.Join(out, ",")
}

// Only returns the permissions of one group, by name, as GitHub's API has them.
func (f Fine) Only(g Group) map[string]string {
	out := map[string]string{}
	for i, level := range f {
		if level != None && fines[i].Group == g {
			out[fines[i].Name] = level.String()
		}
	}
	return out
}

// Without returns f without the permissions of a group.
func (f Fine) Without(g Group) Fine {
	for i := range f {
		if fines[i].Group == g {
			f[i] = None
		}
	}
	return f
}

// Levels is what the permissions give. Whatever is given of a repository, its
// metadata can be read.
func (f Fine) Levels() Levels {
	var l Levels
	for i, level := range f {
		l.raise(&fines[i].gives[level])
	}
	for p := range l {
		if Permission(p).ofRepositories() && l[p] > None {
			l[Metadata] = Read
		}
	}
	return l
}

// Grant is what the permissions give within reach. What is public can be read.
func (f Fine) Grant(reach Reach) Grant {
	g := PublicRead()
	l := f.Levels()
	g.Public.raise(&l)
	g.Private.raise(&l)
	g.Reach = &reach
	return g
}

// Meet returns what both g and the permissions within reach give: what a
// narrower token gets of g. g must hold everywhere.
func (g Grant) Meet(f Fine, reach Reach) Grant {
	narrow := f.Grant(reach)
	for p := range g.Public {
		narrow.Public[p] = min(narrow.Public[p], g.Public[p])
		narrow.Private[p] = min(narrow.Private[p], g.Private[p])
	}
	return narrow
}

// FineFor returns the smallest permission that gives action, as GitHub's header
// has it: "contents=read". It is empty where none is needed or none suffices.
func FineFor(a Action) string {
	e := a.entry()
	if e.Level == None {
		return ""
	}
	for level := Read; level < Admin; level++ {
		for i := range fines {
			if fines[i].gives[level][e.Permission] >= e.Level {
				return fines[i].Name + "=" + level.String()
			}
		}
	}
	return ""
}
