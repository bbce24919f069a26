package rest

import "jeton/internal/right"

// enterpriseVersion tells clients which of GitHub's features they may expect.
// Git Credential Manager offers OAuth from version 3.2 on. It is no higher than
// what is needed: newer clients take ways on later versions that need more.
const enterpriseVersion = "3.2.0"

func (d *Door) metaRoutes() []route {
	return []route{
		{get, "/{$}", right.SiteBrowse, d.root, "GitHub API Root", doc{out: map[string]string{}}},
		{get, "/meta", right.SiteVisit, d.meta, "Get meta information", doc{out: metaAnswer{}}},
		{get, "/rate_limit", right.SiteVisit, d.rateLimit, "Get rate limit status for the authenticated user", doc{out: rateAnswer{}}},
		{get, "/openapi.json", right.SiteVisit, d.openapi, "Get this API's OpenAPI 3.1 description", doc{out: map[string]any{}}},
	}
}

// root is where clients read their scopes and learn the URLs: all of GitHub's,
// also those with nothing behind them here.
func (d *Door) root(c *call) (any, error) {
	out := map[string]string{"current_user_authorizations_html_url": d.o.Gate.URL("/settings/connections/applications{/client_id}")}
	for name, path := range map[string]string{
		"authorizations_url":            "/authorizations",
		"code_search_url":               "/search/code?q={query}{&page,per_page,sort,order}",
		"commit_search_url":             "/search/commits?q={query}{&page,per_page,sort,order}",
		"current_user_repositories_url": "/user/repos{?type,page,per_page,sort}",
		"current_user_url":              "/user",
		"emails_url":                    "/user/emails",
		"emojis_url":                    "/emojis",
		"events_url":                    "/events",
		"feeds_url":                     "/feeds",
		"followers_url":                 "/user/followers",
		"following_url":                 "/user/following{/target}",
		"gists_url":                     "/gists{/gist_id}",
		"issue_search_url":              "/search/issues?q={query}{&page,per_page,sort,order}",
		"issues_url":                    "/issues",
		"keys_url":                      "/user/keys",
		"label_search_url":              "/search/labels?q={query}&repository_id={repository_id}{&page,per_page}",
		"notifications_url":             "/notifications",
		"organization_repositories_url": "/orgs/{org}/repos{?type,page,per_page,sort}",
		"organization_teams_url":        "/orgs/{org}/teams",
		"organization_url":              "/orgs/{org}",
		"public_gists_url":              "/gists/public",
		"rate_limit_url":                "/rate_limit",
		"repository_search_url":         "/search/repositories?q={query}{&page,per_page,sort,order}",
		"repository_url":                "/repos/{owner}/{repo}",
		"starred_gists_url":             "/gists/starred",
		"starred_url":                   "/user/starred{/owner}{/repo}",
		"user_organizations_url":        "/user/orgs",
		"user_repositories_url":         "/users/{user}/repos{?type,page,per_page,sort}",
		"user_search_url":               "/search/users?q={query}{&page,per_page,sort,order}",
		"user_url":                      "/users/{user}",
	} {
		out[name] = c.url(path)
	}
	return out, nil
}

func (d *Door) meta(*call) (any, error) {
	return metaAnswer{false, enterpriseVersion, d.o.Version}, nil
}

type metaAnswer struct {
	Verifiable bool   `json:"verifiable_password_authentication"`
	Installed  string `json:"installed_version"`
	Jeton      string `json:"jeton_version"`
}
