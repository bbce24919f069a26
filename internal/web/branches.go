package web

import (
	"fmt"
	"strings"

	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/repo"
)

// pushersWords are the values of the form's field push, by repo.Pushers.
var pushersWords = [...]string{"write", "admins", "listed"}

// blockWords are the values of the field block_force, by repo.ForceBlock.
var blockWords = [...]string{"nowhere", "default", "all"}

func (c *call) branchesPage() (*branchesPage, error) {
	rules, err := c.door.o.Repos.Rules(c.ctx(), c.door.o.DB, &c.repo.Repo)
	if err != nil {
		return nil, err
	}
	p := &branchesPage{RepoFrame: c.repoFrame("Rules of "+c.repo.FullName(), "settings"), BlockForce: blockWords[c.repo.BlockForce]}
	p.Here = "branches"
	for _, r := range rules.All() {
		row := ruleRow{Pattern: r.Pattern, Href: href(c.repoPath("/settings/branches/%d"), r.ID), Says: ruleSays(&r)}
		if r.Kind == repo.TagRef {
			p.Tags = append(p.Tags, row)
		} else {
			p.Branches = append(p.Branches, row)
		}
	}
	return p, nil
}

// ruleSays is a rule in a line.
func ruleSays(r *repo.Rule) string {
	does, force := "push", "no forced pushes"
	if r.Kind == repo.TagRef {
		does, force = "make such tags", "no moving"
	}
	var says []string
	switch r.Push {
	case repo.AdminsPush:
		says = append(says, "only administrators "+does)
	case repo.ListedPush:
		says = append(says, "only "+listedWords(r)+" "+does)
	}
	if r.IncludeAdmins && r.Push != repo.WritersPush {
		says = append(says, "no exception for administrators")
	}
	if !r.AllowForce {
		says = append(says, force)
	}
	if !r.AllowDelete {
		says = append(says, "no deletion")
	}
	if len(says) == 0 {
		return "Allows everything."
	}
	line := strings.Join(says, ", ") + "."
	return strings.ToUpper(line[:1]) + line[1:]
}

// listedWords says whom a rule lists.
func listedWords(r *repo.Rule) string {
	const itself = "this repository’s deploy tokens and trusted CI"
	switch {
	case !r.Itself:
		return "listed accounts"
	case len(r.Accounts) == 0:
		return itself
	}
	return "listed accounts, " + itself
}

func branchRules(c *call) error {
	p, err := c.branchesPage()
	if err != nil {
		return err
	}
	return c.show("repo-branches", p)
}

func saveForceBlock(c *call) error {
	where := repo.ForceBlock(len(blockWords)) // refused below
	for i, word := range blockWords {
		if c.field("block_force") == word {
			where = repo.ForceBlock(i)
		}
	}
	err := c.door.o.Repos.SetForceBlock(c.ctx(), c.actor, c.repo.ID, where)
	if err == nil {
		return c.done("Saved the setting.", c.repoPath("/settings/branches"))
	}
	p, loadErr := c.branchesPage()
	if loadErr != nil {
		return loadErr
	}
	return c.again(err, "repo-branches", p)
}

func (c *call) rulePage(r *repo.Rule) *rulePage {
	p := &rulePage{RepoFrame: c.repoFrame("Rule of "+c.repo.FullName(), "settings"), Kind: r.Kind.String(), Pattern: r.Pattern, Push: pushersWords[r.Push],
		Itself: r.Itself, IncludeAdmins: r.IncludeAdmins, AllowForce: r.AllowForce, AllowDelete: r.AllowDelete, Action: c.repoPath("/settings/branches/new")}
	p.Here = "branches"
	var logins []string
	for _, l := range r.Accounts {
		logins = append(logins, l.Login)
	}
	p.Accounts = strings.Join(logins, " ")
	if r.ID != 0 {
		p.Action = href(c.repoPath("/settings/branches/%d"), r.ID)
		p.DeleteHref = p.Action + "/delete"
	}
	return p
}

func newRuleForm(c *call) error {
	r := repo.Rule{}
	if c.r.URL.Query().Get("kind") == "tag" {
		r.Kind = repo.TagRef
	}
	return c.show("repo-rule", c.rulePage(&r))
}

