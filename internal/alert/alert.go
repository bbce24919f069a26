// Package alert is the room of secret-scanning alerts: which tokens of this host
// were found in which repository, where they stand, what somebody decided about
// them, which pushes may bring one nevertheless, and what has been looked through.
// It writes the tables secret_alerts, secret_locations, secret_scans and
// secret_bypasses, and it alone. It must never hold a secret: a token is known by
// its number and the end of its text, and whether it still opens anything is asked
// of package token when somebody looks.
package alert

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"jeton/internal/audit"
	"jeton/internal/db"
	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/token"
)

// types are the secrets that are found here by their kind, in GitHub's way of
// naming.
var types = [token.Kinds]struct{ name, display string }{
	token.Personal:    {"jeton_personal_access_token", "Jeton Personal Access Token"},
	token.FineGrained: {"jeton_fine_grained_personal_access_token", "Jeton Fine-grained Personal Access Token"},
	token.OAuth:       {"jeton_oauth_access_token", "Jeton OAuth Access Token"},
	token.Refresh:     {"jeton_oauth_refresh_token", "Jeton OAuth Refresh Token"},
	token.Exchanged:   {"jeton_exchanged_token", "Jeton Exchanged Token"},
	token.Deploy:      {"jeton_deploy_token", "Jeton Deploy Token"},
	token.AppSecret:   {"jeton_oauth_client_secret", "Jeton OAuth Application Secret"},
}

// Type names a kind of secret, and TypeDisplay does for people.
func Type(k token.Kind) string { return types[k].name }

// TypeDisplay names a kind of secret for people.
func TypeDisplay(k token.Kind) string { return types[k].display }

// Validity says whether a secret still opens something.
type Validity string

// The validities. Of what applications hold beside their tokens it can't be asked
// without the secret itself, which is not kept.
const (
	Active   Validity = "active"
	Inactive Validity = "inactive"
	Unknown  Validity = "unknown"
)

// Resolutions are what an alert can be closed with.
func Resolutions() []string {
	return []string{"false_positive", "wont_fix", "revoked", "used_in_tests"}
}

// Reasons are those for pushing a secret nevertheless.
func Reasons() []string { return []string{"false_positive", "used_in_tests", "will_fix_later"} }

const (
	maxComment   = 280 // characters; GitHub's
	maxLocations = 100 // of one alert
)

// Alert is one token in one repository.
type Alert struct {
	ID         int64
	Repo       id.Repo
	Number     int64
	Kind       token.Kind
	App        string     // the client id of the application that holds it; empty for a person's own
	Token      id.Token   // 0 for an application's secret
	Owner      id.Account // whose token it is
	LastEight  string     // characters of it
	Resolution string     // empty: it is open
	Comment    string
	ResolvedBy id.Account
	ResolvedAt time.Time
	CreatedAt  time.Time
	UpdatedAt  time.Time
	BypassedBy id.Account // who pushed it in spite of the warning; 0: nobody
	BypassedAt time.Time
	Validity   Validity
	Note       string // of the token, which its owner alone may see
}

// Open reports whether nobody has decided about it yet.
func (a *Alert) Open() bool { return a.Resolution == "" }

// Location is a place where it stands.
type Location struct {
	Kind   string // of Object: blob, commit, tag
	Object string
	Commit string // that brought it; of a tag, what it names
	Path   string // of a file
	Line   int
	Column int // from 1, in bytes
}

// Options are what the room needs. All but Hooks and Now are required.
type Options struct {
	DB     *db.DB
	Tokens *token.Room
	Audit  *audit.Log
	Hooks  *hook.Room       // is told of alerts; nil: nobody is
	Now    func() time.Time // nil: time.Now
}

// Room holds the rules and queries of alerts. It may be used from several
// goroutines.
type Room struct {
	o   Options
	due chan struct{} // holds something when there may be a repository to look through
}

// New returns the room. It panics when a required part is missing.
func New(o Options) *Room {
	if o.DB == nil || o.Tokens == nil || o.Audit == nil {
		panic("alert: New without a required option")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Room{o: o, due: make(chan struct{}, 1)}
}

// Found is a token that was found.
type Found struct {
	Kind      token.Kind
	App       string
	Token     id.Token
	Owner     id.Account
	Note      string // for its owner's security log
	LastEight string
	Live      bool
	Places    []Location
}

// Place is the repository in which it was found.
type Place struct {
	Repo    id.Repo
	Owner   id.Account
	Name    string
	Private bool
}

// Add notes a token that was found, and tells the owner of a live one, once, in
// their security log: where, if they own the repository or anybody may look. An
// alert that is there gets the places that it did not have.
func (m *Room) Add(ctx context.Context, at Place, f Found) error {
	return m.o.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := m.add(ctx, tx, at, f)
		return err
	})
}

