package db_test

import (
	"testing"

	"jeton/internal/db/dbtest"
	"jeton/internal/problem"
)

// TestLostLockIsNoticed ends the lock's connection, as a restart of PostgreSQL
// does: Ping takes the lock again, or says that another server has it.
func TestLostLockIsNoticed(t *testing.T) {
	t.Parallel()
	o := dbtest.Postgres(t)
	a, b := dbtest.OpenWith(t, o), dbtest.OpenWith(t, o)
	if _, err := a.LockServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	cut := func() {
		t.Helper()
		number(t, b, `SELECT COUNT(pg_terminate_backend(pid, 5000)) FROM pg_locks
			WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
	}
	cut()
	if err := a.Ping(t.Context()); err != nil {
		t.Fatalf("the lock was not taken again: %v", err)
	}
	if _, err := b.LockServer(t.Context()); !problem.Is(err, problem.Conflict) {
		t.Fatalf("a second server is let in: %v", err)
	}
	cut()
	if _, err := b.LockServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Ping(t.Context()); !problem.Is(err, problem.Conflict) {
		t.Errorf("a server that lost its place gets %v", err)
	}
}
