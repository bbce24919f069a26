package deployment

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// State is what a status of a deployment says.
type State string

// The states.
const (
	Error      State = "error"
	Failure    State = "failure"
	Inactive   State = "inactive"
	InProgress State = "in_progress"
	Queued     State = "queued"
	Pending    State = "pending"
	Success    State = "success"
)

// maxStatuses is how many statuses a deployment may have.
const maxStatuses = 1000

// Status is one status of a deployment.
type Status struct {
	ID             id.Status
	State          State
	Description    string
	Environment    string
	LogURL         string
	EnvironmentURL string
	Creator        id.Account
	Login          string // of the creator; empty when the account is gone
	CreatedAt      time.Time
}

// NewStatus is what a status is made of. An empty environment is that of the
// deployment.
type NewStatus struct {
	State, Description, Environment, LogURL, EnvironmentURL string
	KeepOthers                                              bool // a success makes no earlier deployment inactive
}

func (n *NewStatus) check() error {
	switch State(n.State) {
	case Error, Failure, Inactive, InProgress, Queued, Pending, Success:
	default:
		return problem.Field("state", "state must be one of error, failure, inactive, in_progress, queued, pending, success")
	}
	if err := checkText("description", n.Description, maxDescription); err != nil {
		return err
	}
	if err := checkText("environment", n.Environment, maxName); err != nil {
		return err
	}
	if err := checkURL("log_url", n.LogURL); err != nil {
		return err
	}
	return checkURL("environment_url", n.EnvironmentURL)
}

// CreateStatus says what became of a deployment. A success makes the earlier
// successes of its environment inactive, but for those of environments that
// people use or that end by themselves. It fails with problem.NotFound and
// problem.Invalid.
func (r *Room) CreateStatus(ctx context.Context, actor right.Actor, repo id.Repo, dep id.Deployment, n NewStatus) (Status, error) {
	if err := n.check(); err != nil {
		return Status{}, err
	}
	now := r.o.Now().UTC().Truncate(time.Microsecond)
	s := Status{State: State(n.State), Description: n.Description, Environment: n.Environment, LogURL: n.LogURL, EnvironmentURL: n.EnvironmentURL,
		Creator: actor.Account, Login: actor.Login, CreatedAt: now}
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		d, err := r.Get(ctx, tx, repo, dep)
		if err != nil {
			return err
		}
		if s.Environment == "" {
			s.Environment = d.Environment
		}
		var have int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM deployment_statuses WHERE deployment_id = $1`, dep).Scan(&have); err != nil {
			return fmt.Errorf("count statuses: %w", err)
		}
		if have >= maxStatuses {
			return problem.Newf(problem.Invalid, "A deployment can have %d statuses.", maxStatuses)
		}
		if err := insertStatus(ctx, tx, dep, &s); err != nil {
			return err
		}
		if err := r.tellStatus(ctx, tx, actor, repo, dep, &s); err != nil {
			return err
		}
		if s.State != Success || n.KeepOthers {
			return nil
		}
		return retire(ctx, tx, repo, dep, &s)
	})
	return s, err
}

func insertStatus(ctx context.Context, tx *db.Tx, dep id.Deployment, s *Status) error {
	err := tx.QueryRow(ctx, `
		INSERT INTO deployment_statuses (deployment_id, state, description, environment, log_url, environment_url, creator_id, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id`,
		dep, string(s.State), s.Description, s.Environment, s.LogURL, s.EnvironmentURL, s.Creator, db.Micros(s.CreatedAt)).Scan(&s.ID)
	if err == nil {
		_, err = tx.Exec(ctx, `UPDATE deployments SET state = $2, environment = $3, updated_at = $4 WHERE id = $1`, dep, string(s.State), s.Environment, db.Micros(s.CreatedAt))
	}
	if err != nil {
		return fmt.Errorf("record a deployment's status: %w", err)
	}
	return nil
}

// retire makes inactive what the success of dep has taken the place of.
func retire(ctx context.Context, tx *db.Tx, repo id.Repo, dep id.Deployment, s *Status) error {
	const earlier = ` repo_id = $1 AND environment = $2 AND id < $3 AND state = 'success' AND NOT transient AND NOT production`
	_, err := tx.Exec(ctx, `
		INSERT INTO deployment_statuses (deployment_id, state, description, environment, log_url, environment_url, creator_id, created_at)
		SELECT id, 'inactive', '', environment, '', '', $4, $5 FROM deployments WHERE`+earlier, repo, s.Environment, dep, s.Creator, db.Micros(s.CreatedAt))
	if err == nil {
		_, err = tx.Exec(ctx, `UPDATE deployments SET state = 'inactive', updated_at = $4 WHERE`+earlier, repo, s.Environment, dep, db.Micros(s.CreatedAt))
	}
	if err != nil {
		return fmt.Errorf("make earlier deployments inactive: %w", err)
	}
	return nil
}

const statusColumns = `s.id, s.state, s.description, s.environment, s.log_url, s.environment_url, s.creator_id, COALESCE(a.login, ''), s.created_at
	FROM deployment_statuses s LEFT JOIN accounts a ON a.id = s.creator_id`

func scanStatus(row interface{ Scan(...any) error }) (Status, error) {
	var s Status
	var created int64
	err := row.Scan(&s.ID, &s.State, &s.Description, &s.Environment, &s.LogURL, &s.EnvironmentURL, &s.Creator, &s.Login, &created)
	s.CreatedAt = db.Time(created)
	return s, err
}

// Statuses returns a page of a deployment's statuses, the newest first, and how
// many there are. The caller has found the deployment.
func (r *Room) Statuses(ctx context.Context, read db.Reader, dep id.Deployment, page, perPage int) (list []Status, total int, err error) {
	if err := read.QueryRow(ctx, `SELECT COUNT(*) FROM deployment_statuses WHERE deployment_id = $1`, dep).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("count statuses: %w", err)
	}
	rows, err := read.Query(ctx, `SELECT `+statusColumns+` WHERE s.deployment_id = $1 ORDER BY s.id DESC LIMIT $2 OFFSET $3`, dep, perPage, (page-1)*perPage)
	if err != nil {
		return nil, 0, fmt.Errorf("list statuses: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		s, err := scanStatus(rows)
		if err != nil {
			return nil, 0, fmt.Errorf("list statuses: %w", err)
		}
		list = append(list, s)
	}
	return list, total, rows.Err()
}

// Status returns one status of a deployment, or problem.NotFound.
func (r *Room) Status(ctx context.Context, read db.Reader, dep id.Deployment, status id.Status) (Status, error) {
	s, err := scanStatus(read.QueryRow(ctx, `SELECT `+statusColumns+` WHERE s.id = $1 AND s.deployment_id = $2`, status, dep))
	if errors.Is(err, sql.ErrNoRows) {
		return s, problem.New(problem.NotFound, "Not Found", "")
	}
	if err != nil {
		return s, fmt.Errorf("read a status: %w", err)
	}
	return s, nil
}
