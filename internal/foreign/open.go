package foreign

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"jeton/internal/problem"
)

// Read reads the whole database of a system at where: a file of SQLite, or a URL of
// PostgreSQL. The system should be stopped meanwhile. Nothing of its own is touched:
// a file is copied together with its log before it is opened, and PostgreSQL is asked
// in one read-only transaction.
func Read(ctx context.Context, s System, where string) (_ World, err error) {
	src, err := open(ctx, where)
	if err != nil {
		return World{}, err
	}
	defer func() { err = errors.Join(err, src.close()) }()
	read := map[System]func(context.Context, *source) (World, error){Gitea: readGitea, Gogs: readGogs, SoftServe: readSoftServe}[s]
	if read == nil {
		return World{}, problem.New(problem.Invalid, "There is no system "+string(s)+" that can be read.", "It can be gitea, gogs or soft-serve.")
	}
	w, err := read(ctx, src)
	if err != nil {
		if problem.Of(err).Kind != problem.Internal {
			return World{}, err
		}
		return World{}, problem.Wrap(err, problem.Invalid, "The database of "+s.Title()+" can't be read: "+err.Error()+".", "Check that it is the right one and whole.")
	}
	sortWorld(&w)
	return w, nil
}

// source is an open database.
type source struct {
	db       *sql.DB
	tx       *sql.Tx
	postgres bool
	folder   string // of the copy
}

func open(ctx context.Context, where string) (*source, error) {
	scheme, _, isURL := strings.Cut(where, "://")
	switch {
	case isURL && (scheme == "postgres" || scheme == "postgresql"):
		return openPostgres(ctx, where)
	case isURL || strings.Contains(where, "@tcp(") || strings.Contains(where, "@unix("):
		return nil, problem.New(problem.Invalid, "This database can't be read: SQLite and PostgreSQL can.",
			"Have the old system dump its data and restore them into SQLite first (\"gitea dump --database sqlite3\"), then give that file.")
	}
	return openFile(ctx, where)
}

func openPostgres(ctx context.Context, where string) (*source, error) {
	u, err := url.Parse(where)
	if err != nil {
		return nil, problem.New(problem.Invalid, "The URL of the database can't be read.", "Write it as postgres://USER@HOST/DATABASE.")
	}
	if _, there := u.User.Password(); there || u.Query().Has("password") {
		return nil, problem.New(problem.Invalid, "There is a password in the URL of the database.", "Everybody on this machine can read it there. Take it out, and put it into the variable PGPASSWORD or the file ~/.pgpass.")
	}
	d, err := sql.Open("pgx", where)
	if err != nil {
		return nil, unreadable(err)
	}
	d.SetMaxOpenConns(1)
	tx, err := d.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		_ = d.Close()
		return nil, unreadable(err)
	}
	return &source{db: d, tx: tx, postgres: true}, nil
}

func unreadable(err error) error {
	return problem.Wrap(err, problem.Invalid, "The database can't be opened.", "Check where it is, that it runs or is there, and that you may read it.")
}

