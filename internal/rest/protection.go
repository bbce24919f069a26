package rest

import (
	"encoding/json"
	"net/http"
	"strings"

	"jeton/internal/problem"
	"jeton/internal/repo"
)

// branchProtection is GitHub's "branch-protection", as far as there are rules here.
type branchProtection struct {
	URL                  string        `json:"url"`
	EnforceAdmins        enforced      `json:"enforce_admins"`
	Restrictions         *restrictions `json:"restrictions,omitempty"`
	RequiredLinear       switched      `json:"required_linear_history"`
	AllowForce           switched      `json:"allow_force_pushes"`
	AllowDeletions       switched      `json:"allow_deletions"`
	BlockCreations       switched      `json:"block_creations"`
	RequiredConversation switched      `json:"required_conversation_resolution"`
	LockBranch           switched      `json:"lock_branch"`
	AllowForkSyncing     switched      `json:"allow_fork_syncing"`
}

type switched struct {
	Enabled bool `json:"enabled"`
}

type enforced struct {
	URL     string `json:"url"`
	Enabled bool   `json:"enabled"`
}

// restrictions say who may push, of those who may write.
type restrictions struct {
	URL      string        `json:"url"`
	UsersURL string        `json:"users_url"`
	TeamsURL string        `json:"teams_url"`
	AppsURL  string        `json:"apps_url"`
	Users    []simpleUser  `json:"users"`
	Teams    []string      `json:"teams"`
	Apps     []integration `json:"apps"`
}

var (
	errNotProtected  = problem.New(problem.NotFound, "Branch not protected", "")
	errNotRestricted = problem.New(problem.NotFound, "Push restrictions not enabled", "")
)

// protectedBranch finds the rule that speaks of the branch in the path.
func (c *call) protectedBranch() (branch string, rule *repo.Rule, err error) {
	branch = c.r.PathValue("branch")
	refs, err := c.git().Refs(c.ctx())
	if err != nil {
		return branch, nil, err
	}
	if _, ok := refs.Get("refs/heads/" + branch); !ok {
		return branch, nil, errNoBranch
	}
	rules, err := c.rules()
	if err != nil {
		return branch, nil, err
	}
	if rule = rules.For("refs/heads/" + branch); rule == nil {
		return branch, nil, errNotProtected
	}
	return branch, rule, nil
}

func (c *call) protection(branch string, rule *repo.Rule) branchProtection {
	u := c.protectionURL(branch)
	return branchProtection{URL: u, EnforceAdmins: enforced{u + "/enforce_admins", rule.IncludeAdmins}, Restrictions: c.restrictions(branch, rule),
		AllowForce: switched{rule.AllowForce}, AllowDeletions: switched{rule.AllowDelete}}
}

// restrictions are nil when everybody who may write may push. Where administrators
// alone may, nobody is listed, as on GitHub.
func (c *call) restrictions(branch string, rule *repo.Rule) *restrictions {
	if rule.Push == repo.WritersPush {
		return nil
	}
	u := c.protectionURL(branch) + "/restrictions"
	out := &restrictions{URL: u, UsersURL: u + "/users", TeamsURL: u + "/teams", AppsURL: u + "/apps", Users: []simpleUser{}, Teams: []string{}, Apps: c.apps(rule)}
	for _, a := range rule.Accounts {
		out.Users = append(out.Users, c.simpleUser(int64(a.Account), a.Login, false))
	}
	return out
}

func (d *Door) getProtection(c *call) (any, error) {
	branch, rule, err := c.protectedBranch()
	if err != nil {
		return nil, err
	}
	return c.protection(branch, rule), nil
}

// protectionInput is the body of a protection as a whole.
type protectionInput struct {
	Checks        json.RawMessage    `json:"required_status_checks"`
	EnforceAdmins *bool              `json:"enforce_admins"`
	Reviews       json.RawMessage    `json:"required_pull_request_reviews"`
	Restrictions  *restrictionsInput `json:"restrictions"`
	Linear        bool               `json:"required_linear_history,omitempty"`
	AllowForce    *bool              `json:"allow_force_pushes,omitempty"`
	AllowDelete   bool               `json:"allow_deletions,omitempty"`
	BlockCreation bool               `json:"block_creations,omitempty"`
	Conversations bool               `json:"required_conversation_resolution,omitempty"`
	Lock          bool               `json:"lock_branch,omitempty"`
}

type restrictionsInput struct {
	Users []string `json:"users"`
	Teams []string `json:"teams"`
	Apps  []string `json:"apps,omitempty"`
}

