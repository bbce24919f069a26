package rest

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
)

func (d *Door) searchRoutes() []route {
	return []route{
		{get, "/search/repositories", right.SiteBrowse, d.searchRepos, "Search repositories", doc{query: "q sort order page per_page", out: repositorySearch{}}},
	}
}

// What a search may cost. GitHub, too, gives the first thousand alone.
const (
	searchWithin  = 10 * time.Second
	searchResults = 1000
)

// repositorySearch is GitHub's answer to a search of repositories.
type repositorySearch struct {
	TotalCount        int           `json:"total_count"`
	IncompleteResults bool          `json:"incomplete_results"`
	Items             []foundByText `json:"items"`
}

// foundByText is GitHub's "repository search result item".
type foundByText struct {
	repository
	MasterBranch string  `json:"master_branch"`
	Score        float64 `json:"score"`
}

func (d *Door) searchRepos(c *call) (any, error) {
	q, none, err := c.searchQuery()
	if err != nil {
		return nil, err
	}
	out := repositorySearch{Items: []foundByText{}}
	page, perPage := c.page()
	if page*perPage > searchResults+perPage-1 {
		return nil, status(http.StatusUnprocessableEntity, "Only the first 1000 search results are available")
	}
	if none {
		return out, nil
	}
	leave, err := d.walking.Enter(c.ctx(), c.who())
	if err != nil {
		return nil, err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(c.ctx(), searchWithin)
	defer cancel()
	q.Page, q.PerPage, q.Closed = page, perPage, d.o.Gate.Closed()
	found, total, err := d.o.Repos.ListVisible(ctx, d.o.DB, &c.actor, q)
	if err != nil {
		if ctx.Err() != nil && c.ctx().Err() == nil {
			return nil, &problem.Error{Kind: problem.Unavailable, After: 10, Public: "The search takes too long.", Remedy: "Narrow it with user: or org:."}
		}
		return nil, err
	}
	c.link(page, perPage, min(total, searchResults))
	out.TotalCount = total
	for i := range found {
		r := c.repository(&found[i].Repo, found[i].Relation)
		out.Items = append(out.Items, foundByText{repository: r, MasterBranch: r.DefaultBranch, Score: 1})
	}
	return out, nil
}

// searchQuery reads q, sort and order. none means that nothing can match.
func (c *call) searchQuery() (q repo.Query, none bool, err error) {
	if q, none, err = c.door.o.Gate.Search(c.ctx(), &c.actor, c.query("q")); err != nil {
		return q, false, err
	}
	switch c.query("sort") {
	case "", "stars", "forks", "help-wanted-issues", "updated":
		q.Sort = repo.SortUpdated
	default:
		return q, false, problem.Field("sort", "sort must be stars, forks, help-wanted-issues or updated")
	}
	q.Descending = c.query("order") != "asc"
	return q, none, nil
}

// listPublic lists what is public, by numbers, as GitHub's GET /repositories.
func (d *Door) listPublic(c *call) (any, error) {
	since, _ := strconv.ParseInt(c.query("since"), 10, 64)
	q := repo.Query{Visibility: repo.OnlyPublic, Sort: repo.SortNumber, After: id.Repo(max(since, 0)), PerPage: repo.MaxPerPage, Closed: d.o.Gate.Closed()}
	found, total, err := d.o.Repos.ListVisible(c.ctx(), d.o.DB, &c.actor, q)
	if err != nil {
		return nil, err
	}
	out := make([]repository, len(found))
	for i := range found {
		out[i] = c.repository(&found[i].Repo, found[i].Relation)
	}
	if total > len(found) {
		next := c.url("/repositories") + "?" + url.Values{"since": {id.Text(found[len(found)-1].ID)}}.Encode()
		c.w.Header().Set("Link", "<"+next+`>; rel="next"`)
	}
	return out, nil
}
