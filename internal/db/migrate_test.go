package db_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/problem"
)

func TestMigrate(t *testing.T) {
	t.Parallel()
	dbtest.EachOptions(t, func(t *testing.T, o db.Options) {
		var called []int
		o.BeforeMigrate = func(_ context.Context, from, to int) error {
			called = append(called, from, to)
			return nil
		}
		o.BackupDir = filepath.Join(t.TempDir(), "backups")
		o.Migrations = steps
		fill(t, dbtest.OpenWith(t, o))
		dbtest.OpenWith(t, o)
		if called != nil {
			t.Errorf("called with %v for a new database and for one that is up to date", called)
		}
		o.Migrations = later()
		d := dbtest.OpenWith(t, o)
		if !slices.Equal(called, []int{2, 10}) {
			t.Errorf("called with %v, want 2, 10", called)
		}
		if n := number(t, d, `SELECT SUM(age) FROM kids`); n != 14 {
			t.Errorf("sum %d, want 14", n)
		}
		copies, err := os.ReadDir(o.BackupDir)
		if err != nil || len(copies) != 1 || !strings.HasPrefix(copies[0].Name(), "before-0010-") {
			t.Errorf("copies %v, %v", copies, err)
		}
		o.Migrations = steps
		if _, err := db.Open(t.Context(), o); !problem.Is(err, problem.Conflict) || !strings.Contains(err.Error(), "0010") || !strings.Contains(err.Error(), "0002") || problem.Of(err).Remedy == "" {
			t.Errorf("a database newer than the program gave %v", err)
		}
	})
}

func TestMigrationStopsWhenTheHookFails(t *testing.T) {
	t.Parallel()
	dbtest.EachOptions(t, func(t *testing.T, o db.Options) {
		o.Migrations = steps
		dbtest.OpenWith(t, o)
		boom := errors.New("no space for a backup")
		o.Migrations = later()
		o.BeforeMigrate = func(context.Context, int, int) error { return boom }
		if _, err := db.Open(t.Context(), o); !errors.Is(err, boom) {
			t.Errorf("got %v", err)
		}
		o.Migrations, o.BeforeMigrate = steps, nil
		dbtest.OpenWith(t, o)
	})
}

func TestFailedMigrationLeavesNothing(t *testing.T) {
	t.Parallel()
	dbtest.EachOptions(t, func(t *testing.T, o db.Options) {
		bad := maps.Clone(steps)
		bad["0003_bad.sql"] = &fstest.MapFile{Data: []byte("CREATE TABLE half (id {{id}});\nCREATE TABLE nonsense (;\n")}
		o.Migrations = bad
		if _, err := db.Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "0003 bad") {
			t.Fatalf("got %v", err)
		}
		o.Migrations = steps
		exec(t, dbtest.OpenWith(t, o), `CREATE TABLE half (id BIGINT)`)
	})
}

func TestEditedMigrationIsRefused(t *testing.T) {
	t.Parallel()
	dbtest.EachOptions(t, func(t *testing.T, o db.Options) {
		o.Migrations = steps
		dbtest.OpenWith(t, o)
		edited := maps.Clone(steps)
		edited["0002_kids.sql"] = &fstest.MapFile{Data: append(slices.Clone(steps["0002_kids.sql"].Data), '\n')}
		o.Migrations = edited
		if _, err := db.Open(t.Context(), o); !problem.Is(err, problem.Conflict) || !strings.Contains(err.Error(), "0002") {
			t.Errorf("got %v", err)
		}
	})
}

func TestTwoProcessesMigrateAtOnce(t *testing.T) {
	t.Parallel()
	dbtest.EachOptions(t, func(t *testing.T, o db.Options) {
		o.Migrations = steps
		errs := make(chan error)
		for range 4 {
			go func() {
				d, err := db.Open(t.Context(), o)
				if err == nil {
					err = d.Close()
				}
				errs <- err
			}()
		}
		for range 4 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestOpenSaysWhatToDo(t *testing.T) {
	t.Parallel()
	garbage := filepath.Join(t.TempDir(), "jeton.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("this is no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	secret := "hunter2hunter2"
	for name, o := range map[string]db.Options{
		"garbage":      {Path: garbage},
		"no folder":    {Path: filepath.Join(t.TempDir(), "none", "jeton.db")},
		"bad URL":      {URL: "postgres://u:" + secret + "@host:port/%zz"},
		"nobody there": {URL: "postgres://u:" + secret + "@/x?host=" + t.TempDir()},
	} {
		_, err := db.Open(t.Context(), o)
		if err == nil || problem.Of(err).Public == "" || problem.Of(err).Remedy == "" {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if strings.Contains(err.Error()+problem.Of(err).Remedy, secret) {
			t.Errorf("%s: the error tells the password", name)
		}
	}
}

func TestDatabaseFileIsPrivate(t *testing.T) {
	t.Parallel()
	o := dbtest.SQLite(t)
	dbtest.OpenWith(t, o)
	files, err := filepath.Glob(o.Path + "*")
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", filepath.Base(f), info.Mode(), err)
		}
	}
}

func TestLockServer(t *testing.T) {
	t.Parallel()
	dbtest.EachOptions(t, func(t *testing.T, o db.Options) {
		a, b := dbtest.OpenWith(t, o), dbtest.OpenWith(t, o)
		release, err := a.LockServer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range []*db.DB{a, b} {
			if _, err := d.LockServer(t.Context()); !problem.Is(err, problem.Conflict) {
				t.Errorf("a second server is let in: %v", err)
			}
		}
		if err := a.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		release()
		release()
		release, err = b.LockServer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		release()
	})
}

// TestMigrationBesideAServerIsRefused: while a server of the older version
// holds the lock, a newer program neither serves nor changes the schema.
func TestMigrationBesideAServerIsRefused(t *testing.T) {
	t.Parallel()
	dbtest.EachOptions(t, func(t *testing.T, o db.Options) {
		o.Migrations = steps
		release, err := dbtest.OpenWith(t, o).LockServer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		dbtest.OpenWith(t, o) // of the server's own version: nothing is pending

		o.Migrations = later()
		called := false
		o.BeforeMigrate = func(context.Context, int, int) error { called = true; return nil }
		_, err = db.Open(t.Context(), o)
		if !problem.Is(err, problem.Conflict) {
			t.Fatalf("a migration beside a running server gave %v", err)
		}
		p := problem.Of(err)
		if !strings.Contains(p.Public, "0002") || !strings.Contains(p.Public, "0010") || !strings.Contains(p.Remedy, "Stop the server") || called {
			t.Errorf("%q, %q; copied first: %v", p.Public, p.Remedy, called)
		}
		o.Migrations, o.BeforeMigrate = steps, nil
		dbtest.OpenWith(t, o) // fails if anything was changed

		release()
		o.Migrations = later()
		release, err = dbtest.OpenWith(t, o).LockServer(t.Context())
		if err != nil {
			t.Fatalf("the migration kept the lock: %v", err)
		}
		release()
	})
}
