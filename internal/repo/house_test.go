package repo_test

import (
	"sync"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/audit"
	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// house is a repo room on a real database, with three accounts.
type house struct {
	*repo.Room
	bus                 *change.Bus
	d                   *db.DB
	accounts            *account.Room
	audit               *audit.Log
	now                 time.Time
	mu                  sync.Mutex
	changed             []int64 // guarded by mu
	owner, other, third id.Account
	orgs                []id.Account                           // of orgWorld
	byOrg               map[id.Repo]map[id.Account]right.Level // what its people may do
}

func newHouse(t testing.TB, d *db.DB) *house {
	t.Helper()
	h := &house{d: d, byOrg: map[id.Repo]map[id.Account]right.Level{}, now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	now := func() time.Time { return h.now }
	bus := change.New(change.Options{DB: d, Now: now})
	bus.Subscribe(func(c change.Change) {
		if c.Kind == change.RepoChanged {
			h.mu.Lock()
			h.changed = append(h.changed, c.Subject)
			h.mu.Unlock()
		}
	})
	h.bus = bus
	h.audit = audit.New(audit.Options{DB: d, Now: now})
	h.accounts = account.New(account.Options{DB: d, Change: bus, Audit: h.audit, Now: now})
	h.Room = repo.New(repo.Options{DB: d, Account: h.accounts, Change: bus, Audit: h.audit, Now: now})
	h.owner, h.other, h.third = h.account(t, "owner1"), h.account(t, "other1"), h.account(t, "third1")
	return h
}

// each runs fn on both engines.
func each(t *testing.T, fn func(t *testing.T, h *house)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) { fn(t, newHouse(t, d)) })
}

func (h *house) account(t testing.TB, login string) id.Account {
	t.Helper()
	a, err := h.accounts.Create(t.Context(), right.Operator(), account.NewAccount{Login: login})
	if err != nil {
		t.Fatalf("create account %s: %v", login, err)
	}
	return a.ID
}

func person(a id.Account) right.Actor {
	return right.Actor{Account: a, Login: "somebody", Kind: right.SessionCredential, Grant: right.Everything()}
}

func (h *house) create(t testing.TB, n repo.NewRepo) repo.Repo {
	t.Helper()
	r, err := h.tryCreate(t, n)
	if err != nil {
		t.Fatalf("create repository %q: %v", n.Name, err)
	}
	return r
}

func (h *house) tryCreate(t testing.TB, n repo.NewRepo) (r repo.Repo, err error) {
	t.Helper()
	err = h.d.Write(t.Context(), func(tx *db.Tx) error {
		r, err = h.Create(t.Context(), tx, person(n.Owner), n)
		return err
	})
	return r, err
}

func (h *house) transfer(t testing.TB, r id.Repo, to id.Account, keep right.Level) (out repo.Repo, err error) {
	t.Helper()
	err = h.d.Write(t.Context(), func(tx *db.Tx) error {
		out, err = h.TransferTx(t.Context(), tx, person(h.owner), r, to, keep)
		return err
	})
	return out, err
}

// finds asserts which repository owner/name leads to; zero is none.
func (h *house) finds(t testing.TB, owner, name string, want id.Repo, renamed bool) repo.Found {
	t.Helper()
	f, err := h.Find(t.Context(), h.d, owner, name, 0)
	if want == 0 {
		if !problem.Is(err, problem.NotFound) {
			t.Errorf("find %s/%s: got %+v, %v; want not found", owner, name, f, err)
		}
		return f
	}
	if err != nil || f.ID != want || f.Renamed != renamed {
		t.Errorf("find %s/%s: got repository %d, renamed %v, %v; want %d, %v", owner, name, f.ID, f.Renamed, err, want, renamed)
	}
	return f
}

// refused asserts a problem of that kind and field.
func refused(t testing.TB, err error, kind problem.Kind, field, public string) {
	t.Helper()
	p := problem.Of(err)
	if p == nil || p.Kind != kind || p.Field != field || (public != "" && p.Public != public) {
		t.Errorf("got %v (%+v); want %v for field %q: %s", err, p, kind, field, public)
	}
}

// actions returns the owner's log, oldest first, without what the accounts did.
func (h *house) actions(t testing.TB, of id.Account) []string {
	t.Helper()
	lines, err := h.audit.List(t.Context(), audit.Query{Account: of, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for i := len(lines) - 1; i >= 0; i-- {
		if lines[i].Repo != 0 {
			out = append(out, lines[i].Action)
		}
	}
	return out
}

func ptr[T any](v T) *T { return &v }
