package rest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"jeton/internal/deployment"
	"jeton/internal/httpkit"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

func (d *Door) deploymentRoutes() []route {
	const all, one = "/repos/{owner}/{repo}/deployments", "/repos/{owner}/{repo}/deployments/{deployment_id}"
	return []route{
		{get, all, right.DeploymentRead, d.listDeployments, "List deployments", doc{query: "sha ref task environment page per_page", out: []deploymentAnswer{}}},
		{post, all, right.DeploymentWrite, d.createDeployment, "Create a deployment", doc{in: deploymentInput{}, out: deploymentAnswer{}, code: http.StatusCreated}},
		{get, one, right.DeploymentRead, d.getDeployment, "Get a deployment", doc{out: deploymentAnswer{}}},
		{del, one, right.DeploymentWrite, d.deleteDeployment, "Delete a deployment", doc{}},
		{get, one + "/statuses", right.DeploymentRead, d.listDeploymentStatuses, "List deployment statuses", doc{query: "page per_page", out: []deploymentStatus{}}},
		{post, one + "/statuses", right.DeploymentWrite, d.createDeploymentStatus, "Create a deployment status",
			doc{in: deploymentStatusInput{}, out: deploymentStatus{}, code: http.StatusCreated}},
		{get, one + "/statuses/{status_id}", right.DeploymentRead, d.getDeploymentStatus, "Get a deployment status", doc{out: deploymentStatus{}}},
	}
}

// deploymentInput is the part of GitHub's body that means something here:
// auto_merge is not in it, nothing is merged.
type deploymentInput struct {
	Ref                   string    `json:"ref"`
	Task                  string    `json:"task"`
	RequiredContexts      *[]string `json:"required_contexts"`
	Payload               any       `json:"payload"`
	Environment           string    `json:"environment"`
	Description           *string   `json:"description"`
	TransientEnvironment  bool      `json:"transient_environment"`
	ProductionEnvironment *bool     `json:"production_environment"`
}

// deploymentAnswer is GitHub's "deployment".
type deploymentAnswer struct {
	URL                   string      `json:"url"`
	ID                    int64       `json:"id"`
	NodeID                string      `json:"node_id"`
	SHA                   string      `json:"sha"`
	Ref                   string      `json:"ref"`
	Task                  string      `json:"task"`
	Payload               any         `json:"payload"`
	OriginalEnvironment   string      `json:"original_environment"`
	Environment           string      `json:"environment"`
	Description           *string     `json:"description"`
	Creator               *simpleUser `json:"creator"`
	CreatedAt             string      `json:"created_at"`
	UpdatedAt             string      `json:"updated_at"`
	StatusesURL           string      `json:"statuses_url"`
	RepositoryURL         string      `json:"repository_url"`
	TransientEnvironment  bool        `json:"transient_environment"`
	ProductionEnvironment bool        `json:"production_environment"`
}

type deploymentStatusInput struct {
	State          string  `json:"state"`
	TargetURL      string  `json:"target_url"`
	LogURL         string  `json:"log_url"`
	Description    *string `json:"description"`
	Environment    string  `json:"environment"`
	EnvironmentURL string  `json:"environment_url"`
	AutoInactive   *bool   `json:"auto_inactive"`
}

type deploymentStatus struct {
	URL            string      `json:"url"`
	ID             int64       `json:"id"`
	NodeID         string      `json:"node_id"`
	State          string      `json:"state"`
	Creator        *simpleUser `json:"creator"`
	Description    string      `json:"description"`
	Environment    string      `json:"environment"`
	TargetURL      string      `json:"target_url"`
	LogURL         string      `json:"log_url"`
	EnvironmentURL string      `json:"environment_url"`
	CreatedAt      string      `json:"created_at"`
	UpdatedAt      string      `json:"updated_at"`
	DeploymentURL  string      `json:"deployment_url"`
	RepositoryURL  string      `json:"repository_url"`
}

func (c *call) deploymentURL(dep id.Deployment) string {
	return c.repoURL(fmt.Sprintf("/deployments/%d", dep))
}

func (c *call) deployment(v *deployment.Deployment) deploymentAnswer {
	u := c.deploymentURL(v.ID)
	out := deploymentAnswer{URL: u, ID: int64(v.ID), NodeID: httpkit.NodeID("Deployment", int64(v.ID)), SHA: v.SHA, Ref: v.Ref, Task: v.Task, Payload: v.Payload,
		OriginalEnvironment: v.OriginalEnvironment, Environment: v.Environment, Description: optional(v.Description), Creator: c.maybeUser(v.Creator, v.Login),
		CreatedAt: moment(v.CreatedAt), UpdatedAt: moment(v.UpdatedAt), StatusesURL: u + "/statuses", RepositoryURL: c.repoURL(""),
		TransientEnvironment: v.Transient, ProductionEnvironment: v.Production}
	return out
}

func (c *call) deploymentStatus(dep id.Deployment, s *deployment.Status) deploymentStatus {
	u := c.deploymentURL(dep)
	return deploymentStatus{URL: fmt.Sprintf("%s/statuses/%d", u, s.ID), ID: int64(s.ID), NodeID: httpkit.NodeID("DeploymentStatus", int64(s.ID)), State: string(s.State),
		Creator: c.maybeUser(s.Creator, s.Login), Description: s.Description, Environment: s.Environment, TargetURL: s.LogURL, LogURL: s.LogURL, EnvironmentURL: s.EnvironmentURL,
		CreatedAt: moment(s.CreatedAt), UpdatedAt: moment(s.CreatedAt), DeploymentURL: u, RepositoryURL: c.repoURL("")}
}

