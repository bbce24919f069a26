package clients

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/right"
)

// signedIn is a terminal where gh is signed in with a token of ada's, as its
// manual says.
func signedIn(t *testing.T, s *apptest.Server) *apptest.Terminal {
	t.Helper()
	apptest.Need(t, "gh")
	var scopes []string
	for _, one := range right.Scopes() {
		if one.Parent == "" {
			scopes = append(scopes, string(one.Name))
		}
	}
	_, plain := s.Token(t, s.User(t, "ada"), "gh", scopes...)
	c := s.Terminal(t)
	if out, code := c.Try(t, plain, "gh", "auth", "login", "--hostname", host, "--with-token", "--git-protocol", "https"); code != 0 {
		t.Fatalf("gh auth login: %d\n%s", code, out)
	}
	c.Run(t, "gh", "auth", "setup-git", "--hostname", host)
	return c
}

// TestGH_repo lives a repository's life with the GitHub CLI.
func TestGH_repo(t *testing.T) {
	t.Parallel()
	s := apptest.StartNamed(t, host)
	c := signedIn(t, s)
	said := func(want string, args ...string) {
		t.Helper()
		if out := c.Run(t, "gh", args...); !strings.Contains(out, want) {
			t.Errorf("gh %s: %q is not in\n%s", strings.Join(args, " "), want, out)
		}
	}
	said("Logged in to "+host+" as ada", "auth", "status")
	said(s.URL()+"/ada/engine", "repo", "create", "engine", "--private", "--description", "Made by gh", "--clone")
	if err := os.WriteFile(filepath.Join(c.Dir, "engine", "README.md"), []byte("# Engine\n\nBy gh.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Run(t, "git", "-C", "engine", "add", ".")
	c.Run(t, "git", "-C", "engine", "commit", "-qm", "One")
	c.Run(t, "git", "-C", "engine", "push", "-q", "origin", "HEAD:main")
	said("Made by gh", "repo", "view", "ada/engine")
	said("By gh.", "repo", "view", "ada/engine")
	said("ada/engine", "repo", "list")
	said(`"isPrivate":true`, "repo", "view", "ada/engine", "--json", "isPrivate,defaultBranchRef,viewerPermission,isEmpty,parent,owner")
	c.Run(t, "gh", "repo", "clone", "engine", "again")
	if text, err := os.ReadFile(filepath.Join(c.Dir, "again", "README.md")); err != nil || !strings.HasPrefix(string(text), "# Engine") {
		t.Errorf("the clone: %q, %v", text, err)
	}
	c.Run(t, "gh", "repo", "edit", "ada/engine", "--description", "Edited by gh")
	said("Edited by gh", "repo", "view", "ada/engine")
	c.Run(t, "gh", "repo", "rename", "motor", "--repo", "ada/engine", "--yes")
	said("ada/motor", "repo", "list")
	c.Run(t, "gh", "repo", "archive", "ada/motor", "--yes")
	said(`"isArchived":true`, "repo", "view", "ada/motor", "--json", "isArchived")
	c.Run(t, "gh", "repo", "delete", "ada/motor", "--yes")
	if out, code := c.Try(t, "", "gh", "repo", "view", "ada/motor"); code == 0 || !strings.Contains(out, "Could not resolve to a Repository with the name 'ada/motor'") {
		t.Errorf("after the deletion: %d %s", code, out)
	}
}

// TestGH_fork forks somebody else's repository, and clones the fork with its
// origin beside it.
func TestGH_fork(t *testing.T) {
	t.Parallel()
	s := apptest.StartNamed(t, host)
	c := signedIn(t, s)
	bob := s.User(t, "bob")
	s.Repo(t, bob, "base", false)
	_, plain := s.Token(t, bob, "bob", "repo")
	s.Do(t, "PUT", "/api/v3/repos/bob/base/contents/README.md", `{"message":"One","content":"IyBCYXNlCg=="}`, "Authorization: token "+plain)
	c.Run(t, "gh", "repo", "fork", "bob/base", "--clone")
	if out := c.Run(t, "git", "-C", "base", "remote", "-v"); !strings.Contains(out, "upstream\t"+s.URL()+"/bob/base.git") || !strings.Contains(out, "origin\t"+s.URL()+"/ada/base.git") {
		t.Errorf("remotes: %s", out)
	}
	if out := c.Run(t, "gh", "repo", "view", "ada/base", "--json", "isFork,parent", "--jq", ".isFork, .parent.owner.login"); out != "true\nbob" {
		t.Errorf("the fork: %s", out)
	}
}

// TestGH_api asks by gh api, with paging and GraphQL.
func TestGH_api(t *testing.T) {
	t.Parallel()
	s := apptest.StartNamed(t, host)
	c := signedIn(t, s)
	for _, name := range []string{"a", "b", "c"} {
		c.Run(t, "gh", "repo", "create", name, "--private")
	}
	if out := c.Run(t, "gh", "api", "--paginate", "user/repos?per_page=1&sort=full_name", "--jq", ".[].name"); out != "a\nb\nc" {
		t.Errorf("gh api --paginate: %s", out)
	}
	if out := c.Run(t, "gh", "api", "graphql", "--paginate", "-f", `query=query($endCursor: String) { viewer { repositories(first: 2, after: $endCursor, orderBy: {field: NAME, direction: ASC}) { nodes { name } pageInfo { hasNextPage endCursor } } } }`,
		"--jq", ".data.viewer.repositories.nodes[].name"); out != "a\nb\nc" {
		t.Errorf("gh api graphql --paginate: %s", out)
	}
}
