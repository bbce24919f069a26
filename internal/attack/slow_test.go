package attack

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/httpkit"
	"jeton/internal/org"
	"jeton/internal/right"
)

// dribble sends a request whose body comes only after the server has begun to wait
// for it, and something has happened meanwhile.
func dribble(t *testing.T, s *apptest.Server, method, path, kind, body string, headers []string, meanwhile func()) int {
	t.Helper()
	u, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	authority, err := os.ReadFile(s.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	raw, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Address())
	if err != nil {
		t.Fatal(err)
	}
	conn := tls.Client(raw, &tls.Config{RootCAs: pool, ServerName: u.Hostname(), NextProtos: []string{"http/1.1"}})
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n", method, path, u.Host, kind, len(body))
	if _, err := fmt.Fprint(conn, head+strings.Join(headers, "\r\n")+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	first, err := in.ReadString('\n')
	if err != nil || !strings.Contains(first, " 100 ") {
		t.Fatalf("%s %s: the server did not wait for the body: %q, %v", method, path, first, err)
	}
	meanwhile()
	if _, err := fmt.Fprint(conn, body); err != nil {
		t.Fatal(err)
	}
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// TestB1_ASlowBody: who is let in and then keeps the body back acts by no right
// that was taken away before it came.
func TestB1_ASlowBody(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob, eve := s.User(t, "ada"), s.User(t, "bob"), s.User(t, "eve")
	o := s.Org(t, ada, "acme")
	shut := s.Repo(t, ada, "shut", true)
	private := func() bool {
		t.Helper()
		f, err := s.Repos.Find(t.Context(), s.DB, "ada", "shut", ada.ID)
		if err != nil {
			t.Fatal(err)
		}
		return f.Private && !f.Archived
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	const object, form = "application/json", "application/x-www-form-urlencoded"
	_, narrow := s.Token(t, eve, "narrow", "repo")
	s.Share(t, shut, eve, right.Admin)
	code := dribble(t, s, "PATCH", "/api/v3/repos/ada/shut", object, `{"private":false}`, []string{"Authorization: token " + narrow}, func() {
		do(s.Repos.RemoveCollaborator(t.Context(), right.Operator(), shut.ID, eve.ID))
	})
	if code != 404 || !private() {
		t.Errorf("a collaborator who was removed made it public: %d", code)
	}
	for name, c := range map[string]struct{ method, path, body string }{
		"REST":    {"PATCH", "/api/v3/repos/ada/shut", `{"private":false}`},
		"GraphQL": {"POST", "/api/graphql", `{"query":"mutation{archiveRepository(input:{repositoryId:\"` + httpkit.NodeID("Repository", int64(shut.ID)) + `\"}){repository{name}}}"}`},
	} {
		tok, plain := s.Token(t, ada, name, "repo")
		code := dribble(t, s, c.method, c.path, object, c.body, []string{"Authorization: token " + plain}, func() {
			_, err := s.Tokens.Revoke(t.Context(), right.Operator(), ada.ID, tok.ID)
			do(err)
		})
		if code != 401 || !private() {
			t.Errorf("%s: a token that was revoked changed it: %d", name, code)
		}
	}
	_, wide := s.Token(t, eve, "wide", "admin:org")
	s.Join(t, o, org.Owner, eve)
	s.Join(t, o, org.Member, bob)
	code = dribble(t, s, "PUT", "/api/v3/orgs/acme/memberships/bob", object, `{"role":"admin"}`, []string{"Authorization: token " + wide}, func() {
		do(s.Lifecycle.RemoveMember(t.Context(), right.Operator(), o.ID, eve.ID, false))
	})
	if m, err := s.Orgs.Membership(t.Context(), s.DB, o.ID, bob.ID); err != nil || m.Role != org.Member || code != 403 {
		t.Errorf("an owner who was removed made another one: %d, %v, %v", code, m.Role, err)
	}
	session := s.Session(t, ada)
	code = dribble(t, s, "POST", "/settings/profile", form, url.Values{"name": {"Somebody Else"}}.Encode(), []string{"Sec-Fetch-Site: same-origin", "Cookie: __Host-session=" + session.Reveal()}, func() {
		one, err := s.Signin.Session(t.Context(), session)
		do(err)
		do(s.Signin.EndSession(t.Context(), right.Operator(), ada.ID, one.ID))
	})
	if now, err := s.Accounts.ByID(t.Context(), s.DB, ada.ID); err != nil || now.Name == "Somebody Else" || code != 303 {
		t.Errorf("a session that had ended changed the profile: %d, %v", code, err)
	}
}

// TestB1_ASlowLock: the same for the locks of Git LFS.
func TestB1_ASlowLock(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "shut", true)
	tok, plain := s.Token(t, ada, "laptop", "repo")
	code := dribble(t, s, "POST", "/ada/shut.git/info/lfs/locks", "application/vnd.git-lfs+json", `{"path":"a.bin"}`, []string{"Accept: application/vnd.git-lfs+json", "Authorization: Bearer " + plain}, func() {
		if _, err := s.Tokens.Revoke(t.Context(), right.Operator(), ada.ID, tok.ID); err != nil {
			t.Fatal(err)
		}
	})
	if code != 401 {
		t.Errorf("a token that was revoked locked a file: %d", code)
	}
}
