package deliver_test

import (
	"crypto/sha256"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/config"
	"jeton/internal/hook"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/secret"
)

// B12: a webhook tells no more than whoever saved it may see at this moment.
func TestStopped(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testing.T, *world){
		"removed": func(t *testing.T, w *world) {
			w.do(t, w.s.Repos.RemoveCollaborator(t.Context(), owner(w.r), w.r.ID, w.bob.Account))
		},
		"demoted": func(t *testing.T, w *world) {
			w.do(t, w.s.Repos.SetCollaborator(t.Context(), owner(w.r), w.r.ID, w.bob.Account, right.Write))
		},
		"suspended": func(t *testing.T, w *world) {
			w.do(t, w.s.Lifecycle.SuspendAccount(t.Context(), right.Operator(), w.bob.Account))
		},
		"deleted": func(t *testing.T, w *world) {
			w.do(t, w.s.Lifecycle.DeleteAccount(t.Context(), right.Operator(), w.bob.Account, 0))
		},
		"archived": func(t *testing.T, w *world) {
			_, err := w.s.Repos.SetArchived(t.Context(), owner(w.r), w.r.ID, true)
			w.do(t, err)
		},
		"switched":    func(t *testing.T, w *world) { w.off(t) },
		"transferred": func(t *testing.T, w *world) { w.hand(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			end(t, w)
			before := len(delivered(t, w.s, w.h, 1))
			w.say(t)
			if name == "switched" {
				if n, err := w.s.Hooks.Waiting(t.Context(), w.s.DB, w.h.ID); err != nil || n != 0 {
					t.Errorf("%d wait, %v", n, err)
				}
			} else if x := delivered(t, w.s, w.h, before+1)[0]; x.Code != 0 || !strings.HasPrefix(x.Status, "stopped: ") {
				t.Errorf("%d %s", x.Code, x.Status)
			}
			for {
				select {
				case g := <-w.to.came:
					if g.Get("X-GitHub-Event") == "member" && strings.Contains(string(g.body), "carol") {
						t.Errorf("%s was sent", g.Get("X-GitHub-Event"))
					}
					continue
				default:
				}
				break
			}
		})
	}
}

// world is ada's repository with a webhook of bob's, who administers it too.
type world struct {
	s   *apptest.Server
	to  *receiver
	r   repo.Repo
	bob right.Actor
	h   hook.Hook
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{to: plainReceiver(t, nil)}
	w.s = apptest.Start(t, loopback)
	bob := w.s.User(t, "bob")
	w.s.User(t, "carol")
	w.s.User(t, "dan")
	w.r = w.s.Repo(t, w.s.User(t, "ada"), "engine", true)
	w.s.Share(t, w.r, bob, right.Admin)
	w.bob = right.Actor{Account: bob.ID, Login: bob.Login}
	w.h = hookBy(t, w.s, w.bob, w.r, w.to.URL, "", "member")
	w.to.next(t, "ping")
	return w
}

func (w *world) do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) off(t *testing.T) {
	t.Helper()
	no := false
	_, err := w.s.Hooks.Update(t.Context(), w.bob, place(w.r), w.h.ID, hook.Patch{Active: &no})
	w.do(t, err)
}

// hand gives the repository to dan: bob keeps what he had as a collaborator, so it
// is a webhook of ada's that stops.
func (w *world) hand(t *testing.T) {
	t.Helper()
	_, err := w.s.Hooks.Update(t.Context(), owner(w.r), place(w.r), w.h.ID, hook.Patch{})
	w.do(t, err)
	_, _, err = w.s.Lifecycle.TransferRepo(t.Context(), right.Operator(), w.r.ID, "dan", "")
	w.do(t, err)
}

// say has something happen that the webhook would tell.
func (w *world) say(t *testing.T) {
	t.Helper()
	carol, err := w.s.Accounts.ByLogin(t.Context(), w.s.DB, "carol")
	w.do(t, err)
	w.do(t, w.s.Repos.SetCollaborator(t.Context(), right.Operator(), w.r.ID, carol.ID, right.Read))
}

// What is taken away while a delivery is under way leaves nothing behind, and what
// is changed counts for the next.
func TestWhileDelivering(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	to := plainReceiver(t, func(w http.ResponseWriter, n int) {
		if n == 1 {
			<-hold
		}
	})
	s := apptest.Start(t, loopback)
	ada := s.User(t, "ada")
	r := s.Repo(t, ada, "engine", true)
	h := hookUp(t, s, r, to.URL, "the first", "member")
	to.next(t, "ping")
	// It waits behind the ping, and is signed with what is the secret then.
	s.Share(t, r, s.User(t, "bob"), right.Read)
	key := secret.New("the second")
	if _, err := s.Hooks.Update(t.Context(), owner(r), place(r), h.ID, hook.Patch{Secret: &key}); err != nil {
		t.Fatal(err)
	}
	close(hold)
	came := to.next(t, "member")
	if came.Get("X-Hub-Signature-256") != "sha256="+sign(sha256.New, "the second", came.body) {
		t.Error("the delivery is signed with another secret than that of now")
	}
}

func TestDeletedWhileDelivering(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"hook", "repository"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			hold := make(chan struct{})
			to := plainReceiver(t, func(http.ResponseWriter, int) { <-hold })
			s := apptest.Start(t, loopback)
			r := s.Repo(t, s.User(t, "ada"), "engine", true)
			h := hookUp(t, s, r, to.URL, "", "member")
			to.next(t, "ping")
			s.Share(t, r, s.User(t, "bob"), right.Read) // waits
			var err error
			if what == "hook" {
				err = s.Hooks.Delete(t.Context(), owner(r), place(r), h.ID)
			} else {
				err = s.Lifecycle.DeleteRepo(t.Context(), owner(r), r.ID)
			}
			if err != nil {
				t.Fatal(err)
			}
			close(hold)
			// Another repository's webhook goes on, and nothing of the first is left.
			other := s.Repo(t, s.User(t, "carol"), "other", true)
			next := hookUp(t, s, other, to.URL+"/other", "", "member")
			delivered(t, s, next, 1)
			if list, err := s.Hooks.Deliveries(t.Context(), s.DB, h.ID, 0, 10, nil); err != nil || len(list) != 0 {
				t.Errorf("%d deliveries are left, %v", len(list), err)
			}
			if n, err := s.Hooks.Waiting(t.Context(), s.DB, h.ID); err != nil || n != 0 {
				t.Errorf("%d wait, %v", n, err)
			}
		})
	}
}

// What was under way when the server ended is sent by the next one.
func TestRestart(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	to := plainReceiver(t, func(_ http.ResponseWriter, n int) {
		if n == 1 {
			<-hold
		}
	})
	t.Cleanup(func() { close(hold) })
	dir := filepath.Join(t.TempDir(), "data")
	in := func(c *config.Config) { c.Data = dir; c.DrainTime = time.Second }
	s := apptest.Start(t, loopback, in)
	if s.Config.Database.Reveal() != "" {
		t.Skip("the second server would have a database of its own")
	}
	s.Broken = true // it is stopped before the test ends
	r := s.Repo(t, s.User(t, "ada"), "engine", true)
	hookUp(t, s, r, to.URL, "", "member")
	first := to.next(t, "ping")
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	apptest.Start(t, loopback, in)
	if again := to.next(t, "ping"); again.Get("X-GitHub-Delivery") != first.Get("X-GitHub-Delivery") {
		t.Error("another event came than was under way")
	}
}
