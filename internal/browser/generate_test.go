package browser

import "testing"

// TestTemplate makes a repository from a template as a person would.
func TestTemplate(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ada := s.User(t, "ada")
	s.Org(t, s.User(t, "grace"), "harbour")
	s.Repo(t, ada, "station", false)
	_, token := s.Token(t, ada, "laptop", "repo")
	fillRepo(t, s, "/ada/station", "ada", token)
	p := visit(t, s)
	p.signIn("ada")
	p.open("/ada/station/settings")
	p.tick("Template: others can make repositories of its files")
	p.follow("Save changes")
	p.sees("Saved the settings.")
	q := visit(t, s)
	q.signIn("grace")
	q.open("/ada/station")
	q.sees("A template: others make repositories of its files.")
	q.look("template")
	q.follow("Use this template")
	q.look("generate")
	q.fill("Repository name", "not a name")
	q.follow("Create repository")
	q.got(422)
	q.look("generate-wrong")
	q.choose("Owner", "harbour")
	q.fill("Repository name", "tides")
	q.follow("Create repository")
	q.at("/harbour/tides")
	q.sees("Made harbour/tides from ada/station.", "Initial commit")
	q.look("generated")
}
