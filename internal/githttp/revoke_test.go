package githttp_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/id"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/token"
)

// slowPush begins a push whose body stops in the middle, when more has come than
// is kept in memory, and returns how it ends: the status and text, or the error
// of the connection.
func slowPush(t *testing.T, s *apptest.Server, path, plain string) (end <-chan string, began <-chan struct{}) {
	t.Helper()
	body, feed := io.Pipe()
	t.Cleanup(func() { _ = feed.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "POST", s.URL()+path+"/git-receive-pack", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+plain)
	req.Header.Set("Content-Type", "application/x-git-receive-pack-request")
	result, started := make(chan string, 1), make(chan struct{})
	go func() {
		resp, err := s.Client.Do(req)
		if err != nil {
			result <- "cut: " + err.Error()
			return
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			text = append(text, (" cut: " + err.Error())...)
		}
		result <- resp.Status + " " + string(text)
	}()
	go func() {
		defer close(started)
		line := strings.Repeat("0", 40) + " " + strings.Repeat("1", 40) + " refs/heads/main\x00report-status side-band-64k"
		// A blob of 4 MiB, as it is and not yet at its end.
		entry := []byte{0xb0, 0x80, 0x80, 0x10}
		var z bytes.Buffer
		w, _ := zlib.NewWriterLevel(&z, zlib.NoCompression)
		_, _ = w.Write(make([]byte, 3<<20))
		_ = w.Flush()
		_, _ = io.WriteString(feed, pkt(line)+"0000PACK\x00\x00\x00\x02\x00\x00\x00\x01"+string(entry)+z.String())
	}()
	return result, started
}

func pkt(s string) string {
	const hex = "0123456789abcdef"
	n := len(s) + 4
	return string([]byte{hex[n>>12&15], hex[n>>8&15], hex[n>>4&15], hex[n&15]}) + s
}

// TestRevoked_underWay: whatever ends a credential or an access ends a push
// that is under way, and nothing of it arrives.
func TestRevoked_underWay(t *testing.T) {
	t.Parallel()
	type world struct {
		*apptest.Server
		ada, ben account.Account
		repo     repo.Repo
		tok      id.Token
		old      string // the secret before that of the push
	}
	ends := map[string]func(t *testing.T, w world) error{
		"the token is revoked": func(t *testing.T, w world) error {
			_, err := w.Tokens.Revoke(t.Context(), right.Operator(), w.ben.ID, w.tok)
			return err
		},
		"the scope is taken away": func(t *testing.T, w world) error {
			_, err := w.Tokens.Update(t.Context(), right.Operator(), w.ben.ID, w.tok, "x", 0)
			return err
		},
		"the secret is regenerated": func(t *testing.T, w world) error {
			_, _, err := w.Tokens.Regenerate(t.Context(), right.Operator(), w.ben.ID, w.tok, time.Time{})
			return err
		},
		"the old secret of a rotation ends": func(t *testing.T, w world) error {
			if _, err := w.Tokens.Rotate(t.Context(), right.Operator(), w.ben.ID, w.tok, token.Rotation{Window: time.Hour}); err != nil {
				return err
			}
			_, err := w.Tokens.EndOld(t.Context(), right.Operator(), w.ben.ID, w.tok)
			return err
		},
		"the token is frozen": func(t *testing.T, w world) error {
			w.Advance(25 * time.Hour)
			if a := w.Do(t, "GET", "/api/v3/user", "", "Authorization: Bearer "+w.old); a.StatusCode != 401 || !strings.Contains(a.Text, "frozen") {
				t.Errorf("the old secret gives %d %s", a.StatusCode, a.Text)
			}
			return nil
		},
		"the account is suspended": func(t *testing.T, w world) error {
			return w.Lifecycle.SuspendAccount(t.Context(), right.Operator(), w.ben.ID)
		},
		"the collaborator is removed": func(t *testing.T, w world) error {
			return w.Repos.RemoveCollaborator(t.Context(), right.Operator(), w.repo.ID, w.ben.ID)
		},
		"the access ends, and the name is another's": func(t *testing.T, w world) error {
			if _, err := w.Repos.Rename(t.Context(), right.Operator(), w.repo.ID, "motor"); err != nil {
				return err
			}
			w.Share(t, w.Repo(t, w.ada, "engine", true), w.ben, right.Write)
			return w.Repos.RemoveCollaborator(t.Context(), right.Operator(), w.repo.ID, w.ben.ID)
		},
		"the repository is archived": func(t *testing.T, w world) error {
			_, err := w.Repos.SetArchived(t.Context(), right.Operator(), w.repo.ID, true)
			return err
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world{Server: apptest.Start(t)}
			w.ada, w.ben = w.User(t, "ada"), w.User(t, "ben")
			w.repo = w.Repo(t, w.ada, "engine", true)
			w.Share(t, w.repo, w.ben, right.Write)
			tok, plain := w.Token(t, w.ben, "x", "repo")
			w.tok = tok.ID
			if name == "the token is frozen" {
				done, err := w.Tokens.Rotate(t.Context(), right.Operator(), w.ben.ID, w.tok, token.Rotation{Window: time.Hour})
				if err != nil {
					t.Fatal(err)
				}
				w.old, plain = plain, done.Plain.Reveal()
			}
			result, began := slowPush(t, w.Server, "/ada/engine", plain)
			<-began
			waitForQuarantine(t, w.Server)
			if err := end(t, w); err != nil {
				t.Fatal(err)
			}
			select {
			case got := <-result:
				if strings.Contains(got, "ok refs/heads/main") {
					t.Errorf("the push went through: %q", got)
				}
			case <-time.After(3 * time.Second):
				t.Error("the push still runs three seconds later")
			}
			if refs, err := w.Core.Git.Repo(w.repo.ID).Refs(t.Context()); err != nil || !refs.Empty() {
				t.Errorf("refs after the refused push: %v, %v", refs.All(), err)
			}
		})
	}
}

// waitForQuarantine returns once the server has begun to take in the pack.
func waitForQuarantine(t *testing.T, s *apptest.Server) {
	t.Helper()
	end := time.Now().Add(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for time.Now().Before(end) {
		found, err := filepath.Glob(filepath.Join(s.Config.Repositories(), "*", "*.git", "objects", "incoming-*"))
		if err != nil {
			t.Fatal(err)
		}
		if len(found) > 0 {
			return
		}
		<-tick.C
	}
	entries, _ := os.ReadDir(s.Config.Repositories())
	t.Fatalf("no push began; the store holds %v", entries)
}
