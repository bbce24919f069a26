package matrix

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// asker is somebody who may not know of the private repository.
type asker struct {
	name    string
	present func(*http.Request)
}

func askers(w *world) []asker {
	header := func(rel relation, credential string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+w.people[rel].tokens[credential]) }
	}
	cookie := func(rel relation) func(*http.Request) {
		return func(r *http.Request) {
			r.AddCookie(&http.Cookie{Name: "__Host-session", Value: w.people[rel].sessions["recent"]})
		}
	}
	return []asker{
		{"a visitor", func(*http.Request) {}},
		{"a stranger's token", header(none, "all")},
		{"a stranger's token without a scope", header(none, "no scope")},
		{"a site administrator's token", header(site, "all")},
		{"the owner's token without repo", header(owner, "public_repo")},
		{"the owner's token for another repository", header(owner, fineElsewhere)},
		{"the owner's token for an organization", header(owner, fineOrg)},
		{"a reader's token for what is their own", header(read, fineOwn)},
		{"a stranger's token for all of the owner's", header(none, fineEverything)},
		{"a stranger", cookie(none)},
		{"a site administrator", cookie(site)},
	}
}

// varies are headers that differ between any two answers.
var varies = []string{"Date", "X-Github-Request-Id", "X-Ratelimit-Remaining", "X-Ratelimit-Used", "X-Ratelimit-Reset"}

var requestID = regexp.MustCompile(`[0-9A-F]{4}:[0-9A-F]{6}:[0-9A-F]{6}:[0-9A-F]{8}:[0-9A-F]+`)

// flat is an answer as one text, without what always differs, and with the name
// that was asked for replaced.
func flat(a *answer, asked, by string) string {
	var b strings.Builder
	fmt.Fprintln(&b, a.status)
	for _, name := range slices.Sorted(maps.Keys(a.header)) {
		if !slices.Contains(varies, name) {
			fmt.Fprintln(&b, name, a.header[name])
		}
	}
	b.WriteString(a.body)
	return strings.NewReplacer(asked, by, url.QueryEscape(asked), by).Replace(requestID.ReplaceAllString(b.String(), "ID"))
}

func (m *matrix) ask(t *testing.T, r route, who asker, full string) *answer {
	t.Helper()
	login, name, _ := strings.Cut(full, "/")
	w := m.alive
	path := strings.NewReplacer("{owner}", login, "{repo}", name, "{rest...}", "main/README.md", "{sha}", w.commit).Replace(r.path)
	req, err := http.NewRequestWithContext(t.Context(), r.method, w.s.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	who.present(req)
	resp, err := w.s.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return &answer{resp.StatusCode, resp.Header, string(body)}
}

// TestHidden_likeMissing: on every route of every door, a repository that
// somebody may not know of gets the bytes of one that does not exist, whether
// its owner does or not.
func TestHidden_likeMissing(t *testing.T) {
	t.Parallel()
	m := newMatrix(t)
	login := m.alive.people[owner].Login
	hidden := login + "/" + m.alive.repos[true].Name
	for _, r := range routesOf(t, m.alive) {
		if !r.ofRepo() {
			continue
		}
		for _, who := range askers(m.alive) {
			want := m.ask(t, r, who, hidden)
			if want.status < 300 {
				// Only delete_repo in the hands of the owner gets here, and that is no secret to it.
				t.Errorf("%s, %s: the private repository was answered with %d", r, who.name, want.status)
				continue
			}
			for _, missing := range []string{login + "/shux", "px/" + m.alive.repos[true].Name} {
				got := m.ask(t, r, who, missing)
				if a, b := flat(want, hidden, "OWNER/NAME"), flat(got, missing, "OWNER/NAME"); a != b {
					t.Errorf("%s, %s: hidden and missing differ:\n%s\n---\n%s", r, who.name, firstDifference(a, b), firstDifference(b, a))
				}
			}
		}
	}
}

// firstDifference is the line of a where it stops being b.
func firstDifference(a, b string) string {
	lines, others := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i, line := range lines {
		if i >= len(others) || line != others[i] {
			return line
		}
	}
	return "(nothing more)"
}

// TestHidden_inTime: the two take the same time, as far as a client can tell
// from the medians of many requests that alternate. A busy machine may need
// several tries; a real difference shows in each.
func TestHidden_inTime(t *testing.T) {
	t.Parallel()
	m := newMatrix(t)
	login := m.alive.people[owner].Login
	hidden, missing := login+"/"+m.alive.repos[true].Name, login+"/shux"
	const rounds, tries, ratio = 150, 5, 1.5
	people := askers(m.alive)
	for _, c := range []struct {
		route
		asker
	}{
		{route{"rest", http.MethodGet, "/api/v3/repos/{owner}/{repo}"}, people[1]},
		{route{"rest", http.MethodGet, "/api/v3/repos/{owner}/{repo}"}, people[0]},
		{route{"git", http.MethodGet, "/{owner}/{repo}/info/refs?service=git-upload-pack"}, people[1]},
		{route{"git", http.MethodGet, "/{owner}/{repo}/info/refs?service=git-upload-pack"}, people[0]},
		{route{"rest", http.MethodGet, "/api/v3/repos/{owner}/{repo}"}, people[5]},
		{route{"web", http.MethodGet, "/{owner}/{repo}"}, people[9]},
	} {
		var a, b time.Duration
		alike := false
		for range tries {
			a, b = m.medians(t, c.route, c.asker, hidden, missing, rounds)
			if alike = max(a, b) < time.Duration(float64(min(a, b))*ratio); alike {
				break
			}
		}
		if !alike {
			t.Errorf("%s, %s: hidden takes %v, missing %v", c.route, c.name, a, b)
		}
		t.Logf("%s, %s: hidden %v, missing %v", c.route, c.name, a, b)
	}
}

func (m *matrix) medians(t *testing.T, r route, who asker, x, y string, rounds int) (a, b time.Duration) {
	t.Helper()
	took := func(full string) time.Duration {
		begin := time.Now()
		m.ask(t, r, who, full)
		return time.Since(begin)
	}
	var xs, ys []time.Duration
	for i := range rounds {
		// Whoever comes second finds warm caches, so they take turns.
		if i%2 == 0 {
			xs = append(xs, took(x))
			ys = append(ys, took(y))
		} else {
			ys = append(ys, took(y))
			xs = append(xs, took(x))
		}
	}
	slices.Sort(xs)
	slices.Sort(ys)
	return xs[rounds/2], ys[rounds/2]
}
