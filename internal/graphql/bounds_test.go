package graphql_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
)

// TestBounds_answer (N2): a short question has no endless answer, whatever it asks
// for again and again under other names.
func TestBounds_answer(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	_, plain := s.Token(t, ada, "api", "repo")
	s.Repo(t, ada, "r", true)
	g := s.Git(t, "ada", plain)
	g.Run(t, "clone", "-q", s.URL()+"/ada/r.git", ".")
	g.Write(t, "text", strings.Repeat("0123456\n", 64<<10))
	g.Write(t, "words", strings.Repeat("a word\n", 70_000))
	for i := range 300 {
		g.Write(t, fmt.Sprintf("folder/%s%d", strings.Repeat("x", 200), i), "")
	}
	g.Run(t, "add", "text", "folder")
	g.Run(t, "commit", "-q", "-F", "words")
	g.Run(t, "push", "-q", "origin", "HEAD:main")
	head := g.Run(t, "rev-parse", "HEAD")
	for i := range 20 {
		said := fmt.Sprintf(`{"state":"success","context":"%d%s","target_url":"https://ci.example.com/%s"}`, i, strings.Repeat("\u2713", 250), strings.Repeat("x", 2000))
		if a := s.Do(t, "POST", "/api/v3/repos/ada/r/statuses/"+head, said, "Authorization: Bearer "+plain); a.StatusCode != 201 {
			t.Fatalf("%d %s", a.StatusCode, a.Text)
		}
	}
	a := asker{s, plain}
	times := func(n int, field string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "a%d:%s ", i, field)
		}
		return b.String()
	}
	id := a.ask(t, `{repository(owner:"ada",name:"r"){id}}`, nil).Data["repository"].(map[string]any)["id"]
	var ids []any
	for range 101 {
		ids = append(ids, id)
	}
	const in = `{repository(owner:"ada",name:"r"){object(expression:"%s"){%s}}}`
	for name, c := range map[string]struct {
		query     string
		variables map[string]any
		kind      string
	}{
		"a file's text":      {fmt.Sprintf(in, "HEAD:text", "...on Blob{"+times(90, "text")+"}"), nil, "RESOURCE_LIMITS_EXCEEDED"},
		"a commit's message": {fmt.Sprintf(in, "HEAD", "...on Commit{"+times(90, "message")+"}"), nil, "RESOURCE_LIMITS_EXCEEDED"},
		"links of statuses":  {fmt.Sprintf(in, "HEAD", "...on Commit{status{"+times(90, "contexts{"+times(12, "targetUrl")+"}")+"}}"), nil, "RESOURCE_LIMITS_EXCEEDED"},
		"names of statuses":  {fmt.Sprintf(in, "HEAD", "...on Commit{status{"+times(90, "contexts{"+times(40, "context")+"}")+"}}"), nil, "RESOURCE_LIMITS_EXCEEDED"},
		"names of files":     {fmt.Sprintf(in, "HEAD:folder", "...on Tree{entries{"+times(900, "name")+"}}"), nil, "RESOURCE_LIMITS_EXCEEDED"},
		"entries":            {fmt.Sprintf(in, "HEAD:folder", "...on Tree{"+times(50, "entries{mode}")+"}"), nil, "MAX_NODE_LIMIT_EXCEEDED"},
		"fields":             {"query($i:[ID!]!){" + times(40, "nodes(ids:$i){...on Repository{"+times(20, "isFork")+"}}") + "}", map[string]any{"i": ids[:100]}, ""},
		"more fields":        {"query($i:[ID!]!){" + times(40, "nodes(ids:$i){...f}") + "} fragment f on Repository{" + times(55, "owner{login}") + "}", map[string]any{"i": ids[:100]}, "RESOURCE_LIMITS_EXCEEDED"},
		"types":              {"{__schema{" + times(40, "types{fields{"+times(30, "name")+"}}") + "}}", nil, "RESOURCE_LIMITS_EXCEEDED"},
		"ids":                {`query($i:[ID!]!){nodes(ids:$i){id}}`, map[string]any{"i": ids}, "ARGUMENT_LIMIT"},
	} {
		begun := time.Now()
		r := a.ask(t, c.query, c.variables)
		switch {
		case c.kind == "" && len(r.Errors) > 0:
			t.Errorf("%s: %.300s", name, r.text)
		case c.kind != "" && (len(r.Errors) == 0 || r.Errors[0].Type != c.kind):
			t.Errorf("%s: %d bytes after %v: %.300s", name, len(r.text), time.Since(begun), r.text)
		case len(r.text) > 50<<20:
			t.Errorf("%s: %d bytes", name, len(r.text))
		}
	}
	if r := a.ask(t, "{viewer{"+strings.Repeat("x", 300)+" :login}}", nil); r.status < 400 {
		t.Errorf("a long name: %.300s", r.text)
	}
}
