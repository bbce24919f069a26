package rest

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"jeton/internal/account"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/token"
)

// orgTokenRoutes are for an organisation's owners, about the fine-grained tokens
// that reach what is the organisation's.
func (d *Door) orgTokenRoutes() []route {
	const path = "/orgs/{org}/personal-access-tokens"
	return []route{
		{get, path, right.OrgTokensRead, d.listOrgTokens, "List fine-grained personal access tokens with access to organization resources",
			doc{query: "sort direction owner[] repository permission last_used_before last_used_after token_id[] page per_page", out: []tokenGrant{}}},
		{post, path, right.OrgTokensRevoke, d.revokeOrgTokens, "Update the access to organization resources via fine-grained personal access tokens", doc{in: revokeManyInput{}, code: http.StatusAccepted}},
		{post, path + "/{pat_id}", right.OrgTokensRevoke, d.revokeOrgToken, "Update the access a fine-grained personal access token has to organization resources", doc{in: revokeInput{}}},
		{get, path + "/{pat_id}/repositories", right.OrgTokensRead, d.listOrgTokenRepos, "List repositories a fine-grained personal access token has access to", doc{query: "page per_page", out: []repository{}}},
	}
}

// tokenGrant is a fine-grained token as the resource owner sees it. Its number and
// that of what it was granted are one here.
type tokenGrant struct {
	ID                  int64            `json:"id"`
	Owner               simpleUser       `json:"owner"`
	RepositorySelection string           `json:"repository_selection"`
	RepositoriesURL     string           `json:"repositories_url"`
	Permissions         grantPermissions `json:"permissions"`
	AccessGrantedAt     string           `json:"access_granted_at"`
	TokenID             int64            `json:"token_id"`
	TokenName           string           `json:"token_name"`
	TokenExpired        bool             `json:"token_expired"`
	TokenExpiresAt      *string          `json:"token_expires_at"`
	TokenLastUsedAt     *string          `json:"token_last_used_at"`
}

// grantPermissions are levels by permission, by what they are about.
type grantPermissions struct {
	Organization map[string]string `json:"organization"`
	Repository   map[string]string `json:"repository"`
	Other        map[string]string `json:"other"`
}

func (c *call) tokenGrant(t *token.Token, of *account.Account) tokenGrant {
	granted := t.ApprovedAt
	if granted.IsZero() {
		granted = t.CreatedAt
	}
	return tokenGrant{
		ID: int64(t.ID), Owner: c.simpleUser(int64(of.ID), of.Login, of.SiteAdmin), RepositorySelection: t.Access.Selection(),
		RepositoriesURL: c.url("/orgs/" + c.org.Login + "/personal-access-tokens/" + id.Text(t.ID) + "/repositories"),
		Permissions: grantPermissions{Organization: t.Permissions.Only(right.OrganizationGroup), Repository: t.Permissions.Only(right.RepositoryGroup),
			Other: t.Permissions.Only(right.AccountGroup)},
		AccessGrantedAt: *stamp(granted), TokenID: int64(t.ID), TokenName: t.Note, TokenExpired: t.Expired(c.door.o.Now()),
		TokenExpiresAt: stamp(t.ExpiresAt), TokenLastUsedAt: stamp(t.LastUse.At),
	}
}

func (d *Door) listOrgTokens(c *call) (any, error) {
	q, none, err := c.orgTokenQuery()
	if err != nil || none {
		return []tokenGrant{}, err
	}
	list, total, err := d.o.Tokens.ForOwner(c.r.Context(), c.org.ID, q)
	if err != nil {
		return nil, err
	}
	out := make([]tokenGrant, 0, len(list))
	for i := range list {
		of, err := d.o.Accounts.Known(c.r.Context(), d.o.DB, list[i].Account)
		if err != nil {
			return nil, err
		}
		out = append(out, c.tokenGrant(&list[i], &of))
	}
	c.link(q.Page, q.PerPage, total)
	return out, nil
}

