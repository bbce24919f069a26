// Package backup copies everything that a server keeps, while it serves, and
// puts it back. The copy of the database and those of the repositories belong
// together: a repository is never older than what the database says of it, and
// no ref of it names an object that is not there. Secrets go to a place of
// their own or nowhere: the backup itself opens nothing. It must never change
// what it copies.
package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"jeton/internal/blob"
	"jeton/internal/db"
	"jeton/internal/gitstore"
	"jeton/internal/id"
	"jeton/internal/largefile"
	"jeton/internal/problem"
	"jeton/internal/release"
	"jeton/internal/repo"
	"jeton/internal/right"
)

const (
	format       = 1
	manifestName = "manifest.json"
	databaseName = "database.jsonl"
	reposName    = "repositories"
	largeName    = "lfs"
	assetsName   = "releases"
	keysName     = "keys"
	tlsName      = "tls"
	// rounds is how often what changed meanwhile is copied again. Each round is
	// shorter than the one before; what still changes in the last one was
	// pushed in its seconds.
	rounds = 4
)

// Options says what is copied. All but GitProgram and Now are required.
type Options struct {
	DB      *db.DB
	Git     *gitstore.Store
	Blobs   blob.Store // the large files
	Assets  blob.Store // the files of releases; nil: there are none
	Repos   *repo.Room
	Keys    string // the folder of the server keys
	TLS     string // the folder of the certificates
	Program string // the program's version, for the manifest

	GitProgram string           // empty finds git in PATH
	Now        func() time.Time // nil: time.Now
}

// Manifest says what a backup holds. It is written last: a folder without it is
// no backup.
type Manifest struct {
	Format       int       `json:"format"`
	Program      string    `json:"program"`
	Engine       string    `json:"engine"` // the database's, when it was made
	Began        time.Time `json:"began_at"`
	Made         time.Time `json:"made_at"`
	DatabaseSum  string    `json:"database_sha256"`
	Repositories []Copied  `json:"repositories"`
	LargeFiles   int       `json:"large_files"`
}

// Copied is one repository of a backup.
type Copied struct {
	ID   id.Repo `json:"id"`
	Name string  `json:"name"`
	Refs int     `json:"refs"`
}

// Write makes a backup in the folder dir, which must not exist or be empty, and
// copies the server keys and the certificates into the folder keysOut, unless
// that is empty. Neither folder may be inside of the other: whoever gets the
// backup shall not get the keys with it.
func Write(ctx context.Context, o Options, dir, keysOut string) (Manifest, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	dir, keysOut, err := places(dir, keysOut)
	if err != nil {
		return Manifest{}, err
	}
	// Everything is made beside its place and then gets its name at once.
	unfinished := dir + ".unfinished"
	if err := os.Mkdir(unfinished, 0o700); err != nil {
		return Manifest{}, problem.Wrap(err, problem.Conflict, "the backup's folder cannot be made", "Check that the folder around it exists and can be written to; if another backup does not run, remove "+unfinished+".")
	}
	w := &writer{o: o, dir: unfinished, copied: map[id.Repo]repo.Repo{}, refs: map[id.Repo]int{}}
	m, err := w.write(ctx)
	if err == nil && keysOut != "" {
		err = w.secrets(keysOut)
	}
	if err == nil {
		_ = os.Remove(dir) // an empty one, or none
		err = os.Rename(unfinished, dir)
	}
	if err != nil {
		return Manifest{}, errors.Join(err, os.RemoveAll(unfinished))
	}
	return m, syncPath(filepath.Dir(dir))
}

func places(dir, keysOut string) (string, string, error) {
	var err error
	if dir, err = absent(dir, "The backup needs a new folder."); err != nil || keysOut == "" {
		return dir, "", err
	}
	if keysOut, err = absent(keysOut, "The copy of the keys needs a new folder."); err != nil {
		return "", "", err
	}
	if inside(dir, keysOut) || inside(keysOut, dir) {
		return "", "", problem.New(problem.Invalid, "the keys would lie with the backup", "Give --keys-out a folder elsewhere: with the keys, whoever finds the backup can use it.")
	}
	return dir, keysOut, nil
}