func (d *Door) listDeployments(c *call) (any, error) {
	asked := func(name string) string { // GitHub's word for any is none
		if v := c.query(name); v != "none" {
			return v
		}
		return ""
	}
	page, perPage := c.page()
	list, total, err := d.o.Deployments.List(c.ctx(), d.o.DB, c.repo.ID,
		deployment.Filter{SHA: asked("sha"), Ref: asked("ref"), Task: asked("task"), Environment: asked("environment")}, page, perPage)
	if err != nil {
		return nil, err
	}
	c.link(page, perPage, total)
	out := make([]deploymentAnswer, len(list))
	for i := range list {
		out[i] = c.deployment(&list[i])
	}
	return out, nil
}

func (d *Door) createDeployment(c *call) (any, error) {
	var in deploymentInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.Ref == "" {
		return nil, problem.Field("ref", "ref can't be blank")
	}
	v, err := c.view(in.Ref)
	if err != nil {
		return nil, instead(err, unprocessable("No ref found for: "+cut(in.Ref, 100)))
	}
	sha := string(v.Commit.ID)
	v.Close()
	if err := c.succeeded(in.Ref, sha, in.RequiredContexts); err != nil {
		return nil, err
	}
	payload, err := json.Marshal(in.Payload)
	if err != nil {
		return nil, err
	}
	made, err := d.o.Deployments.Create(c.ctx(), c.actor, c.repo.ID, deployment.New{SHA: sha, Ref: in.Ref, Task: in.Task, Environment: in.Environment,
		Description: or(in.Description, ""), Payload: payload, Transient: in.TransientEnvironment, Production: in.ProductionEnvironment})
	if err != nil {
		return nil, err
	}
	out := c.deployment(&made)
	c.w.Header().Set("Location", out.URL)
	return out, nil
}

// succeeded refuses a commit whose checks have not: all that there are, or those
// that are named. No name at all asks for none.
func (c *call) succeeded(ref, sha string, contexts *[]string) error {
	var names []string
	if contexts != nil {
		if names = *contexts; len(names) == 0 {
			return nil
		}
		if len(names) > 1000 {
			return problem.Field("required_contexts", "required_contexts has more than 1000 entries")
		}
	}
	failed, err := c.door.o.Statuses.Failed(c.ctx(), c.door.o.DB, c.repo.ID, sha, names)
	if err != nil || len(failed) == 0 {
		return err
	}
	words := make([]string, 0, 10)
	for _, s := range failed[:min(len(failed), 10)] {
		words = append(words, cut(s.Context, 100)+" ("+string(s.State)+")")
	}
	return status(http.StatusConflict, "Conflict: Commit status checks failed for "+cut(ref, 100)+": "+strings.Join(words, ", ")+".")
}

// ownDeployment is the one that the path names.
func (c *call) ownDeployment() (deployment.Deployment, error) {
	dep, ok := id.Parse[id.Deployment](c.r.PathValue("deployment_id"))
	if !ok {
		return deployment.Deployment{}, errNotFound
	}
	return c.door.o.Deployments.Get(c.ctx(), c.door.o.DB, c.repo.ID, dep)
}

func (d *Door) getDeployment(c *call) (any, error) {
	v, err := c.ownDeployment()
	if err != nil {
		return nil, err
	}
	c.changed(v.UpdatedAt)
	return c.deployment(&v), nil
}

func (d *Door) deleteDeployment(c *call) (any, error) {
	v, err := c.ownDeployment()
	if err != nil {
		return nil, err
	}
	return nil, d.o.Deployments.Delete(c.ctx(), c.repo.ID, v.ID)
}

func (d *Door) listDeploymentStatuses(c *call) (any, error) {
	v, err := c.ownDeployment()
	if err != nil {
		return nil, err
	}
	page, perPage := c.page()
	list, total, err := d.o.Deployments.Statuses(c.ctx(), d.o.DB, v.ID, page, perPage)
	if err != nil {
		return nil, err
	}
	c.link(page, perPage, total)
	out := make([]deploymentStatus, len(list))
	for i := range list {
		out[i] = c.deploymentStatus(v.ID, &list[i])
	}
	return out, nil
}

func (d *Door) createDeploymentStatus(c *call) (any, error) {
	v, err := c.ownDeployment()
	if err != nil {
		return nil, err
	}
	var in deploymentStatusInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.LogURL == "" {
		in.LogURL = in.TargetURL // the older name of it
	}
	s, err := d.o.Deployments.CreateStatus(c.ctx(), c.actor, c.repo.ID, v.ID, deployment.NewStatus{State: in.State, Description: or(in.Description, ""),
		Environment: in.Environment, LogURL: in.LogURL, EnvironmentURL: in.EnvironmentURL, KeepOthers: in.AutoInactive != nil && !*in.AutoInactive})
	if err != nil {
		return nil, err
	}
	out := c.deploymentStatus(v.ID, &s)
	c.w.Header().Set("Location", out.URL)
	return out, nil
}

func (d *Door) getDeploymentStatus(c *call) (any, error) {
	v, err := c.ownDeployment()
	if err != nil {
		return nil, err
	}
	n, ok := id.Parse[id.Status](c.r.PathValue("status_id"))
	if !ok {
		return nil, errNotFound
	}
	s, err := d.o.Deployments.Status(c.ctx(), d.o.DB, v.ID, n)
	if err != nil {
		return nil, err
	}
	c.changed(s.CreatedAt) // it never changes
	return c.deploymentStatus(v.ID, &s), nil
}