// orgTokenQuery reads GitHub's filters. none reports that they can match nothing.
func (c *call) orgTokenQuery() (q token.OwnerQuery, none bool, err error) {
	in := c.r.URL.Query()
	q.Page, q.PerPage = c.page()
	if sort := in.Get("sort"); sort != "" && sort != "created_at" {
		return q, false, problem.Field("sort", "sort is created_at")
	}
	q.Ascending = in.Get("direction") == "asc"
	for _, login := range both(in, "owner") {
		a, err := c.door.o.Accounts.ByLogin(c.r.Context(), c.door.o.DB, login)
		if err != nil && !problem.Is(err, problem.NotFound) {
			return q, false, err
		}
		q.Accounts = append(q.Accounts, a.ID) // of nobody: none
	}
	for _, text := range both(in, "token_id") {
		n, _ := id.Parse[id.Token](text)
		q.IDs = append(q.IDs, n)
	}
	if name := in.Get("repository"); name != "" {
		r, err := c.door.o.Gate.Repo(c.r.Context(), &c.actor, right.RepoRead, c.org.Login, name)
		if err != nil {
			return q, true, ignoreMissing(err)
		}
		q.Repo = r.ID
	}
	q.Permission = strings.TrimSuffix(strings.TrimSuffix(in.Get("permission"), "_read"), "_write")
	if q.Before, err = since(in, "last_used_before"); err != nil {
		return q, false, err
	}
	q.After, err = since(in, "last_used_after")
	return q, false, err
}

// both reads a list of the query by either form of its name.
func both(in url.Values, name string) []string {
	all := append(in[name], in[name+"[]"]...)
	return all[:min(len(all), 50)]
}

func since(in url.Values, name string) (time.Time, error) {
	text := in.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, problem.Field(name, name+" is a time as 2026-11-27T08:00:00Z")
	}
	return at, nil
}

func ignoreMissing(err error) error {
	if problem.Is(err, problem.NotFound) {
		return nil
	}
	return err
}

// revokeInput says what shall become of a token.
type revokeInput struct {
	Action string `json:"action"`
}

// revokeManyInput is revokeInput for several.
type revokeManyInput struct {
	Action string     `json:"action"`
	IDs    []id.Token `json:"pat_ids"`
}

func checkRevoke(action string) error {
	if action != "revoke" {
		return problem.Field("action", "action is revoke")
	}
	return nil
}

func (d *Door) revokeOrgToken(c *call) (any, error) {
	var in revokeInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if err := checkRevoke(in.Action); err != nil {
		return nil, err
	}
	n, _ := id.Parse[id.Token](c.r.PathValue("pat_id"))
	return nil, d.o.Tokens.RevokeForOwner(c.r.Context(), c.actor, c.org.ID, n)
}

// revokeOrgTokens leaves out the numbers of what is none, or no more: they reach
// nothing.
func (d *Door) revokeOrgTokens(c *call) (any, error) {
	var in revokeManyInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if err := checkRevoke(in.Action); err != nil {
		return nil, err
	}
	if len(in.IDs) == 0 || len(in.IDs) > 100 {
		return nil, problem.Field("pat_ids", "pat_ids are the numbers of between one token and 100")
	}
	for _, n := range in.IDs {
		if err := ignoreMissing(d.o.Tokens.RevokeForOwner(c.r.Context(), c.actor, c.org.ID, n)); err != nil {
			return nil, err
		}
	}
	return struct{}{}, nil
}

func (d *Door) listOrgTokenRepos(c *call) (any, error) {
	n, _ := id.Parse[id.Token](c.r.PathValue("pat_id"))
	t, err := d.o.Tokens.ReachesFor(c.r.Context(), c.org.ID, n)
	if err != nil {
		return nil, err
	}
	reach := t.Reach()
	return c.list(repo.Query{Owner: c.org.ID, Within: &reach})
}
