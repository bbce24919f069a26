package repo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"jeton/internal/account"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// Collaborator is somebody beside the owner who may use a repository.
type Collaborator struct {
	Account id.Account
	Login   string
	Name    string // the account's display name; may be empty
	Level   right.Level
	Since   time.Time
}

// Collaborators lists who may use the repository beside its owner, by login.
func (m *Room) Collaborators(ctx context.Context, r db.Reader, repo id.Repo) ([]Collaborator, error) {
	rows, err := r.Query(ctx, `
		SELECT c.account_id, a.login, a.name, c.level, c.created_at
		FROM collaborators c
		JOIN accounts a ON a.id = c.account_id
		WHERE c.repo_id = $1 AND a.managed_repo = 0
		ORDER BY a.login_key`, repo)
	if err != nil {
		return nil, fmt.Errorf("list collaborators: %w", err)
	}
	defer rows.Close()
	out := []Collaborator{}
	for rows.Next() {
		var c Collaborator
		var since int64
		if err := rows.Scan(&c.Account, &c.Login, &c.Name, &c.Level, &since); err != nil {
			return nil, fmt.Errorf("list collaborators: %w", err)
		}
		c.Since = db.Time(since)
		out = append(out, c)
	}
	return out, rows.Err()
}

// maxOutsiders bounds the list of an organisation's outside collaborators.
const maxOutsiders = 10_000

// Outsiders lists who collaborates on something that an organisation owns
// without being its member, by login.
func (m *Room) Outsiders(ctx context.Context, r db.Reader, org id.Account) ([]Collaborator, error) {
	rows, err := r.Query(ctx, `
		SELECT DISTINCT c.account_id, a.login, a.name, a.login_key
		FROM repositories x JOIN collaborators c ON c.repo_id = x.id JOIN accounts a ON a.id = c.account_id
		WHERE x.owner_id = $1 AND a.managed_repo = 0 AND NOT EXISTS (SELECT 1 FROM org_members m WHERE m.org_id = $1 AND m.account_id = c.account_id AND m.state = 1)
		ORDER BY a.login_key LIMIT $2`, org, maxOutsiders)
	if err != nil {
		return nil, fmt.Errorf("list outside collaborators: %w", err)
	}
	defer rows.Close()
	out := []Collaborator{}
	for rows.Next() {
		var c Collaborator
		var key string
		if err := rows.Scan(&c.Account, &c.Login, &c.Name, &key); err != nil {
			return nil, fmt.Errorf("list outside collaborators: %w", err)
		}
		out = append(out, c)
	}
	return out, rows.Err()
}

// SetCollaborator lets an account use the repository with read, write or admin,
// or changes the level that it has. It fails with problem.Invalid for the owner
// and for any other level, and with problem.NotFound.
func (m *Room) SetCollaborator(ctx context.Context, actor right.Actor, repo id.Repo, who id.Account, level right.Level) error {
	if level == right.None || level > right.Admin {
		return problem.Field("permission", "permission must be read, write or admin")
	}
	return m.o.DB.Write(ctx, func(tx *db.Tx) error {
		r, err := m.ByID(ctx, tx, repo)
		if err != nil {
			return err
		}
		invited, err := m.o.Account.ByID(ctx, tx, who)
		if err != nil {
			return err
		}
		if err := mayCollaborate(&r, &invited); err != nil {
			return err
		}
		before, err := m.setLevel(ctx, tx, repo, who, level)
		if err != nil || before == level {
			return err
		}
		action, detail := "repo.add_member", map[string]string{"user": invited.Login, "permission": level.String()}
		if before != right.None {
			action, detail["old_permission"] = "repo.update_member", before.String()
		}
		if err := m.record(ctx, tx, actor, action, &r, detail); err != nil {
			return err
		}
		if err := m.uninvite(ctx, tx, repo, who); err != nil {
			return err
		}
		if err := m.tellMember(ctx, tx, actor, repo, who, invited.Login, before, level); err != nil {
			return err
		}
		return m.changed(ctx, tx, repo)
	})
}

