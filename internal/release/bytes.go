package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"sync"
	"time"

	"jeton/internal/blob"
	"jeton/internal/db"
	"jeton/internal/id"
)

const (
	// grace is how long bytes that no asset has are kept: longer than any upload
	// and any backup may take.
	grace      = 24 * time.Hour
	tidyEvery  = time.Hour
	countEvery = time.Minute
	tidyAtOnce = 500
)

// loosen takes assets away, chosen by a condition with one argument, and lets
// their bytes go after a time of grace.
func (r *Room) loosen(ctx context.Context, tx *db.Tx, repo id.Repo, where string, arg any) error {
	var bytes int64
	if err := tx.QueryRow(ctx, `SELECT COALESCE(SUM(size), 0) FROM release_assets WHERE `+where+` AND repo_id = $2`, arg, repo).Scan(&bytes); err != nil {
		return fmt.Errorf("count assets: %w", err)
	}
	_, err := tx.Exec(ctx, `INSERT INTO release_loose (blob_key, at) SELECT blob_key, $3 FROM release_assets WHERE `+where+` AND repo_id = $2 ON CONFLICT (blob_key) DO NOTHING`, arg, repo, db.Micros(r.o.Now()))
	if err == nil {
		_, err = tx.Exec(ctx, `DELETE FROM release_assets WHERE `+where+` AND repo_id = $2`, arg, repo)
	}
	if err != nil {
		return fmt.Errorf("remove assets: %w", err)
	}
	if r.o.Held == nil || bytes == 0 {
		return nil
	}
	return r.o.Held(ctx, tx, repo, -bytes)
}

