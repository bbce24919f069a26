package attack

import (
	"crypto/tls"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"jeton/internal/id"
	"jeton/internal/largefile"
	"jeton/internal/right"
	"jeton/internal/token"
)

// TestA17_ATransferIsForOneRepository: a transfer credential is good for one
// repository and one operation, and nowhere else.
func TestA17_ATransferIsForOneRepository(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	oid := s.hold(t, s.shut.ID, objectText)
	s.hold(t, s.open.ID, objectText)
	plain := s.token(t, s.ada, "all", "repo", "user", "delete_repo")
	_, objects := s.batch(t, "shut", "download", []string{objectText}, bearer(plain))
	down := objects[0].Actions["download"]
	_, objects = s.batch(t, "shut", "upload", []string{"new"}, bearer(plain))
	up, verify := objects[0].Actions["upload"], objects[0].Actions["verify"]
	for _, a := range []action{down, up, verify} {
		value := a.Header["Authorization"]
		if value == "" || strings.Contains(a.Href, value[20:]) || strings.Contains(value, plain) {
			t.Fatalf("the credential is no header's alone: %+v", a)
		}
	}
	want(t, "what it is for", s.Do(t, "GET", down.path(s), "", down.auth()), 200)

	newID := string(largefile.Sum([]byte("new")))
	want(t, "download with the upload's", s.Do(t, "GET", lfsPath("shut", "objects/"+oid), "", up.auth()), 401)
	want(t, "upload with the download's", s.Do(t, "PUT", lfsPath("shut", "objects/"+newID), "new", down.auth()), 401)
	want(t, "verify with the download's", s.Do(t, "POST", lfsPath("shut", "objects/"+oid+"/verify"), `{}`, down.auth(), lfsType), 401)
	want(t, "another repository's download", s.Do(t, "GET", lfsPath("open", "objects/"+oid), "", down.auth()), 401)
	want(t, "another repository's upload", s.Do(t, "PUT", lfsPath("open", "objects/"+newID), "new", up.auth()), 401)
	for _, one := range []action{down, up} {
		_, value, _ := strings.Cut(one.Header["Authorization"], " ")
		for name, header := range map[string]string{"as it is": one.auth(), "Bearer": bearer(value), "Basic": basic("ada", value), "as the user": basic(value, "x-oauth-basic"), "token": "Authorization: token " + value} {
			want(t, "a batch, "+name, s.Do(t, "POST", lfsPath("shut", "objects/batch"), `{"operation":"download","objects":[]}`, header, lfsType), 401)
			want(t, "locks, "+name, s.Do(t, "GET", lfsPath("shut", "locks"), "", header), 401)
			want(t, "git, "+name, s.Do(t, "GET", "/ada/shut.git"+refs, "", header), 401)
			want(t, "git on a public one, "+name, s.Do(t, "GET", "/ada/open.git"+refs, "", header), 401)
			want(t, "the API, "+name, s.Do(t, "GET", "/api/v3/user", "", header), 401)
			want(t, "a page, "+name, s.Do(t, "GET", "/ada/shut", "", header), 403)
		}
		want(t, "as a cookie", s.Do(t, "GET", "/ada/shut", "", cookie(value)), 404)
		want(t, "changed", s.Do(t, "GET", down.path(s), "", one.auth()[:len(one.auth())-2]+"AA"), 401)
	}
	want(t, "garbage", s.Do(t, "GET", down.path(s), "", "Authorization: RemoteAuth jeton-lfs-v1-"), 401)
}

// TestB14_ATransferEndsWithWhatItRestsOn: after a quarter of an hour at the
// latest, and at once with its token, its secret, its account, or the right.
func TestB14_ATransferEndsWithWhatItRestsOn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end   func(t *testing.T, s *scene, tok id.Token) error
		after int
	}{
		"time": {func(_ *testing.T, s *scene, _ id.Token) error { s.Advance(15*time.Minute + time.Second); return nil }, 401},
		"the token is revoked": {func(t *testing.T, s *scene, tok id.Token) error {
			_, err := s.Tokens.Revoke(t.Context(), right.Operator(), s.eve.ID, tok)
			return err
		}, 401},
		"the token has a new secret": {func(t *testing.T, s *scene, tok id.Token) error {
			_, _, err := s.Tokens.Regenerate(t.Context(), right.Operator(), s.eve.ID, tok, time.Time{})
			return err
		}, 401},
		"the account is suspended": {func(t *testing.T, s *scene, _ id.Token) error {
			return s.Lifecycle.SuspendAccount(t.Context(), right.Operator(), s.eve.ID)
		}, 403},
		"the collaborator is removed": {func(t *testing.T, s *scene, _ id.Token) error {
			return s.Repos.RemoveCollaborator(t.Context(), right.Operator(), s.shut.ID, s.eve.ID)
		}, 404},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.Share(t, s.shut, s.eve, right.Write)
			s.hold(t, s.shut.ID, objectText)
			tok, plain := s.Token(t, s.eve, "all", "repo")
			_, objects := s.batch(t, "shut", "download", []string{objectText}, bearer(plain))
			down := objects[0].Actions["download"]
			_, objects = s.batch(t, "shut", "upload", []string{"new"}, bearer(plain))
			up := objects[0].Actions["upload"]
			if down.ExpiresIn <= 0 || down.ExpiresIn > 900 || down.ExpiresAt.After(s.Now().Add(15*time.Minute)) {
				t.Errorf("it lives for %d seconds, until %v", down.ExpiresIn, down.ExpiresAt)
			}
			want(t, "before", s.Do(t, "GET", down.path(s), "", down.auth()), 200)
			if err := c.end(t, s, tok.ID); err != nil {
				t.Fatal(err)
			}
			want(t, "download", s.Do(t, "GET", down.path(s), "", down.auth()), c.after)
			want(t, "upload", s.Do(t, "PUT", up.path(s), "new", up.auth()), c.after)
			if s.held(t, s.shut.ID, "new") {
				t.Error("the upload was kept")
			}
		})
	}
}

