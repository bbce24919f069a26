package browser

import (
	"strings"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/right"
)

// fillRepo pushes a small project and returns the terminal in its folder.
func fillRepo(t *testing.T, s *apptest.Server, path, login, token string) *apptest.Git {
	t.Helper()
	g := s.Git(t, login, token)
	g.Run(t, "clone", "-q", s.URL()+path+".git", "project")
	g = g.In("project")
	g.Commit(t, "README.md", "# Weather station\n\nReads a sensor and writes what it sees.\n\n## Use\n\n```sh\n./station --every 10m\n```\n\n| sensor | unit |\n|---|---|\n| air | °C |\n\n![not loaded](https://example.com/picture.png)\n", "Describe the station")
	g.Write(t, "src/station.go", "package main\n\nimport \"fmt\"\n\nfunc main() {\n\tfmt.Println(\"21.5 °C\")\n}\n")
	g.Write(t, "src/sensor/air.go", "package sensor\n\n// A line that is much longer than any window is wide: "+strings.Repeat("air ", 80)+"\n")
	g.Write(t, "logo.bin", "\x00\x01\x02\x03")
	g.Write(t, "empty.txt", "")
	g.Commit(t, "docs/notes.txt", "one\ntwo\nthree\n", "Add the program\n\nIt prints what the sensor says.")
	g.Commit(t, "src/station.go", "package main\n\nimport \"fmt\"\n\nfunc main() {\n\tfmt.Println(\"air: 21.5 °C\")\n}\n", "Say which sensor it was")
	g.Run(t, "tag", "v1")
	g.Run(t, "branch", "wind")
	g.Run(t, "push", "-q", "origin", "HEAD", "wind", "v1")
	return g
}

// TestRepository looks at a repository from each side.
func TestRepository(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ada := s.User(t, "ada")
	_, token := s.Token(t, ada, "laptop", "repo")
	p := visit(t, s)
	p.signIn("ada")
	p.open("/new")
	p.fill("Repository name", "weather station")
	p.follow("Create repository")
	p.got(422)
	p.look("repo-new-wrong")
	p.fill("Repository name", "weather-station")
	p.fill("Description (optional)", "Reads a sensor and writes what it sees")
	p.follow("Create repository")
	p.sees("Start here, from nothing", "Push what you already have in Git", "Bring everything from another server")

	g := fillRepo(t, s, "/ada/weather-station", "ada", token)
	p.open("/ada/weather-station")
	p.sees("Weather station", "Say which sensor it was", "src", "README.md")
	p.look("repo")
	p.click("Copy the clone address")
	p.wait("the address is copied", `navigator.clipboard.readText().then(text => true)`)
	p.click("Branch or tag: main")
	p.sees("wind", "v1")
	p.picture("repo-branches")
	p.open("/ada/weather-station")
	p.follow("src")
	p.look("tree")
	p.follow("station.go")
	p.sees("fmt.Println")
	p.look("blob")
	p.open("/ada/weather-station/blob/main/src/sensor/air.go")
	p.look("blob-long-line")
	p.open("/ada/weather-station/blob/main/README.md")
	p.look("blob-readme")
	p.open("/ada/weather-station/blob/main/logo.bin")
	p.look("blob-binary")
	p.open("/ada/weather-station/blob/main/empty.txt")
	p.sees("This file is empty.")
	p.open("/ada/weather-station/commits/main")
	p.look("commits")
	p.follow("Say which sensor it was")
	p.sees("1 file changed")
	p.look("commit")
	p.openRefused("/ada/weather-station/blob/main/nothing.txt", 404)
	p.look("file-missing")
	p.open("/")
	p.look("home")

	visitor := visit(t, s)
	visitor.openRefused("/ada/weather-station", 404)
	p.open("/ada/weather-station/settings")
	p.look("repo-settings")
	p.click("Make public")
	p.wait("the dialog is open", `document.querySelector("dialog[open]")`)
	p.barriers("the dialog", "")
	p.picture("repo-make-public")
	p.fill("To confirm, type ada/weather-station", "ada/weather-station")
	p.follow("I understand, make it public")
	p.sees("The repository is public now.")
	visitor.open("/ada/weather-station")
	visitor.look("repo-visitor")
	g.Run(t, "fetch", "-q")
}

// TestRepositorySettings: people with access, a new name, archive, a new owner,
// and the end.
func TestRepositorySettings(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ada, grace := s.User(t, "ada"), s.User(t, "grace")
	s.Repo(t, ada, "notes", true)
	p, other := visit(t, s), visit(t, s)
	p.signIn("ada")
	other.signIn("grace")
	other.openRefused("/ada/notes", 404)

	p.open("/ada/notes/settings/access")
	p.look("repo-access-empty")
	p.fill("User name", "nobody-here")
	p.follow("Invite")
	p.look("repo-access-wrong")
	p.fill("User name", "grace")
	p.choose("Access", "read")
	p.follow("Invite")
	p.sees("grace")
	p.look("repo-access-asked")
	other.openRefused("/ada/notes", 404)
	other.open("/invitations")
	other.follow("Accept the invitation to ada/notes")
	p.open("/ada/notes/settings/access")
	p.look("repo-access")
	other.open("/ada/notes")
	other.openRefused("/ada/notes/settings", 403)
	p.follow("Remove grace")
	other.openRefused("/ada/notes", 404)

	p.open("/ada/notes/settings")
	p.fill("Name", "diary")
	p.follow("Save changes")
	p.open("/ada/notes")
	p.at("/ada/diary")

	p.open("/ada/diary/settings")
	p.click("Archive")
	p.wait("the dialog is open", `document.querySelector("dialog[open]")`)
	p.load("archive", clickFirst("dialog[open] button[type=submit]"))
	p.open("/ada/diary")
	p.sees("This repository is archived")
	p.look("repo-archived")
	p.open("/ada/diary/settings")
	p.look("repo-settings-archived")
	p.click("Unarchive")
	p.wait("the dialog is open", `document.querySelector("dialog[open]")`)
	p.load("unarchive", clickFirst("dialog[open] button[type=submit]"))

	p.open("/ada/diary/settings/transfer")
	p.look("repo-transfer")
	p.open("/ada/diary/settings/delete")
	p.look("repo-delete")
	p.fill("To confirm, type ada/diary", "ada/diary")
	p.load("delete", clickFirst("form.confirm button[type=submit]"))
	p.openRefused("/ada/diary", 404)

	lent := s.Repo(t, ada, "lent", true)
	s.Share(t, lent, grace, right.Admin)
	p.open("/ada/lent/settings/transfer")
	for _, label := range ask[[]string](p, `[...document.querySelectorAll("form.confirm label")].map(l => l.textContent.replace(/\s+/g, " ").trim())`) {
		if strings.HasPrefix(label, "To confirm") {
			p.fill(label, "ada/lent")
		} else {
			p.fill(label, "grace")
		}
	}
	p.load("transfer", clickFirst("form.confirm button[type=submit]"))
	p.sees("Asked grace to take the repository over.")
	other.open("/invitations")
	other.look("transfer-asked")
	other.follow("Accept the invitation to ada/lent")
	other.open("/grace/lent")
	other.sees("grace", "lent")
}
