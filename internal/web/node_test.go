package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/narrow"
	"jeton/internal/secret"
	"jeton/internal/token"
)

// TestNarrowed: limits and the tree of narrowed tokens, for either kind of token
// that people make, and for nobody else's.
func TestNarrowed(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	s.User(t, "eve")
	s.Repo(t, ada, "engine", true)
	classic, one := s.Token(t, ada, "laptop", "repo")
	fine, two := s.FineToken(t, ada, token.NewFine{Name: "build", Owner: ada.ID, Access: token.AllOf}, "contents=write")
	p, eve := signedIn(t, s, "ada"), signedIn(t, s, "eve")
	for plain, path := range map[string]string{one: fmt.Sprintf("/settings/tokens/%d", classic.ID), two: fmt.Sprintf("%s/%d", finePath, fine.ID)} {
		p.get(path).want(t, http.StatusOK, "None was used yet.")
		eve.get(path+"/limits").want(t, http.StatusNotFound)
		eve.post(path+"/limits", "read", "1").want(t, http.StatusNotFound)
		p.post(path+"/limits", "network", "192.0.2.0/24\r\nhere", "uses", "5", "read", "1").want(t, http.StatusUnprocessableEntity, "is not a network", "192.0.2.0/24 here")
		p.post(path+"/limits", "bytes", "-1").want(t, http.StatusUnprocessableEntity, "is not a number of megabytes")
		p.post(path+"/limits", "repo", strings.Repeat("ada/engine\n", 65)).want(t, http.StatusUnprocessableEntity, "between one value and 64")
		p.post(path+"/limits", "repo", " ada/engine \r\n\r\n", "push-ref", "refs/heads/x", "path", "docs/**", "fast-forward", "1", "bytes", "20").want(t, http.StatusSeeOther)
		p.get(path).want(t, http.StatusOK, "only ada/engine", "moves only refs/heads/x", "pushes change only docs/**", "20000000 bytes")
		p.get(path+"/limits").want(t, http.StatusOK, "ada/engine", "docs/**")
		p.post(path+"/limits").want(t, http.StatusSeeOther)
		p.get(path).want(t, http.StatusOK, "None.")

		n := narrow.NewNode()
		child, err := narrow.Cut(secret.New(plain), n, "<b>ci", "read")
		if err != nil {
			t.Fatal(err)
		}
		if got := bearerOf(t, s, child.Reveal(), "/api/v3/repos/ada/engine"); got != http.StatusOK {
			t.Fatal(got)
		}
		if err := s.Tokens.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.get(path).want(t, http.StatusOK, "<b>ci", n.String(), "reads, and changes nothing", "Live")
		eve.post(path+"/nodes/"+n.String()+"/revoke").want(t, http.StatusNotFound)
		p.post(path+"/nodes/"+strings.ToUpper(n.String())+"x/revoke").want(t, http.StatusNotFound)
		if got := bearerOf(t, s, child.Reveal(), "/api/v3/repos/ada/engine"); got != http.StatusOK {
			t.Errorf("somebody else, or nobody, ended it: %d", got)
		}
		p.post(path+"/nodes/"+n.String()+"/revoke").want(t, http.StatusSeeOther)
		if got := bearerOf(t, s, child.Reveal(), "/api/v3/repos/ada/engine"); got != http.StatusUnauthorized {
			t.Errorf("after its end: %d", got)
		}
		if got := bearerOf(t, s, plain, "/api/v3/repos/ada/engine"); got != http.StatusOK {
			t.Errorf("the token itself: %d", got)
		}
		p.get(path).want(t, http.StatusOK, "Revoked")
	}
	// The one kind's pages are not the other's.
	p.post(fmt.Sprintf("/settings/tokens/%d/limits", fine.ID), "read", "1").want(t, http.StatusNotFound)
	if got, err := s.Tokens.ByID(t.Context(), ada.ID, fine.ID); err != nil || len(got.Limits) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}
