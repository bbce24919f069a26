package rest

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/wire"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
)

func (d *Door) branchRoutes() []route {
	const one = "/repos/{owner}/{repo}/branches/{branch}"
	return []route{
		{get, "/repos/{owner}/{repo}/branches", right.RepoFetch, d.listBranches, "List branches", doc{query: "protected page per_page", out: []shortBranch{}}},
		{get, one, right.RepoFetch, d.getBranch, "Get a branch", doc{out: branchAnswer{}}},
		{post, one + "/rename", right.RepoPush, d.renameBranch, "Rename a branch", doc{in: renameInput{}, out: branchAnswer{}, code: http.StatusCreated}},
		{get, "/repos/{owner}/{repo}/tags", right.RepoRead, d.listTags, "List repository tags", doc{query: "page per_page", out: []tagAnswer{}}},
		{get, one + "/protection", right.RepoRules, d.getProtection, "Get branch protection", doc{out: branchProtection{}}},
		{put, one + "/protection", right.RepoEdit, d.putProtection, "Update branch protection", doc{in: protectionInput{}, out: branchProtection{}}},
		{del, one + "/protection", right.RepoEdit, d.deleteProtection, "Delete branch protection", doc{}},
		{get, one + "/protection/enforce_admins", right.RepoRules, d.getEnforceAdmins, "Get admin branch protection", doc{out: enforced{}}},
		{post, one + "/protection/enforce_admins", right.RepoEdit, d.setEnforceAdmins(true), "Set admin branch protection", doc{out: enforced{}}},
		{del, one + "/protection/enforce_admins", right.RepoEdit, d.setEnforceAdmins(false), "Delete admin branch protection", doc{}},
		{get, one + "/protection/restrictions", right.RepoRules, d.getRestrictions, "Get access restrictions", doc{out: restrictions{}}},
		{del, one + "/protection/restrictions", right.RepoEdit, d.deleteRestrictions, "Delete access restrictions", doc{}},
		{get, one + "/protection/restrictions/users", right.RepoRules, d.listRestricted, "Get users with access to the protected branch", doc{out: []simpleUser{}}},
		{post, one + "/protection/restrictions/users", right.RepoEdit, d.changeRestricted(addUsers), "Add user access restrictions", doc{in: usersInput{}, out: []simpleUser{}}},
		{put, one + "/protection/restrictions/users", right.RepoEdit, d.changeRestricted(setUsers), "Set user access restrictions", doc{in: usersInput{}, out: []simpleUser{}}},
		{del, one + "/protection/restrictions/users", right.RepoEdit, d.changeRestricted(removeUsers), "Remove user access restrictions", doc{in: usersInput{}, out: []simpleUser{}}},
		{get, one + "/protection/restrictions/apps", right.RepoRules, d.listRestrictedApps, "Get apps with access to the protected branch", doc{out: []integration{}}},
		{post, one + "/protection/restrictions/apps", right.RepoEdit, d.changeRestrictedApps(addApps), "Add app access restrictions", doc{in: appsInput{}, out: []integration{}}},
		{put, one + "/protection/restrictions/apps", right.RepoEdit, d.changeRestrictedApps(setApps), "Set app access restrictions", doc{in: appsInput{}, out: []integration{}}},
		{del, one + "/protection/restrictions/apps", right.RepoEdit, d.changeRestrictedApps(removeApps), "Remove app access restrictions", doc{in: appsInput{}, out: []integration{}}},
	}
}

// shortBranch is GitHub's "short-branch".
type shortBranch struct {
	Name          string          `json:"name"`
	Commit        shaURL          `json:"commit"`
	Protected     bool            `json:"protected"`
	Protection    shortProtection `json:"protection"`
	ProtectionURL string          `json:"protection_url"`
}

// shortProtection is what everybody may see of a branch's rule.
type shortProtection struct {
	Enabled bool         `json:"enabled"`
	Checks  statusChecks `json:"required_status_checks"`
}