// TestB14_AnExpiredTokenEndsItsTransfers: a token's end is the end of what was
// made from it, however soon that is.
func TestB14_AnExpiredTokenEndsItsTransfers(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.hold(t, s.shut.ID, objectText)
	_, plain := s.TokenUntil(t, s.ada, "short", s.Now().Add(5*time.Minute), "repo")
	_, objects := s.batch(t, "shut", "download", []string{objectText}, bearer(plain))
	down := objects[0].Actions["download"]
	want(t, "before", s.Do(t, "GET", down.path(s), "", down.auth()), 200)
	s.Advance(6 * time.Minute)
	want(t, "after", s.Do(t, "GET", down.path(s), "", down.auth()), 401)
}

// upload begins an upload that sends its last byte when it is told to, and
// returns what the server says.
func (s *scene) upload(t *testing.T, path, auth, content string) (finish func(), result <-chan string) {
	t.Helper()
	transport := s.Wire.Clone()
	transport.ForceAttemptHTTP2, transport.TLSNextProto = false, map[string]func(string, *tls.Conn) http.RoundTripper{}
	transport.TLSClientConfig.NextProtos = []string{"http/1.1"}
	t.Cleanup(transport.CloseIdleConnections)
	body, feed := io.Pipe()
	t.Cleanup(func() { _ = feed.Close() })
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.URL()+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = int64(len(content))
	name, value, _ := strings.Cut(auth, ": ")
	req.Header.Set(name, value)
	out := make(chan string, 1)
	go func() {
		resp, err := transport.RoundTrip(req)
		if err != nil {
			out <- err.Error()
			return
		}
		defer resp.Body.Close()
		out <- strconv.Itoa(resp.StatusCode)
	}()
	if _, err := feed.Write([]byte(content[:len(content)-1])); err != nil {
		t.Fatal(err)
	}
	return func() { _, _ = feed.Write([]byte(content[len(content)-1:])); _ = feed.Close() }, out
}

// TestB14_AnOpenUploadEnds: an upload whose token was revoked while it was sent
// keeps nothing, whichever credential it came with.
func TestB14_AnOpenUploadEnds(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"token", "transfer credential", "nothing is revoked", "another takes its name"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			plain := s.token(t, s.ada, "all", "repo")
			content := strings.Repeat("0123456789abcdef", 1<<14)
			_, objects := s.batch(t, "shut", "upload", []string{content}, bearer(plain))
			up := objects[0].Actions["upload"]
			auth := bearer(plain)
			if kind == "transfer credential" {
				auth = up.auth()
			}
			revoked := kind != "nothing is revoked"
			finish, result := s.upload(t, up.path(s), auth, content)
			switch kind {
			case "token", "transfer credential":
				if _, err := s.Tokens.RevokeAll(t.Context(), right.Operator(), s.ada.ID, token.Personal); err != nil {
					t.Fatal(err)
				}
			case "another takes its name":
				if _, err := s.Repos.Rename(t.Context(), right.Operator(), s.shut.ID, "gone"); err != nil {
					t.Fatal(err)
				}
				s.Repo(t, s.ada, "shut", true)
			}
			began := time.Now()
			go finish()
			select {
			case got := <-result:
				if (got == "200") == revoked {
					t.Errorf("the upload got %s", got)
				}
			case <-time.After(bound):
				t.Errorf("the upload goes on after %v", time.Since(began))
			}
			if kept := s.held(t, s.shut.ID, content); kept == revoked {
				t.Errorf("the upload was kept: %v", kept)
			}
			s.eventually(t, "the temporary file goes", func() bool { return len(s.unfinished(t)) == 0 })
		})
	}
}

// eventually waits for what happens after an answer.
func (s *scene) eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(bound); !f(); <-tick.C {
		if time.Now().After(end) {
			t.Error("not so: " + what)
			return
		}
	}
}