func (m *Room) add(ctx context.Context, tx *db.Tx, at Place, f Found) (alert int64, err error) {
	err = tx.QueryRow(ctx, `SELECT id FROM secret_alerts WHERE repo_id = $1 AND kind = $2 AND token_id = $3 AND last_eight = $4`, at.Repo, int64(f.Kind), f.Token, f.LastEight).Scan(&alert)
	if errors.Is(err, sql.ErrNoRows) {
		if alert, err = m.insert(ctx, tx, at, f); err != nil {
			return 0, err
		}
	} else if err != nil {
		return 0, fmt.Errorf("look for an alert: %w", err)
	}
	var n int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM secret_locations WHERE alert_id = $1`, alert).Scan(&n); err != nil {
		return 0, fmt.Errorf("count places: %w", err)
	}
	for _, p := range f.Places {
		if n >= maxLocations {
			break
		}
		done, err := tx.Exec(ctx, `
			INSERT INTO secret_locations (alert_id, kind, object_id, commit_id, path, line, start_column) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (alert_id, object_id, line, start_column) DO NOTHING`, alert, p.Kind, p.Object, p.Commit, text(p.Path), p.Line, p.Column)
		if err != nil {
			return 0, fmt.Errorf("keep a place: %w", err)
		}
		if rows, err := done.RowsAffected(); err == nil && rows > 0 {
			n++
		}
	}
	return alert, nil
}

func (m *Room) insert(ctx context.Context, tx *db.Tx, at Place, f Found) (alert int64, err error) {
	var last int64
	if err := tx.QueryRow(ctx, `SELECT COALESCE(MAX(number), 0) FROM secret_alerts WHERE repo_id = $1`, at.Repo).Scan(&last); err != nil {
		return 0, fmt.Errorf("number an alert: %w", err)
	}
	err = tx.QueryRow(ctx, `
		INSERT INTO secret_alerts (repo_id, number, kind, app, token_id, owner_id, last_eight, resolution, comment, resolved_by, resolved_at, created_at, updated_at, bypassed_by, bypassed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, '', '', 0, 0, $8, $8, 0, 0) RETURNING id`, at.Repo, last+1, int64(f.Kind), f.App, f.Token, f.Owner, f.LastEight, db.Micros(m.o.Now())).Scan(&alert)
	if err != nil {
		return 0, fmt.Errorf("insert alert: %w", err)
	}
	if err := m.o.Audit.Record(ctx, tx, audit.Entry{Action: "secret_scanning_alert.create", Actor: right.Anonymous(), Account: at.Owner, Repo: at.Repo, Target: at.Name,
		Detail: map[string]string{"token_last_eight": f.LastEight}}); err != nil {
		return alert, err
	}
	if err := m.tell(ctx, tx, right.Anonymous(), at.Repo, "created", last+1); err != nil || !f.Live {
		return alert, err
	}
	e := audit.Entry{Action: "secret_scanning.token_found", Actor: right.Anonymous(), Account: f.Owner, Target: f.Note, Detail: map[string]string{"token": fmt.Sprint(int64(f.Token))}}
	if !at.Private || at.Owner == f.Owner {
		e.Repo, e.Detail["repository"] = at.Repo, at.Name
	}
	return alert, m.o.Audit.Record(ctx, tx, e)
}

// tell has the repository's webhooks told of an alert; package deliver adds what
// it is.
func (m *Room) tell(ctx context.Context, tx *db.Tx, actor right.Actor, repo id.Repo, action string, number int64) error {
	return m.o.Hooks.Emit(ctx, tx, hook.Deed{Event: "secret_scanning_alert", Action: action, Repo: repo, Actor: actor, Body: map[string]any{"alert": map[string]int64{"number": number}}})
}

// DropTx takes everything away that a repository has here, which is deleted.
func (m *Room) DropTx(ctx context.Context, tx *db.Tx, repo id.Repo) error {
	if m == nil {
		return nil
	}
	for _, q := range []string{
		`DELETE FROM secret_locations WHERE alert_id IN (SELECT id FROM secret_alerts WHERE repo_id = $1)`,
		`DELETE FROM secret_alerts WHERE repo_id = $1`,
		`DELETE FROM secret_scans WHERE repo_id = $1`,
		`DELETE FROM secret_bypasses WHERE repo_id = $1`,
	} {
		if _, err := tx.Exec(ctx, q, repo); err != nil {
			return fmt.Errorf("delete the alerts of repository %d: %w", repo, err)
		}
	}
	return nil
}

func notFound() error { return problem.New(problem.NotFound, "There is no such alert.", "") }
