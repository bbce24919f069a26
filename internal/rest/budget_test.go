package rest_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"jeton/internal/app/apptest"
)

// TestBudget: each request to the API is a use, whatever it is answered.
func TestBudget(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "one", true)
	c, tok := limitedTo(t, s, ada, "repo", "uses\n6")
	a := c.want(200, "GET /repos/ada/one")
	if again := s.Do(t, "GET", "/api/v3/repos/ada/one", "", c.header, "If-None-Match: "+a.Header.Get("ETag")); again.StatusCode != 304 {
		t.Errorf("asked again: %d", again.StatusCode)
	}
	if head := s.Do(t, "HEAD", "/api/v3/repos/ada/one", "", c.header); head.StatusCode != 200 {
		t.Errorf("HEAD: %d", head.StatusCode)
	}
	c.want(404, "GET /nothing")
	c.want(201, `PUT /repos/ada/one/contents/a {"message":"a","content":"YQ=="}`) // one, though it pushes
	if got := s.Do(t, "POST", "/api/graphql", `{"query":"{ viewer { login } }"}`, c.header); got.StatusCode != 200 {
		t.Errorf("GraphQL: %d %s", got.StatusCode, got.Text)
	}
	for _, request := range []string{"GET /user", "GET /rate_limit", "GET /nothing", `PUT /repos/ada/one/contents/b {"message":"a","content":"YQ=="}`} {
		c.want(403, request, "is used up: it was for 6 uses", "/settings/tokens/")
	}
	if got := s.Do(t, "POST", "/api/graphql", `{"query":"{ viewer { login } }"}`, c.header); got.StatusCode != 403 || !strings.Contains(got.Text, "is used up") {
		t.Errorf("GraphQL: %d %s", got.StatusCode, got.Text)
	}
	used, err := s.Tokens.Usage(t.Context(), s.DB, tok.ID)
	if err != nil || used[""].Uses != 6 {
		t.Errorf("used: %v, %v", used, err)
	}

	c, _ = limitedTo(t, s, ada, "repo user", "uses\n5")
	var won atomic.Int64
	var wait sync.WaitGroup
	for range 12 {
		wait.Go(func() {
			if s.Do(t, "GET", "/api/v3/user", "", c.header).StatusCode == 200 {
				won.Add(1)
			}
		})
	}
	wait.Wait()
	if won.Load() != 5 {
		t.Errorf("%d of 12 at the same time", won.Load())
	}

	c, tok = limitedTo(t, s, ada, "repo", "bytes\n100000")
	n := int64(len(c.want(200, "GET /user").Text))
	used, err = s.Tokens.Usage(t.Context(), s.DB, tok.ID)
	if err != nil || used[""].Bytes < n {
		t.Errorf("used for %d bytes: %v, %v", n, used, err)
	}
	body := `{"message":"a","content":"` + strings.Repeat("YQAA", 30_000) + `"}`
	if got := s.Do(t, "PUT", "/api/v3/repos/ada/one/contents/c", body, c.header); got.StatusCode < 400 {
		t.Errorf("a body past the budget: %d %s", got.StatusCode, got.Text)
	}
	c.want(403, "GET /user", "is used up: it was for 100000 bytes")
	as(t, s, ada, "repo").want(404, "GET /repos/ada/one/contents/c")
}
