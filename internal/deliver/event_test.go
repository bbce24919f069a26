package deliver_test

import (
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/gitstore"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// What happens to a repository beside pushes is told, wherever it is done.
func TestEvents(t *testing.T) {
	t.Parallel()
	to := plainReceiver(t, nil)
	s := apptest.Start(t, loopback)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	r := s.Repo(t, ada, "engine", true)
	h := hookUp(t, s, r, to.URL, "", "*")
	to.next(t, "ping")
	edit := func(p repo.Patch) {
		t.Helper()
		now, err := s.Lifecycle.EditRepo(t.Context(), owner(r), r, p)
		if err != nil {
			t.Fatal(err)
		}
		r = now
	}
	from := func(p map[string]any, names ...string) any {
		var v any = p["changes"]
		for _, n := range append(names, "from") {
			m, ok := v.(map[string]any)
			if !ok {
				return nil
			}
			v = m[n]
		}
		return v
	}
	name, text, public, yes, no := "machine", "It computes", false, true, false
	edit(repo.Patch{Name: &name})
	p := to.next(t, "repository").payload(t)
	if p["action"] != "renamed" || from(p, "repository", "name") != "engine" || p["repository"].(map[string]any)["name"] != "machine" || p["sender"].(map[string]any)["login"] != "ada" {
		t.Errorf("renamed: %v", p)
	}
	edit(repo.Patch{Description: &text})
	if p = to.next(t, "repository").payload(t); p["action"] != "edited" || from(p, "description") != "" {
		t.Errorf("edited: %v", p)
	}
	edit(repo.Patch{Private: &public})
	if p = to.next(t, "repository").payload(t); p["action"] != "publicized" {
		t.Errorf("publicized: %v", p)
	}
	if p = to.next(t, "public").payload(t); p["action"] != nil || p["repository"].(map[string]any)["private"] != false {
		t.Errorf("public: %v", p)
	}

	s.Share(t, r, bob, right.Read)
	if p = to.next(t, "member").payload(t); p["action"] != "added" || p["member"].(map[string]any)["login"] != "bob" || p["member"].(map[string]any)["type"] != "User" {
		t.Errorf("added: %v", p)
	}
	s.Share(t, r, bob, right.Write)
	if p = to.next(t, "member").payload(t); p["action"] != "edited" || from(p, "permission") != "read" {
		t.Errorf("edited: %v", p)
	}
	if err := s.Repos.RemoveCollaborator(t.Context(), owner(r), r.ID, bob.ID); err != nil {
		t.Fatal(err)
	}
	if p = to.next(t, "member").payload(t); p["action"] != "removed" {
		t.Errorf("removed: %v", p)
	}

	// A fork is told, unless it is private: of that ada may not know.
	fork := func(name string, private bool) {
		t.Helper()
		_, err := s.Lifecycle.ForkRepo(t.Context(), right.Actor{Account: bob.ID, Login: "bob"}, r, repo.NewRepo{Owner: bob.ID, Name: name, Private: private}, gitstore.Fork{}, nil)
		if err != nil {
			t.Fatal(err)
		}
	}
	fork("hidden", true)
	fork("seen", false)
	if p = to.next(t, "fork").payload(t); p["forkee"].(map[string]any)["full_name"] != "bob/seen" {
		t.Errorf("fork: %v", p)
	}

	edit(repo.Patch{Archived: &yes})
	if p = to.next(t, "repository").payload(t); p["action"] != "archived" {
		t.Errorf("archived: %v", p)
	}
	edit(repo.Patch{Archived: &no})
	if p = to.next(t, "repository").payload(t); p["action"] != "unarchived" {
		t.Errorf("unarchived: %v", p)
	}
	for _, x := range delivered(t, s, h, 1) {
		if x.Code != 200 && x.Event != "fork" {
			t.Errorf("%s: %s", x.Event, x.Status)
		}
	}
}