// absent returns the absolute path of a folder that is not there, or empty.
func absent(dir, remedy string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return dir, nil
	}
	return "", problem.Wrap(err, problem.Conflict, dir+" is there already", remedy)
}

func inside(outer, inner string) bool {
	rel, err := filepath.Rel(outer, inner)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// writer is one run of Write.
type writer struct {
	o      Options
	dir    string
	copied map[id.Repo]repo.Repo // the row that was seen before the repository was copied
	refs   map[id.Repo]int
}

// write copies repositories and database until nothing changed between them.
// The database comes last in each round, and before it the rows are read once
// more in the same state as the dump: so each row's repository was copied
// after the row was last changed, or is copied again in the next round.
func (w *writer) write(ctx context.Context) (Manifest, error) {
	m := Manifest{Format: format, Program: w.o.Program, Engine: w.o.DB.Engine(), Began: w.o.Now().UTC()}
	for range rounds {
		before, err := w.rows(ctx)
		if err != nil {
			return m, err
		}
		if err := w.copyChanged(ctx, before, false); err != nil {
			return m, err
		}
		if m.DatabaseSum, err = w.dump(ctx); err != nil {
			return m, err
		}
		after, err := w.rows(ctx)
		if err != nil {
			return m, err
		}
		if slices.EqualFunc(before, after, unchanged) {
			break
		}
	}
	// What was pushed during the last dump: refs newer than the database are
	// harmless, a row without its repository is not.
	last, err := w.rows(ctx)
	if err == nil {
		err = w.copyChanged(ctx, last, true)
	}
	if err == nil {
		// After the dump, since bytes come before the row that holds them, and
		// stay for a day after the last one: what the dump names is there.
		m.LargeFiles, err = w.largeFiles(ctx)
	}
	if err == nil && w.o.Assets != nil {
		err = w.assets(ctx)
	}
	if err == nil {
		err = w.verify(ctx)
	}
	if err != nil {
		return m, err
	}
	for n, r := range w.copied {
		m.Repositories = append(m.Repositories, Copied{ID: n, Name: r.FullName(), Refs: w.refs[n]})
	}
	slices.SortFunc(m.Repositories, func(a, b Copied) int { return int(a.ID - b.ID) })
	m.Made = w.o.Now().UTC()
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return m, err
	}
	return m, errors.Join(writeSynced(filepath.Join(w.dir, manifestName), append(text, '\n')), syncPath(w.dir))
}

// unchanged reports whether nothing happened to a repository that its copy
// would have to follow.
func unchanged(a, b repo.Repo) bool {
	return a.ID == b.ID && a.Private == b.Private && a.DefaultBranch == b.DefaultBranch && a.PushedAt.Equal(b.PushedAt)
}

func (w *writer) rows(ctx context.Context) ([]repo.Repo, error) {
	return Rows(ctx, w.o.DB, w.o.Repos)
}

// Rows returns every repository, from one state of the database.
func Rows(ctx context.Context, d *db.DB, room *repo.Room) (all []repo.Repo, err error) {
	operator := right.Operator()
	err = d.Read(ctx, func(r db.Reader) error {
		for q := (repo.Query{Page: 1, PerPage: repo.MaxPerPage}); ; q.Page++ {
			page, total, err := room.ListVisible(ctx, r, &operator, q)
			if err != nil {
				return err
			}
			for _, f := range page {
				all = append(all, f.Repo)
			}
			if len(all) >= total || len(page) == 0 {
				return nil
			}
		}
	})
	return all, err
}

