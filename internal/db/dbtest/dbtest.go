// Package dbtest gives tests real databases: SQLite in a temporary folder, and
// PostgreSQL from the system's package, started once per test binary. It must
// never be used outside of tests.
package dbtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"jeton/internal/db"
)

// Open returns a fresh, migrated SQLite database.
func Open(t testing.TB) *db.DB {
	t.Helper()
	o := SQLite(t)
	Place(t, o.Path)
	return OpenWith(t, o)
}

// SQLite returns the options of a SQLite database that does not exist yet.
func SQLite(t testing.TB) db.Options {
	return db.Options{Path: filepath.Join(t.TempDir(), "jeton.db"), NoSync: true}
}

// Place writes a SQLite database with the tables that a first start makes, which
// is many times as fast as making them.
func Place(t testing.TB, path string) {
	t.Helper()
	content, err := placed()
	if err == nil {
		err = os.WriteFile(path, content, 0o600)
	}
	if err != nil {
		t.Fatalf("make the template database: %v", err)
	}
}

// Postgres returns the options of a fresh, empty PostgreSQL database. The test
// fails where PostgreSQL is not installed, or is skipped if it is a short run.
func Postgres(t testing.TB) db.Options {
	t.Helper()
	return db.Options{URL: create(t, "template0"), NoSync: true}
}

// Migrated is Postgres with the tables that a first start makes, which is several
// times as fast.
func Migrated(t testing.TB) db.Options {
	t.Helper()
	return db.Options{URL: create(t, migrated(t)), NoSync: true}
}

// OpenWith opens a database and closes it at the end of the test.
func OpenWith(t testing.TB, o db.Options) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), o)
	if err != nil {
		t.Fatalf("open database: %v", err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close database: %v", err)
		}
	})
	return d
}

// Each runs fn as a subtest on SQLite and as another on PostgreSQL, each with
// a fresh, migrated database.
func Each(t *testing.T, fn func(t *testing.T, d *db.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		fn(t, Open(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		fn(t, OpenWith(t, Migrated(t)))
	})
}

// EachOptions is Each with the options of a database that is still empty.
func EachOptions(t *testing.T, fn func(t *testing.T, o db.Options)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		fn(t, SQLite(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		fn(t, Postgres(t))
	})
}

// The one server of this test binary, and what the databases of both kinds are
// copied from, since a copy is several times as fast as migrating.
var (
	placed   = sync.OnceValues(place)
	started  = sync.OnceValues(start)
	template struct {
		once sync.Once
		err  error
	}
	numbers atomic.Int64
	making  sync.Mutex // PostgreSQL copies a template for one at a time
)

func place() (content []byte, err error) {
	dir, err := os.MkdirTemp("", "jeton-dbtest-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "jeton.db")
	d, err := db.Open(context.Background(), db.Options{Path: path, NoSync: true})
	if err != nil {
		return nil, err
	}
	if err := d.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

func migrated(t testing.TB) string {
	t.Helper()
	template.once.Do(func() {
		s := server(t)
		if template.err = s.psql("CREATE DATABASE jeton_migrated TEMPLATE template0"); template.err != nil {
			return
		}
		d, err := db.Open(t.Context(), db.Options{URL: s.url("jeton_migrated")})
		if err != nil {
			template.err = err
			return
		}
		template.err = d.Close()
	})
	if template.err != nil {
		t.Fatalf("make the template database: %v", template.err)
	}
	return "jeton_migrated"
}

func create(t testing.TB, from string) string {
	t.Helper()
	s := server(t)
	name := fmt.Sprintf("test_%d", numbers.Add(1))
	making.Lock()
	defer making.Unlock()
	if err := s.psql("CREATE DATABASE " + name + " TEMPLATE " + from); err != nil {
		t.Fatalf("create database: %v", err)
	}
	return s.url(name)
}

func server(t testing.TB) *postgres {
	t.Helper()
	s, err := started()
	if err == errMissing && testing.Short() {
		t.Skip(err)
	}
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	return s
}

func (p *postgres) url(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/" + database,
		RawQuery: url.Values{"host": {p.dir}, "sslmode": {"disable"}}.Encode()}
	return u.String()
}
