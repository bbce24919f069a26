package matrix

import (
	"context"
	"net/http"
	"regexp"
	"testing"

	"jeton/internal/deployment"
	"jeton/internal/id"
	"jeton/internal/right"
)

// deploymentRules are about deployments: repo_deployment gives them, and nothing
// else of a private repository.
var deploymentRules = []rule{
	about(`rest GET /api/v3/repos/\{owner\}/\{repo\}/deployments(/.*)?`, reader, "repo_deployment to read", false),
	about(`rest \w+ /api/v3/repos/\{owner\}/\{repo\}/deployments(/.*)?`, writer, "repo_deployment", false),
}

var deploymentRoutes = regexp.MustCompile(`/deployments/\{deployment_id\}`)

// deployment returns the numbers of a deployment and of a status of it: one that
// is made for the request when that deletes it, else the repository's own.
func (m *matrix) deployment(t testing.TB, c kase) (id.Deployment, id.Status) {
	t.Helper()
	if c.method != http.MethodDelete {
		m.standing.Lock()
		defer m.standing.Unlock()
		key := kase{suspended: c.suspended, private: c.private}
		if m.deployments[key] == [2]int64{} {
			d, s := m.newDeployment(t, c)
			m.deployments[key] = [2]int64{int64(d), int64(s)}
		}
		return id.Deployment(m.deployments[key][0]), id.Status(m.deployments[key][1])
	}
	return m.newDeployment(t, c)
}

func (m *matrix) newDeployment(t testing.TB, c kase) (id.Deployment, id.Status) {
	t.Helper()
	w := m.world(c)
	repo := w.repos[c.private].ID
	ctx := context.WithoutCancel(t.Context())
	d, err := w.s.Deployments.Create(ctx, right.Operator(), repo, deployment.New{SHA: w.commit, Ref: "main"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.s.Deployments.CreateStatus(ctx, right.Operator(), repo, d.ID, deployment.NewStatus{State: "inactive"})
	if err != nil {
		t.Fatal(err)
	}
	return d.ID, s.ID
}
