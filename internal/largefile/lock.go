package largefile

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"jeton/internal/audit"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// LockID names a lock. It is looked up together with its repository.
type LockID int64

// Lock says that somebody works on a file which can't be merged, and nobody
// else should. It holds for the file's path on every branch.
type Lock struct {
	ID        LockID
	Path      string
	Owner     id.Account
	Login     string // of the owner, today
	Ref       string // which branch it was made on, for people; may be empty
	CreatedAt time.Time
}

const (
	maxPath = 4096
	maxRef  = 512
	// maxLocks bounds the locks of a repository.
	maxLocks = 10_000
)

// Locked is the error for a file that is locked already.
type Locked struct{ Lock Lock }

// Error returns the text for the log.
func (e *Locked) Error() string { return "the file is locked" }

// Unwrap returns the problem that doors show.
func (e *Locked) Unwrap() error {
	return problem.New(problem.Conflict, "already created lock", "It is "+e.Lock.Login+"'s. Ask them to run: git lfs unlock")
}

// checkPath takes what git takes as the path of a file in a tree. The path is
// only ever compared: nothing is opened by it.
func checkPath(p string) error {
	bad := p == "" || len(p) > maxPath || !utf8.ValidString(p) || strings.ContainsRune(p, 0)
	for part := range strings.SplitSeq(p, "/") {
		bad = bad || part == "" || part == "." || part == ".."
	}
	if bad {
		return problem.Field("path", "path is not that of a file in a repository")
	}
	return nil
}

// CheckRef takes a ref's name, or nothing.
func CheckRef(ref string) error {
	if len(ref) > maxRef || !utf8.ValidString(ref) || strings.ContainsFunc(ref, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return problem.Field("ref", "ref is not the name of a branch")
	}
	return nil
}

