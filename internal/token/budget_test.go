package token

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/right"
)

// TestReserve: of those who reserve at the same time no more succeed than there is,
// and a refused one takes nothing of any budget.
func TestReserve(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		for round := range 6 {
			tok, _ := h.create(t, time.Duration(round).String(), time.Time{})
			own, child := right.Budget{Uses: 5, Bytes: 1000}, right.Budget{Path: "/a", Uses: 2}
			var won, bytes atomic.Int64
			var wait sync.WaitGroup
			for i := range 8 {
				wait.Go(func() {
					budgets := []right.Budget{own}
					if i%2 == 0 {
						budgets = []right.Budget{child, own}
					}
					got, err := h.Reserve(t.Context(), tok.ID, budgets, 1, 150)
					if spent, ok := errors.AsType[*Spent](err); err != nil && (!ok || spent.Bytes) {
						t.Error(err)
					}
					if err == nil {
						won.Add(1)
						bytes.Add(got)
					}
				})
			}
			wait.Wait()
			used, err := h.Usage(t.Context(), d, tok.ID)
			if err != nil || won.Load() != 5 || used[""] != (Usage{5, 750}) || used["/a"].Uses > 2 || bytes.Load() != 750 {
				t.Errorf("round %d: %d won, %d bytes, used %v, %v", round, won.Load(), bytes.Load(), used, err)
			}
			// What is left of the bytes is all that is given, and then nothing.
			if got, err := h.Reserve(t.Context(), tok.ID, []right.Budget{own}, 0, 400); got != 250 || err != nil {
				t.Errorf("the rest: %d, %v", got, err)
			}
			if _, err := h.Reserve(t.Context(), tok.ID, []right.Budget{own}, 0, 1); !isSpent(err, true) {
				t.Errorf("past the end: %v", err)
			}
			if err := h.GiveBack(t.Context(), tok.ID, []right.Budget{own}, 100); err != nil {
				t.Error(err)
			}
			if got, err := h.Reserve(t.Context(), tok.ID, []right.Budget{own}, 0, 400); got != 100 || err != nil {
				t.Errorf("what was given back: %d, %v", got, err)
			}
			// All or none: the child has uses left, its parent has none.
			before, _ := h.Usage(t.Context(), d, tok.ID)
			big := right.Budget{Path: "/a", Uses: 100}
			if _, err := h.Reserve(t.Context(), tok.ID, []right.Budget{big, own}, 1, 0); !isSpent(err, false) {
				t.Errorf("the parent is used up: %v", err)
			}
			if now, _ := h.Usage(t.Context(), d, tok.ID); now["/a"] != before["/a"] || now[""] != before[""] {
				t.Errorf("a refused one took something: %v, %v", before, now)
			}
		}
		if err := h.removeAll(t, d); err != nil {
			t.Error(err)
		}
	})
}

// removeAll deletes the account's tokens, and counts what is left of their budgets.
func (h *house) removeAll(t *testing.T, d *db.DB) error {
	t.Helper()
	if err := d.Write(t.Context(), func(tx *db.Tx) error { return deleteOf(t.Context(), tx, h.owner) }); err != nil {
		return err
	}
	var n int
	if err := d.QueryRow(t.Context(), `SELECT COUNT(1) FROM token_budgets`).Scan(&n); err != nil || n > 0 {
		return errors.Join(err, errors.New("budgets are left of tokens that are gone"))
	}
	return nil
}

func isSpent(err error, bytes bool) bool {
	spent, ok := errors.AsType[*Spent](err)
	return ok && spent.Bytes == bytes
}

// TestBudgets: each step of a chain has its own budget, whatever the others say.
func TestBudgets(t *testing.T) {
	t.Parallel()
	limits := func(texts ...string) (out []right.Limit) {
		for _, text := range texts {
			out = append(out, right.ParseLimit(text))
		}
		return out
	}
	steps := []step{{node: "a", limits: limits("read")}, {node: "b", limits: limits("read", "uses\n3", "bytes\n7")}, {node: "c", limits: limits("read", "uses\n3", "bytes\n7", "uses\n9")}}
	got, err := budgets(limits("uses\n5"), steps)
	want := []right.Budget{{Uses: 5}, {Path: "/a/b", Uses: 3, Bytes: 7}, {Path: "/a/b/c", Uses: 9}}
	if err != nil || len(got) != len(want) {
		t.Fatalf("%v, %v", got, err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %v, want %v", got[i], want[i])
		}
	}
}
