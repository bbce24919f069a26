package largefile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"jeton/internal/blob"
	"jeton/internal/db"
)

// Report is what Check found.
type Report struct {
	Objects int   // that repositories hold, each counted once
	Stray   int   // objects that none holds; they are removed after a time, or belong to another database
	Missing []OID // held, and their bytes are gone or too few
	Damaged []OID // held, and their bytes are others; only a deep check finds them
}

// Check compares what repositories hold with the bytes that there are. A deep
// one hashes them all.
func Check(ctx context.Context, r db.Reader, blobs blob.Store, deep bool) (Report, error) {
	var rep Report
	after := ""
	for {
		page, err := heldAfter(ctx, r, after)
		if err != nil {
			return rep, err
		}
		if len(page) == 0 {
			break
		}
		for _, o := range page {
			rep.Objects++
			if err := rep.check(ctx, blobs, o, deep); err != nil {
				return rep, err
			}
		}
		after = string(page[len(page)-1].OID)
	}
	for _, err := range blobs.All(ctx) {
		if err != nil {
			return rep, fmt.Errorf("list large files: %w", err)
		}
		rep.Stray++
	}
	rep.Stray = max(0, rep.Stray-(rep.Objects-len(rep.Missing)))
	return rep, nil
}

func (rep *Report) check(ctx context.Context, blobs blob.Store, o Object, deep bool) error {
	info, err := blobs.Stat(ctx, string(o.OID))
	if errors.Is(err, blob.ErrMissing) || err == nil && info.Size != o.Size {
		rep.Missing = append(rep.Missing, o.OID)
		return nil
	}
	if err != nil || !deep {
		return err
	}
	in, err := blobs.Open(ctx, string(o.OID))
	if err != nil {
		return err
	}
	defer in.Close()
	if _, err := io.Copy(io.Discard, Verified(string(o.OID), in)); err != nil {
		rep.Damaged = append(rep.Damaged, o.OID)
	}
	return ctx.Err()
}

// heldAfter reads the objects that any repository holds, a page at a time.
func heldAfter(ctx context.Context, r db.Reader, after string) ([]Object, error) {
	rows, err := r.Query(ctx, `SELECT oid, MAX(size) FROM lfs_objects WHERE oid > $1 GROUP BY oid ORDER BY oid LIMIT 1000`, after)
	if err != nil {
		return nil, fmt.Errorf("list large files: %w", err)
	}
	defer rows.Close()
	var page []Object
	for rows.Next() {
		var o Object
		if err := rows.Scan(&o.OID, &o.Size); err != nil {
			return nil, fmt.Errorf("list large files: %w", err)
		}
		page = append(page, o)
	}
	return page, rows.Err()
}

// Verified returns a reader of r that ends with an error, not io.EOF, unless
// what it read was the object of that name.
func Verified(name string, r io.Reader) io.Reader {
	return &checked{r: r, sum: sha256.New(), want: OID(name), size: -1, max: 1<<63 - 1,
		more: func(int64) error { return nil }, end: func(int64) error { return nil }, beforeEnd: func() {}}
}

// Copy puts everything that is in from into to, hashed on its way, and returns
// how many objects it was. What to has already is left as it is.
func Copy(ctx context.Context, to, from blob.Store) (n int, err error) {
	for info, err := range from.All(ctx) {
		if err != nil {
			return n, err
		}
		if have, err := to.Stat(ctx, info.Key); err == nil && have.Size == info.Size {
			n++
			continue
		}
		err = copyOne(ctx, to, from, info.Key)
		if errors.Is(err, blob.ErrMissing) {
			continue // removed meanwhile, so nobody has held it for long
		}
		if err != nil {
			return n, fmt.Errorf("copy the large file %s: %w", info.Key, err)
		}
		n++
	}
	return n, nil
}

func copyOne(ctx context.Context, to, from blob.Store, key string) error {
	in, err := from.Open(ctx, key)
	if err != nil {
		return err
	}
	defer in.Close()
	_, err = to.Put(ctx, key, in.Size(), Verified(key, in))
	return err
}

// Sum returns the name of the object whose bytes these are.
func Sum(b []byte) OID {
	sum := sha256.Sum256(b)
	return OID(hex.EncodeToString(sum[:]))
}