// copyChanged copies the repositories that are new or changed, and drops the
// copies of those that are gone. After the last dump it drops none: the dump may
// still name what was deleted since.
func (w *writer) copyChanged(ctx context.Context, rows []repo.Repo, dumped bool) error {
	kept := map[id.Repo]bool{}
	for _, r := range rows {
		kept[r.ID] = true
		if seen, ok := w.copied[r.ID]; ok && unchanged(seen, r) {
			continue
		}
		to := folder(filepath.Join(w.dir, reposName), r.ID)
		n, err := copyRepo(ctx, w.o.Git, r.ID, to)
		if _, have := w.copied[r.ID]; have && dumped && problem.Is(err, problem.NotFound) {
			continue
		}
		if problem.Is(err, problem.NotFound) {
			// Deleted since the row was read; the next round shows it.
			if err := os.RemoveAll(to); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("copy %s: %w", r.FullName(), err)
		}
		w.copied[r.ID], w.refs[r.ID] = r, n
	}
	for n := range w.copied {
		if kept[n] || dumped {
			continue
		}
		if err := os.RemoveAll(folder(filepath.Join(w.dir, reposName), n)); err != nil {
			return err
		}
		delete(w.copied, n)
	}
	return nil
}

func (w *writer) dump(ctx context.Context) (string, error) {
	f, err := os.OpenFile(filepath.Join(w.dir, databaseName), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	err = w.o.DB.Dump(ctx, io.MultiWriter(f, sum))
	if err == nil {
		err = f.Sync()
	}
	return hex.EncodeToString(sum.Sum(nil)), errors.Join(err, f.Close())
}

// largeFiles copies all large files, hashed on their way.
func (w *writer) largeFiles(ctx context.Context) (n int, err error) {
	to, err := blob.OpenFolder(filepath.Join(w.dir, largeName))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	n, err = largefile.Copy(ctx, to, w.o.Blobs)
	if problem.Is(err, problem.Invalid) {
		return n, problem.Wrap(err, problem.Conflict, "a large file is damaged", "Run \"jeton doctor --repositories\" to see which, and push it again from a clone: git lfs push --all")
	}
	return n, err
}

// assets copies the files of releases, hashed on their way.
func (w *writer) assets(ctx context.Context) (err error) {
	to, err := blob.OpenFolder(filepath.Join(w.dir, assetsName))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	_, err = release.Copy(ctx, w.o.DB, to, w.o.Assets)
	if errors.Is(err, release.ErrDamaged) {
		return problem.Wrap(err, problem.Conflict, "a file of a release is damaged", "Run \"jeton doctor --repositories\" to see which, and upload it again.")
	}
	return err
}

// verify lets git check every copy.
func (w *writer) verify(ctx context.Context) error {
	ids := make([]id.Repo, 0, len(w.copied))
	for n := range w.copied {
		ids = append(ids, n)
	}
	err := verify(ctx, filepath.Join(w.dir, reposName), ids, w.o.GitProgram)
	return errors.Join(err, os.RemoveAll(filepath.Join(w.dir, reposName, "tmp")))
}

func verify(ctx context.Context, dir string, ids []id.Repo, git string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	s, err := gitstore.Open(gitstore.Options{Dir: dir, Git: git})
	if err != nil {
		return err
	}
	for _, n := range ids {
		if err := s.Repo(n).Verify(ctx); err != nil {
			return problem.Wrap(err, problem.Conflict, fmt.Sprintf("git finds repository %d of the copy damaged", n),
				"Run \"jeton doctor --repositories\" to see whether the original is.")
		}
	}
	return nil
}

// secrets copies the keys, and the certificates' folder with the local
// authority's key.
func (w *writer) secrets(out string) error {
	unfinished := out + ".unfinished"
	if err := os.Mkdir(unfinished, 0o700); err != nil {
		return problem.Wrap(err, problem.Conflict, "the folder for the copy of the keys cannot be made", "Check that the folder around it exists and can be written to.")
	}
	err := copyTree(w.o.Keys, filepath.Join(unfinished, keysName))
	if err == nil {
		err = copyTree(w.o.TLS, filepath.Join(unfinished, tlsName))
	}
	if err == nil {
		_ = os.Remove(out) // an empty one, or none
		err = os.Rename(unfinished, out)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(unfinished))
	}
	return syncPath(filepath.Dir(out))
}
