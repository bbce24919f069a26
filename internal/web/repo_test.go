package web_test

import (
	"strings"
	"testing"

	"jeton/internal/app/apptest"
)

func TestRepo_pages(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	p := signedIn(t, s, "ada")

	p.post("/new", "name", "bad name", "visibility", "private").want(t, 422)
	empty := p.follow(p.post("/new", "name", "engine", "description", "An engine", "visibility", "private"))
	empty.want(t, 200, "This repository is empty", "Start here", "Push what you already have", "Bring everything", "Password: a personal access token")
	if got := attr(empty.find("input", "id", "clone-url"), "value"); got != s.URL()+"/ada/engine.git" {
		t.Errorf("clone address %q", got)
	}
	p.get("/ada/engine/commits").want(t, 200, "Nothing has been pushed")

	_, token := s.Token(t, ada, "git", "repo")
	g := s.Git(t, "ada", token)

	g.Run(t, "clone", s.URL()+"/ada/engine.git", "work")
	w := g.In("work")
	w.Write(t, "README.md", "# Engine\n\n[notes](notes/one.txt) ![remote](https://example.com/x.png) <script>alert(1)</script>\n")
	w.Write(t, "notes/one.txt", "first <line>\nsecond\u202eline\n")
	w.Write(t, "data.bin", "a\x00b")
	w.Run(t, "add", ".")
	w.Run(t, "commit", "-m", "Begin")
	w.Commit(t, "notes/one.txt", "first line\nthird\n", "Change a note\n\nWith a body.")
	w.Run(t, "push", "-u", "origin", "HEAD:refs/heads/main")

	first := p.get("/ada/engine").want(t, 200, "Change a note", "README.md", "notes", "Engine")
	if strings.Contains(first.body, "alert(1)") || strings.Contains(first.body, `src="https://example.com`) {
		t.Error("the README was not made safe")
	}
	if first.find("a", "href", "/ada/engine/blob/main/notes/one.txt") == nil {
		t.Error("the README's relative link does not lead to the file")
	}
	p.get("/ada/engine/tree/main/notes").want(t, 200, "one.txt")
	p.get("/ada/engine/blob/main/notes/one.txt").want(t, 200, "2 lines", "third")
	old := strings.TrimSpace(w.Run(t, "rev-parse", "HEAD~1"))
	blob := p.get("/ada/engine/blob/"+old+"/notes/one.txt").want(t, 200, `first <line>`, `second\u{202E}line`)
	if strings.Contains(blob.body, "\u202e") {
		t.Error("a character that turns the reading direction is on the page")
	}
	p.get("/ada/engine/blob/main/data.bin").want(t, 200, "This file is not text")
	p.get("/ada/engine/blob/main/README.md?plain=1").want(t, 200, "[notes](notes/one.txt)")
	p.get("/ada/engine/blob/main/gone").want(t, 404)
	p.get("/ada/engine/commits/main").want(t, 200, "Begin", "Change a note")
	p.get("/ada/engine/commits/main/data.bin").want(t, 200, "Begin")
	head := strings.TrimSpace(w.Run(t, "rev-parse", "HEAD"))
	p.get("/ada/engine/commit/"+head).want(t, 200, "With a body.", "1 file changed", "third")

	raw := p.get("/ada/engine/raw/main/README.md")
	if raw.Header.Get("Content-Type") != "text/plain; charset=utf-8" || !strings.Contains(raw.Header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("raw headers: %v", raw.Header)
	}
	bin := p.get("/ada/engine/raw/main/data.bin")
	if !strings.HasPrefix(bin.Header.Get("Content-Disposition"), "attachment") || bin.body != "a\x00b" {
		t.Errorf("raw binary: %v", bin.Header)
	}

	// Settings: rename leads on, archive locks, access, visibility, transfer, delete.
	p.follow(p.post("/ada/engine/settings", "name", "machine", "description", "A machine", "default_branch", "main")).want(t, 200, "Saved the settings")
	moved := p.get("/ada/engine/tree/main/notes")
	if moved.StatusCode != 301 || moved.Header.Get("Location") != "/ada/machine/tree/main/notes" {
		t.Errorf("the old name: %s to %q", moved.Status, moved.Header.Get("Location"))
	}
	s.User(t, "bob")
	other := signedIn(t, s, "bob")
	other.get("/ada/engine").want(t, 404)
	p.post("/ada/machine/settings/access", "login", "nobody-here", "level", "read").want(t, 422, "no such user")
	p.follow(p.post("/ada/machine/settings/access", "login", "bob", "level", "read")).want(t, 200, "Invited bob")
	other.get("/ada/machine").want(t, 404)
	other.get("/").want(t, 200, "1 invitation waits")
	other.get("/invitations").want(t, 200, "ada/machine", "to read the repository")
	other.follow(other.post("/invitations/1/accept")).want(t, 200, "You have access to ada/machine now")
	other.get("/ada/machine").want(t, 200, "Change a note")
	other.get("/ada/machine/settings").want(t, 403)
	p.follow(p.post("/ada/machine/settings/access/remove", "login", "bob")).want(t, 200, "bob has no access any more")
	other.get("/ada/machine").want(t, 404)

	p.follow(p.post("/ada/machine/settings/archive")).want(t, 200, "archived")
	p.post("/ada/machine/settings", "name", "x").want(t, 403, "archived")
	p.follow(p.post("/ada/machine/settings/unarchive")).want(t, 200, "Unarchived")
	p.post("/ada/machine/settings/visibility", "visibility", "public", "confirm", "no").want(t, 422)
	p.follow(p.post("/ada/machine/settings/visibility", "visibility", "public", "confirm", "ada/machine")).want(t, 200, "public now")
	visitor(t, s).get("/ada/machine").want(t, 200, "Change a note")
	p.follow(p.post("/ada/machine/settings/transfer", "new_owner", "bob", "confirm", "ada/machine")).want(t, 200, "Asked bob to take the repository over")
	other.get("/bob/machine").want(t, 404)
	other.follow(other.post("/invitations/2/accept")).want(t, 200, "You have access to bob/machine now")
	p.post("/bob/machine/settings/delete", "confirm", "bob/machine").want(t, 403)
	other.follow(other.post("/bob/machine/settings/delete", "confirm", "bob/machine")).want(t, 200, "Deleted the repository bob/machine")
	other.get("/bob/machine").want(t, 404)
}