// sentRule reads the form into r. What was sent stays in the page even when it
// can't be.
func (c *call) sentRule(r *repo.Rule, p *rulePage) error {
	p.Pattern, p.Push, p.Accounts = c.field("pattern"), c.field("push"), c.field("accounts")
	p.Itself = c.field("itself") == "yes"
	p.IncludeAdmins, p.AllowForce, p.AllowDelete = c.field("include_admins") == "yes", c.field("allow_force") == "yes", c.field("allow_delete") == "yes"
	r.Pattern, r.IncludeAdmins, r.AllowForce, r.AllowDelete = p.Pattern, p.IncludeAdmins, p.AllowForce, p.AllowDelete
	r.Accounts, r.Itself = nil, p.Itself
	r.Push = repo.Pushers(len(pushersWords)) // the room refuses it
	for i, word := range pushersWords {
		if p.Push == word {
			r.Push = repo.Pushers(i)
		}
	}
	if r.Push != repo.ListedPush {
		return nil
	}
	for _, login := range strings.FieldsFunc(p.Accounts, func(r rune) bool { return r == ' ' || r == ',' }) {
		a, err := c.door.o.Accounts.ByLogin(c.ctx(), c.door.o.DB, login)
		if problem.Is(err, problem.NotFound) {
			return problem.Field("accounts", "There is no such user: "+login)
		}
		if err != nil {
			return err
		}
		r.Accounts = append(r.Accounts, repo.Listed{Account: a.ID, Login: a.Login})
	}
	return nil
}

func createRule(c *call) error {
	r := repo.Rule{}
	if c.field("kind") == "tag" {
		r.Kind = repo.TagRef
	}
	p := c.rulePage(&r)
	err := c.sentRule(&r, p)
	if err == nil {
		_, err = c.door.o.Repos.CreateRule(c.ctx(), c.actor, c.repo.ID, r)
	}
	if err != nil {
		return c.again(err, "repo-rule", p)
	}
	return c.done("Added the rule for "+r.Pattern+".", c.repoPath("/settings/branches"))
}

// rule is the one that the address names, of this repository alone.
func (c *call) rule() (repo.Rule, error) {
	rule, err := pathID[id.Rule](c, "rule")
	if err != nil {
		return repo.Rule{}, err
	}
	r, err := c.door.o.Repos.RuleByID(c.ctx(), c.door.o.DB, c.repo.ID, rule)
	if problem.Is(err, problem.NotFound) {
		return r, errMissing()
	}
	return r, err
}

func ruleForm(c *call) error {
	r, err := c.rule()
	if err != nil {
		return err
	}
	return c.show("repo-rule", c.rulePage(&r))
}

func updateRule(c *call) error {
	r, err := c.rule()
	if err != nil {
		return err
	}
	p := c.rulePage(&r)
	if err = c.sentRule(&r, p); err == nil {
		err = c.door.o.Repos.UpdateRule(c.ctx(), c.actor, c.repo.ID, r)
	}
	if err != nil {
		return c.again(err, "repo-rule", p)
	}
	return c.done("Saved the rule for "+r.Pattern+".", c.repoPath("/settings/branches"))
}

func deleteRuleForm(c *call) error {
	r, err := c.rule()
	if err != nil {
		return err
	}
	p := c.confirmRepo(fmt.Sprintf("branches/%d/delete", int64(r.ID)), "Delete the rule for "+r.Pattern+"?", "Delete this rule",
		"What it protects can be pushed to, forced and deleted by everybody with write access, unless another rule speaks of it.")
	p.Back = c.repoPath("/settings/branches")
	return c.show("confirm", p)
}

func deleteRule(c *call) error {
	rule, err := pathID[id.Rule](c, "rule")
	if err != nil {
		return err
	}
	err = c.door.o.Repos.DeleteRule(c.ctx(), c.actor, c.repo.ID, rule)
	text := "Deleted the rule."
	if problem.Is(err, problem.NotFound) {
		text, err = "There is no such rule any more.", nil // sent twice, or somebody was quicker
	}
	if err != nil {
		return err
	}
	return c.done(text, c.repoPath("/settings/branches"))
}
