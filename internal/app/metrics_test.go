package app_test

import (
	"regexp"
	"strconv"
	"testing"

	"jeton/internal/app/apptest"
)

// TestMetrics: requests are counted by door and status, and answers to clones by
// how they came about.
func TestMetrics(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "engine", true)
	_, plain := s.Token(t, ada, "laptop", "repo")
	value := func(name string) int {
		t.Helper()
		found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(s.Do(t, "GET", "/metrics", "").Text)
		if found == nil {
			return -1
		}
		n, err := strconv.ParseFloat(found[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		return int(n)
	}
	const kept, joined, made = `jeton_fetch_answers_total{how="kept"}`, `jeton_fetch_answers_total{how="joined"}`, `jeton_fetch_answers_total{how="made"}`
	for _, name := range []string{kept, joined, made, "jeton_fetch_evicted_total", "jeton_fetch_kept", "jeton_fetch_kept_bytes", `jeton_request_seconds_count{door="git"}`} {
		if n := value(name); n != 0 {
			t.Errorf("%s is %d before anything was asked", name, n)
		}
	}
	g := s.Git(t, "ada", plain)
	g.Run(t, "init", "-q")
	g.Commit(t, "a", "a", "One")
	url := s.URL() + "/ada/engine.git"
	g.Run(t, "push", "-q", url, "main")
	g.Run(t, "clone", "-q", url, "one")
	g.Run(t, "clone", "-q", url, "two")
	if k, j, m := value(kept), value(joined), value(made); k+j < 1 || m < 1 || k+j+m < 2 {
		t.Errorf("after two clones: %d kept, %d joined, %d made", k, j, m)
	}
	if n, b := value("jeton_fetch_kept"), value("jeton_fetch_kept_bytes"); n < 1 || b < 1 {
		t.Errorf("%d answers of %d bytes are kept", n, b)
	}
	// Each clone asks without a token, with it, for the refs and for the objects.
	if refused, answered := value(`jeton_requests_total{door="git",status="401"}`), value(`jeton_requests_total{door="git",status="200"}`); refused < 3 || answered < 8 {
		t.Errorf("%d refused, %d answered", refused, answered)
	}
}
