package attack

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/id"
	"jeton/internal/largefile"
	"jeton/internal/narrow"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/token"
)

// bound is how long a clone or push may go on after what it rests on was taken
// away. New requests are refused at once.
const bound = 5 * time.Second

func pkt(s string) string { return fmt.Sprintf("%04x%s", len(s)+4, s) }

// large puts a file into the repository that no buffer between the server and a
// client holds.
func (s *scene) large(t *testing.T, r repo.Repo) (head string, size int) {
	t.Helper()
	size = 12 << 20
	noise := make([]byte, size)
	_, _ = rand.Read(noise)
	g := s.Git(t, "", "")
	g.Config = []string{"core.compression=0"}
	g.Run(t, "init", "-q")
	g.Commit(t, "noise", string(noise), "A large file")
	g.Run(t, "push", "-qf", s.dir(r.ID), "HEAD:main")
	return g.Run(t, "rev-parse", "HEAD"), size
}

// underWay begins a clone and returns its answer after the first bytes of it.
func (s *scene) underWay(t *testing.T, path, head string, headers ...string) *http.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	body := pkt("command=fetch") + "0001" + pkt("want "+head+"\n") + pkt("done\n") + "0000"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL()+path+"/git-upload-pack", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-git-upload-pack-request")
	req.Header.Set("Git-Protocol", "version=2")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := s.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	if _, err := io.CopyN(io.Discard, resp.Body, 64<<10); err != nil || resp.StatusCode != 200 {
		t.Fatalf("the clone does not begin: %d, %v", resp.StatusCode, err)
	}
	return resp
}

// slowLine is a client's that takes 64 KiB at a time: on this machine alone a
// whole clone can be over before anybody was asked anything.
type slowLine struct {
	io.Reader
	tick *time.Ticker
}

// Read implements io.Reader.
func (l *slowLine) Read(b []byte) (int, error) {
	<-l.tick.C
	return l.Reader.Read(b[:min(len(b), 64<<10)])
}

// narrowed is a token that was narrowed twice.
func narrowed(t *testing.T, _ *scene, plain string) string {
	t.Helper()
	out := secret.New(plain)
	for range 2 {
		var err error
		if out, err = narrow.Cut(out, narrow.NewNode(), "", "repo\nada/shut"); err != nil {
			t.Fatal(err)
		}
	}
	return out.Reveal()
}

// tokenOf is the number of the account's only token.
func (s *scene) tokenOf(t *testing.T, a account.Account) id.Token {
	t.Helper()
	list, err := s.Tokens.List(t.Context(), a.ID, token.Personal)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d tokens, %v", len(list), err)
	}
	return list[0].ID
}

// cause is why something that is under way must end.
type cause struct {
	path  string // of the repository that eve uses
	end   func(t *testing.T, s *scene, plain string) error
	after int                                               // what a new request gets
	from  func(t *testing.T, s *scene, plain string) string // the token that is used; nil: as it was made
}

