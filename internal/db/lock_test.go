package db_test

import (
	"testing"

	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/problem"
)

// TestLockImport: one process holds it at a time, beside a server, whichever database
// it is.
func TestLockImport(t *testing.T) {
	t.Parallel()
	dbtest.EachOptions(t, func(t *testing.T, o db.Options) {
		one, other := dbtest.OpenWith(t, o), dbtest.OpenWith(t, o)
		serves, err := other.LockServer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer serves()
		for range 2 {
			release, err := one.LockImport(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range []*db.DB{one, other} {
				if _, err := d.LockImport(t.Context()); !problem.Is(err, problem.Conflict) {
					t.Errorf("a second one: %v", err)
				}
			}
			release()
		}
		release, err := other.LockImport(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		release()
	})
}
