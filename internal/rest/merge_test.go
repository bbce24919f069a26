package rest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"jeton/internal/gitstore"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// TestMerge: two histories become one, or nothing happens.
func TestMerge(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	main := str(t, d.put(t, 201, "a.txt", "a\n", "Begin"), "commit.sha")
	d.ask(t, 201, "POST", "/git/refs", dict{"ref": "refs/heads/side", "sha": main})
	d.put(t, 201, "side.txt", "side\n", "Side", "branch", "side")
	d.put(t, 201, "main.txt", "main\n", "Main")
	one := d.object(t, 201, "POST", "/merges", dict{"base": "main", "head": "side"})
	if len(one["parents"].([]any)) != 2 || get(t, one, "commit.message") != "Merge side into main" {
		t.Errorf("the merge: %v", one)
	}
	d.ask(t, 204, "POST", "/merges", dict{"base": "main", "head": "side"})
	for body, want := range map[string]string{`{"base":"none","head":"side"}`: "Base does not exist", `{"base":"main","head":"none"}`: "Head does not exist"} {
		if a := d.ask(t, 404, "POST", "/merges", body); !strings.Contains(a.Text, want) {
			t.Errorf("%s: %s", body, a.Text)
		}
	}
	// Both changed the same lines.
	for branch, text := range map[string]string{"main": "of main\n", "side": "of side\n"} {
		sha := str(t, d.object(t, 200, "GET", "/contents/a.txt?ref="+branch, nil), "sha")
		d.put(t, 200, "a.txt", text, "Change", "branch", branch, "sha", sha)
	}
	if a := d.ask(t, 409, "POST", "/merges", dict{"base": "main", "head": "side"}); !strings.Contains(a.Text, "Merge conflict") {
		t.Errorf("conflict: %s", a.Text)
	}
	g := d.clone(t)
	if out := g.Run(t, "log", "--merges", "--format=%an %s", "origin/main"); out != "ada Merge side into main" {
		t.Errorf("git log: %s", out)
	}
	// A rule is a rule.
	bob := d.User(t, "bob")
	d.Share(t, d.repo, bob, right.Write)
	_, plain := d.Token(t, bob, "bob", "repo")
	d.ask(t, 201, "POST", "/git/refs", dict{"ref": "refs/heads/third", "sha": main})
	d.put(t, 201, "third.txt", "3\n", "Third", "branch", "third")
	d.ask(t, 200, "PUT", "/branches/main/protection", dict{"required_status_checks": nil, "enforce_admins": nil, "required_pull_request_reviews": nil, "restrictions": dict{"users": []string{}, "teams": []string{}}})
	if a := d.as(t, plain, "POST", "/merges", dict{"base": "main", "head": "third"}); a.StatusCode != 403 {
		t.Errorf("a protected branch: %d %s", a.StatusCode, a.Text)
	}
	d.ask(t, 201, "POST", "/merges", dict{"base": "main", "head": "third", "commit_message": "By an administrator"})
}

// TestMergeUpstream: a fork follows what it was forked from, for who may read that.
func TestMergeUpstream(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.put(t, 201, "a.txt", "a\n", "Begin")
	bob := d.User(t, "bob")
	d.Share(t, d.repo, bob, right.Read)
	_, plain := d.Token(t, bob, "bob", "repo")
	_, err := d.Lifecycle.ForkRepo(t.Context(), right.Operator(), d.repo, repo.NewRepo{Owner: bob.ID, Name: "engine", Private: true}, gitstore.Fork{}, func(context.Context) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	sync := func(want int, how string) {
		t.Helper()
		a := d.as(t, plain, "POST", "/api/v3/repos/bob/engine/merge-upstream", dict{"branch": "main"})
		if a.StatusCode != want || how != "" && fmt.Sprint(object(t, a)["merge_type"], object(t, a)["base_branch"]) != how+"ada:main" {
			t.Errorf("%d %s, want %d %s", a.StatusCode, a.Text, want, how)
		}
	}
	write := func(file, text string) {
		t.Helper()
		if a := d.as(t, plain, "PUT", "/api/v3/repos/bob/engine/contents/"+file, dict{"message": "Mine", "content": b64(text)}); a.StatusCode != 201 {
			t.Fatal(a.Text)
		}
	}
	sync(200, "none")
	d.put(t, 201, "b.txt", "b\n", "More")
	sync(200, "fast-forward")
	write("mine.txt", "mine\n")
	d.put(t, 201, "c.txt", "c\n", "Still more")
	sync(200, "merge")
	write("d.txt", "of bob\n")
	d.put(t, 201, "d.txt", "of ada\n", "Conflict")
	sync(409, "")
	g := d.Git(t, "bob", plain)
	g.Run(t, "clone", "-q", d.URL()+"/bob/engine.git", "engine")
	g = g.In("engine")
	g.Run(t, "fsck", "--strict", "--full")
	if out := g.Run(t, "ls-tree", "--name-only", "HEAD"); out != "a.txt\nb.txt\nc.txt\nd.txt\nmine.txt" {
		t.Errorf("the fork has %s", out)
	}
	if err := d.Repos.RemoveCollaborator(t.Context(), right.Operator(), d.repo.ID, bob.ID); err != nil {
		t.Fatal(err)
	}
	sync(422, "") // and who may not read it any more learns nothing of it
	d.ask(t, 422, "POST", "/merge-upstream", dict{"branch": "main"})
}

// TestMergeUpstream_workflow: what comes with the upstream's commits is judged like
// any push.
func TestMergeUpstream_workflow(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.put(t, 201, "a.txt", "a\n", "Begin")
	bob := d.User(t, "bob")
	d.Share(t, d.repo, bob, right.Read)
	_, without := d.Token(t, bob, "without", "repo")
	_, with := d.Token(t, bob, "with", "repo", "workflow")
	_, err := d.Lifecycle.ForkRepo(t.Context(), right.Operator(), d.repo, repo.NewRepo{Owner: bob.ID, Name: "engine", Private: true}, gitstore.Fork{}, func(context.Context) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	d.put(t, 201, ".github/workflows/ci.yml", "on: push\n", "Workflow")
	if a := d.as(t, without, "POST", "/api/v3/repos/bob/engine/merge-upstream", dict{"branch": "main"}); a.StatusCode != 403 {
		t.Errorf("%d %s", a.StatusCode, a.Text)
	}
	if a := d.as(t, with, "POST", "/api/v3/repos/bob/engine/merge-upstream", dict{"branch": "main"}); a.StatusCode != 200 {
		t.Errorf("%d %s", a.StatusCode, a.Text)
	}
}
