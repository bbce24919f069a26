package rest

import (
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
)

func (d *Door) topicRoutes() []route {
	return []route{
		{get, "/repos/{owner}/{repo}/topics", right.RepoRead, d.getTopics, "Get all repository topics", doc{query: "page per_page", out: topics{}}},
		{put, "/repos/{owner}/{repo}/topics", right.RepoEdit, d.setTopics, "Replace all repository topics", doc{in: topics{}, out: topics{}}},
	}
}

// topics is GitHub's "topic", in answers and bodies.
type topics struct {
	Names []string `json:"names"`
}

func (d *Door) getTopics(c *call) (any, error) {
	return topics{append([]string{}, c.repo.TopicList()...)}, nil
}

func (d *Door) setTopics(c *call) (any, error) {
	var in topics
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.Names == nil {
		return nil, unprocessable("names is needed; send [] to remove all topics")
	}
	r, err := d.o.Lifecycle.EditRepo(c.ctx(), c.actor, c.repo.Repo, repo.Patch{Topics: &in.Names})
	if p := problem.Of(err); p != nil && p.Field != "" {
		return nil, unprocessable(p.Public) // GitHub names no field here
	}
	if err != nil {
		return nil, err
	}
	return topics{append([]string{}, r.TopicList()...)}, nil
}
