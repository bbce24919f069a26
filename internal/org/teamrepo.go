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

// RepoTeam is a team that may use a repository.
type RepoTeam struct {
	FoundTeam
	Access right.Level
}

// TeamAccess returns what a team may do on a repository, or problem.NotFound when
// that is nothing.
func (m *Room) TeamAccess(ctx context.Context, r db.Reader, t *Team, repo id.Repo) (right.Level, error) {
	var level uint8
	err := r.QueryRow(ctx, `
		SELECT tr.level FROM team_repos tr JOIN repositories x ON x.id = tr.repo_id AND x.owner_id = $3
		WHERE tr.team_id = $1 AND tr.repo_id = $2`, t.ID, repo, t.Org).Scan(&level)
	if errors.Is(err, sql.ErrNoRows) {
		return right.None, problem.New(problem.NotFound, "The team has no access to this repository.", "")
	}
	if err != nil {
		return right.None, fmt.Errorf("read the team's access: %w", err)
	}
	return min(right.Level(level), right.Admin), nil
}

// TeamLevels returns what a team may do on its repositories, by their number.
func (m *Room) TeamLevels(ctx context.Context, r db.Reader, t *Team) (map[id.Repo]right.Level, error) {
	rows, err := r.Query(ctx, `SELECT repo_id, level FROM team_repos WHERE team_id = $1`, t.ID)
	if err != nil {
		return nil, fmt.Errorf("read the team's access: %w", err)
	}
	defer rows.Close()
	out := map[id.Repo]right.Level{}
	for rows.Next() {
		var repo id.Repo
		var level uint8
		if err := rows.Scan(&repo, &level); err != nil {
			return nil, fmt.Errorf("read the team's access: %w", err)
		}
		out[repo] = min(right.Level(level), right.Admin)
	}
	return out, rows.Err()
}

// RepoTeams lists the teams that may use a repository and that viewer may know
// of.
func (m *Room) RepoTeams(ctx context.Context, r db.Reader, repo id.Repo, viewer id.Account) ([]RepoTeam, error) {
	rows, err := r.Query(ctx, `
		SELECT q.level, `+teamColumns+`
		JOIN team_repos q ON q.team_id = t.id
		JOIN repositories rr ON rr.id = q.repo_id AND rr.owner_id = t.org_id
		WHERE q.repo_id = $1 ORDER BY t.slug`, repo, viewer)
	if err != nil {
		return nil, fmt.Errorf("list the repository's teams: %w", err)
	}
	defer rows.Close()
	out := []RepoTeam{}
	for rows.Next() {
		var access uint8
		t, err := scanTeam(scanFunc(func(rest ...any) error { return rows.Scan(append([]any{&access}, rest...)...) }))
		if err != nil {
			return nil, fmt.Errorf("list the repository's teams: %w", err)
		}
		if t.Level > right.None {
			out = append(out, RepoTeam{t, min(right.Level(access), right.Admin)})
		}
	}
	return out, rows.Err()
}

// scanFunc scans what stands behind the columns that it reads itself.
type scanFunc func(rest ...any) error

// Scan implements scanner.
func (f scanFunc) Scan(rest ...any) error { return f(rest...) }

// SetTeamRepo lets a team use a repository of its organisation. It fails with
// problem.Invalid for one of somebody else's.
func (m *Room) SetTeamRepo(ctx context.Context, actor right.Actor, t Team, repo id.Repo, level right.Level) error {
	if level == right.None || level > right.Admin {
		return problem.Field("permission", "permission must be pull, push or admin")
	}
	return m.o.DB.Write(ctx, func(tx *db.Tx) error {
		if err := m.touch(ctx, tx, t.Org); err != nil {
			return err
		}
		name, err := ownName(ctx, tx, t.Org, repo)
		if err != nil {
			return err
		}
		was, err := m.TeamAccess(ctx, tx, &t, repo)
		if err != nil && !problem.Is(err, problem.NotFound) || was == level {
			return err
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO team_repos (team_id, repo_id, level) VALUES ($1, $2, $3)
			ON CONFLICT (team_id, repo_id) DO UPDATE SET level = excluded.level`, t.ID, repo, int64(level))
		if err != nil {
			return fmt.Errorf("write the team's access: %w", err)
		}
		detail := map[string]string{"repo": name, "permission": level.String()}
		if was == right.None {
			if err := m.recordTeam(ctx, tx, actor, "team.add_repository", &t, detail); err != nil {
				return err
			}
			return m.tellTeam(ctx, tx, actor, &t, repo, "added_to_repository", nil)
		}
		detail["old_permission"] = was.String()
		if err := m.recordTeam(ctx, tx, actor, "team.update_repository_permission", &t, detail); err != nil {
			return err
		}
		return m.tellTeam(ctx, tx, actor, &t, repo, "edited", object{"repository": object{"permissions": object{"from": permissions(was)}}})
	})
}

// ownName is the name of a repository of the organisation.
func ownName(ctx context.Context, tx *db.Tx, org id.Account, repo id.Repo) (string, error) {
	var name string
	err := tx.QueryRow(ctx, `SELECT name FROM repositories WHERE id = $1 AND owner_id = $2`, repo, org).Scan(&name)
	if errors.Is(err, sql.ErrNoRows) {
		return "", problem.Field("repository", "The repository does not belong to this organization")
	}
	if err != nil {
		return "", fmt.Errorf("read repository: %w", err)
	}
	return name, nil
}

// RemoveTeamRepo takes a repository away from a team. One that it did not have is
// no error.
func (m *Room) RemoveTeamRepo(ctx context.Context, actor right.Actor, t Team, repo id.Repo) error {
	return m.o.DB.Write(ctx, func(tx *db.Tx) error {
		res, err := tx.Exec(ctx, `DELETE FROM team_repos WHERE team_id = $1 AND repo_id = $2`, t.ID, repo)
		if err != nil {
			return fmt.Errorf("remove the team's access: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		name, err := ownName(ctx, tx, t.Org, repo)
		if err != nil {
			return err
		}
		if err := m.recordTeam(ctx, tx, actor, "team.remove_repository", &t, map[string]string{"repo": name}); err != nil {
			return err
		}
		return m.tellTeam(ctx, tx, actor, &t, repo, "removed_from_repository", nil)
	})
}

// DropRepoTx takes a repository away from every team: it is deleted, or somebody
// else's from now on.
func (m *Room) DropRepoTx(ctx context.Context, tx *db.Tx, repo id.Repo) error {
	if _, err := tx.Exec(ctx, `DELETE FROM team_repos WHERE repo_id = $1`, repo); err != nil {
		return fmt.Errorf("take a repository away from its teams: %w", err)
	}
	return nil
}