// LockFile locks a file of the repository for actor. It fails with *Locked, a
// problem.Conflict, and with problem.Invalid.
func (m *Room) LockFile(ctx context.Context, actor *right.Actor, repo id.Repo, path, ref string) (Lock, error) {
	if err := errors.Join(checkPath(path), CheckRef(ref)); err != nil {
		return Lock{}, err
	}
	l := Lock{Path: path, Owner: actor.Account, Login: actor.Login, Ref: ref, CreatedAt: m.o.Now().UTC().Truncate(time.Microsecond)}
	err := m.o.DB.Write(ctx, func(tx *db.Tx) error {
		if err := exists(ctx, tx, repo); err != nil {
			return err
		}
		before, err := lockAt(ctx, tx, repo, path)
		if err == nil {
			return &Locked{Lock: before}
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err := roomForLock(ctx, tx, repo); err != nil {
			return err
		}
		err = tx.QueryRow(ctx, `INSERT INTO lfs_locks (repo_id, path, account_id, ref, created_at) VALUES ($1, $2, $3, $4, $5) RETURNING id`,
			repo, path, actor.Account, ref, db.Micros(l.CreatedAt)).Scan(&l.ID)
		if err != nil {
			return fmt.Errorf("lock a file: %w", err)
		}
		return nil
	})
	if db.IsUnique(err) { // somebody was quicker
		if before, rerr := lockAt(ctx, m.o.DB, repo, path); rerr == nil {
			return Lock{}, &Locked{Lock: before}
		}
	}
	if db.IsForeign(err) {
		err = problem.Wrap(err, problem.Forbidden, "This account was deleted meanwhile.", "")
	}
	if err != nil {
		return Lock{}, err
	}
	return l, nil
}

func roomForLock(ctx context.Context, tx *db.Tx, repo id.Repo) error {
	var n int
	if err := tx.QueryRow(ctx, `SELECT COUNT(1) FROM lfs_locks WHERE repo_id = $1`, repo).Scan(&n); err != nil {
		return fmt.Errorf("count locks: %w", err)
	}
	if n >= maxLocks {
		return problem.Newf(problem.Invalid, "A repository can have %d locks, and this one has them all.", maxLocks)
	}
	return nil
}

const lockColumns = `l.id, l.path, l.account_id, a.login, l.ref, l.created_at`

func scanLock(row interface{ Scan(...any) error }) (Lock, error) {
	var l Lock
	var created int64
	err := row.Scan(&l.ID, &l.Path, &l.Owner, &l.Login, &l.Ref, &created)
	l.CreatedAt = db.Time(created)
	return l, err
}

func lockAt(ctx context.Context, r db.Reader, repo id.Repo, path string) (Lock, error) {
	return scanLock(r.QueryRow(ctx, `SELECT `+lockColumns+` FROM lfs_locks l JOIN accounts a ON a.id = l.account_id WHERE l.repo_id = $1 AND l.path = $2`, repo, path))
}

// LockQuery says which locks are wanted, a page at a time. The zero value asks
// for the first ones of all.
type LockQuery struct {
	Path  string
	ID    LockID
	After LockID // the last one of the page before
	Limit int    // 0: 100; at most MaxLockPage
}

// MaxLockPage is how many locks a page has at most.
const MaxLockPage = 1000

// Locks returns a repository's locks in the order in which they were made, and
// whether there are more.
func (m *Room) Locks(ctx context.Context, r db.Reader, repo id.Repo, q LockQuery) (page []Lock, more bool, err error) {
	if q.Limit <= 0 {
		q.Limit = 100
	}
	q.Limit = min(q.Limit, MaxLockPage)
	rows, err := r.Query(ctx, `
		SELECT `+lockColumns+` FROM lfs_locks l JOIN accounts a ON a.id = l.account_id
		WHERE l.repo_id = $1 AND l.id > $2 AND ($3 = '' OR l.path = $3) AND ($4 = 0 OR l.id = $4)
		ORDER BY l.id LIMIT $5`, repo, int64(q.After), q.Path, int64(q.ID), q.Limit+1)
	if err != nil {
		return nil, false, fmt.Errorf("list locks: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		l, err := scanLock(rows)
		if err != nil {
			return nil, false, fmt.Errorf("list locks: %w", err)
		}
		page = append(page, l)
	}
	if more = len(page) > q.Limit; more {
		page = page[:q.Limit]
	}
	return page, more, rows.Err()
}

// In names the repository of a lock for the security log.
type In struct {
	Repo  id.Repo
	Owner id.Account
	Name  string // "owner/name"
}

// Unlock removes a lock of the repository. Another's goes with force alone, and
// the security log tells of it. It fails with problem.NotFound, for a lock of
// another repository as well, and with problem.Forbidden.
func (m *Room) Unlock(ctx context.Context, actor *right.Actor, in In, lock LockID, force bool) (Lock, error) {
	var l Lock
	err := m.o.DB.Write(ctx, func(tx *db.Tx) error {
		var err error
		l, err = scanLock(tx.QueryRow(ctx, `SELECT `+lockColumns+` FROM lfs_locks l JOIN accounts a ON a.id = l.account_id WHERE l.id = $1 AND l.repo_id = $2`, int64(lock), in.Repo))
		if errors.Is(err, sql.ErrNoRows) {
			return problem.New(problem.NotFound, "There is no such lock in this repository.", "It may be unlocked already: see git lfs locks")
		}
		if err != nil {
			return fmt.Errorf("read lock: %w", err)
		}
		if l.Owner != actor.Account && !force {
			return problem.New(problem.Forbidden, "This lock is "+l.Login+"'s.", "Ask them to unlock the file, or take the lock away with --force: they are not asked then.")
		}
		if _, err := tx.Exec(ctx, `DELETE FROM lfs_locks WHERE id = $1 AND repo_id = $2`, int64(lock), in.Repo); err != nil {
			return fmt.Errorf("unlock a file: %w", err)
		}
		if l.Owner == actor.Account {
			return nil
		}
		return m.o.Audit.Record(ctx, tx, audit.Entry{Action: "lfs_lock.force_unlock", Actor: *actor, Account: in.Owner, Repo: in.Repo, Target: in.Name,
			Detail: map[string]string{"path": l.Path, "locked_by": l.Login, "lock_id": strconv.FormatInt(int64(lock), 10)}})
	})
	return l, err
}
