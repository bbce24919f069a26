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

// An organisation's hooks are told of its repositories, and of what is its own.
func TestEmit_org(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, m *Room, d *db.DB) {
		url := "https://ci.example.com/"
		make := func(at Place) Hook {
			t.Helper()
			h, err := m.Create(t.Context(), right.Actor{Account: 1}, at, Patch{URL: &url, Events: []string{"*"}})
			if err != nil {
				t.Fatal(err)
			}
			return h
		}
		mine, others := make(Place{Owner: 5, Name: "acme"}), make(Place{Repo: 5, Owner: 1, Name: "ada/engine"}) // one number, two places
		for _, q := range []string{
			`INSERT INTO accounts (id, kind, login, login_key, name, bio, location, website, created_at, updated_at, suspended_at) VALUES (5, 'org', 'acme', 'acme', '', '', '', '', 0, 0, 0)`,
			`INSERT INTO repositories (id, owner_id, name, name_key, description, private, archived, default_branch, object_format, size_kib, created_at, updated_at, pushed_at)
				VALUES (9, 5, 'looms', 'looms', '', FALSE, FALSE, 'main', 'sha1', 0, 0, 0, 0)`,
		} {
			if err := d.Write(t.Context(), func(tx *db.Tx) error { _, err := tx.Exec(t.Context(), q); return err }); err != nil {
				t.Fatal(err)
			}
		}
		for i, deed := range []Deed{{Event: "push", Repo: 9}, {Event: "team", Org: 5}, {Event: "team", Org: 5, Repo: 9}, {Event: "push", Repo: 8}, {Event: "team", Org: 6}} {
			if err := d.Write(t.Context(), func(tx *db.Tx) error { return m.Emit(t.Context(), tx, deed) }); err != nil {
				t.Fatal(err)
			}
			if n, err := m.Waiting(t.Context(), d, mine.ID); err != nil || n != min(i+2, 4) { // with the ping
				t.Errorf("after %+v %d wait, %v", deed, n, err)
			}
		}
		if n, err := m.Waiting(t.Context(), d, others.ID); err != nil || n != 1 {
			t.Errorf("%d wait for another's, %v", n, err)
		}
		due, _, err := m.Queue(t.Context(), d, 10, 10)
		if err != nil || len(due) != 2 || due[0].Hook != mine.ID || due[0].Owner != 5 {
			t.Errorf("%+v, %v", due, err)
		}
		// With the place everything of it goes, and nothing of another.
		if err := d.Write(t.Context(), func(tx *db.Tx) error { return m.DropTx(t.Context(), tx, Of{Org: 5}) }); err != nil {
			t.Fatal(err)
		}
		if left, err := m.List(t.Context(), d, Of{Org: 5}); err != nil || len(left) != 0 {
			t.Errorf("%d are left, %v", len(left), err)
		}
		if left, err := m.List(t.Context(), d, Of{Repo: 5}); err != nil || len(left) != 1 {
			t.Errorf("%d of another are left, %v", len(left), err)
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
	if got, err := events(Of{Org: 5}, []string{"team", "push", "org_block"}); err != nil || strings.Join(got, " ") != "org_block push team" {
		t.Error(got, err)
	}
	for _, bad := range [][]string{{}, {"nonsense"}, {"push,create"}, {"%"}, {"team"}, {"org_block"}} {
		if _, err := events(Of{Repo: 7}, bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
