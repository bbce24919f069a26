package foreign

import (
	"fmt"
	"strings"

	"jeton/internal/right"
)

// Rights are what a token may do here: scopes, and limits that take out of them what
// the token could not do where it comes from.
type Rights struct {
	Scopes right.ScopeSet
	Limits []right.Limit
}

// category is what a scope of Gitea's is about.
type category uint8

const (
	ofRepositories category = iota
	ofOrganizations
	ofUsers
	ofElse // issues, packages, notifications and others, of which there is nothing here
	categories
)

var categoryNames = map[string]category{
	"repository": ofRepositories, "organization": ofOrganizations, "user": ofUsers,
	"activitypub": ofElse, "admin": ofElse, "misc": ofElse, "notification": ofElse, "package": ofElse, "issue": ofElse,
}

// held is how far a token of Gitea's goes.
type held struct {
	levels [categories]right.Level
	public bool // nothing that is private
}

func (h *held) raise(c category, l right.Level) { h.levels[c] = max(h.levels[c], l) }

// oldScopes are the scopes of Gitea 1.19, with what 1.20 made of them (go-gitea/gitea,
// models/migrations/v1_20/v259.go). Those for hooks, statuses and keys alone became
// wide ones there; they count as little here.
var oldScopes = map[string]struct {
	of     category
	level  right.Level
	public bool
}{
	"repo": {of: ofRepositories, level: right.Write}, "public_repo": {of: ofRepositories, level: right.Write, public: true},
	"admin:org": {of: ofOrganizations, level: right.Write}, "write:org": {of: ofOrganizations, level: right.Write}, "read:org": {of: ofOrganizations, level: right.Read},
	"user": {of: ofUsers, level: right.Write}, "user:email": {of: ofElse}, "user:follow": {of: ofElse},
	"repo:status": {of: ofElse}, "admin:repo_hook": {of: ofElse}, "write:repo_hook": {of: ofElse}, "read:repo_hook": {of: ofElse}, "admin:org_hook": {of: ofElse},
	"admin:public_key": {of: ofElse}, "write:public_key": {of: ofElse}, "read:public_key": {of: ofElse},
	"admin:gpg_key": {of: ofElse}, "write:gpg_key": {of: ofElse}, "read:gpg_key": {of: ofElse},
	"notification": {of: ofElse}, "delete_repo": {of: ofElse}, "package": {of: ofElse}, "delete:package": {of: ofElse},
	"admin:application": {of: ofElse}, "write:application": {of: ofElse}, "read:application": {of: ofElse}, "sudo": {of: ofElse},
}

// parseGitea reads the scopes of a token of Gitea's or Forgejo's (go-gitea/gitea,
// models/auth/access_token_scope.go).
func parseGitea(scopes string) (held, error) {
	var h held
	for one := range strings.SplitSeq(scopes, ",") {
		level, name, both := strings.Cut(one, ":")
		of, known := categoryNames[name]
		old, isOld := oldScopes[one]
		switch {
		case one == "":
		case one == "all":
			for c := range categories {
				h.raise(c, right.Write)
			}
		case one == "public-only":
			h.public = true
		case both && known && level == "read":
			h.raise(of, right.Read)
		case both && known && level == "write":
			h.raise(of, right.Write)
		case isOld:
			h.raise(old.of, old.level)
			h.public = h.public || old.public
		default:
			return held{}, fmt.Errorf("it has the scope %q, which is not known here", tidy(one, 40))
		}
	}
	return h, nil
}

