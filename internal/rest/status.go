package rest

import (
	"net/http"
	"strconv"

	"jeton/internal/commitstatus"
	"jeton/internal/httpkit"
	"jeton/internal/id"
	"jeton/internal/right"
)

func (d *Door) statusRoutes() []route {
	return []route{
		{post, "/repos/{owner}/{repo}/statuses/{sha}", right.StatusWrite, d.createStatus, "Create a commit status",
			doc{in: statusInput{}, out: commitStatus{}, code: http.StatusCreated}},
		{get, "/repos/{owner}/{repo}/commits/{ref}/statuses", right.StatusRead, d.listStatuses, "List commit statuses for a reference",
			doc{query: "page per_page", out: []commitStatus{}}},
		{get, "/repos/{owner}/{repo}/commits/{ref}/status", right.StatusRead, d.combinedStatus, "Get the combined status for a specific reference",
			doc{query: "page per_page", out: combinedStatus{}}},
	}
}

type statusInput struct {
	State       string  `json:"state"`
	TargetURL   *string `json:"target_url"`
	Description *string `json:"description"`
	Context     string  `json:"context"`
}

// simpleStatus is GitHub's "simple commit status".
type simpleStatus struct {
	URL         string  `json:"url"`
	AvatarURL   *string `json:"avatar_url"`
	ID          int64   `json:"id"`
	NodeID      string  `json:"node_id"`
	State       string  `json:"state"`
	Description *string `json:"description"`
	TargetURL   *string `json:"target_url"`
	Context     string  `json:"context"`
	CreatedAt   string  `json:"created_at"`
	UpdatedAt   string  `json:"updated_at"`
}

// commitStatus is GitHub's "status".
type commitStatus struct {
	simpleStatus
	Creator *simpleUser `json:"creator"`
}

type combinedStatus struct {
	State      string         `json:"state"`
	Statuses   []simpleStatus `json:"statuses"`
	SHA        string         `json:"sha"`
	TotalCount int            `json:"total_count"`
	Repository repository     `json:"repository"`
	CommitURL  string         `json:"commit_url"`
	URL        string         `json:"url"`
}

func (c *call) simpleStatus(sha string, s *commitstatus.Status) simpleStatus {
	out := simpleStatus{URL: c.repoURL("/statuses/" + sha), ID: int64(s.ID), NodeID: httpkit.NodeID("StatusContext", int64(s.ID)), State: string(s.State),
		Description: optional(s.Description), TargetURL: optional(s.TargetURL), Context: s.Context, CreatedAt: moment(s.CreatedAt), UpdatedAt: moment(s.CreatedAt)}
	if s.Login != "" {
		avatar := c.door.o.Gate.URL("/avatars/u/" + strconv.FormatInt(int64(s.Creator), 10))
		out.AvatarURL = &avatar
	}
	return out
}

func (c *call) commitStatus(sha string, s *commitstatus.Status) commitStatus {
	return commitStatus{simpleStatus: c.simpleStatus(sha, s), Creator: c.maybeUser(s.Creator, s.Login)}
}

// maybeUser is an account that may be gone.
func (c *call) maybeUser(a id.Account, login string) *simpleUser {
	if login == "" {
		return nil
	}
	u := c.simpleUser(int64(a), login, false)
	return &u
}

// reachable is the full name of the commit that a word of the caller's stands for,
// which must be among what the caller may see.
func (c *call) reachable(rev string) (string, error) {
	v, err := c.view(rev)
	if err != nil {
		return "", instead(err, unprocessable("No commit found for SHA: "+cut(rev, 100)))
	}
	defer v.Close()
	return string(v.Commit.ID), nil
}

func (d *Door) createStatus(c *call) (any, error) {
	var in statusInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	sha, err := c.reachable(c.r.PathValue("sha"))
	if err != nil {
		return nil, err
	}
	s, err := d.o.Statuses.Create(c.ctx(), c.actor, c.repo.ID, sha, commitstatus.New{State: in.State, Context: in.Context, Description: or(in.Description, ""), TargetURL: or(in.TargetURL, "")})
	if err != nil {
		return nil, err
	}
	out := c.commitStatus(sha, &s)
	c.w.Header().Set("Location", out.URL)
	return out, nil
}

func (d *Door) listStatuses(c *call) (any, error) {
	sha, err := c.reachable(c.r.PathValue("ref"))
	if err != nil {
		return nil, err
	}
	page, perPage := c.page()
	list, total, err := d.o.Statuses.List(c.ctx(), d.o.DB, c.repo.ID, sha, page, perPage)
	if err != nil {
		return nil, err
	}
	c.link(page, perPage, total)
	out := make([]commitStatus, len(list))
	for i := range list {
		out[i] = c.commitStatus(sha, &list[i])
	}
	return out, nil
}

func (d *Door) combinedStatus(c *call) (any, error) {
	sha, err := c.reachable(c.r.PathValue("ref"))
	if err != nil {
		return nil, err
	}
	page, perPage := c.page()
	list, total, err := d.o.Statuses.Latest(c.ctx(), d.o.DB, c.repo.ID, sha, page, perPage)
	if err != nil {
		return nil, err
	}
	all, err := d.o.Statuses.Combine(c.ctx(), d.o.DB, c.repo.ID, sha)
	if err != nil {
		return nil, err
	}
	c.link(page, perPage, total)
	out := combinedStatus{State: string(commitstatus.Pending), Statuses: []simpleStatus{}, SHA: sha, TotalCount: total,
		Repository: c.repository(&c.repo.Repo, c.repo.Relation), CommitURL: c.repoURL("/commits/" + sha), URL: c.repoURL("/commits/" + sha + "/status")}
	if one, ok := all[sha]; ok {
		out.State = string(one.State)
	}
	for i := range list {
		out.Statuses = append(out.Statuses, c.simpleStatus(sha, &list[i]))
	}
	return out, nil
}
