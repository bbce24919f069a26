package githubtest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-github/v75/github"

	"jeton/internal/app/apptest"
)

// TestGoGitHub_content: go-github finds its way through a repository's content.
func TestGoGitHub_content(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ada := s.User(t, "ada")
	_, plain := s.Token(t, ada, "go", everything()...)
	s.Repo(t, ada, "gopher", true)
	c := gogithub(t, s, plain)
	const o, r = "ada", "gopher"

	_, _, err := c.Repositories.ListCommits(ctx, o, r, nil)
	fails(t, "commits of an empty repository", http.StatusConflict, err)
	made, _, err := c.Repositories.CreateFile(ctx, o, r, "README.md", &github.RepositoryContentFileOptions{Message: github.Ptr("Begin"), Content: []byte("# Gopher\n")})
	must(err)
	_, _, err = c.Repositories.UpdateFile(ctx, o, r, "README.md", &github.RepositoryContentFileOptions{Message: github.Ptr("Change"), Content: []byte("# Gopher!\n"), SHA: made.Content.SHA})
	must(err)
	file, _, _, err := c.Repositories.GetContents(ctx, o, r, "README.md", nil)
	must(err)
	if text, err := file.GetContent(); err != nil || text != "# Gopher!\n" {
		t.Errorf("content: %q, %v", text, err)
	}
	body, _, err := c.Repositories.DownloadContents(ctx, o, r, "README.md", nil)
	must(err)
	text, err := io.ReadAll(body)
	must(err)
	must(body.Close())
	if string(text) != "# Gopher!\n" {
		t.Errorf("downloaded: %q", text)
	}
	readme, _, err := c.Repositories.GetReadme(ctx, o, r, nil)
	must(err)
	if readme.GetName() != "README.md" {
		t.Errorf("readme: %v", readme)
	}

	ref, _, err := c.Git.GetRef(ctx, o, r, "heads/main")
	must(err)
	main := ref.Object.GetSHA()
	tree, _, err := c.Git.CreateTree(ctx, o, r, main, []*github.TreeEntry{{Path: github.Ptr("cmd/main.go"), Mode: github.Ptr("100644"), Type: github.Ptr("blob"), Content: github.Ptr("package main\n")}})
	must(err)
	commit, _, err := c.Git.CreateCommit(ctx, o, r, github.Commit{Message: github.Ptr("By hand"), Tree: tree, Parents: []*github.Commit{{SHA: &main}}}, nil)
	must(err)
	_, _, err = c.Git.CreateRef(ctx, o, r, github.CreateRef{Ref: "refs/heads/feature/x", SHA: commit.GetSHA()})
	must(err)
	branches, _, err := c.Repositories.ListBranches(ctx, o, r, nil)
	must(err)
	if len(branches) != 2 || branches[0].GetName() != "feature/x" {
		t.Errorf("branches: %v", branches)
	}
	branch, _, err := c.Repositories.GetBranch(ctx, o, r, "feature/x", 1)
	must(err)
	if branch.GetCommit().GetSHA() != commit.GetSHA() {
		t.Errorf("branch: %v", branch)
	}
	diff, _, err := c.Repositories.CompareCommits(ctx, o, r, "main", "feature/x", nil)
	must(err)
	if diff.GetAheadBy() != 1 || len(diff.Files) != 1 || diff.Files[0].GetFilename() != "cmd/main.go" {
		t.Errorf("compare: %v", diff)
	}
	raw, _, err := c.Repositories.CompareCommitsRaw(ctx, o, r, "main", "feature/x", github.RawOptions{Type: github.Diff})
	must(err)
	if !strings.Contains(raw, "+package main") {
		t.Errorf("the raw diff: %s", raw)
	}
	one, _, err := c.Repositories.GetCommit(ctx, o, r, "feature/x", nil)
	must(err)
	if one.GetAuthor().GetLogin() != "ada" || one.GetStats().GetAdditions() != 1 || one.GetCommit().GetVerification().GetReason() != "unsigned" {
		t.Errorf("commit: %v", one)
	}
	sha, _, err := c.Repositories.GetCommitSHA1(ctx, o, r, "main", "")
	must(err)
	if sha != main {
		t.Errorf("sha: %s", sha)
	}
	link, _, err := c.Repositories.GetArchiveLink(ctx, o, r, github.Tarball, &github.RepositoryContentGetOptions{Ref: "main"}, 0)
	must(err)
	if !strings.HasPrefix(link.String(), s.URL()) {
		t.Errorf("archive: %s", link)
	}
	for _, at := range []string{"feature/x", commit.GetSHA()} {
		all, _, err := c.Git.GetTree(ctx, o, r, at, true)
		must(err)
		if len(all.Entries) != 3 {
			t.Errorf("the tree of %s: %v", at, all)
		}
	}
	languages, _, err := c.Repositories.ListLanguages(ctx, o, r)
	must(err)
	if len(languages) != 0 {
		t.Errorf("languages: %v", languages)
	}
	people, _, err := c.Repositories.ListContributors(ctx, o, r, nil)
	must(err)
	if len(people) != 1 || people[0].GetContributions() != 2 {
		t.Errorf("contributors: %v", people)
	}

	_, _, err = c.Repositories.GetBranchProtection(ctx, o, r, "feature/x")
	if err != github.ErrBranchNotProtected {
		t.Errorf("unprotected: %v", err)
	}
	rule, _, err := c.Repositories.UpdateBranchProtection(ctx, o, r, "feature/x", &github.ProtectionRequest{EnforceAdmins: true})
	must(err)
	if !rule.GetEnforceAdmins().Enabled {
		t.Errorf("protection: %v", rule)
	}
	_, err = c.Git.DeleteRef(ctx, o, r, "heads/feature/x")
	fails(t, "a protected branch", http.StatusUnprocessableEntity, err)
	_, err = c.Repositories.RemoveBranchProtection(ctx, o, r, "feature/x")
	must(err)
	_, _, err = c.Repositories.RenameBranch(ctx, o, r, "feature/x", "topic")
	must(err)
	_, err = c.Git.DeleteRef(ctx, o, r, "heads/topic")
	must(err)
	_, _, err = c.Repositories.DeleteFile(ctx, o, r, "README.md", &github.RepositoryContentFileOptions{Message: github.Ptr("Gone"), SHA: file.SHA})
	must(err)
}
