package signin_test

import (
	"context"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/audit"
	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/event"
	"jeton/internal/id"
	"jeton/internal/keys"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/signin"
)

const good = "four unrelated words stand"

// clock is a time that tests set.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

type house struct {
	*signin.Room
	db       *db.DB
	accounts *account.Room
	bus      *change.Bus
	keys     *keys.Ring
	audit    *audit.Log
	clock    *clock
	skew     *atomic.Int64 // how far the bus's clock is ahead
	options  signin.Options
}

func newHouse(t testing.TB, d *db.DB) *house {
	t.Helper()
	c := &clock{t: time.Date(2026, 5, 1, 9, 0, 0, 0, time.UTC)}
	h := &house{db: d, clock: c, skew: new(atomic.Int64), audit: audit.New(audit.Options{DB: d, Now: c.now})}
	h.bus = change.New(change.Options{DB: d, Now: func() time.Time { return time.Now().Add(time.Duration(h.skew.Load())) }})
	var err error
	if h.keys, err = keys.Open(t.Context(), keys.Options{Dir: filepath.Join(t.TempDir(), "keys"), DB: d}); err != nil {
		t.Fatalf("open keys: %v", err)
	}
	h.accounts = account.New(account.Options{DB: d, Change: h.bus, Audit: h.audit, Now: c.now})
	h.options = signin.Options{DB: d, Account: h.accounts, Keys: h.keys, Change: h.bus, Audit: h.audit, Now: c.now, Cost: signin.Cost{Memory: 64, Passes: 1, Lanes: 1}}
	h.Room = signin.New(h.options)
	if err := h.bus.Start(t.Context()); err != nil {
		t.Fatalf("start changes: %v", err)
	}
	t.Cleanup(h.bus.Close)
	return h
}

// person makes an account that can sign in with the good password.
func (h *house) person(t testing.TB, login string, admin bool) account.Account {
	t.Helper()
	a, err := h.accounts.Create(t.Context(), right.Operator(), account.NewAccount{
		Login: login, Email: login + "@example.com", SiteAdmin: admin})
	if err != nil {
		t.Fatalf("create %s: %v", login, err)
	}
	if err := h.SetPassword(t.Context(), right.Operator(), a.ID, secret.New(good)); err != nil {
		t.Fatalf("set password of %s: %v", login, err)
	}
	return a
}

func (h *house) enter(t testing.TB, login string) (secret.Value, signin.Session) {
	t.Helper()
	bearer, s, err := h.SignIn(t.Context(), login, secret.New(good))
	if err != nil {
		t.Fatalf("sign in as %s: %v", login, err)
	}
	return bearer, s
}

// from returns a context of a request from the address.
func from(t *testing.T, address string) context.Context {
	t.Helper()
	return event.With(t.Context(), &event.Event{Address: netip.MustParseAddr(address), Client: "test browser", Request: "R"})
}

func actor(s signin.Session) right.Actor {
	return right.Actor{Account: s.Account, Login: s.Login, Kind: right.SessionCredential, Sess: s.ID, Confirmed: s.ConfirmedAt, Grant: right.Everything()}
}

func (h *house) lines(t *testing.T, a id.Account) []audit.Line {
	t.Helper()
	if err := h.Flush(t.Context()); err != nil {
		t.Fatalf("flush: %v", err)
	}
	lines, err := h.audit.List(t.Context(), audit.Query{Account: a, Limit: 100})
	if err != nil {
		t.Fatalf("list log: %v", err)
	}
	slices.Reverse(lines)
	return lines
}

func (h *house) actions(t *testing.T, a id.Account) []string {
	t.Helper()
	var out []string
	for _, l := range h.lines(t, a) {
		out = append(out, l.Action)
	}
	return out
}

func wantProblem(t *testing.T, err error, kind problem.Kind, field string) {
	t.Helper()
	if !problem.Is(err, kind) || problem.Of(err).Field != field {
		t.Fatalf("got error %v, want kind %v on field %q", err, kind, field)
	}
}

// wantEnded fails unless the session of bearer has ended.
func (h *house) wantEnded(t *testing.T, bearer secret.Value, why string) {
	t.Helper()
	if s, err := h.Session(t.Context(), bearer); !problem.Is(err, problem.Unauthenticated) {
		t.Errorf("%s: Session = %+v, %v; want it ended", why, s, err)
	}
}

func (h *house) wantOpen(t *testing.T, bearer secret.Value, why string) signin.Session {
	t.Helper()
	s, err := h.Session(t.Context(), bearer)
	if err != nil {
		t.Errorf("%s: Session: %v; want it open", why, err)
	}
	return s
}
