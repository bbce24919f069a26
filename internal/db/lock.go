package db

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"

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
		return d.lockFile()
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

// lockFile locks DATA/jeton.lock, which stays where it is: removing it would
// let two processes hold locks on two files of that name.
func (d *DB) lockFile() (*serverLock, error) {
	path := filepath.Join(filepath.Dir(d.o.Path), "jeton.lock")
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, problem.Wrap(err, problem.Unavailable, "The data folder cannot be locked.", "Check that the user who runs jeton may write to it.")
	}
	held, err := tryLock(file)
	if err != nil {
		_ = file.Close()
		return nil, problem.Wrap(err, problem.Unavailable, "The data folder cannot be locked.", "Keep it on a local disk.")
	}
	if !held {
		who := holder(file)
		_ = file.Close()
		return nil, problem.New(problem.Conflict, "Another jeton serves this data folder"+who+".",
			"Stop it first, or give this one its own folder with --data. Commands such as \"jeton token list\" work beside a running server.")
	}
	if err := file.Truncate(0); err == nil {
		_, _ = fmt.Fprintf(file, "%d\n", os.Getpid()) // only for the message above
	}
	return &serverLock{file: file}, nil
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
		_ = l.file.Close()
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
