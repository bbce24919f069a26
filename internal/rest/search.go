package rest

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
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
	maxSearch     = 256 // bytes
	maxWords      = 8
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
	leave, err := d.walking.Enter(c.who())
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

// searchQuery reads q, sort and order. none means that nothing can match: an
// owner that does not exist, or a number of stars that nobody has.
func (c *call) searchQuery() (q repo.Query, none bool, err error) {
	text := strings.TrimSpace(c.query("q"))
	if text == "" {
		return q, false, problem.Field("q", "q is needed")
	}
	if len(text) > maxSearch {
		return q, false, problem.Field("q", "The search is longer than "+strconv.Itoa(maxSearch)+" characters.")
	}
	no := false
	q.IsFork = &no // as GitHub: forks are left out unless they are asked for
	for word := range strings.FieldsSeq(strings.ReplaceAll(text, `"`, ` `)) {
		if key, value, ok := strings.Cut(word, ":"); ok && value != "" {
			empty, err := c.qualify(&q, strings.ToLower(key), value)
			if err != nil {
				return q, false, err
			}
			none = none || empty
			continue
		}
		if q.Words = append(q.Words, word); len(q.Words) > maxWords {
			return q, false, problem.Field("q", "The search has more than "+strconv.Itoa(maxWords)+" words.")
		}
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

// qualify reads one qualifier.
func (c *call) qualify(q *repo.Query, key, value string) (none bool, err error) {
	switch key {
	case "user", "org", "owner":
		a, err := c.door.o.Accounts.ByLogin(c.ctx(), c.door.o.DB, value)
		if problem.Is(err, problem.NotFound) {
			return true, nil
		}
		none := q.Owner != 0 && q.Owner != a.ID
		q.Owner = a.ID
		return none, err
	case "repo":
		login, name, ok := cutName(value)
		if !ok {
			return false, problem.Field("q", "repo: takes OWNER/NAME")
		}
		r, err := c.door.o.Gate.Repo(c.ctx(), &c.actor, right.RepoRead, login, name)
		if err != nil {
			return true, nil // none that the caller may know of
		}
		q.Owner, q.Words, q.After, q.IsFork = r.Owner, append(q.Words, r.Name), r.ID-1, nil
		return false, nil
	case "in":
		for part := range strings.SplitSeq(value, ",") {
			of, ok := map[string]repo.TextOf{"name": repo.InName, "description": repo.InDescription, "topics": repo.InTopics, "readme": 0}[part]
			if !ok {
				return false, problem.Field("q", "in: takes name, description and topics")
			}
			q.In |= of
		}
	case "topic":
		q.Topics = append(q.Topics, value)
	case "fork":
		only := true
		switch value {
		case "true":
			q.IsFork = nil
		case "only":
			q.IsFork = &only
		default:
			return false, problem.Field("q", "fork: takes true or only")
		}
	case "archived":
		is := value == "true"
		q.IsArchived = &is
	case "is", "visibility":
		switch value {
		case "public":
			q.Visibility = repo.OnlyPublic
		case "private":
			q.Visibility = repo.OnlyPrivate
		default:
			return false, problem.Field("q", key+": takes public or private")
		}
	default:
		return false, problem.Field("q", "the qualifier "+cut(key, 50)+": is not available here")
	}
	return false, nil
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
		next := c.url("/repositories") + "?" + url.Values{"since": {itoa(int64(found[len(found)-1].ID))}}.Encode()
		c.w.Header().Set("Link", "<"+next+`>; rel="next"`)
	}
	return out, nil
}
