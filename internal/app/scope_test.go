package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/hook"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// TestScopes_each: every scope that is offered lets a real request succeed that
// fails without it. A new scope fails here until it guards something.
func TestScopes_each(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	private := s.Repo(t, ada, "private", true)
	if _, err := s.Orgs.Create(t.Context(), right.Operator(), "acme", "Acme", ada.ID); err != nil {
		t.Fatal(err)
	}
	n := 0
	status := func(method, path, body string, want int) func(string) bool {
		return func(plain string) bool {
			n++
			path := strings.ReplaceAll(path, "{n}", fmt.Sprint(n))
			if strings.Contains(path, "/doomed") {
				s.Repo(t, ada, fmt.Sprintf("doomed%d", n), true)
			}
			return s.Do(t, method, path, strings.ReplaceAll(body, "{n}", fmt.Sprint(n)), "Authorization: Bearer "+plain).StatusCode == want
		}
	}
	proofs := map[right.Scope]struct {
		beside []string // scopes that the request needs as well
		try    func(plain string) bool
	}{
		right.ScopeRepo:           {nil, status("GET", "/api/v3/repos/"+private.FullName(), "", http.StatusOK)},
		right.ScopePublicRepo:     {nil, status("POST", "/api/v3/user/repos", `{"name":"made{n}","private":false}`, http.StatusCreated)},
		right.ScopeRepoInvite:     {nil, status("GET", "/api/v3/user/repository_invitations", "", http.StatusOK)},
		right.ScopeReadOrg:        {nil, status("GET", "/api/v3/orgs/acme/teams", "", http.StatusOK)},
		right.ScopeWriteOrg:       {nil, status("POST", "/api/v3/orgs/acme/teams", `{"name":"team {n}"}`, http.StatusCreated)},
		right.ScopeAdminOrg:       {nil, status("PATCH", "/api/v3/orgs/acme", `{"description":"{n}"}`, http.StatusOK)},
		right.ScopeUser:           {nil, status("PATCH", "/api/v3/user", `{"bio":"x"}`, http.StatusOK)},
		right.ScopeUserEmail:      {nil, status("GET", "/api/v3/user/emails", "", http.StatusOK)},
		right.ScopeDeleteRepo:     {nil, status("DELETE", "/api/v3/repos/ada/doomed{n}", "", http.StatusNoContent)},
		right.ScopeSecurityEvents: {nil, status("GET", "/api/v3/repos/"+private.FullName()+"/secret-scanning/alerts", "", http.StatusOK)},
		right.ScopeReadRepoHook:   {nil, status("GET", "/api/v3/repos/"+private.FullName()+"/hooks", "", http.StatusOK)},
		right.ScopeWriteRepoHook:  {nil, status("POST", "/api/v3/repos/"+private.FullName()+"/hooks", `{"active":false,"config":{"url":"https://example.com/{n}"}}`, http.StatusCreated)},
		right.ScopeAdminRepoHook: {nil, func(plain string) bool {
			url := "https://example.com/doomed"
			h, err := s.Hooks.Create(t.Context(), right.Actor{Account: ada.ID}, hook.Place{Repo: private.ID, Owner: ada.ID, Name: private.FullName()}, hook.Patch{URL: &url})
			if problem.Is(err, problem.Invalid) { // the one before was not deleted
				return false
			}
			if err != nil {
				t.Fatal(err)
			}
			return status("DELETE", fmt.Sprintf("/api/v3/repos/%s/hooks/%d", private.FullName(), h.ID), "", http.StatusNoContent)(plain)
		}},
		right.ScopeAdminOrgHook: {nil, status("POST", "/api/v3/orgs/acme/hooks", `{"active":false,"config":{"url":"https://example.com/{n}"}}`, http.StatusCreated)},
		right.ScopeReadUser: {nil, func(plain string) bool {
			return strings.Contains(s.Do(t, "GET", "/api/v3/user", "", "Authorization: Bearer "+plain).Text, "owned_private_repos")
		}},
		right.ScopeWorkflow: {[]string{"public_repo"}, func(plain string) bool { return pushesWorkflow(t, s, ada, plain) }},
	}
	for scope, try := range newProver(t, s, ada).more() {
		one := proofs[scope]
		one.try = try
		proofs[scope] = one
	}
	for _, scope := range right.Scopes() {
		proof, ok := proofs[scope.Name]
		if !ok {
			t.Errorf("%s is offered and no request proves it", scope.Name)
			continue
		}
		_, with := s.Token(t, ada, "with "+string(scope.Name), append(proof.beside, string(scope.Name))...)
		_, without := s.Token(t, ada, "without "+string(scope.Name), proof.beside...)
		if !proof.try(with) {
			t.Errorf("%s: the request fails with it", scope.Name)
		}
		if proof.try(without) {
			t.Errorf("%s: the request succeeds without it", scope.Name)
		}
	}
}

func pushesWorkflow(t *testing.T, s *apptest.Server, a account.Account, plain string) bool {
	t.Helper()
	name := "flow" + plain[len(plain)-6:]
	s.Repo(t, a, name, false)
	g := s.Git(t, a.Login, plain)
	g.Run(t, "init", "-q")
	g.Commit(t, ".github/workflows/ci.yml", "on: push\n", "Add a workflow")
	_, code := g.Try(t, "push", s.URL()+"/"+a.Login+"/"+name+".git", "HEAD:refs/heads/main")
	return code == 0
}
