package token

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"jeton/internal/audit"
	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// Outcome is what became of a request. The numbers are stored.
type Outcome uint8

// The outcomes.
const (
	Waiting  Outcome = iota
	Approved         // the token may do what was asked for
	Denied           // it is shut out
)

// Request is what an organisation's owners are asked about a fine-grained token.
type Request struct {
	ID        id.TokenRequest
	Token     Token
	Org       id.Account
	Reason    string // whoever made the token says why
	CreatedAt time.Time
	Had       right.Fine // what was approved before it asked for more
}

// asking is what is said beside a question.
type asking struct {
	reason string
	had    right.Fine
}

// widened reports whether t may do something that was may not.
func widened(was, t *Token) bool {
	switch {
	case !t.Permissions.Within(was.Permissions):
		return true
	case was.Access != AllOf && t.Access == AllOf, was.Access == PublicOnly && t.Access != PublicOnly:
		return true
	case t.Access == Selected && was.Access == Selected && slices.ContainsFunc(t.Repos, func(n id.Repo) bool { return !slices.Contains(was.Repos, n) }):
		return true
	}
	return slices.ContainsFunc(was.Limits, func(l right.Limit) bool {
		return !slices.ContainsFunc(t.Limits, func(o right.Limit) bool { return l.String() == o.String() })
	})
}

// updateAsked stores what became of was, and asks the organisation's owners anew
// if it may do more now. approved says that the actor is one of them: what they had
// approved before stays theirs.
func (r *Room) updateAsked(ctx context.Context, tx *db.Tx, actor right.Actor, was, t Token, deed string, approved bool, reason string) error {
	more := t.Kind == FineGrained && widened(&was, &t)
	ask := asking{reason: reason}
	if !was.ApprovedAt.IsZero() {
		ask.had = was.Permissions
	}
	if approved && (more || was.ApprovedAt.IsZero()) {
		var err error
		if approved, err = r.approve(ctx, tx, actor, &t); err != nil {
			return err
		}
	}
	switch {
	case approved:
	case more:
		t.ApprovedAt, t.ApprovedBy = time.Time{}, 0
	}
	if err := update(ctx, tx, t); err != nil {
		return err
	}
	if err := r.recordChange(ctx, tx, actor, deed, t, ""); err != nil {
		return err
	}
	if more || approved {
		old, err := r.takeBack(ctx, tx, actor, &t)
		if err != nil {
			return err
		}
		if was.ApprovedAt.IsZero() {
			ask.had = old.Had
		}
	}
	return r.ask(ctx, tx, actor, &t, ask)
}

// approve notes that the actor, as an owner of the organisation that t reaches,
// approves it: unless they are none at this moment, which it reports.
func (r *Room) approve(ctx context.Context, tx *db.Tx, actor right.Actor, t *Token) (bool, error) {
	t.ApprovedAt, t.ApprovedBy = time.Time{}, 0
	if ok, err := answers(ctx, tx, actor, t.Owner); err != nil || !ok {
		return false, err
	}
	t.ApprovedAt, t.ApprovedBy = r.o.Now(), actor.Account
	return true, nil
}

// ask asks the owners of the organisation that t reaches, if they want to be and
// have not been.
func (r *Room) ask(ctx context.Context, tx *db.Tx, actor right.Actor, t *Token, q asking) error {
	if t.Kind != FineGrained || !t.ApprovedAt.IsZero() {
		return nil
	}
	p, err := r.o.Policies.Of(ctx, tx, t.Owner)
	if err != nil || !p.Approve {
		return err
	}
	made := Request{Token: *t, Org: t.Owner, Reason: q.reason, Had: q.had, CreatedAt: r.o.Now()}
	err = tx.QueryRow(ctx, `
		INSERT INTO token_requests (token_id, org_id, reason, had, created_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (token_id) WHERE outcome = 0 DO NOTHING RETURNING id`, t.ID, t.Owner, q.reason, q.had.String(), db.Micros(made.CreatedAt)).Scan(&made.ID)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // they were asked already
	}
	if err != nil {
		return fmt.Errorf("insert token request: %w", err)
	}
	if err := r.recordRequest(ctx, tx, actor, "personal_access_token.request_created", t, ""); err != nil {
		return err
	}
	return r.tellAsked(ctx, tx, actor, &made)
}

// askAll asks about the tokens that nobody has approved, or is being asked about, but
// for those that are shut out.
const askAll = `
	INSERT INTO token_requests (token_id, org_id, reason, created_at)
	SELECT id, owner_id, '', $2 FROM tokens` + ofOwner + ` AND approved_at = 0 AND ',' || barred || ',' NOT LIKE $3
	AND NOT EXISTS (SELECT 1 FROM token_requests q WHERE q.token_id = tokens.id AND q.outcome = 0)
	ORDER BY id`

