package org

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

const (
	maxTeams       = 1000 // of one organisation
	maxTeamName    = 100
	maxDescription = 350
)

// Team is a group of an organisation's members who may use some of its
// repositories.
type Team struct {
	ID          id.Team
	Org         id.Account
	OrgLogin    string
	Name        string
	Slug        string // its name in URLs
	Description string
	Secret      bool // only its members and the organisation's owners know of it
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Members     int // how many, whose membership is active
	Repos       int // how many repositories
}

// FoundTeam is a team with what the account that asked is to it.
type FoundTeam struct {
	Team
	// Level is None for who may not know of it, Read for who may, Write for its
	// maintainers and Admin for the organisation's owners.
	Level  right.Level
	Inside bool // the account is a member of the team
}

// The columns of a team for the account whose placeholder is $2.
const teamColumns = `t.id, t.org_id, oa.login, t.name, t.slug, t.description, t.secret, t.created_at, t.updated_at,
	(SELECT COUNT(*) FROM team_members x JOIN org_members y ON y.account_id = x.account_id AND y.org_id = t.org_id AND y.state = 1 WHERE x.team_id = t.id),
	(SELECT COUNT(*) FROM team_repos x WHERE x.team_id = t.id),
	COALESCE(m.role, 0), COALESCE(tm.role, 0)
	FROM teams t JOIN accounts oa ON oa.id = t.org_id
	LEFT JOIN org_members m ON m.org_id = t.org_id AND m.account_id = $2 AND m.state = 1
	LEFT JOIN team_members tm ON tm.team_id = t.id AND tm.account_id = $2`

func scanTeam(row scanner, rest ...any) (FoundTeam, error) {
	var t FoundTeam
	var created, updated int64
	var role, inside uint8
	dest := []any{&t.ID, &t.Org, &t.OrgLogin, &t.Name, &t.Slug, &t.Description, &t.Secret, &created, &updated, &t.Members, &t.Repos, &role, &inside}
	if err := row.Scan(append(dest, rest...)...); err != nil {
		return FoundTeam{}, err
	}
	t.CreatedAt, t.UpdatedAt = db.Time(created), db.Time(updated)
	member := Role(role) == Member || Role(role) == Owner
	t.Inside = member && inside > 0
	switch {
	case Role(role) == Owner:
		t.Level = right.Admin
	case t.Inside && TeamRole(inside) == Maintainer:
		t.Level = right.Write
	case t.Inside, member && !t.Secret:
		t.Level = right.Read
	}
	return t, nil
}

func noTeam() error { return problem.New(problem.NotFound, "There is no such team.", "") }

// FindTeam returns a team by its slug, with what viewer is to it, or
// problem.NotFound.
func (m *Room) FindTeam(ctx context.Context, r db.Reader, org id.Account, slug string, viewer id.Account) (FoundTeam, error) {
	t, err := scanTeam(r.QueryRow(ctx, `SELECT `+teamColumns+` WHERE t.org_id = $1 AND t.slug = $3`, org, viewer, strings.ToLower(slug)))
	if errors.Is(err, sql.ErrNoRows) {
		return FoundTeam{}, noTeam()
	}
	if err != nil {
		return FoundTeam{}, fmt.Errorf("read team: %w", err)
	}
	return t, nil
}

// TeamByID is FindTeam by number.
func (m *Room) TeamByID(ctx context.Context, r db.Reader, org id.Account, n id.Team, viewer id.Account) (FoundTeam, error) {
	t, err := scanTeam(r.QueryRow(ctx, `SELECT `+teamColumns+` WHERE t.org_id = $1 AND t.id = $3`, org, viewer, n))
	if errors.Is(err, sql.ErrNoRows) {
		return FoundTeam{}, noTeam()
	}
	if err != nil {
		return FoundTeam{}, fmt.Errorf("read team: %w", err)
	}
	return t, nil
}

