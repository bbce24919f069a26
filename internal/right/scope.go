package right

import (
	"fmt"
	"slices"
	"strings"
)

// Scope is a classic token's named bundle of permissions, with GitHub's name.
type Scope string

// The scopes that guard something here. GitHub's other names are not offered
// before there is something behind them.
const (
	ScopeRepo       Scope = "repo"
	ScopePublicRepo Scope = "public_repo"
	ScopeRepoInvite Scope = "repo:invite"
	ScopeWorkflow   Scope = "workflow"
	ScopeAdminOrg   Scope = "admin:org"
	ScopeWriteOrg   Scope = "write:org"
	ScopeReadOrg    Scope = "read:org"
	ScopeUser       Scope = "user"
	ScopeReadUser   Scope = "read:user"
	ScopeUserEmail  Scope = "user:email"
	ScopeDeleteRepo Scope = "delete_repo"

	ScopeAdminRepoHook Scope = "admin:repo_hook"
	ScopeWriteRepoHook Scope = "write:repo_hook"
	ScopeReadRepoHook  Scope = "read:repo_hook"
	ScopeAdminOrgHook  Scope = "admin:org_hook" // admin:org does not include it, as on GitHub

	ScopeRepoStatus     Scope = "repo:status"
	ScopeRepoDeployment Scope = "repo_deployment"

	ScopeAdminSSHSigningKey Scope = "admin:ssh_signing_key"
	ScopeWriteSSHSigningKey Scope = "write:ssh_signing_key"
	ScopeReadSSHSigningKey  Scope = "read:ssh_signing_key"
	ScopeAdminGPGKey        Scope = "admin:gpg_key"
	ScopeWriteGPGKey        Scope = "write:gpg_key"
	ScopeReadGPGKey         Scope = "read:gpg_key"
	ScopeSecurityEvents     Scope = "security_events"
)

// ScopeInfo is one line of the scope tree.
type ScopeInfo struct {
	Name   Scope
	Parent Scope  // the scope that includes this one; empty at the top
	Title  string // what it grants, in a few words
	gives  Grant
}

// scopes is the tree in the order of the form, each parent before its children.
var scopes = [...]ScopeInfo{
	{Name: ScopeRepo, Title: "Full control of private and public repositories", gives: Grant{Public: repoLevels, Private: repoLevels}},
	{Name: ScopeRepoStatus, Parent: ScopeRepo, Title: "Read and write commit statuses, and no code", gives: both(Levels{Statuses: Write})},
	{Name: ScopeRepoDeployment, Parent: ScopeRepo, Title: "Read and write deployments and their statuses, and no code", gives: both(Levels{Deployments: Write})},
	{Name: ScopePublicRepo, Parent: ScopeRepo, Title: "Access to public repositories only", gives: Grant{Public: repoLevels}},
	{Name: ScopeRepoInvite, Parent: ScopeRepo, Title: "Accept and decline invitations to repositories", gives: both(Levels{Invitations: Write})},
	{Name: ScopeSecurityEvents, Parent: ScopeRepo, Title: "Read and decide about alerts of secret scanning", gives: both(Levels{SecretAlerts: Write})},
	{Name: ScopeWorkflow, Title: "Update files under .github/workflows (together with repo or public_repo)", gives: both(Levels{Workflows: Write})},
	{Name: ScopeAdminOrg, Title: "Full control of organizations and teams", gives: both(Levels{Members: Write, OrgAdministration: Write, OrgTokens: Write, OrgTokenRequests: Write, Memberships: Read})},
	{Name: ScopeWriteOrg, Parent: ScopeAdminOrg, Title: "Read and write members and teams of organizations", gives: both(Levels{Members: Write, Memberships: Read})},
	{Name: ScopeReadOrg, Parent: ScopeWriteOrg, Title: "Read members and teams of organizations", gives: both(Levels{Members: Read, Memberships: Read})},
	{Name: ScopeAdminRepoHook, Title: "Full control of the webhooks of repositories", gives: both(Levels{RepositoryHooks: Admin})},
	{Name: ScopeWriteRepoHook, Parent: ScopeAdminRepoHook, Title: "Make and change webhooks", gives: both(Levels{RepositoryHooks: Write})},
	{Name: ScopeReadRepoHook, Parent: ScopeWriteRepoHook, Title: "Read webhooks and what they delivered", gives: both(Levels{RepositoryHooks: Read})},
	{Name: ScopeAdminOrgHook, Title: "Full control of the webhooks of organizations", gives: both(Levels{OrganizationHooks: Admin})},
	{Name: ScopeUser, Title: "Read and update your profile and e-mail addresses", gives: both(Levels{Profile: Write, Emails: Write, Memberships: Read})},
	{Name: ScopeReadUser, Parent: ScopeUser, Title: "Read all of your profile", gives: both(Levels{Profile: Read})},
	{Name: ScopeUserEmail, Parent: ScopeUser, Title: "Read your e-mail addresses", gives: both(Levels{Emails: Read})},
	{Name: ScopeDeleteRepo, Title: "Delete repositories", gives: both(Levels{Deletion: Write})},
	{Name: ScopeAdminGPGKey, Title: "Full control of your GPG keys", gives: both(Levels{GPGKeys: Admin})},
	{Name: ScopeWriteGPGKey, Parent: ScopeAdminGPGKey, Title: "List, view and add your GPG keys", gives: both(Levels{GPGKeys: Write})},
	{Name: ScopeReadGPGKey, Parent: ScopeWriteGPGKey, Title: "List and view your GPG keys", gives: both(Levels{GPGKeys: Read})},
	{Name: ScopeAdminSSHSigningKey, Title: "Full control of your SSH signing keys", gives: both(Levels{SSHSigningKeys: Admin})},
	{Name: ScopeWriteSSHSigningKey, Parent: ScopeAdminSSHSigningKey, Title: "List, view and add your SSH signing keys", gives: both(Levels{SSHSigningKeys: Write})},
	{Name: ScopeReadSSHSigningKey, Parent: ScopeWriteSSHSigningKey, Title: "List and view your SSH signing keys", gives: both(Levels{SSHSigningKeys: Read})},
}

