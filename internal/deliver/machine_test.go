package deliver_test

import (
	"fmt"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/httpkit"
	"jeton/internal/right"
	"jeton/internal/token"
)

// TestSender_machine: who pushed by a deploy token is a bot, and its addresses lead to it.
func TestSender_machine(t *testing.T) {
	t.Parallel()
	to := plainReceiver(t, nil)
	s := apptest.Start(t, loopback)
	ada := s.User(t, "ada")
	r := s.Repo(t, ada, "engine", false)
	hookUp(t, s, r, to.URL, "", "push")
	_, plain, err := s.Lifecycle.CreateDeployToken(t.Context(), owner(r), r.ID, token.NewDeploy{Note: "server", Permissions: right.ParseFine("contents=write")})
	if err != nil {
		t.Fatal(err)
	}
	g := clone(t, s, "x", plain.Reveal(), r)
	g.Commit(t, "file.txt", "text\n", "First")
	g.Run(t, "push", "-q", "origin", "HEAD:main")
	who := to.next(t, "push").payload(t)["sender"].(map[string]any)
	login, escaped := fmt.Sprintf("deploy-%d[bot]", r.ID), fmt.Sprintf("deploy-%d%%5Bbot%%5D", r.ID)
	if who["login"] != login || who["type"] != "Bot" || who["node_id"] != httpkit.NodeID("Bot", int64(who["id"].(float64))) ||
		who["url"] != s.URL()+"/api/v3/users/"+escaped || who["repos_url"] != s.URL()+"/api/v3/users/"+escaped+"/repos" || who["html_url"] != s.URL()+"/"+escaped {
		t.Errorf("who: %v", who)
	}
	if a := s.Do(t, "GET", "/api/v3/users/"+escaped, ""); a.StatusCode != 200 {
		t.Errorf("where that leads: %d %s", a.StatusCode, a.Text)
	}
}
