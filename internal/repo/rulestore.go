package repo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

const (
	maxRules  = 100 // of one repository
	maxListed = 50  // accounts of one rule
	keptRules = 4096
)

// ruleCache keeps the rules of repositories by the moment of their last change,
// which is read with the repository itself: what is kept is never too old.
type ruleCache struct {
	mu    sync.Mutex
	known map[id.Repo]knownRules // guarded by mu
}

type knownRules struct {
	at    int64
	rules *Rules
}

func (c *ruleCache) get(repo id.Repo, at int64) *Rules {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k, ok := c.known[repo]; ok && k.at == at {
		return k.rules
	}
	return nil
}

func (c *ruleCache) put(repo id.Repo, at int64, rules *Rules) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= keptRules {
		for other := range c.known { // the runtime's random order picks the victim
			delete(c.known, other)
			break
		}
	}
	if c.known == nil {
		c.known = map[id.Repo]knownRules{}
	}
	c.known[repo] = knownRules{at, rules}
}

// Rules returns the rules of a repository that was read just now. Without any,
// and where they are known, it asks the database nothing.
func (m *Room) Rules(ctx context.Context, r db.Reader, repo *Repo) (*Rules, error) {
	if repo.RulesAt == 0 {
		return &Rules{}, nil
	}
	if known := m.rules.get(repo.ID, repo.RulesAt); known != nil {
		return known, nil
	}
	rules, err := readRules(ctx, r, repo.ID)
	if err != nil {
		return nil, err
	}
	m.rules.put(repo.ID, repo.RulesAt, rules)
	return rules, nil
}

