package change_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/db/dbtest"
)

// ear collects what a bus tells.
type ear struct {
	mu    sync.Mutex
	heard []change.Change
	more  chan struct{}
}

func listen(b *change.Bus) *ear {
	e := &ear{more: make(chan struct{}, 1)}
	b.Subscribe(func(c change.Change) {
		e.mu.Lock()
		e.heard = append(e.heard, c)
		e.mu.Unlock()
		select {
		case e.more <- struct{}{}:
		default:
		}
	})
	return e
}

func (e *ear) count(c change.Change) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, h := range e.heard {
		if h == c {
			n++
		}
	}
	return n
}

// wait returns when c was heard at least n times.
func (e *ear) wait(t *testing.T, c change.Change, n int) {
	t.Helper()
	limit := time.After(10 * time.Second)
	for e.count(c) < n {
		select {
		case <-e.more:
		case <-limit:
			t.Fatalf("%v was not heard %d times", c, n)
		}
	}
}

func record(t *testing.T, d *db.DB, b *change.Bus, c ...change.Change) {
	t.Helper()
	err := d.Write(t.Context(), func(tx *db.Tx) error { return b.Record(t.Context(), tx, c...) })
	if err != nil {
		t.Fatal(err)
	}
}

func start(t *testing.T, o change.Options) (*change.Bus, *ear) {
	t.Helper()
	b := change.New(o)
	e := listen(b)
	if err := b.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b, e
}

// soon is a second, and room for a machine that has much else to do.
const soon = 4 * time.Second

func waitFresh(t *testing.T, b *change.Bus) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(10 * time.Second); !b.Fresh(); <-tick.C {
		if time.Now().After(limit) {
			t.Fatal("not fresh again")
		}
	}
}

var (
	token7   = change.Change{Kind: change.TokenChanged, Subject: 7}
	repo9    = change.Change{Kind: change.RepoChanged, Subject: 9}
	anything = change.Change{Kind: change.All}
)

func TestOwnChangesAreToldBeforeWriteReturns(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := change.New(change.Options{DB: d})
		e := listen(b)
		record(t, d, b, token7, repo9)
		if e.count(token7) != 1 || e.count(repo9) != 1 {
			t.Errorf("heard %v", e.heard)
		}
		boom := errors.New("boom")
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			if err := b.Record(t.Context(), tx, token7); err != nil {
				return err
			}
			return boom
		})
		if !errors.Is(err, boom) || e.count(token7) != 1 {
			t.Errorf("a change that did not happen was told")
		}
		if b.Fresh() {
			t.Error("a bus that does not read calls itself fresh")
		}
	})
}

func TestOtherProcessesAreTold(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		socket := filepath.Join(t.TempDir(), "s")
		command := change.New(change.Options{DB: d, Socket: socket})
		record(t, d, command, repo9) // nobody listens: no error, and nothing that is told later
		server, e := start(t, change.Options{DB: d, Socket: socket})
		if !server.Fresh() || e.count(anything) != 1 {
			t.Errorf("fresh %v, heard %v", server.Fresh(), e.heard)
		}
		if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("socket: %v, %v", info, err)
		}
		began := time.Now()
		record(t, d, command, token7)
		e.wait(t, token7, 1)
		if took := time.Since(began); took > soon {
			t.Errorf("told after %v", took)
		}
		if e.count(repo9) != 0 {
			t.Error("told of a change from before the start")
		}
		server.Close()
		if server.Fresh() {
			t.Error("fresh after Close")
		}
		if _, err := os.Stat(socket); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket is still there: %v", err)
		}
	})
}

func TestPollingAloneIsQuickEnough(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		_, e := start(t, change.Options{DB: d})
		began := time.Now()
		record(t, d, change.New(change.Options{DB: d}), token7)
		e.wait(t, token7, 1)
		if took := time.Since(began); took > soon {
			t.Errorf("told after %v", took)
		}
	})
}