var causes = map[string]cause{
	"the token is revoked": {"/ada/shut", func(t *testing.T, s *scene, _ string) error {
		_, err := s.Tokens.RevokeAll(t.Context(), right.Operator(), s.eve.ID, token.Personal)
		return err
	}, 401, nil},
	"the account is suspended": {"/ada/shut", func(t *testing.T, s *scene, _ string) error {
		return s.Lifecycle.SuspendAccount(t.Context(), right.Operator(), s.eve.ID)
	}, 403, nil},
	"the collaborator is removed": {"/ada/shut", func(t *testing.T, s *scene, _ string) error {
		return s.Repos.RemoveCollaborator(t.Context(), right.Operator(), s.shut.ID, s.eve.ID)
	}, 404, nil},
	"the repository is made private": {"/ada/open", func(t *testing.T, s *scene, _ string) error {
		_, err := s.Lifecycle.EditRepo(t.Context(), right.Operator(), s.open, repo.Patch{Private: new(true)})
		return err
	}, 404, nil},
	"the token's account leaves the organization": {"/works/shut", func(t *testing.T, s *scene, _ string) error {
		works, err := s.Accounts.ByLogin(t.Context(), s.DB, "works")
		if err != nil {
			return err
		}
		return s.Lifecycle.RemoveMember(t.Context(), right.Operator(), works.ID, s.eve.ID, false)
	}, 404, inWorks},
	"the token gets another network": {"/ada/shut", func(t *testing.T, s *scene, _ string) error {
		_, err := s.Tokens.SetLimits(t.Context(), right.Operator(), s.eve.ID, s.tokenOf(t, s.eve), []right.Limit{{Name: right.LimitNetworks, Values: []string{"192.0.2.0/24"}}})
		return err
	}, 403, nil},
	"the root of a narrowed token is revoked": {"/ada/shut", func(t *testing.T, s *scene, _ string) error {
		_, err := s.Tokens.RevokeAll(t.Context(), right.Operator(), s.eve.ID, token.Personal)
		return err
	}, 401, narrowed},
	"the parent of a narrowed token is revoked": {"/ada/shut", func(t *testing.T, s *scene, plain string) error {
		chain, err := narrow.Parse(secret.New(plain))
		if err != nil {
			return err
		}
		return s.Tokens.RevokeNode(t.Context(), right.Operator(), s.eve.ID, s.tokenOf(t, s.eve), chain.Steps()[0].Node.String())
	}, 401, narrowed},
}

// everyCause is all of them, with those that are policies.
func everyCause() map[string]cause {
	out := maps.Clone(causes)
	maps.Copy(out, policyCauses)
	return out
}

// TestB8_AnOpenCloneEnds: whatever a clone rests on, the clone ends soon after it
// is taken away, without the rest; and what comes next is refused at once.
func TestB8_AnOpenCloneEnds(t *testing.T) {
	t.Parallel()
	for name, c := range everyCause() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.Share(t, s.shut, s.eve, right.Read)
			which := s.shut
			if c.path == "/ada/open" {
				which = s.open
			}
			head, size := s.large(t, which)
			plain := s.token(t, s.eve, "clone", "repo")
			if c.from != nil {
				plain = c.from(t, s, plain)
			}
			resp := s.underWay(t, c.path, head, bearer(plain))
			if err := c.end(t, s, plain); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			want(t, "a new request", s.Do(t, "GET", c.path+".git"+refs, "", bearer(plain)), c.after)
			n, err := io.Copy(io.Discard, &slowLine{resp.Body, time.NewTicker(5 * time.Millisecond)})
			if err == nil || n >= int64(size)-(64<<10) {
				t.Errorf("the clone went on to its end: %d bytes, %v", n, err)
			}
			if took := time.Since(began); took > bound {
				t.Errorf("the clone went on for %v", took)
			}
		})
	}
}

// TestB8_AStalledCloneEnds: a client that reads nothing holds nothing either.
func TestB8_AStalledCloneEnds(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	head, _ := s.large(t, s.shut)
	plain := s.token(t, s.ada, "clone", "repo")
	resp := s.underWay(t, "/ada/shut", head, bearer(plain))
	if _, err := s.Tokens.RevokeAll(t.Context(), right.Operator(), s.ada.ID, token.Personal); err != nil {
		t.Fatal(err)
	}
	// The request's line is written to the log when the server is done with it.
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	end := time.Now().Add(bound)
	for !strings.Contains(s.Log.String(), "path=/ada/shut/git-upload-pack") {
		if time.Now().After(end) {
			t.Fatal("the server still serves a client that does not read")
		}
		<-tick.C
	}
	_ = resp.Body.Close()
}

