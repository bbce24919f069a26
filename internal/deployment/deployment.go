// Package deployment is the room of deployments: which commit was asked to be put
// where, and what became of it. It writes the tables deployments and
// deployment_statuses, and it alone. It deploys nothing; and it must never decide
// whether somebody may see a commit.
package deployment

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"jeton/internal/commitstatus"
	"jeton/internal/db"
	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// The bounds.
const (
	maxDeployments = 10_000 // of a repository
	maxName        = 255    // characters of a task or an environment
	maxDescription = 140
	maxPayload     = 64 << 10 // bytes
)

// Deployment is one deployment.
type Deployment struct {
	ID                  id.Deployment
	SHA, Ref, Task      string
	Payload             json.RawMessage
	OriginalEnvironment string
	Environment         string
	Description         string
	Transient           bool // its environment ends some day
	Production          bool // people use its environment
	Creator             id.Account
	Login               string // of the creator; empty when the account is gone
	State               State  // of the last status; empty: there is none
	CreatedAt           time.Time
	UpdatedAt           time.Time
}

// New is what a deployment is made of. Without a task it is "deploy", without an
// environment "production".
type New struct {
	SHA, Ref, Task, Environment, Description string
	Payload                                  json.RawMessage // an object or a string; nil: {}
	Transient                                bool
	Production                               *bool // nil: whether the environment is called so
}

// Options is what the room needs. DB is required.
type Options struct {
	DB    *db.DB
	Hooks *hook.Room       // is told of deployments; nil: nobody is
	Now   func() time.Time // nil: time.Now
}

// Room keeps deployments. It may be used from many goroutines.
type Room struct{ o Options }

// NewRoom makes the room.
func NewRoom(o Options) *Room {
	if o.DB == nil {
		panic("deployment: NewRoom without a database")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Room{o: o}
}

func checkText(field, s string, most int) error {
	if utf8.RuneCountInString(s) > most || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return problem.Field(field, fmt.Sprintf("%s is too long (maximum is %d characters)", field, most))
	}
	return nil
}

func (n *New) check() error {
	if n.Task == "" {
		n.Task = "deploy"
	}
	if n.Environment == "" {
		n.Environment = "production"
	}
	if len(n.Payload) == 0 || string(n.Payload) == "null" {
		n.Payload = json.RawMessage(`{}`)
	}
	for _, one := range []struct {
		field, text string
		most        int
	}{{"task", n.Task, maxName}, {"environment", n.Environment, maxName}, {"ref", n.Ref, maxName}, {"description", n.Description, maxDescription}} {
		if err := checkText(one.field, one.text, one.most); err != nil {
			return err
		}
	}
	if len(n.Payload) > maxPayload {
		return problem.Field("payload", "payload is larger than 64 KiB")
	}
	if !json.Valid(n.Payload) || n.Payload[0] != '{' && n.Payload[0] != '"' {
		return problem.Field("payload", "payload must be an object or a string")
	}
	return nil
}

// Create records a deployment of a commit, which the caller has found. It fails
// with problem.Invalid.
func (r *Room) Create(ctx context.Context, actor right.Actor, repo id.Repo, n New) (Deployment, error) {
	if err := n.check(); err != nil {
		return Deployment{}, err
	}
	now := r.o.Now().UTC().Truncate(time.Microsecond)
	d := Deployment{SHA: n.SHA, Ref: n.Ref, Task: n.Task, Payload: n.Payload, OriginalEnvironment: n.Environment, Environment: n.Environment, Description: n.Description,
		Transient: n.Transient, Production: n.Environment == "production", Creator: actor.Account, Login: actor.Login, CreatedAt: now, UpdatedAt: now}
	if n.Production != nil {
		d.Production = *n.Production
	}
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		have, err := count(ctx, tx, repo)
		if err != nil {
			return err
		}
		if have >= maxDeployments {
			return problem.Newf(problem.Invalid, "A repository can have %d deployments. Delete inactive ones first.", maxDeployments)
		}
		err = tx.QueryRow(ctx, `
			INSERT INTO deployments (repo_id, sha, ref, task, payload, original_environment, environment, description, transient, production, creator_id, state, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9, $10, '', $11, $11) RETURNING id`,
			repo, d.SHA, d.Ref, d.Task, string(d.Payload), d.Environment, d.Description, d.Transient, d.Production, d.Creator, db.Micros(now)).Scan(&d.ID)
		if err != nil {
			return fmt.Errorf("record a deployment: %w", err)
		}
		return r.o.Hooks.Emit(ctx, tx, hook.Deed{Event: "deployment", Action: "created", Repo: repo, Actor: actor, At: now, Body: map[string]any{
			"deployment": d.told(), "workflow": nil, "workflow_run": nil}})
	})
	if db.IsForeign(err) {
		err = problem.Wrap(err, problem.NotFound, "This repository was deleted meanwhile.", "")
	}
	return d, err
}