func readRules(ctx context.Context, r db.Reader, repo id.Repo) (*Rules, error) {
	rows, err := r.Query(ctx, `
		SELECT u.id, u.kind, u.pattern, u.push, u.include_admins, u.allow_force, u.allow_delete, u.created_at,
			COALESCE(l.account_id, 0), COALESCE(a.login, ''), COALESCE(a.managed_repo, 0)
		FROM ref_rules u
		LEFT JOIN ref_rule_accounts l ON l.rule_id = u.id
		LEFT JOIN accounts a ON a.id = l.account_id
		WHERE u.repo_id = $1
		ORDER BY u.id, a.login_key`, repo)
	if err != nil {
		return nil, fmt.Errorf("read rules of repository %d: %w", repo, err)
	}
	defer rows.Close()
	var list []Rule
	for rows.Next() {
		var one Rule
		var who Listed
		var place id.Repo
		var created int64
		err := rows.Scan(&one.ID, &one.Kind, &one.Pattern, &one.Push, &one.IncludeAdmins, &one.AllowForce, &one.AllowDelete, &created, &who.Account, &who.Login, &place)
		if err != nil {
			return nil, fmt.Errorf("read rules of repository %d: %w", repo, err)
		}
		if last := len(list) - 1; last < 0 || list[last].ID != one.ID {
			one.CreatedAt = db.Time(created)
			if one.pattern, err = ParsePattern(one.Pattern); err != nil {
				return nil, fmt.Errorf("rule %d of repository %d: %w", one.ID, repo, err)
			}
			list = append(list, one)
		}
		switch last := &list[len(list)-1]; {
		case who.Account == 0: // nobody is listed
		case place == 0:
			last.Accounts = append(last.Accounts, who)
		case place == repo:
			last.Itself, last.machine = true, who.Account
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read rules of repository %d: %w", repo, err)
	}
	return newRules(list), nil
}

// RuleByID returns a rule of that repository, or problem.NotFound.
func (m *Room) RuleByID(ctx context.Context, r db.Reader, repo id.Repo, rule id.Rule) (Rule, error) {
	rules, err := readRules(ctx, r, repo)
	if err != nil {
		return Rule{}, err
	}
	i := slices.IndexFunc(rules.list, func(one Rule) bool { return one.ID == rule })
	if i < 0 {
		return Rule{}, problem.New(problem.NotFound, "There is no such rule.", "It may have been deleted.")
	}
	return rules.list[i], nil
}

// CreateRule adds a rule; of its accounts the numbers alone count. It fails with
// problem.Invalid, with the field.
func (m *Room) CreateRule(ctx context.Context, actor right.Actor, repo id.Repo, n Rule) (Rule, error) {
	err := m.o.DB.Write(ctx, func(tx *db.Tx) error {
		r, err := m.ByID(ctx, tx, repo)
		if err != nil {
			return err
		}
		known, err := readRules(ctx, tx, repo)
		if err != nil {
			return err
		}
		if len(known.list) >= maxRules {
			return problem.Field("pattern", "A repository can have 100 rules. Delete one that is no longer needed, or write one pattern for several names.")
		}
		if err := m.checkRule(ctx, tx, &r, known, &n); err != nil {
			return err
		}
		err = tx.QueryRow(ctx, `
			INSERT INTO ref_rules (repo_id, kind, pattern, push, include_admins, allow_force, allow_delete, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id`,
			repo, int64(n.Kind), n.Pattern, int64(n.Push), n.IncludeAdmins, n.AllowForce, n.AllowDelete, db.Micros(m.o.Now())).Scan(&n.ID)
		if err != nil {
			return fmt.Errorf("insert rule: %w", err)
		}
		if err := m.listAccounts(ctx, tx, actor, repo, &n); err != nil {
			return err
		}
		return m.ruleChanged(ctx, tx, actor, &r, &n, "create")
	})
	return n, err
}

// UpdateRule replaces everything of a rule but what kind it is.
func (m *Room) UpdateRule(ctx context.Context, actor right.Actor, repo id.Repo, n Rule) error {
	return m.o.DB.Write(ctx, func(tx *db.Tx) error {
		r, err := m.ByID(ctx, tx, repo)
		if err != nil {
			return err
		}
		old, err := m.RuleByID(ctx, tx, repo, n.ID)
		if err != nil {
			return err
		}
		known, err := readRules(ctx, tx, repo)
		if err != nil {
			return err
		}
		n.Kind = old.Kind
		if err := m.checkRule(ctx, tx, &r, known, &n); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			UPDATE ref_rules SET pattern = $3, push = $4, include_admins = $5, allow_force = $6, allow_delete = $7
			WHERE id = $1 AND repo_id = $2`,
			n.ID, repo, n.Pattern, int64(n.Push), n.IncludeAdmins, n.AllowForce, n.AllowDelete)
		if err != nil {
			return fmt.Errorf("update rule: %w", err)
		}
		if err := m.listAccounts(ctx, tx, actor, repo, &n); err != nil {
			return err
		}
		return m.ruleChanged(ctx, tx, actor, &r, &n, "update")
	})
}

// DeleteRule takes a rule away, or fails with problem.NotFound.
func (m *Room) DeleteRule(ctx context.Context, actor right.Actor, repo id.Repo, rule id.Rule) error {
	return m.o.DB.Write(ctx, func(tx *db.Tx) error {
		r, err := m.ByID(ctx, tx, repo)
		if err != nil {
			return err
		}
		old, err := m.RuleByID(ctx, tx, repo, rule)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM ref_rule_accounts WHERE rule_id = $1`, rule); err != nil {
			return fmt.Errorf("delete rule: %w", err)
		}
		if _, err := tx.Exec(ctx, `DELETE FROM ref_rules WHERE id = $1 AND repo_id = $2`, rule, repo); err != nil {
			return fmt.Errorf("delete rule: %w", err)
		}
		return m.ruleChanged(ctx, tx, actor, &r, &old, "destroy")
	})
}

