package attack

import (
	"crypto/sha1"
	"fmt"
	"strings"
	"testing"

	"jeton/internal/repo"
	"jeton/internal/right"
)

// rawPush is the body of a push with these commands and an empty pack.
func rawPush(caps string, commands ...string) string {
	var b strings.Builder
	for i, c := range commands {
		if i == 0 {
			c += "\x00" + caps
		}
		fmt.Fprintf(&b, "%04x%s", len(c)+4, c)
	}
	b.WriteString("0000")
	pack := "PACK\x00\x00\x00\x02\x00\x00\x00\x00"
	sum := sha1.Sum([]byte(pack))
	b.WriteString(pack + string(sum[:]))
	return b.String()
}

// TestH8_NoWayAroundABranchRule: a protected branch is not deleted, forced,
// retargeted, or made anew, by any command that a client can think of, the
// honest client's or another's. A second user has write access, and no more.
func TestH8_NoWayAroundABranchRule(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.Share(t, s.shut, s.eve, right.Write)
	dir := s.dir(s.shut.ID)
	owner := s.clone(t, s.ada, s.token(t, s.ada, "all", "repo"), "shut")
	owner.Commit(t, "b.txt", "b", "Second")
	owner.Run(t, "tag", "v1", "HEAD~1")
	owner.Run(t, "push", "-q", "origin", "main", "v1", "main:refs/heads/side", "main:refs/heads/team/a")
	for _, one := range []repo.Rule{{Pattern: "main"}, {Pattern: "team/*", Push: repo.AdminsPush}, {Kind: repo.TagRef, Pattern: "v*"}} {
		if _, err := s.Repos.CreateRule(t.Context(), right.Operator(), s.shut.ID, one); err != nil {
			t.Fatal(err)
		}
	}
	// The default branch is another one, so that nothing else keeps main.
	if _, err := s.Lifecycle.EditRepo(t.Context(), right.Operator(), s.shut, repo.Patch{DefaultBranch: ptr("side")}); err != nil {
		t.Fatal(err)
	}
	second := s.at(t, dir, "refs/heads/main")
	kept := func(what, out string) {
		t.Helper()
		for ref, want := range map[string]string{"refs/heads/main": second, "refs/heads/team/a": second, "refs/tags/v1": s.head} {
			if got := s.at(t, dir, ref); got != want {
				t.Errorf("%s: %s is at %q, was at %q\n%s", what, ref, got, want, out)
			}
		}
		for _, ref := range []string{"refs/heads/TEAM/b", "refs/heads/team/b", "refs/heads/main/x"} {
			if got := s.at(t, dir, ref); got != "" {
				t.Errorf("%s: %s was made", what, ref)
			}
		}
	}
	eves := s.token(t, s.eve, "all", "repo")
	g := s.clone(t, s.eve, eves, "shut")
	g.Run(t, "checkout", "-q", "-b", "mine", s.head)
	g.Commit(t, "c.txt", "c", "Elsewhere")
	for _, args := range [][]string{
		{":main"}, {"--delete", "main"}, {"+mine:main"}, {"+" + s.head + ":main"}, {"-f", "--atomic", "mine:main", "mine:free"}, {"--mirror", "--force"},
		{"--force-with-lease=main", "mine:main"}, {":main", "mine:refs/heads/main/x"}, {":refs/tags/v1"}, {"+mine:refs/tags/v1"},
		{"mine:team/b"}, {"mine:TEAM/b"}, {"+mine:team/a"}, {":team/a"}, {"+HEAD:main", "+HEAD:MAIN"},
	} {
		out, code := g.Try(t, append([]string{"push", "origin"}, args...)...)
		if code == 0 {
			t.Errorf("push %v was taken:\n%s", args, out)
		}
		kept(fmt.Sprint(args), out)
	}

	// A client of its own, which lies about where the refs are.
	const zero = "0000000000000000000000000000000000000000"
	other := g.Run(t, "rev-parse", "mine")
	for what, commands := range map[string][]string{
		"back to an old commit":      {second + " " + s.head + " refs/heads/main"},
		"back, lying about before":   {s.head + " " + s.head + " refs/heads/main"},
		"as if it was new":           {zero + " " + s.head + " refs/heads/main"},
		"from what it goes to":       {other + " " + s.head + " refs/heads/main"},
		"deleted, lying":             {s.head + " " + zero + " refs/heads/main"},
		"deleted from nothing":       {zero + " " + zero + " refs/heads/main"},
		"deleted and made anew":      {second + " " + zero + " refs/heads/main", zero + " " + s.head + " refs/heads/main"},
		"twice":                      {second + " " + second + " refs/heads/main", second + " " + s.head + " refs/heads/main"},
		"through HEAD":               {second + " " + s.head + " HEAD"},
		"with a path that is folded": {second + " " + s.head + " refs/heads//main", second + " " + s.head + " refs/heads/./main", second + " " + s.head + " refs/tags/../heads/main"},
	} {
		for _, caps := range []string{"report-status", "report-status atomic"} {
			a := s.Do(t, "POST", "/ada/shut.git/git-receive-pack", rawPush(caps, commands...), bearer(eves), "Content-Type: application/x-git-receive-pack-request")
			kept(what, a.Text)
			if strings.Contains(a.Text, "ok refs/heads/main") && what != "twice" {
				t.Errorf("%s: %s", what, a.Text)
			}
		}
	}
}

func ptr[T any](v T) *T { return &v }

// TestH3_RulesJudgeEachRef: of several refs in one push, in every order, each
// gets the verdict of its own rule.
func TestH3_RulesJudgeEachRef(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.Share(t, s.shut, s.eve, right.Write)
	owner := s.clone(t, s.ada, s.token(t, s.ada, "all", "repo"), "shut")
	owner.Run(t, "push", "-q", "origin", "main:refs/heads/kept", "main:refs/heads/gone")
	for _, one := range []repo.Rule{{Pattern: "kept"}, {Pattern: "theirs", Push: repo.AdminsPush}, {Pattern: "gone", AllowDelete: true}} {
		if _, err := s.Repos.CreateRule(t.Context(), right.Operator(), s.shut.ID, one); err != nil {
			t.Fatal(err)
		}
	}
	dir := s.dir(s.shut.ID)
	g := s.clone(t, s.eve, s.token(t, s.eve, "all", "repo"), "shut")
	g.Commit(t, "a.txt", "a", "Good")
	tip := g.Run(t, "rev-parse", "HEAD")
	out, code := g.Try(t, "push", "origin", "HEAD:refs/heads/a", "HEAD:refs/heads/theirs", ":kept", ":gone", "HEAD:refs/heads/z", "HEAD:main")
	if code == 0 {
		t.Errorf("all of it was taken:\n%s", out)
	}
	for ref, want := range map[string]string{"a": tip, "theirs": "", "kept": s.head, "gone": "", "z": tip, "main": tip} {
		if got := s.at(t, dir, "refs/heads/"+ref); got != want {
			t.Errorf("%s is at %q, want %q\n%s", ref, got, want, out)
		}
	}
}
