package browser

import "testing"

// TestFork forks a repository as a person would, and has another maintained.
func TestFork(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ada := s.User(t, "ada")
	s.User(t, "grace")
	s.Repo(t, ada, "station", false)
	_, token := s.Token(t, ada, "laptop", "repo")
	fillRepo(t, s, "/ada/station", "ada", token)
	p := visit(t, s)
	p.signIn("grace")
	p.open("/ada/station")
	p.follow("Fork")
	p.look("fork")
	p.fill("Repository name", "not a name")
	p.follow("Create fork")
	p.got(422)
	p.look("fork-wrong")
	p.fill("Repository name", "weather")
	p.follow("Create fork")
	p.at("/grace/weather")
	p.sees("Forked ada/station.", "Forked from ada/station", "Say which sensor it was")
	p.look("forked")
	p.open("/grace/weather/settings")
	p.sees("Maintenance", "Last maintained")
	p.look("repo-maintenance")
	p.follow("Maintain now")
	p.sees("The repository will be maintained now.")
	p.until("it was maintained", func() bool {
		p.open("/grace/weather/settings")
		return p.eval(`document.body.innerText.includes("repacked everything") && !document.body.innerText.includes("being maintained")`)
	})
	p.look("repo-maintained")
}
