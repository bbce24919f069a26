// Package commitstatus is the room of what continuous integration says of
// commits: the statuses, and the combined status of a commit. It writes the table
// commit_statuses, and it alone. It must never decide whether somebody may see a
// commit: its callers have found it among what the actor may see.
package commitstatus

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"jeton/internal/db"
	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// State is what a status says.
type State string

// The states.
const (
	Error   State = "error"
	Failure State = "failure"
	Pending State = "pending"
	Success State = "success"
)

// The bounds: GitHub's for the statuses of one context, and ours for contexts,
// each of which stands beside the commit.
const (
	maxPerContext  = 1000
	maxContexts    = 1000
	maxContext     = 255 // characters
	maxDescription = 140
	maxTarget      = 2048
)

// Status is one status of a commit.
type Status struct {
	ID          id.Status
	Context     string
	State       State
	Description string
	TargetURL   string
	Creator     id.Account
	Login       string // of the creator; empty when the account is gone
	CreatedAt   time.Time
}

// New is what a status is made of. Without a context it is "default".
type New struct{ State, Context, Description, TargetURL string }

// Options is what the room needs. DB is required.
type Options struct {
	DB    *db.DB
	Hooks *hook.Room       // is told of statuses; nil: nobody is
	Now   func() time.Time // nil: time.Now
}

// Room keeps statuses. It may be used from many goroutines.
type Room struct{ o Options }

// NewRoom makes the room.
func NewRoom(o Options) *Room {
	if o.DB == nil {
		panic("commitstatus: NewRoom without a database")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Room{o: o}
}

func (n *New) check() error {
	switch State(n.State) {
	case Error, Failure, Pending, Success:
	default:
		return problem.Field("state", "state must be one of error, failure, pending, success")
	}
	if n.Context == "" {
		n.Context = "default"
	}
	if err := checkText("context", n.Context, maxContext); err != nil {
		return err
	}
	if err := checkText("description", n.Description, maxDescription); err != nil {
		return err
	}
	return CheckURL("target_url", n.TargetURL)
}

func checkText(field, s string, most int) error {
	if utf8.RuneCountInString(s) > most || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return problem.Field(field, fmt.Sprintf("%s is too long (maximum is %d characters)", field, most))
	}
	return nil
}

// CheckURL takes an address that pages may link to, or nothing.
func CheckURL(field, s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || len(s) > maxTarget {
		return problem.Field(field, field+" must use http(s) scheme")
	}
	return nil
}

