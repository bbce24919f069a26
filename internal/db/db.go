// Package db opens Jeton's database, SQLite or PostgreSQL, and hides which of
// the two it is: one text of SQL for both, one way to read, one way to write.
// It must never hold a query of a room, and no other package may know which
// database there is.
package db

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"jeton/internal/problem"
)

// Options says which database to open. Either URL or Path is required.
type Options struct {
	URL  string // "postgres://…", or empty for SQLite
	Path string // the SQLite file, when URL is empty
	Log  *slog.Logger
	Now  func() time.Time

	// BeforeMigrate is called when a database that is not empty is about to
	// be changed from one schema version to another. Its error stops that.
	BeforeMigrate func(ctx context.Context, from, to int) error

	// BackupDir is a folder where a copy of a database that is not empty is
	// left before it is migrated. Empty means no copy.
	BackupDir string

	// Migrations replaces the program's own migrations, in tests.
	Migrations fs.FS

	// NoSync gives up durability for speed, in tests.
	NoSync bool
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	o    Options
	read *sql.DB // the pool that reads; on PostgreSQL it writes too

	sqlite *writer // nil on PostgreSQL
	texts  textCache
	stmts  stmtCache

	lockMu sync.Mutex
	lock   *serverLock
}

// Reader reads: a *DB, each read on its own, or a *Tx, all of them from one
// state of the database.
type Reader interface {
	QueryRow(ctx context.Context, query string, args ...any) *sql.Row
	Query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Open opens the database, refuses one that is newer than the program, and
// migrates one that is older.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.URL == "" && o.Path == "" {
		panic("db: neither URL nor Path")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	d := &DB{o: o}
	open := d.openSQLite
	if o.URL != "" {
		open = d.openPostgres
	}
	if err := open(ctx); err != nil {
		return nil, err
	}
	if err := d.migrate(ctx); err != nil {
		_ = d.Close()
		return nil, err
	}
	return d, nil
}

// Close closes every connection. Running transactions fail.
func (d *DB) Close() error {
	d.stmts.close()
	var err error
	if d.sqlite != nil {
		err = d.sqlite.close()
	}
	if e := d.read.Close(); err == nil {
		err = e
	}
	return err
}

// Engine names the engine, "sqlite" or "postgres", for people and metrics.
// Nothing may be decided by it.
func (d *DB) Engine() string {
	if d.sqlite != nil {
		return "sqlite"
	}
	return "postgres"
}

// Ping reports whether the database answers, and whether the lock of
// LockServer, if this process took it, is still held.
func (d *DB) Ping(ctx context.Context) error {
	var one int
	if err := d.QueryRow(ctx, `SELECT 1`).Scan(&one); err != nil {
		return problem.Wrap(err, problem.Unavailable, "The database does not answer.", "")
	}
	return d.checkLock(ctx)
}

// QueryRow reads at most one row outside of any transaction.
func (d *DB) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	if d.sqlite == nil {
		return d.read.QueryRowContext(ctx, query, args...)
	}
	if s := d.stmts.get(ctx, d.read, query, &d.texts); s != nil {
		return s.QueryRowContext(ctx, args...)
	}
	return d.read.QueryRowContext(ctx, d.texts.numbered(query), args...)
}

// QueryPoint is QueryRow for one row that an index finds, on the way of a request.
// With SQLite the end of ctx does not end it: to wait for that takes two goroutines,
// which cost as much as the read.
func (d *DB) QueryPoint(ctx context.Context, query string, args ...any) *sql.Row {
	if d.sqlite != nil {
		ctx = context.WithoutCancel(ctx)
	}
	return d.QueryRow(ctx, query, args...)
}

// Query reads rows outside of any transaction. The caller closes them.
func (d *DB) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if d.sqlite == nil {
		return d.read.QueryContext(ctx, query, args...)
	}
	if s := d.stmts.get(ctx, d.read, query, &d.texts); s != nil {
		return s.QueryContext(ctx, args...)
	}
	return d.read.QueryContext(ctx, d.texts.numbered(query), args...)
}

// Read calls fn with a reader that sees one state of the database throughout.
func (d *DB) Read(ctx context.Context, fn func(r Reader) error) error {
	tx, err := d.read.BeginTx(ctx, d.snapshotOptions())
	if err != nil {
		return fmt.Errorf("begin reading: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	return fn(&Tx{d: d, c: d.plain(tx)})
}

func (d *DB) snapshotOptions() *sql.TxOptions {
	if d.sqlite != nil {
		return nil // a deferred transaction reads one snapshot of the WAL
	}
	return &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
}
