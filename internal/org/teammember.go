package org

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// TeamRole is what somebody is in a team.
type TeamRole uint8

// The roles.
const (
	NoTeamRole TeamRole = iota
	TeamMember
	Maintainer
)

var teamRoleNames = [...]string{"none", "member", "maintainer"}

// String is GitHub's word.
func (r TeamRole) String() string { return teamRoleNames[r] }

// ParseTeamRole reads GitHub's words; the empty one is a member's.
func ParseTeamRole(s string) (TeamRole, bool) {
	switch s {
	case "", "member":
		return TeamMember, true
	case "maintainer":
		return Maintainer, true
	}
	return NoTeamRole, false
}

// Mate is somebody in a team.
type Mate struct {
	Account id.Account
	Login   string
	Name    string
	Role    TeamRole
	Pending bool // the organisation's invitation is not accepted yet
}

const mateColumns = `tm.account_id, a.login, a.name, tm.role, om.state, om.role
	FROM team_members tm JOIN teams t ON t.id = tm.team_id JOIN accounts a ON a.id = tm.account_id
	JOIN org_members om ON om.org_id = t.org_id AND om.account_id = tm.account_id`

func scanMate(row scanner) (Mate, error) {
	var x Mate
	var role, state, orgRole uint8
	if err := row.Scan(&x.Account, &x.Login, &x.Name, &role, &state, &orgRole); err != nil {
		return Mate{}, err
	}
	if r := TeamRole(role); r <= Maintainer {
		x.Role = r
	}
	if Role(orgRole) == Owner { // owners of the organisation maintain each team that they are in
		x.Role = Maintainer
	}
	x.Pending = state != active
	return x, nil
}

// Mates lists the members of a team by login, of one role or of all, without
// those who are only invited, and counts them.
func (m *Room) Mates(ctx context.Context, r db.Reader, t id.Team, role TeamRole, page, perPage int) ([]Mate, int, error) {
	const where = ` WHERE tm.team_id = $1 AND om.state = 1 AND ($2 = 0 OR $2 = CASE WHEN om.role = 2 THEN 2 ELSE tm.role END)`
	var total int
	err := r.QueryRow(ctx, `
		SELECT COUNT(*) FROM team_members tm JOIN teams t ON t.id = tm.team_id
		JOIN org_members om ON om.org_id = t.org_id AND om.account_id = tm.account_id`+where, t, int64(role)).Scan(&total)
	if err != nil {
		return nil, 0, fmt.Errorf("count the team: %w", err)
	}
	rows, err := r.Query(ctx, `SELECT `+mateColumns+where+` ORDER BY a.login_key LIMIT $3 OFFSET $4`, t, int64(role), perPage, (max(page, 1)-1)*perPage)
	if err != nil {
		return nil, 0, fmt.Errorf("list the team: %w", err)
	}
	defer rows.Close()
	out := []Mate{}
	for rows.Next() {
		x, err := scanMate(rows)
		if err != nil {
			return nil, 0, fmt.Errorf("list the team: %w", err)
		}
		out = append(out, x)
	}
	return out, total, rows.Err()
}

// Mate returns what an account is in a team, or problem.NotFound.
func (m *Room) Mate(ctx context.Context, r db.Reader, t id.Team, who id.Account) (Mate, error) {
	x, err := scanMate(r.QueryRow(ctx, `SELECT `+mateColumns+` WHERE tm.team_id = $1 AND tm.account_id = $2`, t, who))
	if errors.Is(err, sql.ErrNoRows) {
		return Mate{}, problem.New(problem.NotFound, "This account is not in the team.", "")
	}
	if err != nil {
		return Mate{}, fmt.Errorf("read the team: %w", err)
	}
	return x, nil
}

// SetMate puts an account into a team or gives it another role there. It must
// belong to the organisation already, or be invited to it: problem.Invalid.
func (m *Room) SetMate(ctx context.Context, actor right.Actor, t Team, who id.Account, role TeamRole) (Mate, error) {
	if role == NoTeamRole || role > Maintainer {
		return Mate{}, problem.Field("role", "role must be member or maintainer")
	}
	var out Mate
	err := m.o.DB.Write(ctx, func(tx *db.Tx) error {
		if err := m.touch(ctx, tx, t.Org); err != nil {
			return err
		}
		if _, err := m.FindTeam(ctx, tx, t.Org, t.Slug, 0); err != nil {
			return err // it was deleted meanwhile
		}
		in, err := m.Membership(ctx, tx, t.Org, who)
		if problem.Is(err, problem.NotFound) {
			return problem.Field("username", "Only members of the organization can be in its teams")
		}
		if err != nil {
			return err
		}
		was, err := m.Mate(ctx, tx, t.ID, who)
		if err != nil && !problem.Is(err, problem.NotFound) {
			return err
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO team_members (team_id, account_id, role) VALUES ($1, $2, $3)
			ON CONFLICT (team_id, account_id) DO UPDATE SET role = excluded.role`, t.ID, who, int64(role))
		if err != nil {
			return fmt.Errorf("write team member: %w", err)
		}
		if out, err = m.Mate(ctx, tx, t.ID, who); err != nil || was.Role == out.Role {
			return err
		}
		action := "team.add_member"
		if was.Role != NoTeamRole {
			action = "team.update_member"
		}
		err = m.recordTeam(ctx, tx, actor, action, &t, map[string]string{"user": in.Login, "role": out.Role.String()})
		if err != nil || was.Role != NoTeamRole || out.Pending {
			return err
		}
		return m.tellMate(ctx, tx, actor, &t, in.user(), "added")
	})
	return out, err
}

// RemoveMate takes an account out of a team, and fails with problem.NotFound when
// it is not in it.
func (m *Room) RemoveMate(ctx context.Context, actor right.Actor, t Team, who id.Account) error {
	return m.o.DB.Write(ctx, func(tx *db.Tx) error {
		was, err := m.Mate(ctx, tx, t.ID, who)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM team_members WHERE team_id = $1 AND account_id = $2`, t.ID, who); err != nil {
			return fmt.Errorf("remove team member: %w", err)
		}
		err = m.recordTeam(ctx, tx, actor, "team.remove_member", &t, map[string]string{"user": was.Login})
		if err != nil || was.Pending {
			return err
		}
		return m.tellMate(ctx, tx, actor, &t, object{"id": was.Account, "login": was.Login}, "removed")
	})
}