// Create records a status of the commit, which the caller has found. It fails
// with problem.Invalid.
func (r *Room) Create(ctx context.Context, actor right.Actor, repo id.Repo, sha string, n New) (Status, error) {
	if err := n.check(); err != nil {
		return Status{}, err
	}
	s := Status{Context: n.Context, State: State(n.State), Description: n.Description, TargetURL: n.TargetURL, Creator: actor.Account, Login: actor.Login,
		CreatedAt: r.o.Now().UTC().Truncate(time.Microsecond)}
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		if err := room(ctx, tx, repo, sha, n.Context); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE commit_statuses SET latest = FALSE WHERE repo_id = $1 AND sha = $2 AND context = $3 AND latest`, repo, sha, n.Context); err != nil {
			return fmt.Errorf("record a status: %w", err)
		}
		err := tx.QueryRow(ctx, `
			INSERT INTO commit_statuses (repo_id, sha, context, state, description, target_url, creator_id, created_at, latest)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, TRUE) RETURNING id`,
			repo, sha, s.Context, string(s.State), s.Description, s.TargetURL, s.Creator, db.Micros(s.CreatedAt)).Scan(&s.ID)
		if err != nil {
			return fmt.Errorf("record a status: %w", err)
		}
		return r.o.Hooks.Emit(ctx, tx, hook.Deed{Event: "status", Repo: repo, Actor: actor, At: s.CreatedAt, Body: map[string]any{
			"id": s.ID, "sha": sha, "context": s.Context, "state": s.State, "description": hook.OrNull(s.Description), "target_url": hook.OrNull(s.TargetURL),
			"created_at": s.CreatedAt.Format(time.RFC3339), "updated_at": s.CreatedAt.Format(time.RFC3339)}})
	})
	if db.IsForeign(err) {
		err = problem.Wrap(err, problem.NotFound, "This repository was deleted meanwhile.", "")
	}
	return s, err
}

func room(ctx context.Context, tx *db.Tx, repo id.Repo, sha, of string) error {
	var n, contexts int
	err := tx.QueryRow(ctx, `
		SELECT COALESCE(SUM(CASE WHEN context = $3 THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN latest AND context <> $3 THEN 1 ELSE 0 END), 0)
		FROM commit_statuses WHERE repo_id = $1 AND sha = $2`, repo, sha, of).Scan(&n, &contexts)
	switch {
	case err != nil:
		return fmt.Errorf("count statuses: %w", err)
	case n >= maxPerContext:
		return problem.Field("context", "This SHA and context has reached the maximum number of statuses.")
	case contexts >= maxContexts:
		return problem.Field("context", "This SHA has reached the maximum number of contexts.")
	}
	return nil
}

const columns = `s.id, s.context, s.state, s.description, s.target_url, s.creator_id, COALESCE(a.login, ''), s.created_at
	FROM commit_statuses s LEFT JOIN accounts a ON a.id = s.creator_id`

// List returns a page of a commit's statuses, the newest first, and how many
// there are.
func (r *Room) List(ctx context.Context, read db.Reader, repo id.Repo, sha string, page, perPage int) ([]Status, int, error) {
	return r.list(ctx, read, repo, sha, "", `ORDER BY s.id DESC`, page, perPage)
}

// Latest returns a page of the last status of each context, in the order in which
// they came, and how many contexts there are.
func (r *Room) Latest(ctx context.Context, read db.Reader, repo id.Repo, sha string, page, perPage int) ([]Status, int, error) {
	return r.list(ctx, read, repo, sha, `AND latest `, `ORDER BY s.id`, page, perPage)
}

func (r *Room) list(ctx context.Context, read db.Reader, repo id.Repo, sha, which, order string, page, perPage int) (list []Status, total int, err error) {
	if err := read.QueryRow(ctx, `SELECT COUNT(*) FROM commit_statuses WHERE repo_id = $1 AND sha = $2 `+which, repo, sha).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("count statuses: %w", err)
	}
	rows, err := read.Query(ctx, `SELECT `+columns+` WHERE s.repo_id = $1 AND s.sha = $2 `+which+order+` LIMIT $3 OFFSET $4`, repo, sha, perPage, (page-1)*perPage)
	if err != nil {
		return nil, 0, fmt.Errorf("list statuses: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var s Status
		var created int64
		if err := rows.Scan(&s.ID, &s.Context, &s.State, &s.Description, &s.TargetURL, &s.Creator, &s.Login, &created); err != nil {
			return nil, 0, fmt.Errorf("list statuses: %w", err)
		}
		s.CreatedAt = db.Time(created)
		list = append(list, s)
	}
	return list, total, rows.Err()
}

// Combined is the status of a commit as a whole.
type Combined struct {
	State    State // Pending where there is none
	Contexts int
	Good     int // of the contexts
}

// atOnce is how many commits one query asks about: a page of any list.
const atOnce = 100

// Combine returns the combined status of each of the commits that has any: a
// failure if any context failed, else pending if any is, else a success. It is
// one query for a hundred commits.
func (r *Room) Combine(ctx context.Context, read db.Reader, repo id.Repo, shas ...string) (map[string]Combined, error) {
	out := map[string]Combined{}
	for len(shas) > 0 {
		some := shas[:min(len(shas), atOnce)]
		shas = shas[len(some):]
		if err := combine(ctx, read, repo, some, out); err != nil {
			return nil, fmt.Errorf("combine statuses: %w", err)
		}
	}
	return out, nil
}

func combine(ctx context.Context, read db.Reader, repo id.Repo, shas []string, out map[string]Combined) error {
	args := make([]any, 0, atOnce+1)
	args = append(args, repo)
	var marks strings.Builder
	for i := range atOnce { // one text for any number
		args = append(args, shas[min(i, len(shas)-1)])
		if i > 0 {
			marks.WriteByte(',')
		}
		marks.WriteString("$" + strconv.Itoa(i+2))
	}
	rows, err := read.Query(ctx, `
		SELECT sha, COUNT(*), SUM(CASE WHEN state = 'success' THEN 1 ELSE 0 END), SUM(CASE WHEN state = 'pending' THEN 1 ELSE 0 END)
		FROM commit_statuses WHERE repo_id = $1 AND latest AND sha IN (`+marks.String()+`) GROUP BY sha`, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var sha string
		var pending int
		c := Combined{State: Success}
		if err := rows.Scan(&sha, &c.Contexts, &c.Good, &pending); err != nil {
			return err
		}
		switch {
		case c.Contexts > c.Good+pending:
			c.State = Failure
		case pending > 0:
			c.State = Pending
		}
		out[sha] = c
	}
	return rows.Err()
}

// Failed returns those of the named contexts whose last status of the commit is no
// success, those without any included; with no names, every context that there is.
func (r *Room) Failed(ctx context.Context, read db.Reader, repo id.Repo, sha string, names []string) ([]Status, error) {
	all, _, err := r.Latest(ctx, read, repo, sha, 1, maxContexts)
	if err != nil {
		return nil, err
	}
	have := map[string]Status{}
	var out []Status
	for _, s := range all {
		have[s.Context] = s
		if names == nil && s.State != Success {
			out = append(out, s)
		}
	}
	for _, name := range names {
		s, ok := have[name]
		if !ok {
			s = Status{Context: name, State: Pending}
		}
		if s.State != Success {
			out = append(out, s)
		}
	}
	return out, nil
}

// DropTx removes every status of a repository, as its deletion asks.
func (r *Room) DropTx(ctx context.Context, tx *db.Tx, repo id.Repo) error {
	if _, err := tx.Exec(ctx, `DELETE FROM commit_statuses WHERE repo_id = $1`, repo); err != nil {
		return fmt.Errorf("drop the statuses of repository %d: %w", repo, err)
	}
	return nil
}