// unmet names a part that has nothing behind it here. To take it silently would
// leave a branch open that somebody believes protected.
func (in *protectionInput) unmet() string {
	given := func(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }
	switch {
	case given(in.Checks):
		return "required_status_checks"
	case given(in.Reviews):
		return "required_pull_request_reviews"
	case in.Linear:
		return "required_linear_history"
	case in.BlockCreation:
		return "block_creations"
	case in.Conversations:
		return "required_conversation_resolution"
	case in.Lock:
		return "lock_branch"
	case in.Restrictions != nil && len(in.Restrictions.Teams) > 0:
		return "restrictions.teams"
	}
	return ""
}

func (d *Door) putProtection(c *call) (any, error) {
	var in protectionInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if field := in.unmet(); field != "" {
		return nil, unprocessable("This server has no such rule as " + field + ". Send null, or leave it out.")
	}
	branch, known, err := c.protectedBranch()
	if err != nil && err != error(errNotProtected) {
		return nil, err
	}
	rule := repo.Rule{Kind: repo.BranchRef, Pattern: branch, AllowForce: in.AllowForce != nil && *in.AllowForce, AllowDelete: in.AllowDelete,
		IncludeAdmins: in.EnforceAdmins != nil && *in.EnforceAdmins}
	if in.Restrictions != nil {
		if rule.Accounts, err = c.listed(in.Restrictions.Users); err != nil {
			return nil, err
		}
		if rule.Itself, err = c.itself(in.Restrictions.Apps); err != nil {
			return nil, err
		}
		rule.Push = pushersOf(&rule)
	}
	if !strings.ContainsAny(branch, `*?[\`) && (known == nil || known.Pattern != branch) {
		rule, err = d.o.Repos.CreateRule(c.ctx(), c.actor, c.repo.ID, rule)
	} else {
		rule.ID = known.ID
		err = d.o.Repos.UpdateRule(c.ctx(), c.actor, c.repo.ID, rule)
	}
	if err != nil {
		return nil, err
	}
	return c.savedProtection(branch)
}

// pushersOf: a list without anybody leaves administrators, who pass it by unless
// the rule holds for them, too.
func pushersOf(r *repo.Rule) repo.Pushers {
	if len(r.Accounts) == 0 && !r.Itself {
		return repo.AdminsPush
	}
	return repo.ListedPush
}

// savedProtection answers with what is there now.
func (c *call) savedProtection(branch string) (any, error) {
	rule, err := c.rereadRule(branch)
	if err != nil {
		return nil, err
	}
	return c.protection(branch, rule), nil
}

// rereadRule reads the rule of a branch after it was changed.
func (c *call) rereadRule(branch string) (*repo.Rule, error) {
	r, err := c.door.o.Repos.ByID(c.ctx(), c.door.o.DB, c.repo.ID)
	if err != nil {
		return nil, err
	}
	rules, err := c.door.o.Repos.Rules(c.ctx(), c.door.o.DB, &r)
	if err != nil {
		return nil, err
	}
	rule := rules.For("refs/heads/" + branch)
	if rule == nil {
		return nil, errNotProtected // somebody was faster
	}
	return rule, nil
}

// listed finds the accounts of logins.
func (c *call) listed(logins []string) ([]repo.Listed, error) {
	if len(logins) > 100 {
		return nil, unprocessable("A rule can list 50 accounts.")
	}
	var out []repo.Listed
	for _, login := range logins {
		a, err := c.door.o.Accounts.ByLogin(c.ctx(), c.door.o.DB, login)
		if problem.Is(err, problem.NotFound) {
			return nil, unprocessable("Could not resolve to a user: " + cut(login, 40))
		}
		if err != nil {
			return nil, err
		}
		out = append(out, repo.Listed{Account: a.ID, Login: a.Login})
	}
	return out, nil
}

func (d *Door) deleteProtection(c *call) (any, error) {
	_, rule, err := c.ownRule()
	if err != nil {
		return nil, err
	}
	return nil, d.o.Repos.DeleteRule(c.ctx(), c.actor, c.repo.ID, rule.ID)
}

// ownRule is protectedBranch for a change: a pattern speaks of other branches, too,
// and is changed on the page of rules.
func (c *call) ownRule() (branch string, rule *repo.Rule, err error) {
	branch, rule, err = c.protectedBranch()
	if err == nil && rule.Pattern != branch {
		err = unprocessable("The branch is protected by the rule for " + cut(rule.Pattern, 200) + ". Change it at " + c.repoPage("/settings/branches"))
	}
	return branch, rule, err
}

// change saves what f makes of the branch's own rule.
func (c *call) change(f func(*repo.Rule) error) (branch string, rule *repo.Rule, err error) {
	branch, known, err := c.ownRule()
	if err != nil {
		return branch, nil, err
	}
	n := *known
	if err := f(&n); err != nil {
		return branch, nil, err
	}
	if err := c.door.o.Repos.UpdateRule(c.ctx(), c.actor, c.repo.ID, n); err != nil {
		return branch, nil, err
	}
	rule, err = c.rereadRule(branch)
	return branch, rule, err
}

func (d *Door) getEnforceAdmins(c *call) (any, error) {
	branch, rule, err := c.protectedBranch()
	if err != nil {
		return nil, err
	}
	return enforced{c.protectionURL(branch) + "/enforce_admins", rule.IncludeAdmins}, nil
}

func (d *Door) setEnforceAdmins(on bool) handler {
	return func(c *call) (any, error) {
		branch, rule, err := c.change(func(r *repo.Rule) error { r.IncludeAdmins = on; return nil })
		if err != nil || !on {
			return nil, err
		}
		return enforced{c.protectionURL(branch) + "/enforce_admins", rule.IncludeAdmins}, nil
	}
}

func (d *Door) getRestrictions(c *call) (any, error) {
	branch, rule, err := c.protectedBranch()
	if err != nil {
		return nil, err
	}
	if out := c.restrictions(branch, rule); out != nil {
		return out, nil
	}
	return nil, errNotRestricted
}

func (d *Door) deleteRestrictions(c *call) (any, error) {
	_, _, err := c.change(func(r *repo.Rule) error { r.Push, r.Accounts, r.Itself = repo.WritersPush, nil, false; return nil })
	return nil, err
}

func (d *Door) listRestricted(c *call) (any, error) {
	v, err := d.getRestrictions(c)
	if err != nil {
		return nil, err
	}
	return v.(*restrictions).Users, nil
}

// usersInput is the body of a change of who may push: an object, or GitHub's older
// form, a list.
type usersInput struct {
	Users []string `json:"users"`
}

// UnmarshalJSON takes both.
func (in *usersInput) UnmarshalJSON(data []byte) (err error) {
	in.Users, err = namesIn(data, "users")
	return err
}

// namesIn reads a list of names, alone or under key in an object; nil: there is none.
func namesIn(data []byte, key string) (names []string, err error) {
	if json.Unmarshal(data, &names) == nil {
		return names, nil
	}
	names = nil
	var o map[string]json.RawMessage
	if err := json.Unmarshal(data, &o); err != nil || o[key] == nil {
		return nil, err
	}
	err = json.Unmarshal(o[key], &names)
	return names, err
}

// errNoNames refuses a change that does not say whom it is about: it would empty a list.
func errNoNames(key string) error {
	return unprocessable(`Invalid request. "` + key + `" wasn't supplied.`)
}

func addUsers(have, named []repo.Listed) []repo.Listed {
	return append(removeUsers(have, named), named...)
}

func setUsers(_, named []repo.Listed) []repo.Listed { return named }

func removeUsers(have, named []repo.Listed) []repo.Listed {
	gone := map[int64]bool{}
	for _, n := range named {
		gone[int64(n.Account)] = true
	}
	var out []repo.Listed
	for _, h := range have {
		if !gone[int64(h.Account)] {
			out = append(out, h)
		}
	}
	return out
}

// relist changes who is listed by the branch's own rule, which must restrict pushes.
func (c *call) relist(change func(*repo.Rule)) (branch string, rule *repo.Rule, err error) {
	return c.change(func(r *repo.Rule) error {
		if r.Push == repo.WritersPush {
			return errNotRestricted
		}
		change(r)
		r.Push = pushersOf(r)
		return nil
	})
}

func (d *Door) changeRestricted(how func(have, named []repo.Listed) []repo.Listed) handler {
	return func(c *call) (any, error) {
		var in usersInput
		if err := c.decodeAny(&in); err != nil {
			return nil, err
		}
		if in.Users == nil {
			return nil, errNoNames("users")
		}
		named, err := c.listed(in.Users)
		if err != nil {
			return nil, err
		}
		branch, rule, err := c.relist(func(r *repo.Rule) { r.Accounts = how(r.Accounts, named) })
		if err != nil {
			return nil, err
		}
		out := c.restrictions(branch, rule)
		c.status = http.StatusOK
		return out.Users, nil
	}
}