// giteaRights is the most that a token may do here without doing anything that its
// scopes did not let it do there. It fails for scopes that are not known, and for a
// token that could do nothing of what there is here.
//
// A permission in the limits is what caps each scope: deployments, alerts and the
// tokens of an organization are unknown to Gitea, so that no token from there has them.
func giteaRights(scopes string) (Rights, error) {
	h, err := parseGitea(scopes)
	if err != nil {
		return Rights{}, err
	}
	var give giving
	repos, orgs, users := h.levels[ofRepositories], h.levels[ofOrganizations], h.levels[ofUsers]
	if h.public { // what is of accounts and organizations may be private
		orgs, users = right.None, right.None
	}
	if repos >= right.Read {
		give.scope(right.ScopeRepo)
		give.permit("metadata", right.Read)
		for _, p := range []string{"contents", "statuses", "repository_hooks"} {
			give.permit(p, repos)
		}
		// Settings and creation are one permission here. There a token that makes
		// repositories needs the other two as well.
		settings := right.Read
		if repos == right.Write && users == right.Write && orgs == right.Write {
			settings = right.Write
			give.scope(right.ScopeDeleteRepo)
		}
		give.permit("administration", settings)
	}
	if repos == right.Write {
		give.scope(right.ScopeWorkflow)
		give.permit("workflows", right.Write)
	}
	if orgs >= right.Read {
		give.scope(right.ScopeReadOrg)
		give.permit("members", orgs)
	}
	if orgs == right.Write {
		give.scope(right.ScopeAdminOrg, right.ScopeAdminOrgHook)
		give.permit("organization_administration", right.Write)
		give.permit("organization_hooks", right.Write)
	}
	if users >= right.Read {
		give.scope(right.ScopeReadUser, right.ScopeUserEmail, right.ScopeReadGPGKey, right.ScopeReadSSHSigningKey)
		give.permit("emails", right.Read)
		give.permit("profile", right.Write) // of which the scope leaves reading
		give.permit("gpg_keys", users)
		give.permit("git_signing_ssh_public_keys", users)
	}
	if users == right.Write {
		give.scope(right.ScopeUser, right.ScopeAdminGPGKey, right.ScopeAdminSSHSigningKey)
	}
	if len(give.permissions) == 0 {
		return Rights{}, fmt.Errorf("with its scopes (%s) it could do nothing of what there is here", tidy(scopes, 80))
	}
	if h.public {
		give.scopes = swap(give.scopes, right.ScopeRepo, right.ScopePublicRepo)
	}
	return give.rights(max(repos, orgs, users) < right.Write)
}

// gogsRights are those of each token of Gogs: it has no scopes. Beside code it could
// change settings, accesses and keys through the API; that is left out.
func gogsRights() (Rights, error) {
	var give giving
	give.scope(right.ScopeRepo, right.ScopeWorkflow)
	give.permit("metadata", right.Read)
	for _, p := range []string{"contents", "workflows", "repository_hooks"} {
		give.permit(p, right.Write)
	}
	return give.rights(false)
}

// softServeRights are those of each token of Soft Serve, by which git comes alone.
func softServeRights() (Rights, error) {
	var give giving
	give.scope(right.ScopeRepo, right.ScopeWorkflow)
	give.permit("metadata", right.Read)
	give.permit("contents", right.Write)
	give.permit("workflows", right.Write)
	return give.rights(false)
}

// giving collects what a token gets.
type giving struct {
	scopes      []right.Scope
	permissions []string
}

func (g *giving) scope(s ...right.Scope) { g.scopes = append(g.scopes, s...) }

func (g *giving) permit(name string, l right.Level) {
	g.permissions = append(g.permissions, name+"="+l.String())
}

func (g *giving) rights(readOnly bool) (Rights, error) {
	names := make([]string, len(g.scopes))
	for i, s := range g.scopes {
		names[i] = string(s)
	}
	set, err := right.ParseScopes(names)
	if err != nil {
		return Rights{}, err
	}
	limits := []right.Limit{{Name: right.LimitPermissions, Values: g.permissions}}
	if readOnly {
		limits = append(limits, right.Limit{Name: right.LimitRead})
	}
	_, err = right.NewLimits(limits)
	return Rights{Scopes: set, Limits: limits}, err
}

func swap(in []right.Scope, from, to right.Scope) []right.Scope {
	out := make([]right.Scope, len(in))
	for i, s := range in {
		if out[i] = s; s == from {
			out[i] = to
		}
	}
	return out
}
