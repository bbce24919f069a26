package notice

import (
	"context"
	"time"

	"jeton/internal/db"
	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/printable"
	"jeton/internal/right"
)

// Request is what notices and webhooks say of a question that an organisation's
// owners are asked about a token.
type Request struct {
	ID          id.TokenRequest
	Org         id.Account
	OrgLogin    string
	Token       Token
	Login       string // of the account whose token it is
	Permissions right.Fine
	Had         right.Fine // what was approved before
	Selection   string     // GitHub's word: none, all, subset
	Repos       []id.Repo  // with subset
	CreatedAt   time.Time
	UsedAt      time.Time // zero: never
	Expired     bool
}

// maxAnswer is how much of an answer a notice keeps, in bytes.
const maxAnswer = 1024

// The outcomes that Detail.How has in a notice of a decision.
const (
	Approved = "approved"
	Denied   = "denied"
)

// AskedTx tells that the owners of an organisation are asked about a token: its
// webhooks, and by mail those of the owners that are named.
func (r *Room) AskedTx(ctx context.Context, tx *db.Tx, actor right.Actor, q Request, owners []id.Account) error {
	if r == nil {
		return nil
	}
	t := q.Token
	t.Readers, t.Account = owners, 0 // each has a mark of their own, the one who asks among them
	if _, err := r.write(ctx, tx, Asked, t, id.Text(q.ID), Detail{Org: q.Org, In: q.OrgLogin, Request: q.ID}); err != nil {
		return err
	}
	return r.emitRequest(ctx, tx, actor, "created", &q)
}

// DecidedTx tells what the owners of an organisation answered, and why.
func (r *Room) DecidedTx(ctx context.Context, tx *db.Tx, actor right.Actor, q Request, approved bool, answer string) error {
	if r == nil {
		return nil
	}
	how := Denied
	if approved {
		how = Approved
	}
	d := Detail{How: how, Org: q.Org, In: q.OrgLogin, Request: q.ID, Answer: printable.Line(answer, maxAnswer)}
	if _, err := r.write(ctx, tx, Decided, q.Token, id.Text(q.ID), d); err != nil {
		return err
	}
	return r.emitRequest(ctx, tx, actor, how, &q)
}

// TakenTx tells an organisation's webhooks that a question was taken back, or needs no
// answer any more.
func (r *Room) TakenTx(ctx context.Context, tx *db.Tx, actor right.Actor, q Request) error {
	if r == nil {
		return nil
	}
	return r.emitRequest(ctx, tx, actor, "cancelled", &q)
}

// RequestEvent is the name of GitHub's event that an organisation's webhooks are told
// of what its owners are asked.
const RequestEvent = "personal_access_token_request"

// requestBody is GitHub's personal_access_token_request. Package deliver puts the user
// and the repositories in the place of their numbers.
type requestBody struct {
	ID    id.TokenRequest `json:"id"`
	Owner struct {
		ID    id.Account `json:"id"`
		Login string     `json:"login"`
	} `json:"owner"`
	Added     grouped    `json:"permissions_added"`
	Upgraded  grouped    `json:"permissions_upgraded"`
	Result    grouped    `json:"permissions_result"`
	Selection string     `json:"repository_selection"`
	Count     *int       `json:"repository_count"`
	Repos     []id.Repo  `json:"repositories"`
	CreatedAt *time.Time `json:"created_at"`
	TokenID   id.Token   `json:"token_id"`
	TokenName string     `json:"token_name"`
	Expired   bool       `json:"token_expired"`
	ExpiresAt *time.Time `json:"token_expires_at"`
	UsedAt    *time.Time `json:"token_last_used_at"`
}

// grouped are permissions by what they are about.
type grouped struct {
	Organization map[string]string `json:"organization"`
	Repository   map[string]string `json:"repository"`
	Other        map[string]string `json:"other"`
}

func group(f right.Fine) grouped {
	return grouped{f.Only(right.OrganizationGroup), f.Only(right.RepositoryGroup), f.Only(right.AccountGroup)}
}

func (r *Room) emitRequest(ctx context.Context, tx *db.Tx, actor right.Actor, action string, q *Request) error {
	body := requestBody{ID: q.ID, Result: group(q.Permissions), Selection: q.Selection, CreatedAt: moment(q.CreatedAt), TokenID: q.Token.ID,
		TokenName: printable.Line(q.Token.Note, maxNote), Expired: q.Expired, ExpiresAt: moment(q.Token.EndsAt), UsedAt: moment(q.UsedAt)}
	body.Owner.ID, body.Owner.Login = q.Token.Account, q.Login
	var added, upgraded right.Fine
	for i, level := range q.Permissions {
		switch had := q.Had[i]; {
		case had == right.None:
			added[i] = level
		case had < level:
			upgraded[i] = level
		}
	}
	body.Added, body.Upgraded = group(added), group(upgraded)
	if q.Selection == "subset" {
		n := len(q.Repos)
		body.Count, body.Repos = &n, q.Repos
	}
	return r.o.Hooks.Emit(ctx, tx, hook.Deed{Event: RequestEvent, Action: action, Org: q.Org, Actor: actor,
		Body: map[string]any{RequestEvent: body}})
}