func mayCollaborate(r *Repo, who *account.Account) error {
	if who.ID == r.Owner {
		return problem.Field("username", "Repository owner cannot be a collaborator")
	}
	if who.IsOrg() {
		return problem.Field("username", "An organization cannot be a collaborator; give a team of it access instead")
	}
	if !who.Named() {
		return problem.Field("username", "A repository's own account can't be a collaborator")
	}
	return nil
}

// setLevel writes the level of who and returns the one before, None for nobody.
func (m *Room) setLevel(ctx context.Context, tx *db.Tx, repo id.Repo, who id.Account, level right.Level) (right.Level, error) {
	var before right.Level
	err := tx.QueryRow(ctx, `SELECT level FROM collaborators WHERE repo_id = $1 AND account_id = $2`, repo, who).Scan(&before)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("read collaborator: %w", err)
	}
	if before == level {
		return before, nil
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO collaborators (repo_id, account_id, level, created_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (repo_id, account_id) DO UPDATE SET level = excluded.level`,
		repo, who, int64(level), db.Micros(m.o.Now()))
	if err != nil {
		return 0, fmt.Errorf("write collaborator: %w", err)
	}
	return before, nil
}

// RemoveCollaborator takes an account's access away, and fails with
// problem.NotFound when it had none.
func (m *Room) RemoveCollaborator(ctx context.Context, actor right.Actor, repo id.Repo, who id.Account) error {
	return m.o.DB.Write(ctx, func(tx *db.Tx) error { return m.removeTx(ctx, tx, actor, repo, who) })
}

// Leave gives up the actor's own access to somebody else's repository. For the
// owner it is problem.Conflict.
func (m *Room) Leave(ctx context.Context, actor right.Actor, repo id.Repo) error {
	return m.o.DB.Write(ctx, func(tx *db.Tx) error {
		r, err := m.ByID(ctx, tx, repo)
		if err != nil {
			return err
		}
		if r.Owner == actor.Account {
			return problem.New(problem.Conflict, "You own this repository, so you can't leave it.", "Transfer it to somebody else, or delete it.")
		}
		return m.removeTx(ctx, tx, actor, repo, actor.Account)
	})
}

func (m *Room) removeTx(ctx context.Context, tx *db.Tx, actor right.Actor, repo id.Repo, who id.Account) error {
	r, err := m.ByID(ctx, tx, repo)
	if err != nil {
		return err
	}
	account, err := m.o.Account.ByID(ctx, tx, who)
	if err != nil {
		return err
	}
	res, err := tx.Exec(ctx, `DELETE FROM collaborators WHERE repo_id = $1 AND account_id = $2`, repo, who)
	if err != nil {
		return fmt.Errorf("remove collaborator: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil {
		return err
	} else if n == 0 && who == actor.Account && r.OwnerIsOrg {
		return problem.New(problem.Conflict, "Your access comes from the organization "+r.OwnerLogin+".", "Leave its team, or the organization.")
	} else if n == 0 {
		return problem.New(problem.NotFound, "this account is not a collaborator", "")
	}
	if err := m.unlist(ctx, tx, repo, who); err != nil {
		return err
	}
	if err := m.record(ctx, tx, actor, "repo.remove_member", &r, map[string]string{"user": account.Login}); err != nil {
		return err
	}
	if err := m.tellMember(ctx, tx, actor, repo, who, account.Login, right.None, right.None); err != nil {
		return err
	}
	return m.changed(ctx, tx, repo)
}

// GrantTx gives an account a level on a repository that the flow makes: its
// creator in an organisation.
func (m *Room) GrantTx(ctx context.Context, tx *db.Tx, actor right.Actor, repo id.Repo, who id.Account, level right.Level) error {
	if _, err := m.setLevel(ctx, tx, repo, who, level); err != nil {
		return err
	}
	return m.changed(ctx, tx, repo)
}

// LeaveAllTx ends every collaboration of an account that goes away.
func (m *Room) LeaveAllTx(ctx context.Context, tx *db.Tx, actor right.Actor, who id.Account) error {
	repos, err := ids(ctx, tx, `SELECT repo_id FROM collaborators WHERE account_id = $1 ORDER BY repo_id`, who)
	if err != nil {
		return err
	}
	for _, repo := range repos {
		if err := m.removeTx(ctx, tx, actor, repo, who); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, `DELETE FROM repo_invitations WHERE account_id = $1 OR invited_by = $1`, who); err != nil {
		return fmt.Errorf("end invitations: %w", err)
	}
	return nil
}

// LeaveOwnerTx ends every collaboration of an account on what owner has, and
// takes it off the rules there: for who leaves an organisation.
func (m *Room) LeaveOwnerTx(ctx context.Context, tx *db.Tx, actor right.Actor, owner, who id.Account) error {
	repos, err := ids(ctx, tx, `
		SELECT c.repo_id FROM collaborators c JOIN repositories r ON r.id = c.repo_id
		WHERE c.account_id = $1 AND r.owner_id = $2 ORDER BY c.repo_id`, who, owner)
	if err != nil {
		return err
	}
	for _, repo := range repos {
		if err := m.removeTx(ctx, tx, actor, repo, who); err != nil {
			return err
		}
	}
	listed, err := ids(ctx, tx, `
		SELECT DISTINCT rr.repo_id FROM ref_rule_accounts l JOIN ref_rules rr ON rr.id = l.rule_id JOIN repositories r ON r.id = rr.repo_id
		WHERE l.account_id = $1 AND r.owner_id = $2 ORDER BY rr.repo_id`, who, owner)
	if err != nil {
		return err
	}
	for _, repo := range listed {
		if err := m.unlist(ctx, tx, repo, who); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, `DELETE FROM repo_invitations WHERE account_id = $1 AND repo_id IN (SELECT id FROM repositories WHERE owner_id = $2)`, who, owner)
	if err != nil {
		return fmt.Errorf("withdraw invitations: %w", err)
	}
	return nil
}

// Owned returns the numbers of the repositories that an account owns.
func (m *Room) Owned(ctx context.Context, r db.Reader, owner id.Account) ([]id.Repo, error) {
	return ids(ctx, r, `SELECT id FROM repositories WHERE owner_id = $1 ORDER BY id`, owner)
}

func ids(ctx context.Context, r db.Reader, query string, args ...any) ([]id.Repo, error) {
	rows, err := r.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list repositories: %w", err)
	}
	defer rows.Close()
	var out []id.Repo
	for rows.Next() {
		var repo id.Repo
		if err := rows.Scan(&repo); err != nil {
			return nil, fmt.Errorf("list repositories: %w", err)
		}
		out = append(out, repo)
	}
	return out, rows.Err()
}

// Sharers lists the owners of the repositories to which who was given access, by
// their logins.
func (m *Room) Sharers(ctx context.Context, r db.Reader, who id.Account) ([]account.Account, error) {
	rows, err := r.Query(ctx, `
		SELECT a.id, a.login, a.kind FROM accounts a
		WHERE a.id IN (SELECT r.owner_id FROM collaborators c JOIN repositories r ON r.id = c.repo_id WHERE c.account_id = $1)
		ORDER BY a.login_key`, who)
	if err != nil {
		return nil, fmt.Errorf("list who shares repositories: %w", err)
	}
	defer rows.Close()
	var out []account.Account
	for rows.Next() {
		var a account.Account
		if err := rows.Scan(&a.ID, &a.Login, &a.Kind); err != nil {
			return nil, fmt.Errorf("list who shares repositories: %w", err)
		}
		out = append(out, a)
	}
	return out, rows.Err()
}
