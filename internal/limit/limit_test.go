package limit_test

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"jeton/internal/limit"
	"jeton/internal/problem"
)

// clock is a time that only moves when it is told to.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Unix(1_800_000_000, 0)} }

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

func TestAllow(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := limit.New(limit.Options{Now: c.now})
	rate := limit.Rate{Count: 60, Per: time.Minute, Burst: 5}
	for i := range 5 {
		if ok, _ := l.Allow("a", rate, 1); !ok {
			t.Fatalf("refused number %d of the burst", i)
		}
	}
	ok, after := l.Allow("a", rate, 1)
	if ok || after != time.Second {
		t.Errorf("%v, %v", ok, after)
	}
	if ok, _ := l.Allow("b", rate, 5); !ok {
		t.Error("another key is refused")
	}
	c.add(after)
	if s := l.Take("a", rate, 0); !s.OK || s.Remaining != 1 || s.Reset != 4*time.Second {
		t.Errorf("%+v", s)
	}
	if ok, _ := l.Allow("a", rate, 1); !ok {
		t.Error("refused after the wait that it asked for")
	}
	if ok, after := l.Allow("a", rate, 3); ok || after != 3*time.Second {
		t.Errorf("%v, %v", ok, after)
	}
	if ok, _ := l.Allow("c", rate, 6); ok {
		t.Error("more than the burst was allowed")
	}
	c.add(-time.Hour) // a clock that is set back
	c.add(5 * time.Second)
	if ok, after := l.Allow("a", rate, 1); !ok && after > 5*time.Second {
		t.Errorf("locked out for %v", after)
	}
	if ok, _ := l.Allow("a", limit.Rate{}, 1000); !ok {
		t.Error("no rate is a limit")
	}
}

// TestAllowProperties holds the algorithm to its promise: in any window no
// more than the burst and what flows in, and a wait that is asked for suffices.
func TestAllowProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		l := limit.New(limit.Options{Now: c.now})
		rate := limit.Rate{Count: rapid.IntRange(1, 1000).Draw(t, "count"), Per: time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "per")), Burst: rapid.IntRange(0, 50).Draw(t, "burst")}
		burst := rate.Burst
		if burst == 0 {
			burst = rate.Count
		}
		interval := max(1, rate.Per/time.Duration(rate.Count))
		start, allowed := c.now(), 0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			c.add(time.Duration(rapid.Int64Range(0, int64(interval)*3).Draw(t, "pause")))
			cost := rapid.IntRange(1, 3).Draw(t, "cost")
			ok, after := l.Allow("k", rate, cost)
			if ok {
				allowed += cost
			} else if cost <= burst {
				c.add(after)
				if ok, _ := l.Allow("k", rate, cost); !ok {
					t.Fatalf("refused after the wait of %v", after)
				}
				allowed += cost
			}
			if most := burst + int(c.now().Sub(start)/interval); allowed > most {
				t.Fatalf("%d allowed, at most %d may be", allowed, most)
			}
		}
	})
}

