package web_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/right"
)

// TestMedia_ends: a download of a large file, in Git LFS or not, ends with what let
// it begin.
func TestMedia_ends(t *testing.T) {
	t.Parallel()
	const size = 48 << 20 // more than what lies on the way
	content := strings.Repeat("0123456789abcdef", size/16)
	sum := sha256.Sum256([]byte(content))
	oid := hex.EncodeToString(sum[:])
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	shut := s.Repo(t, ada, "shut", true)
	s.Share(t, shut, bob, right.Read)
	_, plain := s.Token(t, ada, "laptop", "repo")
	if a := s.Do(t, "PUT", "/ada/shut.git/info/lfs/objects/"+oid, content, "Authorization: Bearer "+plain); a.StatusCode != 200 {
		t.Fatal(a.Text)
	}
	g := s.Git(t, "ada", plain)
	g.Run(t, "clone", "-q", s.URL()+"/ada/shut.git", "shut")
	g.In("shut").Commit(t, "large.bin", fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", oid, size), "A pointer")
	g.In("shut").Commit(t, "plain.bin", content[:size/2], "A file of git's")
	g.In("shut").Run(t, "push", "-q", "origin", "HEAD:main")
	names := []string{"nothing", "the session ends", "the access ends"}
	ends := map[string]func() error{
		"nothing": func() error { return nil },
		"the session ends": func() error {
			list, err := s.Signin.ListSessions(t.Context(), bob.ID)
			for _, one := range list {
				err = errors.Join(err, s.Signin.EndSession(t.Context(), right.Operator(), bob.ID, one.ID))
			}
			return err
		},
		"the access ends": func() error { return s.Repos.RemoveCollaborator(t.Context(), right.Operator(), shut.ID, bob.ID) },
	}
	for i := range 2 * len(names) {
		name, raw := names[i/2], i%2 == 1
		end := ends[name]
		s.Share(t, shut, bob, right.Read)
		p := signedIn(t, s, "bob")
		path, left := "/ada/shut/media/main/large.bin", size-1
		if raw {
			path, left = "/ada/shut/raw/main/plain.bin", len(content)/2-1
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := p.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(resp.Body, make([]byte, 1)); err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s: %s, %v", name, resp.Status, err)
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		n, err := io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if whole := err == nil && n == int64(left); whole != (name == "nothing") {
			t.Errorf("%s: %d more bytes came, %v, in %v", name, n, err, time.Since(began))
		}
	}
}