type statusChecks struct {
	Enforcement string   `json:"enforcement_level"`
	Contexts    []string `json:"contexts"`
	Checks      []string `json:"checks"`
}

func shortProtectionOf(rule *repo.Rule) shortProtection {
	return shortProtection{Enabled: rule != nil, Checks: statusChecks{Enforcement: "off", Contexts: []string{}, Checks: []string{}}}
}

// branchAnswer is GitHub's "branch-with-protection".
type branchAnswer struct {
	Name          string          `json:"name"`
	Commit        commitAnswer    `json:"commit"`
	Links         branchLinks     `json:"_links"`
	Protected     bool            `json:"protected"`
	Protection    shortProtection `json:"protection"`
	ProtectionURL string          `json:"protection_url"`
}

type branchLinks struct {
	Self string `json:"self"`
	HTML string `json:"html"`
}

func (c *call) protectionURL(branch string) string {
	return c.repoURL("/branches/" + escaped(branch) + "/protection")
}

func (c *call) rules() (*repo.Rules, error) {
	return c.door.o.Repos.Rules(c.ctx(), c.door.o.DB, &c.repo.Repo)
}

func (d *Door) listBranches(c *call) (any, error) {
	refs, err := c.git().Refs(c.ctx())
	if err != nil {
		return nil, err
	}
	rules, err := c.rules()
	if err != nil {
		return nil, err
	}
	all := refs.Branches()
	if want := c.query("protected"); want != "" {
		var some []gitstore.Ref
		for _, ref := range all {
			if (rules.For(ref.Name) != nil) == (want == "true" || want == "1") {
				some = append(some, ref)
			}
		}
		all = some
	}
	page, perPage := c.page()
	c.link(page, perPage, len(all))
	out := []shortBranch{}
	for _, ref := range paged(all, page, perPage) {
		rule := rules.For(ref.Name)
		out = append(out, shortBranch{Name: ref.Short(), Commit: shaURL{string(ref.ID), c.repoURL("/commits/" + string(ref.ID))}, Protected: rule != nil,
			Protection: shortProtectionOf(rule), ProtectionURL: c.protectionURL(ref.Short())})
	}
	return out, nil
}

var errNoBranch = problem.New(problem.NotFound, "Branch not found", "")

func (d *Door) getBranch(c *call) (any, error) { return c.branch(c.r.PathValue("branch")) }

func (c *call) branch(name string) (any, error) {
	v, err := c.git().Open(c.ctx())
	if err != nil {
		return nil, err
	}
	defer v.Close()
	ref, ok := v.Refs.Get("refs/heads/" + name)
	if !ok {
		return nil, errNoBranch
	}
	one, err := v.CommitOf(ref.ID)
	if err != nil {
		return nil, err
	}
	rules, err := c.rules()
	if err != nil {
		return nil, err
	}
	k, err := c.about(one)
	if err != nil {
		return nil, err
	}
	rule := rules.For(ref.Name)
	return branchAnswer{Name: name, Commit: c.commit(&one, k), Protected: rule != nil, Protection: shortProtectionOf(rule), ProtectionURL: c.protectionURL(name),
		Links: branchLinks{Self: c.repoURL("/branches/" + escaped(name)), HTML: c.repoPage("/tree/" + escaped(name))}}, nil
}

type renameInput struct {
	NewName *string `json:"new_name"`
}

