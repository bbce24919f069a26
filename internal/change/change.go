// Package change tells every process that caches something when it stops
// being true. A change is a row, written in the transaction that makes the
// change, so neither exists without the other; the process that wrote it
// hears of it before its transaction returns, others within half a second.
// It must never carry what changed: whoever is told reads again.
package change

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"jeton/internal/db"
	"jeton/internal/problem"
)

// Kind says what changed.
type Kind string

// The kinds. Subject is the account's, token's, session's or repository's id, or
// that of the organisation's account.
// All means that anything may have changed.
const (
	AccountChanged  Kind = "account"
	TokenChanged    Kind = "token"
	SessionChanged  Kind = "session"
	RepoChanged     Kind = "repo"
	RepoPushed      Kind = "push"   // its refs have moved, and who may what is as it was
	HooksChanged    Kind = "hooks"  // which repositories have webhooks
	OrgChanged      Kind = "org"    // who may do what in an organisation: its members, teams, or what it gives them
	PolicyChanged   Kind = "policy" // of an organisation, or of the site: 0
	SettingsChanged Kind = "settings"
	KeysChanged     Kind = "keys"
	All             Kind = "all"
)

// Change is one thing that changed.
type Change struct {
	Kind    Kind
	Subject int64
}

const (
	pollEvery  = 250 * time.Millisecond
	staleAfter = time.Second
	keep       = time.Hour
	trimEvery  = 10 * time.Minute
	batch      = 1000 // more rows than this at once are told as All
)

// Options says where changes are kept. DB is required.
type Options struct {
	DB  *db.DB
	Log *slog.Logger
	Now func() time.Time

	// Socket is the path of the socket by which processes wake each other.
	// Empty means that they only poll.
	Socket string
}

// Bus records changes and tells of them. It is safe for concurrent use. Until
// Start it only records, which is all that a short-lived command needs.
type Bus struct {
	o Options

	mu          sync.Mutex
	subscribers []func(Change)

	elapsed func() time.Duration // since base
	base    time.Time            // of fresh
	fresh   atomic.Int64         // nanoseconds since base until which caches may be trusted

	wake    chan struct{}
	stop    context.CancelFunc
	running sync.WaitGroup
	started atomic.Bool
}

// New returns a bus that is not started.
func New(o Options) *Bus {
	if o.DB == nil {
		panic("change: no DB")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	b := &Bus{wake: make(chan struct{}, 1)}
	// Fresh is on every request's way: without a clock of the caller's own, the
	// monotonic one alone is read, at half the cost.
	b.elapsed = func() time.Duration { return time.Since(b.base) }
	if o.Now == nil {
		o.Now = time.Now
	} else {
		b.elapsed = func() time.Duration { return o.Now().Sub(b.base) }
	}
	b.o, b.base = o, o.Now()
	return b
}

// Subscribe registers fn to be called with every change. It is called on the
// goroutine that commits or polls, so it must be quick, must not write to the
// database, and may be called with the same change more than once.
func (b *Bus) Subscribe(fn func(Change)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.subscribers = append(b.subscribers[:len(b.subscribers):len(b.subscribers)], fn)
}

// Record writes changes in the caller's transaction. After its commit, and
// before the caller's Write returns, the subscribers of this process have been
// told; other processes are woken.
func (b *Bus) Record(_ context.Context, tx *db.Tx, changes ...Change) error {
	for _, c := range changes {
		if c.Kind == "" {
			return problem.New(problem.Internal, "a change without a kind", "")
		}
	}
	// The rows are the transaction's last statements: from Order to the
	// commit others who record changes wait.
	tx.BeforeCommit(func(ctx context.Context) error { return b.insert(ctx, tx, changes) })
	tx.AfterCommit(func() {
		b.tell(changes...)
		b.poke()
	})
	return nil
}

func (b *Bus) insert(ctx context.Context, tx *db.Tx, changes []Change) error {
	// A reader asks for ids past the last it saw. Were ids to become visible
	// out of order, it would never see the late one.
	if err := tx.Order(ctx); err != nil {
		return fmt.Errorf("order changes: %w", err)
	}
	now := db.Micros(b.o.Now())
	for _, c := range changes {
		if _, err := tx.Exec(ctx, `INSERT INTO changes (at, kind, subject) VALUES ($1, $2, $3)`, now, string(c.Kind), c.Subject); err != nil {
			return fmt.Errorf("record change: %w", err)
		}
	}
	return nil
}

func (b *Bus) tell(changes ...Change) {
	b.mu.Lock()
	subscribers := b.subscribers
	b.mu.Unlock()
	for _, c := range changes {
		for _, fn := range subscribers {
			fn(c)
		}
	}
}

// Fresh reports whether every change up to a second ago has been told. While
// it is false, and always before Start, nothing cached may be trusted.
func (b *Bus) Fresh() bool {
	return int64(b.elapsed()) < b.fresh.Load()
}
