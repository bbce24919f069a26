package oauth_test

import (
	"strings"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/org"
	"jeton/internal/right"
)

// TestOrg_apps: an organisation's applications are its owners', in person and after
// a recent sign-in, and end with it.
func TestOrg_apps(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	eve := w.User(t, "eve")
	acme := w.Org(t, w.bob, "acme")
	w.Join(t, acme, org.Member, w.ada)
	bob := w.Person(t, w.bob)
	const apps = "/organizations/acme/settings/applications"
	made := bob.Post(t, apps, values("name", "Acme wiki", "homepage", "https://acme.example.com", "callback", "https://acme.example.com/cb", "device_flow", "yes"))
	page := made.Header.Get("Location")
	if made.StatusCode != 303 || !strings.HasPrefix(page, apps+"/") {
		t.Fatalf("%d %s\n%.500s", made.StatusCode, page, made.Text)
	}
	has(t, bob.Get(t, apps).Text, "Acme wiki", apps+"/new")
	has(t, bob.Get(t, page).Text, `action="`+page+`/secrets"`)
	if text := bob.Get(t, "/settings/developers").Text; strings.Contains(text, "Acme wiki") {
		t.Error("it is listed among bob's own")
	}
	for who, p := range map[string]*apptest.Person{"a member": w.person, "a stranger": w.Person(t, eve)} {
		for _, path := range []string{apps, page, page + "/delete"} {
			if a := p.Get(t, path); a.StatusCode != 403 && a.StatusCode != 404 {
				t.Errorf("GET %s by %s: %d", path, who, a.StatusCode)
			}
		}
		for _, path := range []string{apps, page, page + "/secrets", page + "/delete", page + "/revoke_users"} {
			if a := p.Post(t, path, nil); a.StatusCode != 403 && a.StatusCode != 404 {
				t.Errorf("POST %s by %s: %d", path, who, a.StatusCode)
			}
		}
	}
	// One organisation's application is not under another's path, nor under a person's.
	w.Org(t, w.bob, "other")
	for _, path := range []string{strings.Replace(page, "acme", "other", 1), strings.Replace(page, "/organizations/acme", "", 1)} {
		if a := bob.Get(t, path); a.StatusCode != 404 {
			t.Errorf("GET %s: %d", path, a.StatusCode)
		}
	}

	bob.Post(t, page+"/secrets", nil)
	list, err := w.Apps.Owned(t.Context(), acme.ID)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	consent := w.person.Get(t, authorizeURL("client_id", list[0].ClientID, "scope", "repo"))
	has(t, consent.Text, "Authorize Acme wiki", `<a href="/acme">acme</a>`)
	access := w.OAuthToken(t, w.ada, list[0].ClientID, "repo")
	if !w.works(t, access) {
		t.Fatal("the token does not work")
	}
	if err := w.Lifecycle.DeleteOrg(t.Context(), right.Operator(), acme.ID); err != nil {
		t.Fatal(err)
	}
	if w.works(t, access) {
		t.Error("the token of a deleted organisation's application works")
	}
}
