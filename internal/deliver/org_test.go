package deliver_test

import (
	"strings"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/org"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// An organisation's repository is told of with its organisation, and a webhook of
// somebody who left it stops.
func TestOrganization(t *testing.T) {
	t.Parallel()
	to := plainReceiver(t, nil)
	s := apptest.Start(t, loopback)
	ada, bob, carol := s.User(t, "ada"), s.User(t, "bob"), s.User(t, "carol")
	acme, err := s.Orgs.Create(t.Context(), right.Operator(), "acme", "Acme", ada.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Orgs.SetRole(t.Context(), right.Operator(), acme.ID, bob.ID, org.Owner); err != nil {
		t.Fatal(err)
	}
	r, err := s.Lifecycle.CreateRepo(t.Context(), right.Operator(), repo.NewRepo{Owner: acme.ID, Name: "engine", Private: true})
	if err != nil {
		t.Fatal(err)
	}
	h := hookBy(t, s, right.Actor{Account: bob.ID, Login: "bob"}, r, to.URL, "", "member")
	if p := to.next(t, "ping").payload(t); p["organization"].(map[string]any)["login"] != "acme" || p["repository"].(map[string]any)["owner"].(map[string]any)["type"] != "Organization" {
		t.Errorf("%v", p)
	}
	if err := s.Lifecycle.RemoveMember(t.Context(), right.Actor{Account: ada.ID, Login: "ada"}, acme.ID, bob.ID, false); err != nil {
		t.Fatal(err)
	}
	before := len(delivered(t, s, h, 1))
	s.Share(t, r, carol, right.Read)
	if x := delivered(t, s, h, before+1)[0]; x.Code != 0 || !strings.HasPrefix(x.Status, "stopped: ") {
		t.Errorf("%d %s", x.Code, x.Status)
	}
	to.none(t)
}
