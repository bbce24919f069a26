package rest_test

import (
	"fmt"
	"strings"
	"testing"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/right"
	"jeton/internal/token"
)

func limitedTo(t *testing.T, s *apptest.Server, a account.Account, scopes string, limits ...string) (client, token.Token) {
	t.Helper()
	tok, plain := s.Token(t, a, fmt.Sprintf("limited by %d bytes", len(fmt.Sprint(scopes, limits))), strings.Fields(scopes)...)
	c := client{t, s, bearer(plain)}
	c.want(200, "GET /user") // it is remembered, and must be forgotten
	all := make([]right.Limit, len(limits))
	for i, text := range limits {
		all[i] = right.ParseLimit(text)
	}
	if _, err := s.Tokens.SetLimits(t.Context(), right.Operator(), a.ID, tok.ID, all); err != nil {
		t.Fatal(err)
	}
	return c, tok
}

// TestLimits: what narrows a token holds for every route alike.
func TestLimits(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "one", true)
	s.Repo(t, ada, "two", true)
	s.Repo(t, ada, "open", false)

	c, _ := limitedTo(t, s, ada, "repo user delete_repo", "read")
	c.want(200, "GET /repos/ada/one/branches")
	c.want(200, "GET /user/emails")
	c.want(403, `PUT /repos/ada/one/contents/a {"message":"a","content":"YQ=="}`, "limited to reading", "!lacks the")
	c.want(403, `POST /user/repos {"name":"three"}`, "limited to reading")
	c.want(403, "DELETE /repos/ada/one", "limited to reading")

	c, _ = limitedTo(t, s, ada, "repo user delete_repo", "repo\nADA/one\nada/nothing")
	c.want(201, `PUT /repos/ada/one/contents/a {"message":"a","content":"YQ=="}`)
	c.want(404, "GET /repos/ada/two")
	c.want(404, "GET /repos/ada/open")
	c.want(403, "GET /user/emails", "limited to some repositories")
	c.want(403, `POST /user/repos {"name":"three"}`)
	if list := array(t, c.want(200, "GET /user/repos")); len(list) != 1 || list[0]["name"] != "one" {
		t.Errorf("the list has %v", list)
	}
	c.want(200, "GET /search/repositories?q=user:ada", `"total_count":1`)
	// The name is what counts: whatever is called so later is another matter, and
	// what was renamed is out of reach.
	as(t, s, ada, "repo").want(200, `PATCH /repos/ada/one {"name":"uno"}`)
	c.want(404, "GET /repos/ada/one")
	c.want(404, "GET /repos/ada/uno")

	c, _ = limitedTo(t, s, ada, "repo", "permission\ncontents=read")
	c.want(200, "GET /repos/ada/two/branches")
	c.want(403, "GET /repos/ada/two/hooks", "limited to some")
	c.want(403, `PUT /repos/ada/two/contents/a {"message":"a","content":"YQ=="}`)

	c, _ = limitedTo(t, s, ada, "repo", "network\n127.0.0.0/8\n::1")
	c.want(200, "GET /repos/ada/two")
	c, tok := limitedTo(t, s, ada, "repo", "network\n192.0.2.0/24")
	c.want(403, "GET /repos/ada/two", "can't be used from 127.0.0.1", "!192.0.2", "!Bad credentials")
	c.want(403, "GET /repos/ada/open") // not as a visitor either
	if _, err := s.Tokens.SetLimits(t.Context(), right.Operator(), ada.ID, tok.ID, nil); err != nil {
		t.Fatal(err)
	}
	c.want(200, "GET /repos/ada/two")
	if _, err := s.Tokens.SetLimits(t.Context(), right.Operator(), ada.ID, tok.ID, []right.Limit{{Name: "color", Values: []string{"red"}}}); err == nil {
		t.Error("a limit that nobody knows was taken")
	}
}