func count(ctx context.Context, read db.Reader, repo id.Repo) (n int, err error) {
	if err := read.QueryRow(ctx, `SELECT COUNT(*) FROM deployments WHERE repo_id = $1`, repo).Scan(&n); err != nil {
		return 0, fmt.Errorf("count deployments: %w", err)
	}
	return n, nil
}

const columns = `d.id, d.sha, d.ref, d.task, d.payload, d.original_environment, d.environment, d.description, d.transient, d.production,
	d.creator_id, COALESCE(a.login, ''), d.state, d.created_at, d.updated_at
	FROM deployments d LEFT JOIN accounts a ON a.id = d.creator_id`

func scan(row interface{ Scan(...any) error }) (Deployment, error) {
	var d Deployment
	var payload string
	var created, updated int64
	err := row.Scan(&d.ID, &d.SHA, &d.Ref, &d.Task, &payload, &d.OriginalEnvironment, &d.Environment, &d.Description, &d.Transient, &d.Production,
		&d.Creator, &d.Login, &d.State, &created, &updated)
	d.Payload, d.CreatedAt, d.UpdatedAt = json.RawMessage(payload), db.Time(created), db.Time(updated)
	return d, err
}

// Get returns a deployment of the repository, or problem.NotFound.
func (r *Room) Get(ctx context.Context, read db.Reader, repo id.Repo, dep id.Deployment) (Deployment, error) {
	d, err := scan(read.QueryRow(ctx, `SELECT `+columns+` WHERE d.id = $1 AND d.repo_id = $2`, dep, repo))
	if errors.Is(err, sql.ErrNoRows) {
		return d, problem.New(problem.NotFound, "Not Found", "")
	}
	if err != nil {
		return d, fmt.Errorf("read a deployment: %w", err)
	}
	return d, nil
}

// Filter chooses deployments; what is empty lets all through.
type Filter struct{ SHA, Ref, Task, Environment string }

// List returns a page of the repository's deployments, the newest first, and how
// many there are.
func (r *Room) List(ctx context.Context, read db.Reader, repo id.Repo, f Filter, page, perPage int) (list []Deployment, total int, err error) {
	const where = ` WHERE d.repo_id = $1 AND ($2 = '' OR d.sha = $2) AND ($3 = '' OR d.ref = $3) AND ($4 = '' OR d.task = $4) AND ($5 = '' OR d.environment = $5)`
	if err := read.QueryRow(ctx, `SELECT COUNT(*) FROM deployments d`+where, repo, f.SHA, f.Ref, f.Task, f.Environment).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("count deployments: %w", err)
	}
	rows, err := read.Query(ctx, `SELECT `+columns+where+` ORDER BY d.id DESC LIMIT $6 OFFSET $7`, repo, f.SHA, f.Ref, f.Task, f.Environment, perPage, (page-1)*perPage)
	if err != nil {
		return nil, 0, fmt.Errorf("list deployments: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		d, err := scan(rows)
		if err != nil {
			return nil, 0, fmt.Errorf("list deployments: %w", err)
		}
		list = append(list, d)
	}
	return list, total, rows.Err()
}

// Delete removes a deployment. One that may be what runs stays, unless it is the
// only one: problem.Invalid.
func (r *Room) Delete(ctx context.Context, repo id.Repo, dep id.Deployment) error {
	return r.o.DB.Write(ctx, func(tx *db.Tx) error {
		d, err := r.Get(ctx, tx, repo, dep)
		if err != nil {
			return err
		}
		have, err := count(ctx, tx, repo)
		if err != nil {
			return err
		}
		if have > 1 && (d.State == "" || d.State == Success) {
			return problem.New(problem.Invalid, "We cannot delete an active deployment unless it is the only deployment in a given environment.", "Give it the status inactive first.")
		}
		for _, q := range []string{`DELETE FROM deployment_statuses WHERE deployment_id = $1`, `DELETE FROM deployments WHERE id = $1`} {
			if _, err := tx.Exec(ctx, q, dep); err != nil {
				return fmt.Errorf("delete a deployment: %w", err)
			}
		}
		return nil
	})
}

// DropTx removes every deployment of a repository, as its deletion asks.
func (r *Room) DropTx(ctx context.Context, tx *db.Tx, repo id.Repo) error {
	for _, q := range []string{`DELETE FROM deployment_statuses WHERE deployment_id IN (SELECT id FROM deployments WHERE repo_id = $1)`, `DELETE FROM deployments WHERE repo_id = $1`} {
		if _, err := tx.Exec(ctx, q, repo); err != nil {
			return fmt.Errorf("drop the deployments of repository %d: %w", repo, err)
		}
	}
	return nil
}

func checkURL(field, s string) error { return commitstatus.CheckURL(field, s) }
