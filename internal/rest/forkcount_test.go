package rest_test

import (
	"strings"
	"testing"

	"jeton/internal/right"
)

// TestForks_counted (J5): a fork that somebody may not know of is not counted for
// them either.
func TestForks_counted(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.put(t, 201, "a.txt", "a\n", "Begin")
	if _, err := d.Repos.SetVisibility(t.Context(), right.Operator(), d.repo.ID, false); err != nil {
		t.Fatal(err)
	}
	bob := d.User(t, "bob")
	_, bobs := d.Token(t, bob, "bob", "repo")
	if a := d.as(t, bobs, "POST", "/forks", nil); a.StatusCode != 202 {
		t.Fatalf("%d %s", a.StatusCode, a.Text)
	}
	told := func(plain string, want int) {
		t.Helper()
		text := map[int]string{0: `"forks_count":0`, 1: `"forks_count":1`}[want]
		if a := d.as(t, plain, "GET", "", nil); !strings.Contains(a.Text, text) {
			t.Errorf("want %s: %d %s", text, a.StatusCode, a.Text)
		}
		if plain == "" {
			return
		}
		a := d.as(t, plain, "POST", "/api/graphql", dict{"query": `{repository(owner:"ada",name:"engine"){forkCount}}`})
		if text := map[int]string{0: `"forkCount":0`, 1: `"forkCount":1`}[want]; !strings.Contains(a.Text, text) {
			t.Errorf("want %s: %d %s", text, a.StatusCode, a.Text)
		}
	}
	for _, plain := range []string{"", d.plain, bobs} {
		told(plain, 1)
	}
	if a := d.as(t, bobs, "PATCH", "/api/v3/repos/bob/engine", dict{"private": true}); a.StatusCode != 200 {
		t.Fatalf("%d %s", a.StatusCode, a.Text)
	}
	told("", 0)
	told(d.plain, 0)
	told(bobs, 1)
}