// openPush begins a push, and returns what sends its end, and what it gets.
func (s *scene) openPush(t *testing.T, path, plain, whole string) (finish func(), result <-chan string) {
	t.Helper()
	body, feed := io.Pipe()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL()+path+"/git-receive-pack", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-git-receive-pack-request")
	req.Header.Set("Authorization", "Bearer "+plain)
	got := make(chan string, 1)
	go func() {
		resp, err := s.Client.Do(req)
		if err != nil {
			got <- "cut"
			return
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		got <- resp.Status + string(text)
	}()
	if _, err := io.WriteString(feed, whole[:len(whole)-20]); err != nil {
		t.Fatal(err)
	}
	return func() {
		_, _ = io.WriteString(feed, whole[len(whole)-20:])
		_ = feed.Close()
	}, got
}

// TestB9_AnOpenPushEnds: a push whose token was revoked while it sent its pack
// moves nothing.
func TestB9_AnOpenPushEnds(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	plain := s.token(t, s.ada, "push", "repo")
	finish, result := s.openPush(t, "/ada/open", plain, pushOf(zeroID, s.head, "refs/heads/late"))
	// The bytes were taken, so the request is under way: its credential was good.
	if _, err := s.Tokens.RevokeAll(t.Context(), right.Operator(), s.ada.ID, token.Personal); err != nil {
		t.Fatal(err)
	}
	finish()
	select {
	case got := <-result:
		if strings.Contains(got, "ok refs/heads/late") {
			t.Errorf("the push went through: %q", got)
		}
	case <-time.After(bound + 10*time.Second):
		t.Error("the push still runs")
	}
	if at := s.at(t, s.dir(s.open.ID), "refs/heads/late"); at != "" {
		t.Errorf("the ref is at %s", at)
	}
	want(t, "a new request", s.Do(t, "GET", "/ada/open.git"+packs, "", bearer(plain)), 401)
}

// TestB9_NothingUnderWayOutlives: whatever a push, an upload to Git LFS or an archive
// by the API rests on, it ends soon after that is taken away, and leaves nothing.
func TestB9_NothingUnderWayOutlives(t *testing.T) {
	t.Parallel()
	for name, c := range everyCause() {
		if c.path == "/ada/open" {
			continue // what everybody reads, and nobody but its owner writes
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.Share(t, s.shut, s.eve, right.Write)
			head, size := s.large(t, s.shut)
			plain := s.token(t, s.eve, "all", "repo")
			if c.from != nil {
				plain = c.from(t, s, plain)
			}
			link := s.Do(t, "GET", "/api/v3/repos"+c.path+"/tarball", "", bearer(plain)).Header.Get("Location")
			archive := s.begin(t, strings.TrimPrefix(link, s.URL()), plain)
			content := strings.Repeat("0123456789abcdef", 1<<14)
			finish, uploaded := s.upload(t, c.path+".git/info/lfs/objects/"+string(largefile.Sum([]byte(content))), bearer(plain), content)
			push, pushed := s.openPush(t, c.path, plain, pushOf(zeroID, head, "refs/heads/late"))
			if err := c.end(t, s, plain); err != nil {
				t.Fatal(err)
			}
			go push()
			go finish()
			n, err := io.Copy(io.Discard, &slowLine{archive, time.NewTicker(5 * time.Millisecond)})
			if err == nil || n >= int64(size)-(64<<10) {
				t.Errorf("the archive went on to its end: %d bytes, %v", n, err)
			}
			for what, result := range map[string]<-chan string{"the upload": uploaded, "the push": pushed} {
				select {
				case got := <-result:
					if got == "200" || strings.Contains(got, "ok refs/heads/late") {
						t.Errorf("%s went through: %q", what, got)
					}
				case <-time.After(bound + 10*time.Second):
					t.Errorf("%s still runs", what)
				}
			}
			if at := s.at(t, s.dir(s.shut.ID), "refs/heads/late"); at != "" || s.held(t, s.shut.ID, content) {
				t.Errorf("the ref is at %q; the upload was kept: %v", at, s.held(t, s.shut.ID, content))
			}
		})
	}
}

// begin asks for something and returns the answer after its first bytes.
func (s *scene) begin(t *testing.T, path, plain string) io.Reader {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+plain)
	resp, err := s.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	if _, err := io.CopyN(io.Discard, resp.Body, 64<<10); err != nil || resp.StatusCode != 200 {
		t.Fatalf("%s does not begin: %d, %v", path, resp.StatusCode, err)
	}
	return resp.Body
}