func (m *Room) teams(ctx context.Context, r db.Reader, rest string, args ...any) ([]FoundTeam, error) {
	rows, err := r.Query(ctx, `SELECT `+teamColumns+` `+rest, args...)
	if err != nil {
		return nil, fmt.Errorf("list teams: %w", err)
	}
	defer rows.Close()
	out := []FoundTeam{}
	for rows.Next() {
		t, err := scanTeam(rows)
		if err != nil {
			return nil, fmt.Errorf("list teams: %w", err)
		}
		out = append(out, t)
	}
	return out, rows.Err()
}

// visibleTeam is the condition that a team's Level is not None.
const visibleTeam = `m.role IS NOT NULL AND (m.role = 2 OR NOT t.secret OR tm.role IS NOT NULL)`

// Teams lists the teams of an organisation that viewer may know of, by slug, and
// counts them.
func (m *Room) Teams(ctx context.Context, r db.Reader, org, viewer id.Account, page, perPage int) ([]FoundTeam, int, error) {
	var total int
	err := r.QueryRow(ctx, `
		SELECT COUNT(*) FROM teams t
		LEFT JOIN org_members m ON m.org_id = t.org_id AND m.account_id = $2 AND m.state = 1
		LEFT JOIN team_members tm ON tm.team_id = t.id AND tm.account_id = $2
		WHERE t.org_id = $1 AND `+visibleTeam, org, viewer).Scan(&total)
	if err != nil {
		return nil, 0, fmt.Errorf("count teams: %w", err)
	}
	list, err := m.teams(ctx, r, `WHERE t.org_id = $1 AND `+visibleTeam+` ORDER BY t.slug LIMIT $3 OFFSET $4`, org, viewer, perPage, (max(page, 1)-1)*perPage)
	return list, total, err
}

// maxOwnTeams bounds the list of one's own teams.
const maxOwnTeams = 1000

// TeamsOf lists the teams that an account is in, everywhere.
func (m *Room) TeamsOf(ctx context.Context, r db.Reader, who id.Account) ([]FoundTeam, error) {
	return m.teams(ctx, r, `WHERE tm.role IS NOT NULL AND m.role IS NOT NULL AND t.id <> $1 ORDER BY oa.login_key, t.slug LIMIT `+fmt.Sprint(maxOwnTeams), 0, who)
}

// NewTeam is what a team is made of.
type NewTeam struct {
	Name, Description string
	Secret            bool
}

func (n *NewTeam) check() (slug string, err error) {
	n.Name, n.Description = strings.TrimSpace(n.Name), strings.TrimSpace(n.Description)
	slug = slugOf(n.Name)
	switch {
	case n.Name == "" || slug == "":
		return "", problem.Field("name", "A team's name needs letters or digits.")
	case utf8.RuneCountInString(n.Name) > maxTeamName:
		return "", problem.Field("name", fmt.Sprintf("A team's name has at most %d characters.", maxTeamName))
	case utf8.RuneCountInString(n.Description) > maxDescription:
		return "", problem.Field("description", fmt.Sprintf("The description has at most %d characters.", maxDescription))
	}
	for field, text := range map[string]string{"name": n.Name, "description": n.Description} {
		if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }) {
			return "", problem.Field(field, "Control characters are not allowed here.")
		}
	}
	return slug, nil
}

// slugOf is GitHub's manner: lower case, and a hyphen for everything else.
func slugOf(name string) string {
	var b strings.Builder
	hyphen := true // none at the beginning
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_':
			b.WriteRune(r)
			hyphen = false
		case !hyphen:
			b.WriteByte('-')
			hyphen = true
		}
	}
	return strings.TrimSuffix(b.String(), "-")
}

