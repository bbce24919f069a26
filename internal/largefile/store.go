package largefile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"syscall"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
)

// TooLarge is the error for an object that is larger than any may be.
func (m *Room) TooLarge() error {
	return problem.New(problem.TooLarge, fmt.Sprintf("This file is larger than the %s that a file in Git LFS may have here.", size(m.o.MaxSize)),
		"Ask the server's administrator about the setting lfs-max-object-size.")
}

// size prints bytes in the largest unit that they fill.
func size(n int64) string {
	for _, u := range []struct {
		at   int64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= u.at {
			return fmt.Sprintf("%.4g %s", float64(n)/float64(u.at), u.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

// Store lets the repository hold an object whose bytes are what body gives:
// all of them, of that size and with that hash, else nothing is kept. A size
// below zero leaves it open. It fails with problem.Invalid when the bytes are
// not the object's, problem.TooLarge, problem.NotFound when there is no such
// repository any more, *OverQuota, and with body's own error.
//
// The bytes are read and hashed whether the server has them already or not.
// The quota is asked before, on the way and at the end; when they are all there,
// may is asked whether they still shall be kept.
func (m *Room) Store(ctx context.Context, repo id.Repo, oid OID, size int64, body io.Reader, may func(context.Context) error) error {
	if size > m.o.MaxSize {
		return m.TooLarge()
	}
	a, err := m.arrive(ctx, repo, oid, size)
	if err != nil {
		return err
	}
	defer a.over()
	admitted := func(n int64) error {
		// Not sooner: an upload that fails shall leave nothing.
		if err := m.noteLoose(ctx, repo, oid); err != nil {
			return err
		}
		if err := may(ctx); err != nil {
			return err
		}
		return a.has(n)
	}
	in := &checked{r: body, sum: sha256.New(), want: oid, size: size, max: m.o.MaxSize, tooLarge: m.TooLarge, more: a.has, end: admitted}
	// What is put under the object's name is the object, so the same bytes may
	// be put twice at once. Only what follows must not meet a removal.
	release := func() {}
	in.beforeEnd = func() { release = m.keep(oid) }
	put := m.o.Blobs.Put
	if a.held && m.Whole(ctx, oid, a.size) {
		put = discard // it would fill the disk for as long as it comes
	}
	n, err := put(ctx, string(oid), size, in)
	defer func() { release() }()
	if err != nil {
		return m.putFailed(ctx, in, err)
	}
	return m.hold(ctx, repo, oid, n)
}

// Whole reports whether there are as many bytes of an object, which a repository
// holds, as there must be. A disk may have lost them: then they are to be sent again.
func (m *Room) Whole(ctx context.Context, oid OID, size int64) bool {
	info, err := m.o.Blobs.Stat(ctx, string(oid))
	return err == nil && info.Size == size
}

// discard reads what is here already.
func discard(_ context.Context, _ string, _ int64, r io.Reader) (int64, error) {
	return io.Copy(io.Discard, r)
}

func (m *Room) putFailed(ctx context.Context, in *checked, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case in.wrong != nil:
		return in.wrong
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &OverQuota{Err: problem.Wrap(err, problem.Unavailable, "The server has no room for this file.", "Tell its administrator that the disk is full.")}
	}
	return fmt.Errorf("keep a large file: %w", err)
}

// noteLoose names the bytes before they get their name: if the process ends before
// a row keeps them, they are removed some time later.
func (m *Room) noteLoose(ctx context.Context, repo id.Repo, oid OID) error {
	return m.o.DB.Write(ctx, func(tx *db.Tx) error {
		if err := exists(ctx, tx, repo); err != nil {
			return err
		}
		return loosen(ctx, tx, oid, db.Micros(m.o.Now()))
	})
}

func loosen(ctx context.Context, tx *db.Tx, oid OID, at int64) error {
	_, err := tx.Exec(ctx, `INSERT INTO lfs_loose (oid, at) VALUES ($1, $2) ON CONFLICT (oid) DO UPDATE SET at = excluded.at`, string(oid), at)
	if err != nil {
		return fmt.Errorf("note a large file: %w", err)
	}
	return nil
}

func exists(ctx context.Context, tx *db.Tx, repo id.Repo) error {
	var n int
	if err := tx.QueryRow(ctx, `SELECT COUNT(1) FROM repositories WHERE id = $1`, repo).Scan(&n); err != nil {
		return fmt.Errorf("look for the repository: %w", err)
	}
	if n == 0 {
		return problem.New(problem.NotFound, "Repository not found.", "It was deleted meanwhile.")
	}
	return nil
}

// hold writes the row.
func (m *Room) hold(ctx context.Context, repo id.Repo, oid OID, n int64) error {
	return m.o.DB.Write(ctx, func(tx *db.Tx) error {
		if err := exists(ctx, tx, repo); err != nil {
			return err
		}
		res, err := tx.Exec(ctx, `INSERT INTO lfs_objects (repo_id, oid, size, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (repo_id, oid) DO NOTHING`,
			repo, string(oid), n, db.Micros(m.o.Now()))
		if err == nil {
			_, err = tx.Exec(ctx, `DELETE FROM lfs_loose WHERE oid = $1`, string(oid))
		}
		if err != nil {
			return fmt.Errorf("hold a large file: %w", err)
		}
		if added, err := res.RowsAffected(); err != nil || added == 0 {
			return err
		}
		return m.held(ctx, tx, repo, n)
	})
}

func (m *Room) held(ctx context.Context, tx *db.Tx, repo id.Repo, bytes int64) error {
	if m.o.Held == nil || bytes == 0 {
		return nil
	}
	return m.o.Held(ctx, tx, repo, bytes)
}

// checked is a body that ends well only if it was the object: its error comes
// in the place of io.EOF, so that nobody can publish what was not checked.
type checked struct {
	r         io.Reader
	sum       hash.Hash
	want      OID
	size, max int64
	n         int64
	tooLarge  func() error
	more      func(n int64) error // what must hold on the way, every askEvery bytes
	asked     int64               // how many there were then
	end       func(n int64) error // what else must hold at the end
	beforeEnd func()              // called once, when all is well
	wrong     error               // what was wrong, for a person
	over      bool
}

// Read implements io.Reader.
func (c *checked) Read(b []byte) (int, error) {
	if c.wrong != nil {
		return 0, c.wrong
	}
	if c.over {
		return 0, io.EOF
	}
	n, err := c.r.Read(b)
	c.n += int64(n)
	_, _ = c.sum.Write(b[:n]) // a hash never fails
	switch {
	case c.n > c.max:
		c.wrong = c.tooLarge()
	case c.size >= 0 && c.n > c.size:
		c.wrong = wrongSize(c.size)
	case err == io.EOF:
		c.wrong = c.finish()
	case err != nil:
		c.wrong = fmt.Errorf("read a large file: %w", err)
	case c.n-c.asked >= askEvery:
		c.asked = c.n
		c.wrong = c.more(c.n)
	}
	if c.wrong != nil {
		return 0, c.wrong
	}
	if c.over = err == io.EOF; c.over {
		c.beforeEnd()
	}
	return n, err
}

func (c *checked) finish() error {
	if c.size >= 0 && c.n != c.size {
		return wrongSize(c.size)
	}
	if hex.EncodeToString(c.sum.Sum(nil)) != string(c.want) {
		return problem.New(problem.Invalid, "The content that was sent is not that of this object: its SHA-256 is another.",
			"Nothing was kept. Check the file with git lfs fsck, then push again.")
	}
	return c.end(c.n)
}

func wrongSize(want int64) error {
	return problem.New(problem.Invalid, fmt.Sprintf("The content that was sent has not the %d bytes that were announced.", want), "Nothing was kept. Push again.")
}