var repoLevels = Levels{Metadata: Read, Contents: Write, Statuses: Write, Deployments: Write, People: Read, Administration: Admin, RepositoryHooks: Admin, SecretAlerts: Write, Invitations: Write}

func both(l Levels) Grant { return Grant{Public: l, Private: l} }

// Scopes returns the scope tree in the order of the form, each parent directly
// before its children.
func Scopes() []ScopeInfo { return slices.Clone(scopes[:]) }

// ScopeSet is a set of scopes. Its zero value is the empty set.
type ScopeSet uint32

func bit(s Scope) ScopeSet {
	for i := range scopes {
		if scopes[i].Name == s {
			return 1 << i
		}
	}
	return 0
}

// ParseScopes reads names into a set and normalises it: a child inside its
// parent is dropped. It fails on a name that is not offered here.
func ParseScopes(names []string) (ScopeSet, error) {
	var set ScopeSet
	for _, n := range names {
		b := bit(Scope(n))
		if b == 0 {
			return 0, fmt.Errorf("%q is not a scope that is offered here", n)
		}
		set |= b
	}
	return set.Normal(), nil
}

// KnownScopes is ParseScopes that drops the names which are not offered here:
// they give nothing.
func KnownScopes(names []string) ScopeSet {
	var set ScopeSet
	for _, n := range names {
		set |= bit(Scope(n))
	}
	return set.Normal()
}

// SplitScopes cuts a list at commas and white space, as GitHub's prefill links
// and the stored form have it.
func SplitScopes(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' })
}

// Normal returns the set without the scopes that another of it includes.
func (s ScopeSet) Normal() ScopeSet {
	out := s
	for i := range scopes {
		if p := scopes[i].Parent; p != "" && s.Contains(p) {
			out &^= 1 << i
		}
	}
	return out
}

// Contains reports whether the set holds scope, itself or through its parent.
func (s ScopeSet) Contains(scope Scope) bool {
	for i := range scopes {
		if scopes[i].Name != scope {
			continue
		}
		if s&(1<<i) != 0 {
			return true
		}
		return scopes[i].Parent != "" && s.Contains(scopes[i].Parent)
	}
	return false
}

// all returns the set with every scope that one of it includes.
func (s ScopeSet) all() ScopeSet {
	for i := range scopes { // parents stand before their children
		if p := scopes[i].Parent; p != "" && s&bit(p) != 0 {
			s |= 1 << i
		}
	}
	return s
}

// Under reports whether the set gives no scope that most does not.
func (s ScopeSet) Under(most ScopeSet) bool {
	return s&^most == 0 || s.all()&^most.all() == 0 // mostly they are named, and nothing has to be looked up
}

// Meet returns the scopes that both sets give.
func (s ScopeSet) Meet(o ScopeSet) ScopeSet { return (s.all() & o.all()).Normal() }

// Names returns the normalised names in alphabetical order.
func (s ScopeSet) Names() []string {
	out := []string{}
	n := s.Normal()
	for i := range scopes {
		if n&(1<<i) != 0 {
			out = append(out, string(scopes[i].Name))
		}
	}
	slices.Sort(out)
	return out
}

// String joins the normalised names as X-OAuth-Scopes has them: "a, b".
func (s ScopeSet) String() string { return strings.Join(s.Names(), ", ") }

// Grant returns what the scopes give. The empty set reads what is public.
func (s ScopeSet) Grant() Grant {
	g := PublicRead()
	for i := range scopes {
		if s&(1<<i) != 0 {
			g.Public.raise(&scopes[i].gives.Public)
			g.Private.raise(&scopes[i].gives.Private)
		}
	}
	return g
}

// ScopesFor returns the smallest scopes any of which gives action on something
// public or private: what X-Accepted-OAuth-Scopes says. It is empty where no
// scope is needed or none suffices.
func ScopesFor(a Action, public bool) []string {
	e := a.entry()
	out := []string{}
	base := PublicRead()
	if e.Level == None || base.Level(e.Permission, public) >= e.Level {
		return out
	}
	for i := range scopes {
		if scopes[i].gives.Level(e.Permission, public) >= e.Level {
			out = append(out, string(scopes[i].Name))
		}
	}
	slices.Sort(out)
	return out
}
