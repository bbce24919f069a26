package token

import (
	"context"
	"fmt"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/notice"
	"jeton/internal/right"
)

const (
	maxOwners = 50  // of an organisation who are told of a question
	maxTold   = 100 // questions of one policy that they and webhooks are told of
)

// selections are GitHub's words.
var selections = map[Access]string{PublicOnly: "none", AllOf: "all", Selected: "subset"}

// Selection is GitHub's word for what the token has access to; empty for one that is
// not fine-grained.
func (a Access) Selection() string { return selections[a] }

// asked is what is told of a question, and about whose token.
func (r *Room) asked(ctx context.Context, tx *db.Tx, q *Request) (notice.Request, error) {
	t := &q.Token
	about, err := r.about(ctx, tx, t)
	if err != nil {
		return notice.Request{}, err
	}
	of, err := loginOf(ctx, tx, t.Account)
	if err != nil {
		return notice.Request{}, err
	}
	in, err := loginOf(ctx, tx, q.Org)
	return notice.Request{ID: q.ID, Org: q.Org, OrgLogin: in, Token: about, Login: of, Permissions: t.Permissions, Had: q.Had, Selection: t.Access.Selection(), Repos: t.Repos,
		CreatedAt: q.CreatedAt, UsedAt: t.LastUse.At, Expired: t.Expired(r.o.Now())}, err
}

// tellAsked has the organisation's webhooks told of a question, and its owners by
// mail: not of a token that reaches nothing of theirs, since its account has left.
func (r *Room) tellAsked(ctx context.Context, tx *db.Tx, actor right.Actor, q *Request) error {
	n, err := r.asked(ctx, tx, q)
	if err != nil {
		return err
	}
	var owners []id.Account
	if !n.Token.Apart {
		if owners, err = ownersOf(ctx, tx, q.Org, maxOwners); err != nil {
			return err
		}
	}
	return r.o.Notices.AskedTx(ctx, tx, actor, n, owners)
}

// tellDecided has the token's owner told what became of a question.
func (r *Room) tellDecided(ctx context.Context, tx *db.Tx, actor right.Actor, q *Request, approved bool, answer string) error {
	n, err := r.asked(ctx, tx, q)
	if err != nil {
		return err
	}
	return r.o.Notices.DecidedTx(ctx, tx, actor, n, approved, answer)
}

// tellTaken has webhooks told that a question was taken back.
func (r *Room) tellTaken(ctx context.Context, tx *db.Tx, actor right.Actor, q *Request) error {
	n, err := r.asked(ctx, tx, q)
	if err != nil {
		return err
	}
	return r.o.Notices.TakenTx(ctx, tx, actor, n)
}

// eachRequest calls f with each of the questions, and with its token.
func (r *Room) eachRequest(ctx context.Context, tx *db.Tx, list []Request, f func(q *Request) error) error {
	if err := r.withTokens(ctx, tx, list); err != nil {
		return err
	}
	for i := range list {
		if err := f(&list[i]); err != nil {
			return err
		}
	}
	return nil
}

// ownersOf are the owners of an organisation who may act, who came first first.
func ownersOf(ctx context.Context, tx *db.Tx, org id.Account, most int) ([]id.Account, error) {
	rows, err := tx.Query(ctx, `
		SELECT m.account_id FROM org_members m JOIN accounts a ON a.id = m.account_id
		WHERE m.org_id = $1 AND m.role = 2 AND m.state = 1 AND a.suspended_at = 0 ORDER BY m.id LIMIT $2`, org, most)
	if err != nil {
		return nil, fmt.Errorf("look for owners: %w", err)
	}
	defer rows.Close()
	var owners []id.Account
	for rows.Next() {
		var one id.Account
		if err := rows.Scan(&one); err != nil {
			return nil, fmt.Errorf("look for owners: %w", err)
		}
		owners = append(owners, one)
	}
	return owners, rows.Err()
}

// WaitingFor returns those of the questions that still wait and that who may answer
// as an owner of the organisation, by their numbers. What reaches nothing there any
// more is left out.
func (r *Room) WaitingFor(ctx context.Context, read db.Reader, who id.Account, numbers []id.TokenRequest) (map[id.TokenRequest]Request, error) {
	var found []Request
	err := db.Batches(numbers, func(in string, args []any) error {
		args = append(args, who)
		some, err := requests(ctx, read, fmt.Sprintf(requestColumns+` JOIN tokens t ON t.id = q.token_id WHERE q.id IN (%s) AND q.outcome = 0
			AND EXISTS (SELECT 1 FROM org_members m WHERE m.org_id = q.org_id AND m.account_id = $%d AND m.role = 2 AND m.state = 1)
			AND (EXISTS (SELECT 1 FROM org_members m WHERE m.org_id = q.org_id AND m.account_id = t.account_id AND m.state = 1)
				OR EXISTS (SELECT 1 FROM collaborators c JOIN repositories r ON r.id = c.repo_id WHERE r.owner_id = q.org_id AND c.account_id = t.account_id))`, in, len(args)), args...)
		found = append(found, some...)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := map[id.TokenRequest]Request{}
	err = r.withTokens(ctx, read, found)
	for _, q := range found {
		out[q.ID] = q
	}
	return out, err
}
