package matrix

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"jeton/internal/id"
	"jeton/internal/release"
	"jeton/internal/right"
)

// releaseRules are about releases: they are content, which readers see and
// writers publish.
var releaseRules = []rule{
	about(`rest GET /api/v3/repos/\{owner\}/\{repo\}/releases(/.*)?`, reader, "repo to read", false),
	about(`rest \w+ /api/v3/repos/\{owner\}/\{repo\}/releases(/.*)?`, writer, "repo", false),
	about(`web \w+ /\{owner\}/\{repo\}/releases/(new|edit/.*)`, writer, "", false),
}

var releaseRoutes = regexp.MustCompile(`/releases\b`)

const releaseTag = "v1.0"

// release returns the numbers of a release and of a file of it: ones that are made
// for the request when that deletes them, else the repository's own.
func (m *matrix) release(t testing.TB, c kase) (id.Release, id.Asset) {
	t.Helper()
	if c.method == http.MethodDelete || c.method == http.MethodPost && strings.HasSuffix(c.path, "/delete") {
		return m.newRelease(t, c, true)
	}
	m.standing.Lock()
	defer m.standing.Unlock()
	key := kase{route: route{path: "release"}, suspended: c.suspended, private: c.private}
	if m.deployments[key] == [2]int64{} {
		r, a := m.newRelease(t, c, false)
		m.deployments[key] = [2]int64{int64(r), int64(a)}
	}
	return id.Release(m.deployments[key][0]), id.Asset(m.deployments[key][1])
}

func (m *matrix) newRelease(t testing.TB, c kase, draft bool) (id.Release, id.Asset) {
	t.Helper()
	w := m.world(c)
	repo := w.repos[c.private].ID
	ctx := context.WithoutCancel(t.Context())
	r, err := w.s.Releases.Create(ctx, right.Operator(), repo, release.Draft{Tag: releaseTag, Draft: draft})
	if err != nil {
		t.Fatal(err)
	}
	a, err := w.s.Releases.Upload(ctx, right.Operator(), repo, r.ID, release.NewAsset{Name: "file", Size: 1}, strings.NewReader("x"), func(context.Context) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return r.ID, a.ID
}