func TestLimiterIsBoundedAndKeepsTheHeaviest(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := limit.New(limit.Options{Now: c.now, Size: 160})
	rate := limit.Rate{Count: 100, Per: time.Hour}
	l.Allow("heavy", rate, 100)
	for i := range 20_000 {
		l.Allow(fmt.Sprint(i), rate, 1)
	}
	if n := l.Len(); n > 160 {
		t.Errorf("%d keys are remembered", n)
	}
	if ok, _ := l.Allow("heavy", rate, 1); ok {
		t.Error("the heaviest user was forgotten")
	}
	c.add(2 * time.Hour)
	for i := range 20_000 {
		l.Allow(fmt.Sprint("new", i), limit.Rate{Count: 1, Per: time.Nanosecond}, 1)
	}
	if n := l.Len(); n > 160 {
		t.Errorf("%d keys are remembered", n)
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := limit.NewBackoff(limit.BackoffOptions{Now: c.now, Free: 3, First: time.Second, Max: 10 * time.Second, Rest: time.Hour})
	here := netip.MustParseAddr("192.0.2.1")
	pair := limit.Pair("mona", here)
	var waits []time.Duration
	for range 8 {
		ok, after := b.Try(pair)
		if !ok {
			waits = append(waits, after)
			if again, same := b.Try(pair); again || same != after {
				t.Fatalf("asking changed the wait from %v to %v", after, same)
			}
			c.add(after)
			if ok, _ = b.Try(pair); !ok {
				t.Fatal("refused after the wait")
			}
		}
	}
	if got := fmt.Sprint(waits); got != "[1s 2s 4s 8s 10s]" {
		t.Errorf("waits %s", got)
	}
	for _, other := range []string{limit.Pair("mona", netip.MustParseAddr("192.0.2.2")), limit.Pair("hubot", here)} {
		if ok, _ := b.Try(other); !ok {
			t.Errorf("%q is slowed down by another pair", other)
		}
	}
	c.add(time.Hour)
	if ok, _ := b.Try(pair); !ok {
		t.Error("never forgotten")
	}
	for range 2 {
		b.Try(pair)
	}
	b.Succeed(pair)
	if ok, _ := b.Try(pair); !ok {
		t.Error("refused after a success")
	}
}

// TestBackoffCountsAtOnce makes many attempts before any of them has failed.
func TestBackoffCountsAtOnce(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := limit.NewBackoff(limit.BackoffOptions{Now: c.now, Free: 3})
	var mu sync.Mutex
	let := 0
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if ok, _ := b.Try("p"); ok {
				mu.Lock()
				let++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if let != 3 {
		t.Errorf("%d attempts were let through at once, want 3", let)
	}
}

func TestBackoffIsBoundedAndKeepsTheWorst(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := limit.NewBackoff(limit.BackoffOptions{Now: c.now, Size: 100, Free: 3})
	for range 3 {
		b.Try("worst")
	}
	for i := range 10_000 {
		b.Try(fmt.Sprint(i))
	}
	if b.Len() > 100 {
		t.Errorf("%d pairs are remembered", b.Len())
	}
	if ok, _ := b.Try("worst"); ok {
		t.Error("failures elsewhere made the worst pair forgotten")
	}
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64"} {
		if got := limit.Network(netip.MustParseAddr(in)); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	if got := limit.Network(netip.Addr{}); got != "" {
		t.Error(got)
	}
}

func TestGate(t *testing.T) {
	t.Parallel()
	g := limit.NewGate(limit.GateOptions{PerKey: 2, Total: 3, After: 7})
	enter := func(key string) func() {
		t.Helper()
		leave, err := g.Enter(key)
		if err != nil {
			t.Fatal(err)
		}
		return leave
	}
	a := enter("a")
	enter("a")
	if _, err := g.Enter("a"); !problem.Is(err, problem.TooMany) || problem.Of(err).After != 7 {
		t.Errorf("a third of one key: %v", err)
	}
	enter("b")
	if _, err := g.Enter("c"); !problem.Is(err, problem.Unavailable) || problem.Of(err).After != 7 {
		t.Errorf("a fourth of all: %v", err)
	}
	a()
	a()
	if g.Running() != 2 {
		t.Errorf("%d run after one has left twice", g.Running())
	}
	enter("c")
	if _, err := g.Enter("b"); !problem.Is(err, problem.Unavailable) {
		t.Errorf("got %v", err)
	}
	free := limit.NewGate(limit.GateOptions{})
	for range 100 {
		if _, err := free.Enter("x"); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkAllow(b *testing.B) {
	l := limit.New(limit.Options{})
	rate := limit.Rate{Count: 1_000_000, Per: time.Second}
	b.ReportAllocs()
	for b.Loop() {
		l.Allow("key", rate, 1)
	}
}