// policySet asks about the tokens that are there when an organisation's owners
// begin to want to be asked, but for those that they have shut out, and takes the
// questions back when they stop. Of many, the oldest are told of: everybody who writes
// waits meanwhile.
func (r *Room) policySet(ctx context.Context, tx *db.Tx, actor right.Actor, of id.Account, p *right.Policy) error {
	const open = ` WHERE q.org_id = $1 AND q.outcome = 0`
	if !p.Approve {
		all, err := requests(ctx, tx, requestColumns+open+` ORDER BY q.id LIMIT $2`, of, maxTold)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM token_requests WHERE org_id = $1 AND outcome = 0`, of); err != nil {
			return fmt.Errorf("take token requests back: %w", err)
		}
		return r.eachRequest(ctx, tx, all, func(q *Request) error { return r.tellTaken(ctx, tx, actor, q) })
	}
	var last id.TokenRequest
	if err := tx.QueryRow(ctx, `SELECT COALESCE(MAX(id), 0) FROM token_requests`).Scan(&last); err != nil {
		return fmt.Errorf("ask about tokens: %w", err)
	}
	_, err := tx.Exec(ctx, askAll, of, db.Micros(r.o.Now()), fmt.Sprintf("%%,%d,%%", of))
	if err != nil {
		return fmt.Errorf("ask about tokens: %w", err)
	}
	all, err := requests(ctx, tx, requestColumns+open+` AND q.id > $2 ORDER BY q.id LIMIT $3`, of, last, maxTold)
	if err != nil {
		return err
	}
	return r.eachRequest(ctx, tx, all, func(q *Request) error { return r.tellAsked(ctx, tx, actor, q) })
}

// takeBack takes the question about a token back, and returns it if there was one.
func (r *Room) takeBack(ctx context.Context, tx *db.Tx, actor right.Actor, t *Token) (Request, error) {
	q, err := scanRequest(tx.QueryRow(ctx, requestColumns+` WHERE q.token_id = $1 AND q.outcome = 0`, t.ID))
	if errors.Is(err, sql.ErrNoRows) {
		return Request{}, nil
	}
	if err != nil {
		return Request{}, fmt.Errorf("read token request: %w", err)
	}
	if _, err := tx.Exec(ctx, `DELETE FROM token_requests WHERE id = $1`, q.ID); err != nil {
		return Request{}, fmt.Errorf("take token request back: %w", err)
	}
	q.Token = *t
	if err := r.recordRequest(ctx, tx, actor, "personal_access_token.request_cancelled", t, ""); err != nil {
		return Request{}, err
	}
	return q, r.tellTaken(ctx, tx, actor, &q)
}

// Decide answers a request that waits. A token that is denied is shut out of what
// is the organisation's, and stays its owner's. It fails with problem.NotFound for
// a request that does not wait, or of another organisation, and with
// problem.Forbidden for who owns it no more when the answer is written.
func (r *Room) Decide(ctx context.Context, actor right.Actor, org id.Account, n id.TokenRequest, approve bool, answer string) error {
	switch {
	case len(answer) > maxDescription:
		return problem.Field("reason", fmt.Sprintf("The reason is too long (maximum is %d bytes)", maxDescription))
	case !isText(answer):
		return problem.Field("reason", "The reason must be valid UTF-8 without a NUL")
	}
	return r.o.DB.Write(ctx, func(tx *db.Tx) error {
		ok, err := answers(ctx, tx, actor, org)
		if err != nil {
			return err
		}
		if !ok {
			return problem.New(problem.Forbidden, "You do not own this organization any more.", "Ask one of its owners.")
		}
		q, err := requestByID(ctx, tx, org, n)
		if err != nil {
			return err
		}
		t, action, outcome := &q.Token, "personal_access_token.request_approved", Approved
		if approve {
			t.ApprovedAt, t.ApprovedBy, t.Barred = r.o.Now(), actor.Account, without(t.Barred, org)
		} else {
			action, outcome, t.Barred = "personal_access_token.request_denied", Denied, with(t.Barred, org)
		}
		_, err = tx.Exec(ctx, `UPDATE token_requests SET outcome = $1, decided_at = $2, decided_by = $3, answer = $4 WHERE id = $5`,
			int64(outcome), db.Micros(r.o.Now()), actor.Account, answer, n)
		if err != nil {
			return fmt.Errorf("decide token request: %w", err)
		}
		if _, err := tx.Exec(ctx, `UPDATE tokens SET approved_at = $1, approved_by = $2, barred = $3 WHERE id = $4`, db.Micros(t.ApprovedAt), t.ApprovedBy, numbersText(t.Barred), t.ID); err != nil {
			return fmt.Errorf("decide token request: %w", err)
		}
		if err := r.o.Change.Record(ctx, tx, change.Change{Kind: change.TokenChanged, Subject: int64(t.ID)}); err != nil {
			return err
		}
		if err := r.recordRequest(ctx, tx, actor, action, t, answer); err != nil {
			return err
		}
		return r.tellDecided(ctx, tx, actor, &q, approve, answer)
	})
}

// recordRequest records for the token's owner and for the organisation.
func (r *Room) recordRequest(ctx context.Context, tx *db.Tx, actor right.Actor, action string, t *Token, answer string) error {
	if err := r.record(ctx, tx, actor, action, *t, answer); err != nil {
		return err
	}
	return r.o.Audit.Record(ctx, tx, audit.Entry{Action: action, Actor: actor, Account: t.Owner, Target: t.Note,
		Detail: map[string]string{"token_id": strconv.FormatInt(int64(t.ID), 10), "permissions": t.Permissions.String()}})
}

func with(all []id.Account, one id.Account) []id.Account {
	if slices.Contains(all, one) {
		return all
	}
	out := append(slices.Clone(all), one)
	slices.Sort(out)
	return out
}

func without(all []id.Account, one id.Account) []id.Account {
	return slices.DeleteFunc(slices.Clone(all), func(a id.Account) bool { return a == one })
}

const requestColumns = `SELECT q.id, q.org_id, q.reason, q.created_at, q.token_id, q.had FROM token_requests q`

func scanRequest(row interface{ Scan(...any) error }) (Request, error) {
	var q Request
	var created int64
	var had string
	err := row.Scan(&q.ID, &q.Org, &q.Reason, &created, &q.Token.ID, &had)
	q.CreatedAt, q.Had = db.Time(created), right.ParseFine(had)
	return q, err
}

func requests(ctx context.Context, read db.Reader, query string, args ...any) ([]Request, error) {
	rows, err := read.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list token requests: %w", err)
	}
	defer rows.Close()
	var out []Request
	for rows.Next() {
		one, err := scanRequest(rows)
		if err != nil {
			return nil, fmt.Errorf("list token requests: %w", err)
		}
		out = append(out, one)
	}
	return out, rows.Err()
}

// withTokens puts their tokens into what was asked.
func (r *Room) withTokens(ctx context.Context, read db.Reader, list []Request) error {
	ids := make([]id.Token, len(list))
	for i := range list {
		ids[i] = list[i].Token.ID
	}
	tokens, err := r.ByIDs(ctx, read, ids)
	for i := range list {
		list[i].Token = tokens[list[i].Token.ID]
	}
	return err
}

func requestByID(ctx context.Context, read db.Reader, org id.Account, n id.TokenRequest) (Request, error) {
	q, err := scanRequest(read.QueryRow(ctx, requestColumns+` WHERE q.id = $1 AND q.org_id = $2 AND q.outcome = 0`, n, org))
	if errors.Is(err, sql.ErrNoRows) {
		return q, problem.New(problem.NotFound, "There is no such request.", "Somebody may have answered it, or the token was changed or deleted since.")
	}
	if err != nil {
		return q, fmt.Errorf("read token request: %w", err)
	}
	q.Token, err = byNumber(ctx, read, q.Token.ID)
	return q, err
}

// RequestByID returns a request that waits for an organisation's owners, or
// problem.NotFound.
func (r *Room) RequestByID(ctx context.Context, org id.Account, n id.TokenRequest) (Request, error) {
	return requestByID(ctx, r.o.DB, org, n)
}

// Requests returns one page of what waits for an organisation's owners, and how
// many there are on all pages. Whatever q asks about a token counts.
func (r *Room) Requests(ctx context.Context, org id.Account, q OwnerQuery) ([]Request, int, error) {
	where, args := q.where(org)
	from := ` JOIN (SELECT id AS asked FROM tokens` + where + `) t ON t.asked = q.token_id WHERE q.org_id = $1 AND q.outcome = 0`
	var total int
	if err := r.o.DB.QueryRow(ctx, `SELECT COUNT(*) FROM token_requests q`+from, args...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("count token requests: %w", err)
	}
	order := ` ORDER BY q.id DESC`
	if q.Ascending {
		order = ` ORDER BY q.id`
	}
	n := len(args)
	args = append(args, q.PerPage, (max(q.Page, 1)-1)*q.PerPage)
	out, err := requests(ctx, r.o.DB, requestColumns+from+order+fmt.Sprintf(` LIMIT $%d OFFSET $%d`, n+1, n+2), args...)
	if err != nil {
		return nil, 0, err
	}
	return out, total, r.withTokens(ctx, r.o.DB, out)
}
