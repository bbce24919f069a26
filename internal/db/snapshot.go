package db

import (
	"context"
	"fmt"
	"os"

	"jeton/internal/problem"
)

// Snapshot writes a consistent copy of a SQLite database to the new file path,
// synced, while others read and write on. On PostgreSQL it fails with
// problem.Invalid: Dump works on both.
func (d *DB) Snapshot(ctx context.Context, path string) error {
	if d.sqlite == nil {
		return problem.New(problem.Invalid, "A copy of the file is for SQLite alone.", "Use a dump.")
	}
	// VACUUM INTO gives a new file the common mode and refuses one that has
	// content, so an empty one of mode 0600 is put there first.
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("make snapshot file: %w", err)
	}
	defer file.Close()
	conn, err := d.snapshotPool()
	if err == nil {
		defer conn.Close()
		_, err = conn.ExecContext(ctx, `VACUUM INTO ?1`, path)
	}
	if err == nil {
		err = file.Sync()
	}
	if err != nil {
		_ = os.Remove(path)
		return fmt.Errorf("write snapshot: %w", err)
	}
	return nil
}

// copyTo leaves a copy in whatever form the engine has.
func (d *DB) copyTo(ctx context.Context, path string) error {
	if d.sqlite != nil {
		return d.Snapshot(ctx, path)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := d.Dump(ctx, file); err != nil {
		_ = os.Remove(path)
		return err
	}
	return file.Sync()
}
