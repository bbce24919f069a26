package audit

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
)

// Line is one line of the log, as it was written.
type Line struct {
	ID        id.Event
	At        time.Time
	Action    string
	Account   id.Account // whose log it is in
	Kind      string     // the actor's credential, in right.CredentialKind's words
	ActorID   id.Account
	Actor     string // the login at that time
	Token     id.Token
	Note      string // the token's note at that time
	Session   id.Session
	Repo      id.Repo
	Target    string
	Address   string
	Client    string
	Request   string
	Detail    map[string]string
	detailRaw string
}

// DefaultLimit and MaxLimit are how many lines List returns, newest first.
const (
	DefaultLimit = 50
	MaxLimit     = 500
)

// Query says which lines. Account chooses the log; the zero account's is the
// site's own, which tells of nobody's account. The other fields narrow when
// they are not zero.
type Query struct {
	Account id.Account
	Whole   bool // every log at once, for the site's administrators; Account is ignored

	Action  string
	Actor   string // a login
	Address string
	Token   id.Token // what the token did
	Since   time.Time
	Until   time.Time // exclusive
	Before  id.Event  // lines older than this one: the last of the page before
	Limit   int       // DefaultLimit when zero
}

// List returns the lines of q, newest first.
func (l *Log) List(ctx context.Context, q Query) ([]Line, error) {
	if q.Limit <= 0 {
		q.Limit = DefaultLimit
	}
	rows, err := l.query(ctx, l.o.DB, q)
	if err != nil {
		return nil, fmt.Errorf("read the security log: %w", err)
	}
	return gather(rows, scan)
}

// query builds the narrowing clauses from fixed texts, so that each kind of
// question has its own plan; what was asked for is always an argument.
func (l *Log) query(ctx context.Context, r db.Reader, q Query) (*sql.Rows, error) {
	text := `SELECT ` + columns + ` FROM audit_events WHERE TRUE`
	var args []any
	narrow := func(clause string, arg any) {
		args = append(args, arg)
		text += fmt.Sprintf(clause, len(args))
	}
	if !q.Whole {
		narrow(` AND account_id = $%d`, int64(q.Account))
	}
	if q.Before > 0 {
		narrow(` AND id < $%d`, int64(q.Before))
	}
	if q.Action != "" {
		narrow(` AND action = $%d`, q.Action)
	}
	if q.Actor != "" {
		narrow(` AND LOWER(actor_login) = LOWER($%d)`, q.Actor)
	}
	if q.Address != "" {
		narrow(` AND address = $%d`, q.Address)
	}
	if q.Token > 0 {
		narrow(` AND token_id = $%d`, int64(q.Token))
	}
	if !q.Since.IsZero() {
		narrow(` AND at >= $%d`, db.Micros(q.Since))
	}
	if !q.Until.IsZero() {
		narrow(` AND at < $%d`, db.Micros(q.Until))
	}
	narrow(` ORDER BY id DESC LIMIT $%d`, min(q.Limit, MaxLimit))
	return r.Query(ctx, text, args...)
}

const columns = `id, at, action, account_id, actor_kind, actor_id, actor_login, token_id, token_note, session_id,
	repo_id, target, address, client, request, detail`

func scan(rows *sql.Rows) (Line, error) {
	l, err := scanRaw(rows)
	if err != nil || l.detailRaw == "" {
		return l, err
	}
	return l, json.Unmarshal([]byte(l.detailRaw), &l.Detail)
}

func scanRaw(rows *sql.Rows) (Line, error) {
	var l Line
	var at int64
	err := rows.Scan(&l.ID, &at, &l.Action, &l.Account, &l.Kind, &l.ActorID, &l.Actor, &l.Token, &l.Note, &l.Session,
		&l.Repo, &l.Target, &l.Address, &l.Client, &l.Request, &l.detailRaw)
	if err != nil {
		return Line{}, err
	}
	l.At = db.Time(at)
	return l, nil
}

// gather reads rows and closes them.
func gather(rows *sql.Rows, scan func(*sql.Rows) (Line, error)) ([]Line, error) {
	defer rows.Close()
	out := []Line{}
	for rows.Next() {
		line, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("read the security log: %w", err)
		}
		out = append(out, line)
	}
	return out, rows.Err()
}

// numbers reads rows of one number and closes them.
func numbers(rows *sql.Rows) ([]int64, error) {
	defer rows.Close()
	var out []int64
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, rows.Err()
}

// deeds are what is done to tokens: the actions of an index.
const deeds = `'oauth_access.create', 'oauth_access.update', 'oauth_access.regenerate', 'oauth_access.destroy',
	'personal_access_token.create', 'personal_access_token.update', 'personal_access_token.regenerate', 'personal_access_token.destroy'`

// ofToken is how a line's detail says which token it is about.
func ofToken(t id.Token) string { return fmt.Sprintf(`%%"token_id":"%d"%%`, t) }

// Maker returns the login of whoever made a token, by its owner's log; empty when
// that says it no more, or it was nobody's account.
func (l *Log) Maker(ctx context.Context, owner id.Account, t id.Token) (string, error) {
	lines, err := l.read(ctx, `SELECT `+columns+` FROM audit_events WHERE account_id = $1
		AND action IN (`+deeds+`) AND action IN ('oauth_access.create', 'personal_access_token.create')
		AND detail LIKE $2 ORDER BY id LIMIT 1`, int64(owner), ofToken(t))
	if err != nil || len(lines) == 0 {
		return "", err
	}
	return lines[0].Actor, nil
}

// OfToken returns what a token did in the log of whoever it was done to, and what
// was done to it in its owner's: newest first, older than before if that is not
// zero, at most limit. Refusals are left out, since the ledger has each of them.
func (l *Log) OfToken(ctx context.Context, owner id.Account, t id.Token, before id.Event, limit int) ([]Line, error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	limit = min(limit, MaxLimit)
	by, err := l.read(ctx, `SELECT `+columns+` FROM audit_events WHERE token_id = $1 AND token_id <> 0 AND id < $2
		AND action NOT IN ('oauth_access.denied', 'oauth_access.refused') ORDER BY id DESC LIMIT $3`, int64(t), int64(before), limit)
	if err != nil {
		return nil, err
	}
	about, err := l.read(ctx, `SELECT `+columns+` FROM audit_events WHERE account_id = $1 AND id < $2
		AND action IN (`+deeds+`) AND detail LIKE $3 ORDER BY id DESC LIMIT $4`, int64(owner), int64(before), ofToken(t), limit)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(by, about)
	slices.SortFunc(all, func(a, b Line) int { return cmp.Compare(b.ID, a.ID) })
	all = slices.CompactFunc(all, func(a, b Line) bool { return a.ID == b.ID })
	return all[:min(len(all), limit)], nil
}

func (l *Log) read(ctx context.Context, query string, args ...any) ([]Line, error) {
	rows, err := l.o.DB.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read the security log: %w", err)
	}
	return gather(rows, scan)
}
