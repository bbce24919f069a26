package githubtest_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-github/v75/github"

	"jeton/internal/app/apptest"
)

// gogithub is GitHub's client for Go with the token of an account.
func gogithub(t *testing.T, s *apptest.Server, plain string) *github.Client {
	t.Helper()
	// The test's own client follows no redirects; go-github does.
	c, err := github.NewClient(&http.Client{Transport: s.Client.Transport, Timeout: time.Minute}).WithAuthToken(plain).WithEnterpriseURLs(s.URL(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// fails wants an answer of that status.
func fails(t *testing.T, what string, status int, err error) *github.ErrorResponse {
	t.Helper()
	e, ok := errors.AsType[*github.ErrorResponse](err)
	if !ok || e.Response.StatusCode != status {
		t.Errorf("%s: %v, want %d", what, err, status)
		return &github.ErrorResponse{}
	}
	return e
}

func TestGoGitHub(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	end := s.Now().Add(30 * 24 * time.Hour)
	_, plain := s.TokenUntil(t, s.User(t, "ada"), "go", end, everything()...)
	c := gogithub(t, s, plain)

	me, resp, err := c.Users.Get(ctx, "")
	must(err)
	if me.GetLogin() != "ada" || me.GetID() != 1 || resp.TokenExpiration.UTC().Format(time.DateTime) != end.UTC().Format(time.DateTime) || resp.Rate.Limit == 0 {
		t.Errorf("user: %v, expires %v, rate %v", me, resp.TokenExpiration, resp.Rate)
	}
	_, _, err = c.Users.Edit(ctx, &github.User{Bio: github.Ptr("By go-github")})
	must(err)
	emails, _, err := c.Users.ListEmails(ctx, nil)
	must(err)
	if len(emails) != 1 || emails[0].GetEmail() != "ada@example.com" || !emails[0].GetPrimary() {
		t.Errorf("emails: %v", emails)
	}

	made, _, err := c.Repositories.Create(ctx, "", &github.Repository{Name: github.Ptr("gopher"), Private: github.Ptr(true), Description: github.Ptr("Made by go-github")})
	must(err)
	if made.GetFullName() != "ada/gopher" || !made.GetPrivate() || made.GetCloneURL() != s.URL()+"/ada/gopher.git" {
		t.Errorf("created: %v", made)
	}
	_, _, err = c.Repositories.Create(ctx, "", &github.Repository{Name: github.Ptr("gopher")})
	if e := fails(t, "again", http.StatusUnprocessableEntity, err); len(e.Errors) != 1 || e.Errors[0].Field != "name" {
		t.Errorf("again: %v", e.Errors)
	}
	_, _, err = c.Repositories.Edit(ctx, "ada", "gopher", &github.Repository{Name: github.Ptr("marmot"), Archived: github.Ptr(true)})
	must(err)
	found, _, err := c.Repositories.Get(ctx, "ada", "gopher") // by the name it had
	must(err)
	if found.GetName() != "marmot" || !found.GetArchived() || !found.GetPermissions()["admin"] {
		t.Errorf("found: %v", found)
	}
	list, resp, err := c.Repositories.ListByAuthenticatedUser(ctx, &github.RepositoryListByAuthenticatedUserOptions{ListOptions: github.ListOptions{PerPage: 1}})
	must(err)
	if len(list) != 1 || resp.NextPage != 0 {
		t.Errorf("list: %v, next %d", list, resp.NextPage)
	}
	_, err = c.Repositories.Delete(ctx, "ada", "marmot")
	must(err)
	_, _, err = c.Repositories.Get(ctx, "ada", "marmot")
	fails(t, "after the deletion", http.StatusNotFound, err)

	meta, _, err := c.Meta.Get(ctx)
	must(err)
	if meta.GetVerifiablePasswordAuthentication() {
		t.Error("passwords are said to do for the API")
	}
	limits, _, err := c.RateLimit.Get(ctx)
	must(err)
	if limits.Core.Limit == 0 || limits.Search.Limit == 0 {
		t.Errorf("limits: %v", limits)
	}
	_, _, err = gogithub(t, s, plain+"x").Users.Get(ctx, "")
	fails(t, "a bad token", http.StatusUnauthorized, err)
}
