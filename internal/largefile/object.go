package largefile

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"jeton/internal/blob"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
)

func notHeld() error {
	return problem.New(problem.NotFound, "Object does not exist", "It was never uploaded to this repository. Push it from a clone that has it: git lfs push --all")
}

// Object returns an object that the repository holds, or problem.NotFound.
func (m *Room) Object(ctx context.Context, r db.Reader, repo id.Repo, oid OID) (Object, error) {
	o := Object{OID: oid}
	err := r.QueryRow(ctx, `SELECT size FROM lfs_objects WHERE repo_id = $1 AND oid = $2`, repo, string(oid)).Scan(&o.Size)
	if errors.Is(err, sql.ErrNoRows) {
		return Object{}, notHeld()
	}
	if err != nil {
		return Object{}, fmt.Errorf("look for a large file: %w", err)
	}
	return o, nil
}

// heldAtOnce is how many objects one query asks for.
const heldAtOnce = 100

// heldText is one text for any number of objects up to heldAtOnce, so that it
// is prepared once.
func heldText() string {
	var b strings.Builder
	b.WriteString(`SELECT oid, size FROM lfs_objects WHERE repo_id = $1 AND oid IN (`)
	for i := range heldAtOnce {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("$" + strconv.Itoa(i+2))
	}
	b.WriteByte(')')
	return b.String()
}

// Held returns which of the objects the repository holds, and their sizes.
func (m *Room) Held(ctx context.Context, r db.Reader, repo id.Repo, oids []OID) (map[OID]int64, error) {
	held := make(map[OID]int64, len(oids))
	for len(oids) > 0 {
		some := oids[:min(len(oids), heldAtOnce)]
		oids = oids[len(some):]
		if len(some) == 1 {
			o, err := m.Object(ctx, r, repo, some[0])
			if err == nil {
				held[o.OID] = o.Size
			} else if !problem.Is(err, problem.NotFound) {
				return nil, err
			}
			continue
		}
		if err := heldSome(ctx, r, repo, some, held); err != nil {
			return nil, fmt.Errorf("look for large files: %w", err)
		}
	}
	return held, nil
}

func heldSome(ctx context.Context, r db.Reader, repo id.Repo, some []OID, held map[OID]int64) error {
	args := make([]any, 0, heldAtOnce+1)
	args = append(args, repo)
	for _, oid := range some {
		args = append(args, string(oid))
	}
	for len(args) <= heldAtOnce {
		args = append(args, string(some[0]))
	}
	rows, err := r.Query(ctx, heldText(), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var oid string
		var size int64
		if err := rows.Scan(&oid, &size); err != nil {
			return err
		}
		held[OID(oid)] = size
	}
	return rows.Err()
}

// Open reads an object that the repository holds. It fails with
// problem.NotFound.
func (m *Room) Open(ctx context.Context, repo id.Repo, oid OID) (blob.Reader, error) {
	o, err := m.Object(ctx, m.o.DB, repo, oid)
	if err != nil {
		return nil, err
	}
	r, err := m.o.Blobs.Open(ctx, string(oid))
	if errors.Is(err, blob.ErrMissing) {
		return nil, fmt.Errorf("the bytes of the large file %s are missing", oid)
	}
	if err != nil {
		return nil, fmt.Errorf("open a large file: %w", err)
	}
	if r.Size() != o.Size {
		return nil, errors.Join(fmt.Errorf("the large file %s has %d bytes, not %d", oid, r.Size(), o.Size), r.Close())
	}
	return r, nil
}

// Usage returns how many bytes a repository's large files have, those that
// other repositories hold as well included.
func (m *Room) Usage(ctx context.Context, r db.Reader, repo id.Repo) (int64, error) {
	return sum(r.QueryRow(ctx, `SELECT COALESCE(SUM(size), 0) FROM lfs_objects WHERE repo_id = $1`, repo))
}

// UsageOf is Usage of all repositories of an owner together.
func (m *Room) UsageOf(ctx context.Context, r db.Reader, owner id.Account) (int64, error) {
	return sum(r.QueryRow(ctx, `SELECT COALESCE(SUM(o.size), 0) FROM lfs_objects o JOIN repositories r ON r.id = o.repo_id WHERE r.owner_id = $1`, owner))
}

func sum(row *sql.Row) (int64, error) {
	// PostgreSQL's sum of large integers is a number without bounds, which comes
	// as a text.
	var text string
	if err := row.Scan(&text); err != nil {
		return 0, fmt.Errorf("count large files: %w", err)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("count large files: %w", err)
	}
	return n, nil
}

// Admit says whether the repository may come to hold so many bytes more.
func (m *Room) Admit(ctx context.Context, repo id.Repo, bytes int64) error {
	if m.o.Quota == nil || bytes <= 0 {
		return nil
	}
	if err := m.o.Quota(ctx, repo, bytes); err != nil {
		return &OverQuota{Err: err}
	}
	return nil
}

// OverQuota is the error for bytes that the quota has no room for, with the
// quota's own words.
type OverQuota struct{ Err error }

// Error returns the text for the log.
func (e *OverQuota) Error() string { return "over quota: " + e.Err.Error() }

// Unwrap returns the quota's error.
func (e *OverQuota) Unwrap() error { return e.Err }
