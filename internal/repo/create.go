package repo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// NewRepo describes a repository to be made.
type NewRepo struct {
	ID            id.Repo // a number from Draw; zero draws one
	Owner         id.Account
	Name          string
	Description   string
	Private       bool
	Format        string  // sha1 when empty, or sha256
	DefaultBranch string  // main when empty
	ForkOf        id.Repo // what it is a fork of
	TemplateOf    id.Repo // the template that it is made from
	Homepage      string
	Template      bool // others may make repositories of its files
}

func (n *NewRepo) check() error {
	if n.Format == "" {
		n.Format = "sha1"
	}
	if n.DefaultBranch == "" {
		n.DefaultBranch = "main"
	}
	if err := CheckName(n.Name); err != nil {
		return err
	}
	if err := checkDescription(n.Description); err != nil {
		return err
	}
	if err := checkHomepage(n.Homepage); err != nil {
		return err
	}
	if n.Format != "sha1" && n.Format != "sha256" {
		return problem.Field("object_format", "object_format must be sha1 or sha256")
	}
	return CheckBranch(n.DefaultBranch)
}

func taken(field string) error {
	return problem.Field(field, "name already exists on this account")
}

// Create makes the row of a new repository in the caller's transaction; the
// folder of that number should be there by then, see Draw. A redirect that
// stood at the name ends. It fails with problem.Invalid, with the field, when
// something about n is wrong or the owner already uses the name.
func (m *Room) Create(ctx context.Context, tx *db.Tx, actor right.Actor, n NewRepo) (Repo, error) {
	if err := n.check(); err != nil {
		return Repo{}, err
	}
	owner, err := m.o.Account.ByID(ctx, tx, n.Owner)
	if err != nil {
		return Repo{}, err
	}
	if err := mayOwn(&owner, "owner"); err != nil {
		return Repo{}, err
	}
	now := m.o.Now().UTC().Truncate(time.Microsecond)
	r := Repo{
		Owner: n.Owner, OwnerLogin: owner.Login, Name: n.Name, Description: n.Description, DefaultBranch: n.DefaultBranch,
		Private: n.Private, Format: n.Format, ForkOf: n.ForkOf, TemplateOf: n.TemplateOf, OwnerIsOrg: owner.IsOrg(), Homepage: n.Homepage, Template: n.Template,
		// What an organisation keeps private stays with it, unless it says otherwise.
		NoForking: owner.IsOrg() && n.Private, CreatedAt: now, UpdatedAt: now, Quota: SiteQuota,
	}
	if r.ID, err = m.number(ctx, tx, n.ID); err != nil {
		return Repo{}, err
	}
	key := strings.ToLower(n.Name)
	res, err := tx.Exec(ctx, `
		INSERT INTO repositories (id, owner_id, name, name_key, description, private, archived, default_branch,
			object_format, size_kib, created_at, updated_at, pushed_at, fork_of, template_of, homepage, is_template, no_forking)
		VALUES ($1, $2, $3, $4, $5, $6, FALSE, $7, $8, 0, $9, $9, 0, $10, $11, $12, $13, $14)
		ON CONFLICT (owner_id, name_key) DO NOTHING`,
		r.ID, r.Owner, r.Name, key, r.Description, r.Private, r.DefaultBranch, r.Format, db.Micros(now), r.ForkOf, r.TemplateOf, r.Homepage, r.Template, r.NoForking)
	if err != nil {
		return Repo{}, fmt.Errorf("insert repository: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil {
		return Repo{}, err
	} else if n == 0 {
		return Repo{}, taken("name")
	}
	if err := tx.QueryRow(ctx, `SELECT quota FROM accounts WHERE id = $1`, r.Owner).Scan(&r.OwnerQuota); err != nil {
		return Repo{}, fmt.Errorf("read the owner's quota: %w", err)
	}
	if err := endRedirect(ctx, tx, r.Owner, key); err != nil {
		return Repo{}, err
	}
	if err := m.record(ctx, tx, actor, "repo.create", &r, map[string]string{"visibility": visibilityWord(r.Private)}); err != nil {
		return Repo{}, err
	}
	if err := m.tell(ctx, tx, actor, r.ID, "repository", "created", nil); err != nil {
		return Repo{}, err
	}
	return r, m.changed(ctx, tx, r.ID)
}

// Delete removes the row and everything that hangs on it, and returns what the
// repository was. The folder is the caller's to remove after the commit; until
// Settle is called, Leftovers names it.
func (m *Room) Delete(ctx context.Context, tx *db.Tx, actor right.Actor, repo id.Repo) (Repo, error) {
	r, err := m.ByID(ctx, tx, repo)
	if err != nil {
		return Repo{}, err
	}
	// The tables that hang on the row are emptied by hand, so that nothing
	// depends on a database that was opened without its foreign keys.
	for _, q := range []string{
		`DELETE FROM ref_rule_accounts WHERE rule_id IN (SELECT id FROM ref_rules WHERE repo_id = $1)`,
		`DELETE FROM ref_rules WHERE repo_id = $1`,
		`DELETE FROM collaborators WHERE repo_id = $1`,
		`DELETE FROM repo_names WHERE repo_id = $1`,
		`DELETE FROM repo_invitations WHERE repo_id = $1`,
		`UPDATE repositories SET template_of = 0 WHERE template_of = $1`,
		`UPDATE repositories SET fork_of = 0 WHERE fork_of = $1`,
		`DELETE FROM repositories WHERE id = $1`,
	} {
		if _, err := tx.Exec(ctx, q, repo); err != nil {
			return Repo{}, fmt.Errorf("delete repository %d: %w", repo, err)
		}
	}
	_, err = tx.Exec(ctx, `INSERT INTO repo_removed (id, at) VALUES ($1, $2)`, repo, db.Micros(m.o.Now()))
	if err != nil {
		return Repo{}, fmt.Errorf("delete repository %d: %w", repo, err)
	}
	if err := m.record(ctx, tx, actor, "repo.destroy", &r, nil); err != nil {
		return Repo{}, err
	}
	if err := m.tellDeleted(ctx, tx, actor, &r); err != nil {
		return Repo{}, err
	}
	return r, m.changed(ctx, tx, repo)
}

// endRedirect gives a name back to whoever uses it now.
func endRedirect(ctx context.Context, tx *db.Tx, owner id.Account, key string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM repo_names WHERE owner_id = $1 AND name_key = $2`, owner, key); err != nil {
		return fmt.Errorf("end redirect: %w", err)
	}
	return nil
}

// leaveRedirect lets owner/key lead to repo for RedirectFor.
func (m *Room) leaveRedirect(ctx context.Context, tx *db.Tx, owner id.Account, key string, repo id.Repo) error {
	now := m.o.Now()
	_, err := tx.Exec(ctx, `
		INSERT INTO repo_names (owner_id, name_key, repo_id, until) VALUES ($1, $2, $3, $4)
		ON CONFLICT (owner_id, name_key) DO UPDATE SET repo_id = excluded.repo_id, until = excluded.until`,
		owner, key, repo, db.Micros(now.Add(RedirectFor)))
	if err == nil {
		_, err = tx.Exec(ctx, `DELETE FROM repo_names WHERE until <= $1`, db.Micros(now))
	}
	if err != nil {
		return fmt.Errorf("leave redirect: %w", err)
	}
	return nil
}

func visibilityWord(private bool) string {
	if private {
		return "private"
	}
	return "public"
}

// CheckNew reports early what Create would refuse, and fills in what n left to
// be chosen. Only Create's answer holds.
func (m *Room) CheckNew(ctx context.Context, r db.Reader, n *NewRepo) error {
	if err := n.check(); err != nil {
		return err
	}
	owner, err := m.o.Account.ByID(ctx, r, n.Owner)
	if err == nil {
		err = mayOwn(&owner, "owner")
	}
	if err != nil {
		return err
	}
	return free(ctx, r, n.Owner, strings.ToLower(n.Name), "name")
}

// free fails with problem.Invalid for field when the owner uses the name.
func free(ctx context.Context, r db.Reader, owner id.Account, key, field string) error {
	var n int
	err := r.QueryRow(ctx, `SELECT COUNT(*) FROM repositories WHERE owner_id = $1 AND name_key = $2`, owner, key).Scan(&n)
	if err != nil {
		return fmt.Errorf("look for the name: %w", err)
	}
	if n > 0 {
		return taken(field)
	}
	return nil
}