// TestNoChangeIsMissed has many transactions commit at once: none may become
// visible behind one that has been read already.
func TestNoChangeIsMissed(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		socket := filepath.Join(t.TempDir(), "s")
		_, e := start(t, change.Options{DB: d, Socket: socket})
		const writers, each = 8, 15
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				b := change.New(change.Options{DB: d, Socket: socket})
				for i := range each {
					record(t, d, b, change.Change{Kind: change.TokenChanged, Subject: int64(1 + w*each + i)})
				}
			})
		}
		wg.Wait()
		for i := range writers * each {
			e.wait(t, change.Change{Kind: change.TokenChanged, Subject: int64(i + 1)}, 1)
		}
	})
}

func TestManyChangesAtOnceAreToldAsAll(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		_, e := start(t, change.Options{DB: d})
		many := make([]change.Change, 1500)
		for i := range many {
			many[i] = change.Change{Kind: change.TokenChanged, Subject: int64(i + 1)}
		}
		b := change.New(change.Options{DB: d})
		record(t, d, b, many...)
		e.wait(t, anything, 2)
		record(t, d, b, repo9)
		e.wait(t, repo9, 1)
	})
}

// TestLostDatabaseEndsTrust takes the table away and puts it back, empty as a
// restored database would have it.
func TestLostDatabaseEndsTrust(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b, e := start(t, change.Options{DB: d})
		move := func(from, to string) {
			t.Helper()
			err := d.Write(t.Context(), func(tx *db.Tx) error {
				_, err := tx.Exec(t.Context(), `ALTER TABLE `+from+` RENAME TO `+to)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		move("changes", "elsewhere")
		e.wait(t, anything, 2)
		if b.Fresh() {
			t.Error("fresh without a database")
		}
		if took := time.Since(began); took < 700*time.Millisecond || took > soon {
			t.Errorf("told after %v", took)
		}
		move("elsewhere", "changes")
		e.wait(t, anything, 3)
		record(t, d, change.New(change.Options{DB: d}), token7)
		e.wait(t, token7, 1)
		waitFresh(t, b)
	})
}

// TestStoppedProcessIsNotFresh moves the clock as a suspended machine sees it.
func TestStoppedProcessIsNotFresh(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	var mu sync.Mutex
	var ahead time.Duration
	now := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return time.Now().Add(ahead)
	}
	b, e := start(t, change.Options{DB: d, Now: now})
	mu.Lock()
	ahead = 2 * time.Hour
	mu.Unlock()
	if b.Fresh() {
		t.Error("fresh after two hours without reading")
	}
	e.wait(t, anything, 2) // by the next poll caches are emptied and can be trusted again
	record(t, d, change.New(change.Options{DB: d, Now: now}), token7)
	e.wait(t, token7, 1)
	waitFresh(t, b)
}

func TestOldRowsAreTrimmed(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var mu sync.Mutex
		var ahead time.Duration
		now := func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return time.Now().Add(ahead)
		}
		record(t, d, change.New(change.Options{DB: d, Now: now}), repo9)
		_, e := start(t, change.Options{DB: d, Now: now})
		mu.Lock()
		ahead = 61 * time.Minute
		mu.Unlock()
		e.wait(t, anything, 2)
		for deadline := time.Now().Add(10 * time.Second); ; {
			var n int
			if err := d.QueryRow(t.Context(), `SELECT COUNT(id) FROM changes`).Scan(&n); err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d rows are left", n)
			}
		}
	})
}

func TestSocketOfADeadServerIsReplaced(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	socket := filepath.Join(t.TempDir(), "s")
	dead, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	second := change.New(change.Options{DB: d, Socket: socket})
	if err := second.Start(t.Context()); err == nil {
		t.Fatal("took the socket of a living process")
	}
	_ = dead.Close() // leaves the file, as a killed process does
	start(t, change.Options{DB: d, Socket: socket})

	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	third := change.New(change.Options{DB: d, Socket: file})
	if err := third.Start(t.Context()); err == nil {
		t.Error("started at a plain file")
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "precious" {
		t.Errorf("%q, %v", text, err)
	}
}

func BenchmarkFresh(b *testing.B) {
	bus := change.New(change.Options{DB: dbtest.Open(b)})
	if err := bus.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	defer bus.Close()
	for b.Loop() {
		bus.Fresh()
	}
}
