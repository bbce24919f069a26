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

// root is where clients read their scopes and learn the URLs.
func (d *Door) root(c *call) (any, error) {
	return map[string]string{
		"current_user_url":                     c.url("/user"),
		"current_user_repositories_url":        c.url("/user/repos{?type,page,per_page,sort}"),
		"emails_url":                           c.url("/user/emails"),
		"rate_limit_url":                       c.url("/rate_limit"),
		"repository_url":                       c.url("/repos/{owner}/{repo}"),
		"user_url":                             c.url("/users/{user}"),
		"user_repositories_url":                c.url("/users/{user}/repos{?type,page,per_page,sort}"),
		"current_user_authorizations_html_url": d.o.Gate.URL("/settings/connections/applications{/client_id}"),
	}, nil
}

func (d *Door) meta(*call) (any, error) {
	return metaAnswer{false, enterpriseVersion, d.o.Version}, nil
}

type metaAnswer struct {
	Verifiable bool   `json:"verifiable_password_authentication"`
	Installed  string `json:"installed_version"`
	Jeton      string `json:"jeton_version"`
}