// openFile copies the file of a SQLite database and what lies beside it, since to
// open it where it is could write there, or miss what stands in its log alone.
func openFile(ctx context.Context, path string) (_ *source, err error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no file")
	}
	if err != nil {
		return nil, unreadable(err)
	}
	folder, err := os.MkdirTemp("", "jeton-import-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the copy: %w", err)
	}
	s := &source{folder: folder}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	copied := filepath.Join(folder, "copy.db")
	for _, end := range []string{"", "-wal", "-journal"} {
		if err := copyFile(path+end, copied+end); err != nil && (end == "" || !errors.Is(err, os.ErrNotExist)) {
			return nil, unreadable(err)
		}
	}
	s.db, err = sql.Open("sqlite", "file:"+(&url.URL{Path: copied}).EscapedPath()+"?_dqs=0&_defensive=1&_pragma=query_only(1)&_pragma=trusted_schema(0)")
	if err != nil {
		return nil, unreadable(err)
	}
	s.db.SetMaxOpenConns(1)
	if s.tx, err = s.db.BeginTx(ctx, nil); err != nil {
		return nil, unreadable(err)
	}
	var n int
	if err = s.tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM sqlite_schema`).Scan(&n); err != nil {
		return nil, problem.Wrap(err, problem.Invalid, "The file is no database of SQLite, or it is broken.", "Give the file that the old system names in its configuration.")
	}
	return s, nil
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}

func (s *source) close() error {
	var errs []error
	if s.tx != nil {
		_ = s.tx.Rollback() // nothing was written
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	if s.folder != "" {
		errs = append(errs, os.RemoveAll(s.folder))
	}
	return errors.Join(errs...)
}

// columns are those that a table has; none: there is no such table.
func (s *source) columns(ctx context.Context, table string) (map[string]bool, error) {
	q := `SELECT name FROM pragma_table_info($1)`
	if s.postgres {
		q = `SELECT column_name FROM information_schema.columns WHERE table_name = $1 AND table_schema = ANY (current_schemas(false))`
	}
	out := map[string]bool{}
	err := s.each(ctx, q, func(scan func(...any) error) error {
		var name string
		if err := scan(&name); err != nil {
			return err
		}
		out[name] = true
		return nil
	}, table)
	return out, err
}

// need fails unless there is a table with those columns.
func (s *source) need(ctx context.Context, of System, since, table string, columns ...string) error {
	there, err := s.columns(ctx, table)
	if err != nil {
		return err
	}
	for _, c := range columns {
		if !there[c] {
			what := fmt.Sprintf("This is no database of %s %s or later: its table %s has no column %s.", of.Title(), since, table, c)
			if len(there) == 0 {
				what = fmt.Sprintf("This is no database of %s %s or later: it has no table %s.", of.Title(), since, table)
			}
			return problem.New(problem.Invalid, what, "Check that it is the right one. An older system has to be brought up to date first.")
		}
	}
	return nil
}

// maxRows is how many rows of one table are read at most.
const maxRows = 5_000_000

func (s *source) each(ctx context.Context, query string, row func(scan func(...any) error) error, args ...any) error {
	rows, err := s.tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for n := 0; rows.Next(); n++ {
		if n == maxRows {
			return fmt.Errorf("a table has more than %d rows", maxRows)
		}
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// maxText is how much is read of a text: who has more in a field meant no name.
const maxText = 4096

// text is the expression for a column of text, cut.
func text(column string) string {
	return `SUBSTR(CAST(` + column + ` AS TEXT), 1, ` + strconv.Itoa(maxText) + `)`
}

// str scans text; nothing is empty.
type str string

// Scan reads a value of a database.
func (s *str) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*s = ""
	case string:
		*s = str(v)
	case []byte:
		*s = str(v)
	default:
		return fmt.Errorf("a %T where a text should be", v)
	}
	return nil
}

// num scans a whole number; nothing is zero.
type num int64

// Scan reads a value of a database.
func (n *num) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*n = 0
	case int64:
		*n = num(v)
	case bool:
		*n = 0
		if v {
			*n = 1
		}
	default:
		return fmt.Errorf("a %T where a number should be", v)
	}
	return nil
}

// flag scans yes or no; nothing is no.
type flag bool

// Scan reads a value of a database.
func (f *flag) Scan(v any) error {
	var n num
	if err := n.Scan(v); err != nil {
		return fmt.Errorf("a %T where yes or no should be", v)
	}
	*f = n != 0
	return nil
}

// when scans a moment, as a date or in seconds since 1970; nothing is the zero time.
type when struct{ time.Time }

// Scan reads a value of a database.
func (w *when) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		w.Time = time.Time{}
	case time.Time:
		w.Time = v.UTC()
	case int64:
		w.Time = seconds(v)
	case string:
		for _, layout := range []string{"2006-01-02 15:04:05.999999999-07:00", "2006-01-02 15:04:05", time.RFC3339Nano, "2006-01-02 15:04:05.999999999 -0700 MST"} {
			if t, err := time.Parse(layout, v); err == nil {
				w.Time = t.UTC()
				return nil
			}
		}
		return errors.New("a text where a time should be")
	default:
		return fmt.Errorf("a %T where a time should be", v)
	}
	return nil
}

// seconds is a moment in seconds since 1970; what no system can mean is the zero time.
func seconds(n int64) time.Time {
	if n <= 0 || n > 1<<36 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}
