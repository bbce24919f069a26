package repo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// Person is somebody who has access to a repository by a place of their own.
type Person struct {
	Account id.Account
	Login   string
	Level   right.Level
}

// PeopleQuery says which of them a list shall have.
type PeopleQuery struct {
	Direct  bool        // only collaborators, in an organisation
	Outside bool        // only collaborators who are no members of the organisation
	Level   right.Level // only who may this much; None: all
	Page    int
	PerPage int
}

// People lists who has access to a repository, with the level that counts, by
// login: its owner, collaborators, and the organisation's owners, members and
// teams.
func (m *Room) People(ctx context.Context, r db.Reader, of *Repo, q PeopleQuery) ([]Person, int, error) {
	var c clause
	me := c.arg(of.ID)
	parts := []string{`SELECT account_id, level FROM collaborators WHERE repo_id = ` + me}
	if !of.OwnerIsOrg {
		if !q.Outside {
			parts = append(parts, `SELECT owner_id, 3 FROM repositories WHERE id = `+me)
		}
	} else if !q.Direct && !q.Outside {
		owner := c.arg(of.Owner)
		parts = append(parts,
			`SELECT om.account_id, CASE WHEN om.role = 2 THEN 3 ELSE og.base_level END FROM org_members om JOIN orgs og ON og.account_id = om.org_id
			WHERE om.org_id = `+owner+` AND om.state = 1 AND (om.role = 2 OR og.base_level > 0)`,
			`SELECT tm.account_id, tr.level FROM team_repos tr JOIN teams tt ON tt.id = tr.team_id AND tt.org_id = `+owner+`
			JOIN team_members tm ON tm.team_id = tr.team_id
			JOIN org_members om ON om.org_id = tt.org_id AND om.account_id = tm.account_id AND om.state = 1
			WHERE tr.repo_id = `+me)
	}
	where := `a.managed_repo = 0`
	if q.Outside && of.OwnerIsOrg {
		where += ` AND NOT EXISTS (SELECT 1 FROM org_members om WHERE om.org_id = ` + c.arg(of.Owner) + ` AND om.account_id = p.account_id AND om.state = 1)`
	}
	from := ` FROM (` + strings.Join(parts, ` UNION ALL `) + `) p JOIN accounts a ON a.id = p.account_id WHERE ` + where +
		` GROUP BY p.account_id, a.login, a.login_key HAVING MAX(p.level) >= ` + c.arg(int64(q.Level))
	var total int
	if err := r.QueryRow(ctx, `SELECT COUNT(*) FROM (SELECT p.account_id`+from+`) x`, c.args...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("count people: %w", err)
	}
	rows, err := r.Query(ctx, `SELECT p.account_id, a.login, MAX(p.level)`+from+` ORDER BY a.login_key LIMIT `+c.arg(q.PerPage)+` OFFSET `+c.arg((max(q.Page, 1)-1)*q.PerPage), c.args...)
	if err != nil {
		return nil, 0, fmt.Errorf("list people: %w", err)
	}
	defer rows.Close()
	out := []Person{}
	for rows.Next() {
		var p Person
		var level uint8
		if err := rows.Scan(&p.Account, &p.Login, &level); err != nil {
			return nil, 0, fmt.Errorf("list people: %w", err)
		}
		if l := right.Level(level); l <= right.Admin {
			p.Level = l
		}
		out = append(out, p)
	}
	return out, total, rows.Err()
}

// Exclude ends an account's collaboration, or takes back its invitation. It is no
// error when there was neither.
func (m *Room) Exclude(ctx context.Context, actor right.Actor, repo id.Repo, who id.Account) error {
	return m.o.DB.Write(ctx, func(tx *db.Tx) error {
		var n id.Invitation
		err := tx.QueryRow(ctx, `SELECT id FROM repo_invitations WHERE repo_id = $1 AND account_id = $2 AND level > 0`, repo, who).Scan(&n)
		if err == nil {
			i, err := m.Invitation(ctx, tx, n)
			if err != nil {
				return err
			}
			return m.end(ctx, tx, actor, &i, "repository_invitation.cancel")
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("read invitation: %w", err)
		}
		if err := m.removeTx(ctx, tx, actor, repo, who); !problem.Is(err, problem.NotFound) {
			return err
		}
		return nil
	})
}

// ForkOf returns the number of the fork of a repository that an account has, or
// problem.NotFound.
func (m *Room) ForkOf(ctx context.Context, r db.Reader, of id.Repo, owner id.Account) (id.Repo, error) {
	var n id.Repo
	err := r.QueryRow(ctx, `SELECT id FROM repositories WHERE owner_id = $1 AND fork_of = $2 ORDER BY id LIMIT 1`, owner, of).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, notFound()
	}
	if err != nil {
		return 0, fmt.Errorf("find a fork: %w", err)
	}
	return n, nil
}
