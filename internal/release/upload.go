package release

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"syscall"

	"jeton/internal/blob"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

const (
	// MaxAsset is how large an asset may be, as on GitHub.
	MaxAsset = 2 << 30
	// askEvery is after how many bytes of an upload the quota is asked again.
	askEvery = 16 << 20
)

// NewAsset is what is told of an asset before its bytes come.
type NewAsset struct {
	Name, Label, ContentType string
	Size                     int64 // bytes; below zero: nobody said
}

// TooLarge is the error for an asset that is larger than any may be.
func TooLarge() error {
	return problem.New(problem.TooLarge, "A file of a release can have 2 GiB.", "Cut it into parts.")
}

// Upload keeps what body gives as an asset of the release, once all of it was
// sent and may has agreed again. It fails with problem.NotFound, problem.Invalid,
// problem.TooLarge, and with body's own error.
func (r *Room) Upload(ctx context.Context, actor right.Actor, repo id.Repo, rel id.Release, n NewAsset, body io.Reader, may func(context.Context) error) (Asset, error) {
	given := n.Name
	if n.Name = AssetName(given); n.Name == "" {
		return Asset{}, badName()
	}
	if n.Label == "" && n.Name != given {
		n.Label = given
	}
	if err := checkLabel(n.Label); err != nil {
		return Asset{}, err
	}
	if n.Size > MaxAsset {
		return Asset{}, TooLarge()
	}
	if err := r.free(ctx, r.o.DB, repo, rel, n.Name); err != nil {
		return Asset{}, err
	}
	if err := r.admit(ctx, repo, r.coming.Add(repo, 0)+max(n.Size, 0)); err != nil {
		return Asset{}, err
	}
	key := newKey()
	if err := r.noteLoose(ctx, key); err != nil {
		return Asset{}, err
	}
	in := &counted{r: body, sum: sha256.New(), more: func(delta int64) error { return r.admit(ctx, repo, r.coming.Add(repo, delta)) }}
	defer func() { r.coming.Add(repo, -in.told) }()
	size, err := r.o.Blobs.Put(ctx, key, n.Size, in)
	if err == nil {
		err = may(ctx)
	}
	if err != nil {
		return Asset{}, r.uploadFailed(ctx, in, err)
	}
	return r.keep(ctx, actor, repo, rel, n, key, size, hex.EncodeToString(in.sum.Sum(nil)))
}

// newKey names bytes by chance, not by what they are: two assets never share any.
func newKey() string {
	b := make([]byte, 20)
	_, _ = rand.Read(b) // it never fails
	return hex.EncodeToString(b)
}

func (r *Room) admit(ctx context.Context, repo id.Repo, bytes int64) error {
	if r.o.Quota == nil {
		return nil
	}
	return r.o.Quota(ctx, repo, bytes)
}

// free refuses a name that an asset of the release has, and one asset too many.
func (r *Room) free(ctx context.Context, read db.Reader, repo id.Repo, rel id.Release, name string) error {
	var found, n, same int
	err := read.QueryRow(ctx, `
		SELECT (SELECT COUNT(*) FROM releases WHERE id = $1 AND repo_id = $2), COUNT(*), COALESCE(SUM(CASE WHEN name = $3 THEN 1 ELSE 0 END), 0)
		FROM release_assets WHERE release_id = $1`, rel, repo, name).Scan(&found, &n, &same)
	switch {
	case err != nil:
		return fmt.Errorf("count assets: %w", err)
	case found == 0:
		return problem.New(problem.NotFound, "Not Found", "")
	case same > 0:
		return nameTaken()
	case n >= maxAssets:
		return problem.Newf(problem.Invalid, "A release can have %d files.", maxAssets)
	}
	return nil
}

// noteLoose names the bytes before they come: if the process ends before a row
// keeps them, they are removed some time later.
func (r *Room) noteLoose(ctx context.Context, key string) error {
	return r.o.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO release_loose (blob_key, at) VALUES ($1, $2)`, key, db.Micros(r.o.Now())); err != nil {
			return fmt.Errorf("note an asset: %w", err)
		}
		return nil
	})
}

func (r *Room) uploadFailed(ctx context.Context, in *counted, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case in.wrong != nil:
		return in.wrong
	case errors.Is(err, io.ErrUnexpectedEOF):
		return problem.New(problem.Invalid, "The content that was sent has not the size that was announced.", "Nothing was kept. Upload it again.")
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return problem.Wrap(err, problem.Unavailable, "The server has no room for this file.", "Tell its administrator that the disk is full.")
	}
	return fmt.Errorf("keep an asset: %w", err)
}

// keep writes the row that keeps the bytes.
func (r *Room) keep(ctx context.Context, actor right.Actor, repo id.Repo, rel id.Release, n NewAsset, key string, size int64, digest string) (Asset, error) {
	var out Asset
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		if err := r.free(ctx, tx, repo, rel, n.Name); err != nil {
			return err
		}
		var made id.Asset
		err := tx.QueryRow(ctx, `
			INSERT INTO release_assets (release_id, repo_id, name, label, content_type, size, digest, blob_key, uploader_id, downloads, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, $10) RETURNING id`,
			rel, repo, n.Name, n.Label, mediaType(n.ContentType), size, digest, key, actor.Account, db.Micros(r.o.Now())).Scan(&made)
		if err == nil {
			_, err = tx.Exec(ctx, `DELETE FROM release_loose WHERE blob_key = $1`, key)
		}
		if err == nil {
			err = r.touch(ctx, tx, rel)
		}
		if err != nil {
			return fmt.Errorf("keep an asset: %w", err)
		}
		if r.o.Held != nil {
			if err := r.o.Held(ctx, tx, repo, size); err != nil {
				return err
			}
		}
		out, err = r.Asset(ctx, tx, repo, made)
		return err
	})
	if db.IsUnique(err) {
		err = nameTaken()
	}
	return out, err
}

// Open reads the bytes of an asset.
func (r *Room) Open(ctx context.Context, s *Asset) (blob.Reader, error) {
	in, err := r.o.Blobs.Open(ctx, s.Key)
	if err != nil {
		return nil, fmt.Errorf("open the asset %d: %w", s.ID, err)
	}
	if in.Size() != s.Size {
		return nil, errors.Join(fmt.Errorf("the asset %d has %d bytes, not %d", s.ID, in.Size(), s.Size), in.Close())
	}
	return in, nil
}

// counted hashes a body, and ends it when it is too large or nobody has room for
// it any more.
type counted struct {
	r     io.Reader
	sum   hash.Hash
	n     int64
	told  int64 // of n, how many more knows of
	more  func(delta int64) error
	wrong error // what was wrong, for a person
}

// Read implements io.Reader.
func (c *counted) Read(b []byte) (int, error) {
	if c.wrong != nil {
		return 0, c.wrong
	}
	n, err := c.r.Read(b)
	c.n += int64(n)
	_, _ = c.sum.Write(b[:n]) // a hash never fails
	if c.n > MaxAsset {
		c.wrong = TooLarge()
	} else if c.n-c.told >= askEvery || err == io.EOF {
		delta := c.n - c.told
		c.told = c.n
		c.wrong = c.more(delta)
	} else if err != nil {
		c.wrong = err
	}
	if c.wrong != nil {
		return 0, c.wrong
	}
	return n, err
}
