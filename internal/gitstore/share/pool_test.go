package share

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"jeton/internal/id"
	"jeton/internal/problem"
)

// TestPool_shares: whoever takes all that can be had leaves room for others.
func TestPool_shares(t *testing.T) {
	t.Parallel()
	ada, ben := Who{Account: 1}, Who{Account: 2}
	lab, cafe, home := Who{Network: "192.0.2.1"}, Who{Network: "192.0.2.2"}, Who{Network: "192.0.2.3"}
	p := NewPool("clones", 16)
	grab := func(who Who) (n int, leave []func(), last error) {
		for {
			release, err := p.Take(t.Context(), who, 0)
			if err != nil {
				return n, leave, err
			}
			leave = append(leave, release)
			n++
		}
	}
	for _, step := range []struct {
		who  Who
		want int
		kind problem.Kind
	}{
		{lab, 4, problem.TooMany},
		{cafe, 4, problem.TooMany},
		{home, 0, problem.Unavailable}, // visitors have their half
		{ada, 8, problem.TooMany},
		{ben, 0, problem.Unavailable},
	} {
		n, leave, err := grab(step.who)
		if n != step.want || problem.KindOf(err) != step.kind {
			t.Errorf("%+v got %d slots, then %v; want %d and kind %v", step.who, n, err, step.want, step.kind)
		}
		if step.who == ada {
			leave[0]()
			leave[0]() // gives back no second one
			if n, _, _ := grab(ben); n != 1 {
				t.Errorf("after one was given back another account got %d", n)
			}
		}
	}
}

// TestPool_queue: who waits gets the slot that becomes free, whoever stands
// before it without a share left; and nobody's slot is lost who gives up.
func TestPool_queue(t *testing.T) {
	t.Parallel()
	p := NewPool("pushes", 2)
	first, err := p.Take(t.Context(), Who{Account: 1}, 0)
	if err != nil {
		t.Fatal(err)
	}
	second, err := p.Take(t.Context(), Who{Account: 2}, 0)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 2)
	wait := func(who Who) {
		before := p.waiting()
		go func() {
			_, err := p.Take(t.Context(), who, time.Minute)
			got <- err
		}()
		for p.waiting() == before {
			<-time.After(time.Millisecond)
		}
	}
	wait(Who{Account: 1})
	wait(Who{Account: 3})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Take(ctx, Who{Account: 4}, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("a wait that was cancelled: %v", err)
	}
	second()
	if err := <-got; err != nil || p.holds(3) != 1 || p.holds(1) != 1 {
		t.Errorf("the third account got %d, %v", p.holds(3), err)
	}
	first()
	if err := <-got; err != nil || p.holds(1) != 1 || p.waiting() != 0 {
		t.Errorf("the first account got %d, %v", p.holds(1), err)
	}
}

// TestPool_classroom: many accounts behind one address all get their turn.
func TestPool_classroom(t *testing.T) {
	t.Parallel()
	p := NewPool("clones", 32)
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			release, err := p.Take(t.Context(), Who{Account: id.Account(i + 1)}, time.Minute)
			if err != nil {
				t.Error(err)
				return
			}
			<-time.After(5 * time.Millisecond)
			release()
		})
	}
	all.Wait()
	if p.running != 0 || len(p.held) != 0 {
		t.Errorf("%d slots are still held", p.running)
	}
}

func (p *Pool) waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue)
}

func (p *Pool) holds(a id.Account) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held[Who{Account: a}]
}
