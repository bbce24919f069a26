package hook

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jeton/internal/audit"
	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/id"
	"jeton/internal/keys"
	"jeton/internal/right"
)

func each(t *testing.T, f func(*testing.T, *Room, *db.DB)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ring, err := keys.Open(t.Context(), keys.Options{Dir: filepath.Join(t.TempDir(), "keys"), DB: d})
		if err != nil {
			t.Fatal(err)
		}
		bus := change.New(change.Options{DB: d})
		if err := bus.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(bus.Close)
		f(t, New(Options{DB: d, Change: bus, Audit: audit.New(audit.Options{DB: d}), Keys: ring}), d)
	})
}

// A push to a repository without webhooks costs no question.
func TestEmit_free(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, m *Room, d *db.DB) {
		err := d.Write(t.Context(), func(tx *db.Tx) error { return m.Emit(t.Context(), tx, Deed{Event: "push", Repo: 7}) })
		if err != nil {
			t.Fatal(err)
		}
		// There is no transaction to ask: it must not be touched.
		if err := m.Emit(t.Context(), nil, Deed{Event: "push", Repo: 7}); err != nil {
			t.Error(err)
		}
		url := "https://ci.example.com/"
		h, err := m.Create(t.Context(), right.Actor{Account: 1}, Place{Repo: 7, Owner: 1, Name: "ada/engine"}, Patch{URL: &url})
		if err != nil {
			t.Fatal(err)
		}
		for repo, want := range map[id.Repo]int{7: 2, 8: 0} { // the ping and the push
			if err := d.Write(t.Context(), func(tx *db.Tx) error { return m.Emit(t.Context(), tx, Deed{Event: "push", Repo: repo}) }); err != nil {
				t.Fatal(err)
			}
			if n, err := m.Waiting(t.Context(), d, h.ID); err != nil || want > 0 && n != want {
				t.Errorf("%d wait, %v", n, err)
			}
		}
	})
}

// What is rolled back was never told.
func TestEmit_undone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, m *Room, d *db.DB) {
		url, no := "https://ci.example.com/", false
		h, err := m.Create(t.Context(), right.Actor{Account: 1}, Place{Repo: 7, Owner: 1, Name: "ada/engine"}, Patch{URL: &url, Active: &no})
		if err != nil {
			t.Fatal(err)
		}
		undone := d.Write(t.Context(), func(tx *db.Tx) error {
			if err := m.Emit(t.Context(), tx, Deed{Event: "push", Repo: 7, Only: h.ID}); err != nil {
				return err
			}
			return notFound()
		})
		if n, err := m.Waiting(t.Context(), d, h.ID); undone == nil || err != nil || n != 0 {
			t.Errorf("%d wait, %v", n, err)
		}
	})
}

// Old deliveries go, and of very many the oldest.
func TestTrim(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, m *Room, d *db.DB) {
		now := time.Now()
		m.o.Now = func() time.Time { return now }
		url := "https://ci.example.com/"
		h, err := m.Create(t.Context(), right.Actor{Account: 1}, Place{Repo: 7, Owner: 1, Name: "ada/engine"}, Patch{URL: &url})
		if err != nil {
			t.Fatal(err)
		}
		due, _, err := m.Queue(t.Context(), d, 10, 10)
		if err != nil || len(due) != 1 {
			t.Fatal(due, err)
		}
		j, err := m.Job(t.Context(), d, due[0].Delivery)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Finish(t.Context(), &j, Result{At: now, Code: 200, Status: "OK\x00\xff", Answer: []byte("\x00\xff")}); err != nil {
			t.Fatal(err)
		}
		err = d.Write(t.Context(), func(tx *db.Tx) error {
			for range keepMost + 5 {
				if err := enqueue(t.Context(), tx, h.ID, j.Event.ID, false, 1, db.Micros(now)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Trim(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, err := m.Waiting(t.Context(), d, h.ID); err != nil || n != keepMost {
			t.Errorf("%d wait, %v", n, err)
		}
		if list, err := m.Deliveries(t.Context(), d, h.ID, 0, 10, nil); err != nil || len(list) != 0 {
			t.Errorf("%d are done, %v", len(list), err)
		}
	})
}

func TestEvents(t *testing.T) {
	t.Parallel()
	if got, err := events(Of{Repo: 7}, []string{"push", "fork", "push"}); err != nil || strings.Join(got, " ") != "fork push" {
		t.Error(got, err)
	}
	if got, err := events(Of{Repo: 7}, []string{"push", "*"}); err != nil || len(got) != 1 || got[0] != "*" {
		t.Error(got, err)
	}
	for _, bad := range [][]string{{}, {"nonsense"}, {"push,create"}, {"%"}} {
		if _, err := events(Of{Repo: 7}, bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