// CreateTeam makes a team; an actor who is a member of the organisation and no
// owner becomes its maintainer. It fails with problem.Invalid for the fields
// name and description.
func (m *Room) CreateTeam(ctx context.Context, actor right.Actor, org id.Account, n NewTeam) (FoundTeam, error) {
	slug, err := n.check()
	if err != nil {
		return FoundTeam{}, err
	}
	var out FoundTeam
	err = m.o.DB.Write(ctx, func(tx *db.Tx) error {
		if err := m.touch(ctx, tx, org); err != nil {
			return err
		}
		if err := m.freeSlug(ctx, tx, org, slug, 0); err != nil {
			return err
		}
		var count int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM teams WHERE org_id = $1`, org).Scan(&count); err != nil {
			return fmt.Errorf("count teams: %w", err)
		}
		if count >= maxTeams {
			return problem.New(problem.Invalid, fmt.Sprintf("An organization has at most %d teams.", maxTeams), "")
		}
		_, err := tx.Exec(ctx, `
			INSERT INTO teams (org_id, name, slug, description, secret, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $6)`,
			org, n.Name, slug, n.Description, n.Secret, db.Micros(m.o.Now()))
		if err != nil {
			return fmt.Errorf("insert team: %w", err)
		}
		if out, err = m.FindTeam(ctx, tx, org, slug, actor.Account); err != nil {
			return err
		}
		if err := m.recordTeam(ctx, tx, actor, "team.create", &out.Team, nil); err != nil {
			return err
		}
		return m.tellTeam(ctx, tx, actor, &out.Team, 0, "created", nil)
	})
	return out, err
}

func (m *Room) freeSlug(ctx context.Context, tx *db.Tx, org id.Account, slug string, except id.Team) error {
	var n int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM teams WHERE org_id = $1 AND slug = $2 AND id <> $3`, org, slug, except).Scan(&n); err != nil {
		return fmt.Errorf("look for the team's name: %w", err)
	}
	if n > 0 {
		return problem.Field("name", "Name must be unique for this org")
	}
	return nil
}

// recordTeam writes a line about a team into the organisation's log, and tells
// that rights may have changed.
func (m *Room) recordTeam(ctx context.Context, tx *db.Tx, actor right.Actor, action string, t *Team, detail map[string]string) error {
	if err := m.record(ctx, tx, actor, action, t.Org, t.OrgLogin+"/"+t.Slug, detail); err != nil {
		return err
	}
	return m.changed(ctx, tx, t.Org)
}

// UpdateTeam gives a team another name, description or secrecy.
func (m *Room) UpdateTeam(ctx context.Context, actor right.Actor, t Team, n NewTeam) (FoundTeam, error) {
	slug, err := n.check()
	if err != nil {
		return FoundTeam{}, err
	}
	var out FoundTeam
	err = m.o.DB.Write(ctx, func(tx *db.Tx) error {
		if err := m.touch(ctx, tx, t.Org); err != nil {
			return err
		}
		if err := m.freeSlug(ctx, tx, t.Org, slug, t.ID); err != nil {
			return err
		}
		was, err := m.TeamByID(ctx, tx, t.Org, t.ID, 0)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE teams SET name = $3, slug = $4, description = $5, secret = $6, updated_at = $7 WHERE id = $1 AND org_id = $2`,
			t.ID, t.Org, n.Name, slug, n.Description, n.Secret, db.Micros(m.o.Now()))
		if err != nil {
			return fmt.Errorf("update team: %w", err)
		}
		if out, err = m.FindTeam(ctx, tx, t.Org, slug, actor.Account); err != nil {
			return err
		}
		if err := m.recordTeam(ctx, tx, actor, "team.update", &out.Team, map[string]string{"old_name": was.Name}); err != nil {
			return err
		}
		changes := was.changes(&out.Team)
		if len(changes) == 0 {
			return nil
		}
		return m.tellTeam(ctx, tx, actor, &out.Team, 0, "edited", changes)
	})
	return out, err
}

// DeleteTeam ends a team and every access that it gave.
func (m *Room) DeleteTeam(ctx context.Context, actor right.Actor, t Team) error {
	return m.o.DB.Write(ctx, func(tx *db.Tx) error {
		if err := m.touch(ctx, tx, t.Org); err != nil {
			return err
		}
		for _, q := range []string{`DELETE FROM team_repos WHERE team_id = $1`, `DELETE FROM team_members WHERE team_id = $1`, `DELETE FROM teams WHERE id = $1`} {
			if _, err := tx.Exec(ctx, q, t.ID); err != nil {
				return fmt.Errorf("delete team: %w", err)
			}
		}
		if err := m.recordTeam(ctx, tx, actor, "team.destroy", &t, nil); err != nil {
			return err
		}
		return m.tellTeam(ctx, tx, actor, &t, 0, "deleted", nil)
	})
}
