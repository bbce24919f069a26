package limit_test

import (
	"fmt"
	"testing"
	"time"

	"jeton/internal/limit"
)

func TestCounter(t *testing.T) {
	t.Parallel()
	k := newClock()
	c := limit.NewCounter(limit.CounterOptions{Now: k.now, Per: time.Hour, Size: 100})
	for i := range 5 {
		if n := c.Add("a"); n != i+1 {
			t.Errorf("got %d, want %d", n, i+1)
		}
	}
	for i := range 10_000 {
		c.Add(fmt.Sprint(i))
	}
	if c.Len() > 100 || c.Add("a") != 6 {
		t.Errorf("%d keys; the highest count was forgotten for others", c.Len())
	}
	k.add(time.Hour)
	if n := c.Add("a"); n != 1 {
		t.Errorf("an hour later: %d", n)
	}
}
