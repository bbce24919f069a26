package limit_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"jeton/internal/limit"
	"jeton/internal/problem"
)

func TestLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLine(limit.LineOptions{PerKey: 1, Total: 2, Waiting: 2, Wait: 10 * time.Second})
		enter := func(key string) func() {
			t.Helper()
			leave, err := l.Enter(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			return leave
		}
		leaveA := enter("a")
		// A second one of the same waits, and comes when the first has gone.
		done := make(chan func())
		go func() {
			leave, err := l.Enter(t.Context(), "a")
			if err != nil {
				t.Error(err)
			}
			done <- leave
		}()
		synctest.Wait()
		enter("b")() // others pass it by
		leaveA()
		leaveA() // once is enough
		leaveA = <-done
		leaveB := enter("b")
		// Nobody's turn comes: it is told whose fault that is.
		if _, err := l.Enter(t.Context(), "a"); !problem.Is(err, problem.TooMany) || problem.Of(err).After == 0 {
			t.Errorf("over its own share: %v", err)
		}
		if _, err := l.Enter(t.Context(), "c"); !problem.Is(err, problem.Unavailable) || problem.Of(err).After == 0 {
			t.Errorf("over the share of all: %v", err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := l.Enter(gone, "a"); !errors.Is(err, context.Canceled) {
			t.Errorf("gone: %v", err)
		}
		// No more than so many wait.
		for range 2 {
			go func() { _, _ = l.Enter(t.Context(), "a") }()
		}
		synctest.Wait()
		began := time.Now()
		if _, err := l.Enter(t.Context(), "a"); !problem.Is(err, problem.TooMany) || time.Since(began) != 0 {
			t.Errorf("too many wait: %v after %v", err, time.Since(began))
		}
		<-time.After(11 * time.Second) // in the bubble's time
		leaveA()
		leaveB()
		enter("c")()
	})
}