// SetForceBlock says where forced pushes are refused altogether.
func (m *Room) SetForceBlock(ctx context.Context, actor right.Actor, repo id.Repo, where ForceBlock) error {
	if where > BlockAll {
		return problem.Field("block_force", "Choose one of the three.")
	}
	return m.o.DB.Write(ctx, func(tx *db.Tx) error {
		r, err := m.ByID(ctx, tx, repo)
		if err != nil || r.BlockForce == where {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE repositories SET block_force = $2 WHERE id = $1`, repo, int64(where)); err != nil {
			return fmt.Errorf("block forced pushes: %w", err)
		}
		words := [...]string{"nowhere", "the default branch", "every branch"}
		if err := m.record(ctx, tx, actor, "repo.block_force_push", &r, map[string]string{"where": words[where]}); err != nil {
			return err
		}
		return m.changed(ctx, tx, repo)
	})
}

// checkRule validates n and gives its accounts their logins.
func (m *Room) checkRule(ctx context.Context, r db.Reader, repo *Repo, known *Rules, n *Rule) error {
	n.Pattern = strings.TrimSpace(n.Pattern)
	var err error
	if n.pattern, err = ParsePattern(n.Pattern); err != nil {
		return err
	}
	switch {
	case n.Kind > TagRef:
		return problem.Field("kind", "A rule is about branches or about tags.")
	case n.Push > ListedPush:
		return problem.Field("push", "Choose who may push.")
	case n.Push != ListedPush:
		n.Accounts, n.Itself = nil, false
	case len(n.Accounts) > maxListed:
		return problem.Field("accounts", "A rule can list 50 accounts.")
	}
	taken := func(one Rule) bool { return one.ID != n.ID && one.Kind == n.Kind && one.Pattern == n.Pattern }
	if slices.ContainsFunc(known.list, taken) {
		return problem.Field("pattern", "There is a rule for this pattern already.")
	}
	for i, l := range n.Accounts {
		a, err := m.o.Account.ByID(ctx, r, l.Account)
		if err != nil {
			return err
		}
		if n.Accounts[i].Login = a.Login; a.ID == repo.Owner {
			continue
		}
		f, err := m.FindByID(ctx, r, repo.ID, a.ID)
		if err != nil {
			return err
		}
		if f.Relation < right.Write {
			return problem.Field("accounts", "The user "+a.Login+" has no write access to this repository. Give it under Access first.")
		}
	}
	return nil
}

// listAccounts stores whom a rule lists. The repository's own account is made at
// first, so that the rule holds for the token that comes next.
func (m *Room) listAccounts(ctx context.Context, tx *db.Tx, actor right.Actor, repo id.Repo, n *Rule) error {
	if _, err := tx.Exec(ctx, `DELETE FROM ref_rule_accounts WHERE rule_id = $1`, n.ID); err != nil {
		return fmt.Errorf("list accounts of a rule: %w", err)
	}
	all := n.Accounts
	if n.Itself {
		var err error
		if n.machine, err = m.MachineTx(ctx, tx, actor, repo); err != nil {
			return err
		}
		all = append(slices.Clone(all), Listed{Account: n.machine})
	}
	for _, l := range all {
		_, err := tx.Exec(ctx, `INSERT INTO ref_rule_accounts (rule_id, account_id) VALUES ($1, $2) ON CONFLICT (rule_id, account_id) DO NOTHING`, n.ID, l.Account)
		if err != nil {
			return fmt.Errorf("list accounts of a rule: %w", err)
		}
	}
	return nil
}

// ruleChanged records what happened to a rule and makes every kept copy old.
func (m *Room) ruleChanged(ctx context.Context, tx *db.Tx, actor right.Actor, r *Repo, n *Rule, verb string) error {
	action := "protected_branch." + verb
	if n.Kind == TagRef {
		action = "protected_tag." + verb
	}
	if err := m.record(ctx, tx, actor, action, r, n.detail()); err != nil {
		return err
	}
	return m.touchRules(ctx, tx, r.ID)
}

// touchRules moves rules_at, always forwards.
func (m *Room) touchRules(ctx context.Context, tx *db.Tx, repo id.Repo) error {
	_, err := tx.Exec(ctx, `UPDATE repositories SET rules_at = CASE WHEN rules_at < $2 THEN $2 ELSE rules_at + 1 END WHERE id = $1`, repo, db.Micros(m.o.Now()))
	if err != nil {
		return fmt.Errorf("mark rules as changed: %w", err)
	}
	return m.changed(ctx, tx, repo)
}

// unlist takes an account that has no access any more off the repository's
// rules, so that it does not come back to its place when it gets access again.
func (m *Room) unlist(ctx context.Context, tx *db.Tx, repo id.Repo, who id.Account) error {
	res, err := tx.Exec(ctx, `
		DELETE FROM ref_rule_accounts WHERE account_id = $2 AND rule_id IN (SELECT id FROM ref_rules WHERE repo_id = $1)`, repo, who)
	if err != nil {
		return fmt.Errorf("take an account off the rules: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	return m.touchRules(ctx, tx, repo)
}

// detail is what the security log says of a rule.
func (r *Rule) detail() map[string]string {
	words := [...]string{"everyone with write access", "administrators", "listed accounts"}
	out := map[string]string{"name": r.Pattern, "push": words[r.Push], "force_pushes": allowed(r.AllowForce), "deletions": allowed(r.AllowDelete)}
	if r.Push == ListedPush {
		var logins []string
		for _, l := range r.Accounts {
			logins = append(logins, l.Login)
		}
		out["accounts"] = strings.Join(logins, " ")
	}
	if r.Itself {
		out["deploy_tokens_and_trusted_ci"] = "yes"
	}
	if r.IncludeAdmins {
		out["include_admins"] = "yes"
	}
	return out
}

func allowed(yes bool) string {
	if yes {
		return "allowed"
	}
	return "refused"
}
