package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"modernc.org/sqlite"

	"jeton/internal/problem"
)

// busyTimeout is how long SQLite waits for the lock of another process: an
// administrator's command beside the server.
const busyTimeout = 10 * time.Second

// queueTimeout is how long a transaction waits for the others of this process.
const queueTimeout = 30 * time.Second

// openSQLite makes the file if there is none, readable by its owner alone
// (SQLite gives the WAL the mode of the file).
func (d *DB) openSQLite(ctx context.Context) error {
	file, err := os.OpenFile(d.o.Path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return problem.Wrap(err, problem.Unavailable, "The database file cannot be opened for writing.",
			"Check that "+filepath.Dir(d.o.Path)+" exists, belongs to the user who runs jeton, and has free space.")
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("close database file: %w", err)
	}
	if d.sqlite, err = openWriter(ctx, d); err != nil {
		return err
	}
	readers, err := d.sqliteConnector("_pragma=query_only(1)")
	if err != nil {
		_ = d.sqlite.close()
		return err
	}
	d.read = sql.OpenDB(readers)
	n := max(4, 2*runtime.GOMAXPROCS(0))
	d.read.SetMaxOpenConns(n)
	d.read.SetMaxIdleConns(n)
	return nil
}

// sqliteConnector sets every connection up alike. LIKE tells capitals from
// small letters, and double quotes are for names only, as on PostgreSQL.
func (d *DB) sqliteConnector(extra string) (driver.Connector, error) {
	sync := "FULL"
	if d.o.NoSync {
		sync = "OFF"
	}
	q := fmt.Sprintf("_dqs=0&_defensive=1&_pragma=busy_timeout(%d)&_pragma=journal_mode(WAL)&_pragma=synchronous(%s)"+
		"&_pragma=foreign_keys(1)&_pragma=case_sensitive_like(1)&_pragma=trusted_schema(0)", busyTimeout.Milliseconds(), sync)
	if extra != "" {
		q += "&" + extra
	}
	c, err := sqlite.NewConnector("file:" + (&url.URL{Path: d.o.Path}).EscapedPath() + "?" + q)
	if err != nil {
		return nil, fmt.Errorf("set SQLite up: %w", err)
	}
	return c, nil
}

// writer is the one connection of SQLite that writes.
type writer struct {
	pool *sql.DB
	turn chan struct{} // holds a value while a transaction runs
	conn *sql.Conn     // nil after a failure, until the next use

	stmts map[string]*sql.Stmt // of conn
	texts *textCache
}

func openWriter(ctx context.Context, d *DB) (*writer, error) {
	c, err := d.sqliteConnector("")
	if err != nil {
		return nil, err
	}
	w := &writer{pool: sql.OpenDB(c), turn: make(chan struct{}, 1), texts: &d.texts}
	if err := w.connect(ctx); err != nil {
		_ = w.pool.Close()
		return nil, problem.Wrap(err, problem.Unavailable, "The database file cannot be read.",
			"Check that "+d.o.Path+" is Jeton's database and belongs to the user who runs jeton, with its -wal and -shm files; else restore a backup.")
	}
	return w, nil
}

func (w *writer) connect(ctx context.Context) error {
	if w.conn != nil {
		return nil
	}
	conn, err := w.pool.Conn(ctx)
	if err != nil {
		return err
	}
	w.conn, w.stmts = conn, make(map[string]*sql.Stmt)
	return nil
}

// drop closes the connection, whose state is not known any more.
func (w *writer) drop() {
	if w.conn == nil {
		return
	}
	for _, s := range w.stmts {
		_ = s.Close()
	}
	// ErrBadConn takes the connection out of the pool, so that it is closed.
	_ = w.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = w.conn.Close()
	w.conn, w.stmts = nil, nil
}

func (w *writer) close() error {
	w.turn <- struct{}{}
	defer func() { <-w.turn }()
	for _, s := range w.stmts {
		_ = s.Close()
	}
	if w.conn != nil {
		_ = w.conn.Close()
		w.conn, w.stmts = nil, nil
	}
	return w.pool.Close()
}

func (w *writer) write(ctx context.Context, d *DB, fn func(tx *Tx) error) (tx *Tx, err error) {
	if err := w.wait(ctx); err != nil {
		return nil, err
	}
	defer func() { <-w.turn }()
	if err := w.connect(ctx); err != nil {
		return nil, busy(fmt.Errorf("connect: %w", err))
	}
	if _, err := w.ExecContext(ctx, `BEGIN IMMEDIATE`); err != nil {
		if isBusy(err) {
			return nil, busy(err)
		}
		w.drop()
		return nil, fmt.Errorf("begin: %w", err)
	}
	done := false
	defer func() { // runs after a panic of fn too
		if !done {
			w.rollback(ctx)
		}
	}()
	tx = &Tx{d: d, c: w, raw: w.conn}
	if err := tx.run(ctx, fn); err != nil {
		return nil, err
	}
	if _, err := w.ExecContext(context.WithoutCancel(ctx), `COMMIT`); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	done = true
	return tx, nil
}

func (w *writer) wait(ctx context.Context) error {
	select {
	case w.turn <- struct{}{}:
		return nil
	default:
	}
	t := time.NewTimer(queueTimeout)
	defer t.Stop()
	select {
	case w.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return busy(errors.New("no turn to write within the limit"))
	}
}

func (w *writer) rollback(ctx context.Context) {
	if w.conn == nil {
		return
	}
	if _, err := w.conn.ExecContext(context.WithoutCancel(ctx), `ROLLBACK`); err != nil {
		w.drop() // an interrupted statement may have ended the transaction itself
	}
}

// prepared returns the statement of query, or nil if it can't be prepared.
func (w *writer) prepared(ctx context.Context, query string) *sql.Stmt {
	if s := w.stmts[query]; s != nil {
		return s
	}
	if len(w.stmts) >= cacheSize {
		return nil
	}
	s, err := w.conn.PrepareContext(ctx, w.texts.numbered(query))
	if err != nil {
		return nil
	}
	w.stmts[query] = s
	return s
}

// ExecContext implements runner.
func (w *writer) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if s := w.prepared(ctx, query); s != nil {
		return s.ExecContext(ctx, args...)
	}
	return w.conn.ExecContext(ctx, w.texts.numbered(query), args...)
}

// QueryRowContext implements runner.
func (w *writer) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if s := w.prepared(ctx, query); s != nil {
		return s.QueryRowContext(ctx, args...)
	}
	return w.conn.QueryRowContext(ctx, w.texts.numbered(query), args...)
}

// QueryContext implements runner. It prepares afresh: the driver's prepared
// statement has one set of rows, and a second use of the same text while the
// first one's rows are open would disturb them.
func (w *writer) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return w.conn.QueryContext(ctx, w.texts.numbered(query), args...)
}

// snapshotPool opens the file anew: a copy takes long, and the readers refuse
// VACUUM.
func (d *DB) snapshotPool() (*sql.DB, error) {
	c, err := d.sqliteConnector("")
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(c), nil
}
