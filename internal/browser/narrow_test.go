package browser

import (
	"strings"
	"testing"

	cutter "jeton/internal/narrow"
	"jeton/internal/secret"
)

// TestNarrowed lives the life of a limit and of a narrowed token: git is kept to
// it, its owner sees it, and revokes it alone.
func TestNarrowed(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "engine", true)
	_, plain := s.Token(t, ada, "laptop", "repo")
	g := s.Git(t, "ada", plain)
	g.Run(t, "clone", "-q", s.URL()+"/ada/engine.git")
	in := g.In("engine")
	in.Commit(t, "README.md", "# Engine\n", "Say what it is")
	in.Run(t, "push", "-q", "-u", "origin", "HEAD:main")

	p := visit(t, s)
	p.signIn("ada")
	p.open("/settings/tokens/1")
	p.sees("Limits", "None.", "Narrowed tokens", "None was used yet.")
	p.follow("Edit limits")
	p.at("/settings/tokens/1/limits")
	p.sees("This limits pushes only")
	p.look("token-limits")
	p.fill("Networks (optional)", "somewhere")
	p.fill("Repositories (optional)", "ada/engine")
	p.follow("Save limits")
	p.got(422)
	p.sees(`"somewhere" is not a network`)
	if got := ask[string](p, `document.querySelector("#network").value + " " + document.querySelector("#repo").value`); got != "somewhere ada/engine" {
		t.Errorf("what was filled in came back as %q", got)
	}
	p.look("token-limits-wrong")
	p.fill("Networks (optional)", "192.0.2.0/24")
	p.follow("Save limits")
	p.at("/settings/tokens/1")
	p.sees("Saved the limits of laptop.", "only from 192.0.2.0/24", "only ada/engine")
	if out, code := in.Try(t, "fetch"); code == 0 || !strings.Contains(out, "it is limited to other") {
		t.Errorf("fetch from elsewhere: exit %d\n%s", code, out)
	}
	p.follow("Edit limits")
	p.fill("Networks (optional)", "127.0.0.1\n::1")
	p.follow("Save limits")
	in.Run(t, "fetch", "-q")

	one, err := cutter.Cut(secret.New(plain), cutter.NewNode(), "the build", "read", "until\n4000000000")
	if err != nil {
		t.Fatal(err)
	}
	two, err := cutter.Cut(one, cutter.NewNode(), "", "ref\nrefs/heads/main")
	if err != nil {
		t.Fatal(err)
	}
	child, grandchild := s.Git(t, "ada", one.Reveal()), s.Git(t, "ada", two.Reveal())
	child.Run(t, "clone", "-q", s.URL()+"/ada/engine.git", "one")
	grandchild.Run(t, "clone", "-q", s.URL()+"/ada/engine.git", "two")
	child = child.In("one")
	if out, code := child.Try(t, "push", "origin", "HEAD:other"); code == 0 || !strings.Contains(out, "limited to reading") {
		t.Errorf("a push with what was narrowed to reading: exit %d\n%s", code, out)
	}
	if err := s.Tokens.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Ledger.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.open("/settings/tokens/1")
	p.sees("the build", "reads, and changes nothing", "sees and moves only refs/heads/main", "127.0.0.1", "Live")
	p.seesNot(one.Reveal()[60:], two.Reveal()[60:])
	p.look("token-narrowed")
	p.follow("Revoke the build")
	p.sees("Revoked the build, and what was made from it.", "Ended with the build")
	p.look("token-narrowed-revoked")
	for name, git := range map[string]func() (string, int){
		"the child":        func() (string, int) { return child.Try(t, "fetch") },
		"what was made of": func() (string, int) { return grandchild.In("two").Try(t, "fetch") },
	} {
		if out, code := git(); code == 0 || !strings.Contains(strings.Join(strings.Fields(strings.ReplaceAll(out, "remote:", "")), " "), `narrowed from "laptop" was revoked`) {
			t.Errorf("%s after its end: exit %d\n%s", name, code, out)
		}
	}
	in.Run(t, "fetch", "-q")
	p.open("/settings/security-log")
	p.sees("oauth_access.revoke_narrowed", "oauth_access.limit", "by_node")
}