// DropTx removes every release of a repository, as its deletion asks.
func (r *Room) DropTx(ctx context.Context, tx *db.Tx, repo id.Repo) error {
	if err := r.loosen(ctx, tx, repo, `repo_id = $1`, repo); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM releases WHERE repo_id = $1`, repo); err != nil {
		return fmt.Errorf("drop the releases of repository %d: %w", repo, err)
	}
	return nil
}

// Sweep removes what interrupted uploads left. The server calls it before it
// answers anybody: an upload that runs would lose its file.
func (r *Room) Sweep(ctx context.Context) error {
	if _, err := r.o.Blobs.Sweep(ctx, time.Now()); err != nil { // files have the machine's time
		return fmt.Errorf("remove what interrupted uploads of assets left: %w", err)
	}
	return nil
}

// Run writes down downloads and removes bytes that no asset has any more, now and
// then, until ctx ends. Only the one server calls it.
func (r *Room) Run(ctx context.Context) error {
	tick := time.NewTicker(countEvery)
	defer tick.Stop()
	var tidied time.Time
	for {
		if now := time.Now(); now.Sub(tidied) >= tidyEvery {
			tidied = now
			if _, err := r.Tidy(ctx); err != nil && ctx.Err() == nil {
				r.o.Log.WarnContext(ctx, "files of no release were not removed", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), r.Count(context.WithoutCancel(ctx))) // what is in memory would be lost
		case <-tick.C:
		}
		if err := r.Count(ctx); err != nil && ctx.Err() == nil {
			r.o.Log.WarnContext(ctx, "downloads were not counted", "err", err)
		}
	}
}

// Tidy removes the bytes that no asset has had for the time of grace, and returns
// how many there were.
func (r *Room) Tidy(ctx context.Context) (removed int, err error) {
	before := db.Micros(r.o.Now().Add(-grace))
	for {
		some, err := r.loose(ctx, before)
		if err != nil || len(some) == 0 {
			return removed, err
		}
		for _, key := range some {
			// The bytes go first: what is forgotten before it is removed is never found again.
			if err := r.o.Blobs.Remove(ctx, key); err != nil {
				return removed, fmt.Errorf("remove an asset: %w", err)
			}
			removed++
			err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
				_, err := tx.Exec(ctx, `DELETE FROM release_loose WHERE blob_key = $1`, key)
				return err
			})
			if err != nil {
				return removed, fmt.Errorf("forget an asset: %w", err)
			}
		}
	}
}

func (r *Room) loose(ctx context.Context, before int64) ([]string, error) {
	rows, err := r.o.DB.Query(ctx, `SELECT blob_key FROM release_loose WHERE at <= $1 ORDER BY at, blob_key LIMIT $2`, before, tidyAtOnce)
	if err != nil {
		return nil, fmt.Errorf("look for files of no release: %w", err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return nil, fmt.Errorf("look for files of no release: %w", err)
		}
		out = append(out, key)
	}
	return out, rows.Err()
}

// downloads counts in memory: a download shall not wait for the database.
type downloads struct {
	mu sync.Mutex
	n  map[id.Asset]int64 // guarded by mu
}

// Downloaded counts one download of an asset.
func (r *Room) Downloaded(asset id.Asset) {
	r.downloads.mu.Lock()
	defer r.downloads.mu.Unlock()
	if r.downloads.n == nil {
		r.downloads.n = map[id.Asset]int64{}
	}
	r.downloads.n[asset]++
}

// Count writes down what was downloaded.
func (r *Room) Count(ctx context.Context) error {
	r.downloads.mu.Lock()
	n := maps.Clone(r.downloads.n)
	clear(r.downloads.n)
	r.downloads.mu.Unlock()
	if len(n) == 0 {
		return nil
	}
	return r.o.DB.Write(ctx, func(tx *db.Tx) error {
		for asset, times := range n {
			if _, err := tx.Exec(ctx, `UPDATE release_assets SET downloads = downloads + $2 WHERE id = $1`, asset, times); err != nil {
				return fmt.Errorf("count downloads: %w", err)
			}
		}
		return nil
	})
}

// Report is what Check found.
type Report struct{ Assets, Missing, Damaged int }

// Check compares the assets with the bytes that there are. A deep one hashes them
// all.
func Check(ctx context.Context, read db.Reader, blobs blob.Store, deep bool) (Report, error) {
	var rep Report
	all, err := known(ctx, read)
	if err != nil {
		return rep, err
	}
	for key, want := range all {
		rep.Assets++
		info, err := blobs.Stat(ctx, key)
		if errors.Is(err, blob.ErrMissing) || err == nil && info.Size != want.size {
			rep.Missing++
			continue
		}
		if err != nil || !deep {
			if err != nil {
				return rep, err
			}
			continue
		}
		if err := whole(ctx, blobs, key, want.digest); err != nil {
			rep.Damaged++
		}
		if ctx.Err() != nil {
			return rep, ctx.Err()
		}
	}
	return rep, nil
}

func whole(ctx context.Context, blobs blob.Store, key, digest string) error {
	in, err := blobs.Open(ctx, key)
	if err != nil {
		return err
	}
	defer in.Close()
	_, err = io.Copy(io.Discard, &verified{r: in, sum: sha256.New(), want: digest})
	return err
}

type bytesOf struct {
	size   int64
	digest string
}

func known(ctx context.Context, read db.Reader) (map[string]bytesOf, error) {
	rows, err := read.Query(ctx, `SELECT blob_key, size, digest FROM release_assets`)
	if err != nil {
		return nil, fmt.Errorf("list assets: %w", err)
	}
	defer rows.Close()
	out := map[string]bytesOf{}
	for rows.Next() {
		var key string
		var b bytesOf
		if err := rows.Scan(&key, &b.size, &b.digest); err != nil {
			return nil, fmt.Errorf("list assets: %w", err)
		}
		out[key] = b
	}
	return out, rows.Err()
}

// Copy puts everything that is in from into to, and returns how much it was. What
// read knows the digest of is hashed on its way.
func Copy(ctx context.Context, read db.Reader, to, from blob.Store) (n int, err error) {
	all := map[string]bytesOf{}
	if read != nil {
		if all, err = known(ctx, read); err != nil {
			return 0, err
		}
	}
	for info, err := range from.All(ctx) {
		if err != nil {
			return n, err
		}
		err = copyOne(ctx, to, from, info.Key, all[info.Key].digest)
		if errors.Is(err, blob.ErrMissing) {
			continue // removed meanwhile
		}
		if err != nil {
			return n, fmt.Errorf("copy the asset %s: %w", info.Key, err)
		}
		n++
	}
	return n, nil
}

func copyOne(ctx context.Context, to, from blob.Store, key, digest string) error {
	in, err := from.Open(ctx, key)
	if err != nil {
		return err
	}
	defer in.Close()
	_, err = to.Put(ctx, key, in.Size(), &verified{r: in, sum: sha256.New(), want: digest})
	return err
}

// ErrDamaged is the error of bytes that are not those which were uploaded.
var ErrDamaged = errors.New("release: the bytes of an asset are damaged")

// verified ends with ErrDamaged unless what it read has the digest; an empty one
// fits anything.
type verified struct {
	r    io.Reader
	sum  hash.Hash
	want string
}

// Read implements io.Reader.
func (v *verified) Read(b []byte) (int, error) {
	n, err := v.r.Read(b)
	_, _ = v.sum.Write(b[:n]) // a hash never fails
	if err == io.EOF && v.want != "" && hex.EncodeToString(v.sum.Sum(nil)) != v.want {
		return 0, ErrDamaged
	}
	return n, err
}
