package rest

import (
	"net/http"

	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/token"
)

// tokenRequestRoutes are for an organisation's owners, about the fine-grained
// tokens that wait for them.
func (d *Door) tokenRequestRoutes() []route {
	const path = "/orgs/{org}/personal-access-token-requests"
	return []route{
		{get, path, right.OrgRequestsRead, d.listTokenRequests, "List requests to access organization resources with fine-grained personal access tokens",
			doc{query: "sort direction owner[] repository permission last_used_before last_used_after token_id[] page per_page", out: []tokenRequest{}}},
		{post, path, right.OrgRequestsDecide, d.decideTokenRequests, "Review requests to access organization resources with fine-grained personal access tokens",
			doc{in: decideManyInput{}, code: http.StatusAccepted}},
		{post, path + "/{pat_request_id}", right.OrgRequestsDecide, d.decideTokenRequest, "Review a request to access organization resources with a fine-grained personal access token", doc{in: decideInput{}}},
		{get, path + "/{pat_request_id}/repositories", right.OrgRequestsRead, d.listTokenRequestRepos, "List repositories requested to be accessed by a fine-grained personal access token",
			doc{query: "page per_page", out: []repository{}}},
	}
}

// tokenRequest is what the owners are asked.
type tokenRequest struct {
	ID                  int64            `json:"id"`
	Reason              *string          `json:"reason"`
	Owner               simpleUser       `json:"owner"`
	RepositorySelection string           `json:"repository_selection"`
	RepositoriesURL     string           `json:"repositories_url"`
	Permissions         grantPermissions `json:"permissions"`
	CreatedAt           string           `json:"created_at"`
	TokenID             int64            `json:"token_id"`
	TokenName           string           `json:"token_name"`
	TokenExpired        bool             `json:"token_expired"`
	TokenExpiresAt      *string          `json:"token_expires_at"`
	TokenLastUsedAt     *string          `json:"token_last_used_at"`
}

func (d *Door) listTokenRequests(c *call) (any, error) {
	q, none, err := c.orgTokenQuery()
	if err != nil || none {
		return []tokenRequest{}, err
	}
	list, total, err := d.o.Tokens.Requests(c.r.Context(), c.org.ID, q)
	if err != nil {
		return nil, err
	}
	out := make([]tokenRequest, 0, len(list))
	for i := range list {
		one, err := c.tokenRequest(&list[i])
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	c.link(q.Page, q.PerPage, total)
	return out, nil
}

func (c *call) tokenRequest(q *token.Request) (tokenRequest, error) {
	of, err := c.door.o.Accounts.Known(c.r.Context(), c.door.o.DB, q.Token.Account)
	if err != nil {
		return tokenRequest{}, err
	}
	g := c.tokenGrant(&q.Token, &of)
	out := tokenRequest{ID: int64(q.ID), Owner: g.Owner, RepositorySelection: g.RepositorySelection, Permissions: g.Permissions, CreatedAt: *stamp(q.CreatedAt),
		RepositoriesURL: c.url("/orgs/" + c.org.Login + "/personal-access-token-requests/" + id.Text(q.ID) + "/repositories"),
		TokenID:         g.TokenID, TokenName: g.TokenName, TokenExpired: g.TokenExpired, TokenExpiresAt: g.TokenExpiresAt, TokenLastUsedAt: g.TokenLastUsedAt}
	if q.Reason != "" {
		out.Reason = &q.Reason
	}
	return out, nil
}

// decideInput says what the owners answer.
type decideInput struct {
	Action string  `json:"action"`
	Reason *string `json:"reason"`
}

// decideManyInput is decideInput for several.
type decideManyInput struct {
	IDs    []id.TokenRequest `json:"pat_request_ids"`
	Action string            `json:"action"`
	Reason *string           `json:"reason"`
}

func (in *decideInput) read() (approve bool, reason string, err error) {
	if in.Action != "approve" && in.Action != "deny" {
		return false, "", problem.Field("action", "action is approve or deny")
	}
	if in.Reason != nil {
		reason = *in.Reason
	}
	return in.Action == "approve", reason, nil
}

func (d *Door) decideTokenRequest(c *call) (any, error) {
	var in decideInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	approve, reason, err := in.read()
	if err != nil {
		return nil, err
	}
	n, _ := id.Parse[id.TokenRequest](c.r.PathValue("pat_request_id"))
	return nil, d.o.Tokens.Decide(c.r.Context(), c.actor, c.org.ID, n, approve, reason)
}

// decideTokenRequests leaves out the numbers of what does not wait, or no more.
func (d *Door) decideTokenRequests(c *call) (any, error) {
	var in decideManyInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	one := decideInput{Action: in.Action, Reason: in.Reason}
	approve, reason, err := one.read()
	if err != nil {
		return nil, err
	}
	if len(in.IDs) == 0 || len(in.IDs) > 100 {
		return nil, problem.Field("pat_request_ids", "pat_request_ids are the numbers of between one request and 100")
	}
	for _, n := range in.IDs {
		if err := ignoreMissing(d.o.Tokens.Decide(c.r.Context(), c.actor, c.org.ID, n, approve, reason)); err != nil {
			return nil, err
		}
	}
	return struct{}{}, nil
}

func (d *Door) listTokenRequestRepos(c *call) (any, error) {
	n, _ := id.Parse[id.TokenRequest](c.r.PathValue("pat_request_id"))
	q, err := d.o.Tokens.RequestByID(c.r.Context(), c.org.ID, n)
	if err != nil {
		return nil, err
	}
	reach := q.Token.Reach()
	return c.list(repo.Query{Owner: c.org.ID, Within: &reach})
}
