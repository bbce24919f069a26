package limit_test

import (
	"fmt"
	"testing"
	"time"

	"jeton/internal/limit"
)

func TestRecent(t *testing.T) {
	t.Parallel()
	c := newClock()
	r := limit.NewRecent(limit.RecentOptions{Now: c.now, Life: time.Hour, Size: 100})
	r.Add("a")
	if !r.Has("a") || r.Has("b") {
		t.Error("it does not remember what was added, or what was not")
	}
	c.add(time.Hour)
	if r.Has("a") {
		t.Error("it remembers for longer than it must")
	}
	for i := range 10_000 {
		r.Add(fmt.Sprint(i))
	}
	if n := r.Len(); n > 100 || !r.Has("9999") {
		t.Errorf("%d keys are remembered; the last one: %v", n, r.Has("9999"))
	}
}

func TestReturn(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := limit.New(limit.Options{Now: c.now})
	rate := limit.Rate{Count: 60, Per: time.Minute, Burst: 2}
	for range 100 {
		if ok, _ := l.Allow("a", rate, 1); !ok {
			t.Fatal("what was given back counts")
		}
		l.Return("a", rate, 1)
	}
	l.Return("a", rate, 50) // more than was taken
	for i := range 3 {
		if ok, _ := l.Allow("a", rate, 1); ok != (i < 2) {
			t.Errorf("number %d: %v", i, ok)
		}
	}
	if l.Return("nobody", rate, 1); l.Len() != 1 {
		t.Errorf("%d keys", l.Len())
	}
}
