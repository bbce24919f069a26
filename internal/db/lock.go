package db

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"jeton/internal/problem"
)

// serverLock is the mark that this process serves the database.
type serverLock struct {
	conn *sql.Conn // PostgreSQL: the advisory lock lives as long as this
	file *os.File  // SQLite: the locked file
}

// LockServer makes this process the database's only server until release is
// called. It fails with problem.Conflict when another process is. The lock
// ends with the process, however that ends.
func (d *DB) LockServer(ctx context.Context) (release func(), err error) {
	d.lockMu.Lock()
	defer d.lockMu.Unlock()
	if d.lock != nil {
		return nil, problem.New(problem.Conflict, "This process serves the database already.", "")
	}
	if d.lock, err = d.takeLock(ctx); err != nil {
		return nil, err
	}
	return d.unlockServer, nil
}

func (d *DB) takeLock(ctx context.Context) (*serverLock, error) {
	if d.sqlite != nil {
		return d.lockFile(ctx)
	}
	conn, err := d.read.Conn(ctx)
	if err != nil {
		return nil, busy(err)
	}
	var ok bool
	if err := conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock($1)`, serverKey).Scan(&ok); err != nil {
		_ = conn.Close()
		return nil, busy(err)
	}
	if !ok {
		_ = conn.Close()
		return nil, problem.New(problem.Conflict, "Another jeton serves this PostgreSQL database.",
			"Stop the other server first: one database has one server.")
	}
	return &serverLock{conn: conn}, nil
}

// lockWithin is how long a server waits for the lock: a child that a killed server
// was just starting holds it until its program is run.
const lockWithin = time.Second

// lockFile takes the lock of the data folder for a server.
func (d *DB) lockFile(ctx context.Context) (*serverLock, error) {
	file, held, err := d.openLock(serverFile, exclusive)
	for end := time.Now().Add(lockWithin); err == nil && !held && time.Now().Before(end) && ctx.Err() == nil; {
		time.Sleep(lockWithin / 50)
		if held, err = tryLock(file, exclusive); err != nil {
			_ = file.Close()
		}
	}
	if err != nil {
		return nil, err
	}
	if !held {
		who := holder(file)
		_ = file.Close()
		return nil, problem.New(problem.Conflict, "Another jeton serves this data folder"+who+".",
			"Stop it first, or give this one its own folder with --data. Commands such as \"jeton token list\" work beside a running server.")
	}
	if err := file.Truncate(0); err == nil {
		_, _ = fmt.Fprintf(file, "%d\n", os.Getpid()) // only for the messages
	}
	return &serverLock{file: file}, nil
}

// The files that are locked in the data folder.
const serverFile, importFile = "jeton.lock", "import.lock"

// openLock opens and locks a file of the data folder, which stays where it is: removing
// it would let two processes hold locks on two files of that name. The file is
// open, and the caller's to close, when another process holds the lock.
func (d *DB) openLock(name string, mode lockMode) (file *os.File, held bool, err error) {
	path := filepath.Join(filepath.Dir(d.o.Path), name)
	if file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, false, problem.Wrap(err, problem.Unavailable, "The data folder cannot be locked.", "Check that the user who runs jeton may write to it.")
	}
	if held, err = tryLock(file, mode); err != nil {
		_ = file.Close()
		return nil, false, problem.Wrap(err, problem.Unavailable, "The data folder cannot be locked.", "Keep it on a local disk.")
	}
	return file, held, nil
}

// lockMode says who else may hold a lock.
type lockMode uint8

const (
	exclusive lockMode = iota // nobody: a server's
	shared                    // those who share it, but no server: a migration's
)

// LockImport makes this process the only one that brings things over from elsewhere,
// until release is called: it looks first whether a thing is there, and makes it then.
// It fails with problem.Conflict when another one does. It runs beside a server.
func (d *DB) LockImport(ctx context.Context) (release func(), err error) {
	if d.sqlite == nil {
		release, held, err := d.adviseLock(ctx, `SELECT pg_try_advisory_lock($1)`, `SELECT pg_advisory_unlock($1)`, importKey)
		if err == nil && !held {
			err = errImports()
		}
		return release, err
	}
	file, held, err := d.openLock(importFile, exclusive)
	if err != nil {
		return nil, err
	}
	if !held {
		_ = file.Close()
		return nil, errImports()
	}
	return func() { _ = unlock(file) }, nil
}

func errImports() error {
	return problem.New(problem.Conflict, "Another import is running.", "Wait for its end, then run this again: it brings only what is new.")
}

// noServer keeps servers away until release is called. It fails with
// problem.Conflict while one serves. Several processes may do it at once:
// migrations wait for one another by other means.
func (d *DB) noServer(ctx context.Context, from, to int) (release func(), err error) {
	if d.sqlite == nil {
		return d.noServerPostgres(ctx, from, to)
	}
	file, held, err := d.openLock(serverFile, shared)
	if err != nil {
		return nil, err
	}
	if !held {
		who := holder(file)
		_ = file.Close()
		return nil, served(who, from, to)
	}
	return func() { _ = unlock(file) }, nil
}

func (d *DB) noServerPostgres(ctx context.Context, from, to int) (release func(), err error) {
	release, held, err := d.adviseLock(ctx, `SELECT pg_try_advisory_lock_shared($1)`, `SELECT pg_advisory_unlock_shared($1)`, serverKey)
	if err == nil && !held {
		err = served("", from, to)
	}
	return release, err
}

// adviseLock tries to take a lock of PostgreSQL, which lives as long as its connection.
// There is nothing to release unless it is held.
func (d *DB) adviseLock(ctx context.Context, take, giveBack string, key int64) (release func(), held bool, err error) {
	conn, err := d.read.Conn(ctx)
	if err != nil {
		return nil, false, busy(err)
	}
	if err := conn.QueryRowContext(ctx, take, key).Scan(&held); err != nil {
		_ = conn.Close()
		return nil, false, busy(err)
	}
	if !held {
		_ = conn.Close()
		return nil, false, nil
	}
	return func() {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), giveBack, key)
		_ = conn.Close()
	}, true, nil
}

// served says why a migration must wait: the server that runs knows nothing of
// the schema that it would be given.
func served(who string, from, to int) error {
	return problem.New(problem.Conflict,
		fmt.Sprintf("A running jeton%s serves this database at schema version %04d, and this program would bring it to %04d.", who, from, to),
		"Stop the server and start this version in its place. Until then, use the jeton program of the server's own version for commands.")
}

func holder(file *os.File) string {
	buf := make([]byte, 20)
	n, _ := file.Read(buf)
	pid := strings.TrimSpace(string(buf[:n]))
	if pid == "" || strings.Trim(pid, "0123456789") != "" {
		return ""
	}
	return " (process " + pid + ")"
}

func (d *DB) unlockServer() {
	d.lockMu.Lock()
	defer d.lockMu.Unlock()
	if d.lock == nil {
		return
	}
	d.lock.release()
	d.lock = nil
}

func (l *serverLock) release() {
	if l.file != nil {
		_ = unlock(l.file)
		return
	}
	_, _ = l.conn.ExecContext(context.Background(), `SELECT pg_advisory_unlock($1)`, serverKey)
	_ = l.conn.Close()
}

// checkLock takes the lock again when its connection was lost, which a
// restart of PostgreSQL does, and fails if another server has come meanwhile.
func (d *DB) checkLock(ctx context.Context) error {
	d.lockMu.Lock()
	defer d.lockMu.Unlock()
	if d.lock == nil || d.lock.conn == nil {
		return nil
	}
	if _, err := d.lock.conn.ExecContext(ctx, `SELECT 1`); err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	again, err := d.takeLock(ctx)
	if err != nil {
		return err
	}
	_ = d.lock.conn.Close()
	d.lock = again
	return nil
}