// renameBranch makes the branch of the new name, and then takes the old one away.
// The default branch is an administrator's, and stays the default branch.
func (d *Door) renameBranch(c *call) (any, error) {
	old := c.r.PathValue("branch")
	var in renameInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.NewName == nil {
		return nil, wasNotSupplied("new_name")
	}
	name := *in.NewName
	if !object.CheckBranchName(name) {
		return nil, problem.Field("new_name", "new_name is not a valid branch name")
	}
	refs, err := c.git().Refs(c.ctx())
	if err != nil {
		return nil, err
	}
	ref, ok := refs.Get("refs/heads/" + old)
	if !ok {
		return nil, errNoBranch
	}
	if _, taken := refs.Get("refs/heads/" + name); taken {
		return nil, unprocessable("A branch named " + cut(name, 200) + " already exists.")
	}
	rules, err := c.rules()
	if err != nil {
		return nil, err
	}
	rule := rules.For(ref.Name)
	isDefault := ref.Name == refs.Head
	if rule != nil || isDefault {
		if err := c.also(right.RepoEdit); err != nil {
			return nil, err
		}
	}
	if isDefault && c.actor.Grant.Limits.LimitMoves() { // before anything has moved
		return nil, c.door.o.Gate.Limited(&c.actor, "it is limited in which refs it moves, and HEAD would move")
	}
	undo, err := c.ruleFollows(rule, old, name)
	if err != nil {
		return nil, err
	}
	if err := c.renamed(ref, name, isDefault); err != nil {
		return nil, errors.Join(err, undo())
	}
	return c.branch(name)
}

// ruleFollows gives the rule of a branch alone the branch's new name, so that it
// is protected from the first moment on. What it returns takes that back.
func (c *call) ruleFollows(rule *repo.Rule, old, name string) (undo func() error, err error) {
	if rule == nil || rule.Pattern != old {
		return func() error { return nil }, nil
	}
	save := func(pattern string) error {
		n := *rule
		n.Pattern = pattern
		// A rename that failed because its caller went away is taken back all the same.
		ctx := context.WithoutCancel(c.ctx())
		err := c.door.o.Repos.UpdateRule(ctx, c.actor, c.repo.ID, n)
		if err == nil {
			c.repo.Repo, err = c.door.o.Repos.ByID(ctx, c.door.o.DB, c.repo.ID)
		}
		return err
	}
	return func() error { return save(old) }, save(name)
}

// renamed moves the ref. HEAD names the new one before the old one goes.
func (c *call) renamed(ref gitstore.Ref, name string, isDefault bool) error {
	add, remove := wire.Update{Name: "refs/heads/" + name, Old: zeroOf(ref.ID), New: ref.ID}, wire.Update{Name: ref.Name, Old: ref.ID, New: zeroOf(ref.ID)}
	if !isDefault {
		return c.move(nil, false, add, remove)
	}
	if err := c.move(nil, false, add); err != nil {
		return err
	}
	r, err := c.door.o.Lifecycle.EditRepo(c.ctx(), c.actor, c.repo.Repo, repo.Patch{DefaultBranch: &name})
	if err != nil {
		return err
	}
	c.repo.Repo = r
	return c.move(nil, false, remove)
}

// slashed lets the name of a branch or a ref in the midst of a path have its
// slashes as they are, as GitHub does: what follows it is known.
func slashed(r *http.Request) *http.Request {
	parts := strings.SplitN(strings.TrimPrefix(r.URL.EscapedPath(), Prefix+"/repos/"), "/", 4)
	if len(parts) != 4 || !strings.Contains(parts[3], "/") {
		return r
	}
	var after []string
	switch parts[2] {
	case "branches":
		after = []string{"/protection/restrictions/users", "/protection/restrictions/apps", "/protection/restrictions", "/protection/enforce_admins", "/protection", "/rename"}
	case "commits":
		after = []string{"/status", "/statuses", "/check-runs", "/check-suites", "/branches-where-head", "/pulls", "/comments"}
	default:
		return r
	}
	name, rest := parts[3], ""
	for _, a := range after {
		if before, ok := strings.CutSuffix(name, a); ok && before != "" {
			name, rest = before, a
			break
		}
	}
	if !strings.Contains(name, "/") {
		return r
	}
	raw := Prefix + "/repos/" + parts[0] + "/" + parts[1] + "/" + parts[2] + "/" + strings.ReplaceAll(name, "/", "%2F") + rest
	out := r.Clone(r.Context())
	u := *r.URL
	u.RawPath = raw
	out.URL = &u
	return out
}
