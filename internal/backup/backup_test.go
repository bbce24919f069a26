package backup_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/audit"
	"jeton/internal/backup"
	"jeton/internal/blob"
	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/id"
	"jeton/internal/keys"
	"jeton/internal/largefile"
	"jeton/internal/problem"
	"jeton/internal/release"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// site is a data folder with the rooms that a backup reads.
type site struct {
	dir   string
	d     *db.DB
	ring  *keys.Ring
	git   *gitstore.Store
	rooms *repo.Room
	blobs *blob.Folder
	asset *blob.Folder
	rel   *release.Room
	files *largefile.Room
	owner id.Account
}

func newSite(t *testing.T, o db.Options) *site {
	t.Helper()
	s := &site{dir: t.TempDir(), d: dbtest.OpenWith(t, o)}
	var err error
	if s.ring, err = keys.Open(t.Context(), keys.Options{Dir: filepath.Join(s.dir, "keys"), DB: s.d}); err != nil {
		t.Fatal(err)
	}
	if s.git, err = gitstore.Open(gitstore.Options{Dir: filepath.Join(s.dir, "repositories")}); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(s.dir, "tls", "ca-key.pem"), "the authority's key")
	write(t, filepath.Join(s.dir, "tls", "ca.pem"), "the authority")
	bus, log := change.New(change.Options{DB: s.d}), audit.New(audit.Options{DB: s.d})
	accounts := account.New(account.Options{DB: s.d, Change: bus, Audit: log})
	if s.blobs, err = blob.OpenFolder(filepath.Join(s.dir, "lfs")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.blobs.Close() })
	if s.asset, err = blob.OpenFolder(filepath.Join(s.dir, "releases")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.asset.Close() })
	s.rel = release.New(release.Options{DB: s.d, Blobs: s.asset})
	s.files = largefile.New(largefile.Options{DB: s.d, Audit: log, Blobs: s.blobs})
	s.rooms = repo.New(repo.Options{DB: s.d, Account: accounts, Change: bus, Audit: log})
	a, err := accounts.Create(t.Context(), right.Operator(), account.NewAccount{Login: "owner1"})
	if err != nil {
		t.Fatal(err)
	}
	s.owner = a.ID
	return s
}

func (s *site) create(t *testing.T, name string) id.Repo {
	t.Helper()
	number, err := s.rooms.Draw(t.Context())
	if err == nil {
		err = s.git.Create(t.Context(), number, object.SHA1, "main")
	}
	if err == nil {
		err = s.d.Write(t.Context(), func(tx *db.Tx) error {
			_, err := s.rooms.Create(t.Context(), tx, right.Operator(), repo.NewRepo{ID: number, Owner: s.owner, Name: name})
			return err
		})
	}
	if err != nil {
		t.Fatalf("create %s: %v", name, err)
	}
	return number
}

// large lets the repository hold a large file.
func (s *site) large(t *testing.T, n id.Repo, content string) string {
	t.Helper()
	oid := largefile.Sum([]byte(content))
	if err := s.files.Store(t.Context(), n, oid, int64(len(content)), strings.NewReader(content), func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	return string(oid)
}

// TestAssets_damaged: what is not what was uploaded is no backup, and a backup
// that was damaged is not put back.
func TestAssets_damaged(t *testing.T) {
	t.Parallel()
	s := newSite(t, db.Options{Path: filepath.Join(t.TempDir(), "jeton.db")})
	key := s.publish(t, s.create(t, "one"), "a file of a release")
	out := t.TempDir()
	dir := filepath.Join(out, "backup")
	if _, err := backup.Write(t.Context(), s.options(), dir, filepath.Join(out, "keys")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "releases", key[:2], key[2:4], key), "a FILE of a release")
	if _, err := backup.Restore(t.Context(), dir, filepath.Join(out, "keys"), target(t, db.Options{Path: "x"})); !problem.Is(err, problem.Conflict) {
		t.Errorf("restore of a damaged one: %v", err)
	}
	write(t, filepath.Join(s.dir, "releases", key[:2], key[2:4], key), "another")
	if _, err := backup.Write(t.Context(), s.options(), filepath.Join(out, "again"), filepath.Join(out, "keys2")); !problem.Is(err, problem.Conflict) {
		t.Errorf("backup of a damaged one: %v", err)
	}
}

// TestLargeFiles_damaged: what is not what its name says is no backup, and
// nothing that a backup lost is restored as if it were whole.
func TestLargeFiles_damaged(t *testing.T) {
	t.Parallel()
	s := newSite(t, dbtest.SQLite(t))
	oid := s.large(t, s.create(t, "one"), "a large file")
	write := func(dir, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, oid[:2], oid[2:4], oid), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := t.TempDir()
	whole := filepath.Join(out, "whole")
	if _, err := backup.Write(t.Context(), s.options(), whole, filepath.Join(out, "secrets")); err != nil {
		t.Fatal(err)
	}
	write(filepath.Join(s.dir, "lfs"), "another text")
	if _, err := backup.Write(t.Context(), s.options(), filepath.Join(out, "bad"), ""); !problem.Is(err, problem.Conflict) || problem.Of(err).Remedy == "" {
		t.Errorf("the backup of a damaged one: %v", err)
	}
	restore := func(what string) {
		t.Helper()
		to := target(t, dbtest.SQLite(t))
		if _, err := backup.Restore(t.Context(), whole, filepath.Join(out, "secrets"), to); !problem.Is(err, problem.Conflict) || !strings.Contains(err.Error(), "large file") {
			t.Errorf("%s: %v", what, err)
		}
	}
	write(filepath.Join(whole, "lfs"), "another text")
	restore("a damaged one")
	if err := os.RemoveAll(filepath.Join(whole, "lfs")); err != nil {
		t.Fatal(err)
	}
	restore("a missing one")
}

// folder is where a repository is, so that the test can push with git itself.
func (s *site) folder(n id.Repo) string { return folder(s.git.Dir(), n) }

func folder(dir string, n id.Repo) string {
	return filepath.Join(dir, fmt.Sprint(int64(n)/1000), fmt.Sprint(int64(n))+".git")
}

// push adds a commit and a file of its own to a branch and says so in the row,
// as the flow does.
func (s *site) push(ctx context.Context, n id.Repo, branch, text string) (string, error) {
	dir := s.folder(n)
	blob, err := git(ctx, dir, text, "hash-object", "-w", "--stdin")
	if err != nil {
		return "", err
	}
	tree, err := git(ctx, dir, "100644 blob "+blob+"\tfile\n", "mktree")
	if err != nil {
		return "", err
	}
	args := []string{"commit-tree", tree, "-m", text}
	if old, err := git(ctx, dir, "", "rev-parse", "--verify", "-q", "refs/heads/"+branch); err == nil {
		args = append(args, "-p", old)
	}
	commit, err := git(ctx, dir, "", args...)
	if err != nil {
		return "", err
	}
	if _, err := git(ctx, dir, "", "update-ref", "refs/heads/"+branch, commit); err != nil {
		return "", err
	}
	return commit, s.d.Write(ctx, func(tx *db.Tx) error { return s.rooms.Pushed(ctx, tx, n, time.Now(), "") })
}

func git(ctx context.Context, dir, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LANG=C", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.com"}
	out, err := cmd.Output()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("git %s: %w: %s", args[0], err, e.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}

// publish gives the repository a release with a file, and returns the file's key.
func (s *site) publish(t *testing.T, n id.Repo, content string) string {
	t.Helper()
	r, err := s.rel.Create(t.Context(), right.Operator(), n, release.Draft{Tag: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.rel.Upload(t.Context(), right.Operator(), n, r.ID, release.NewAsset{Name: "file", Size: -1}, strings.NewReader(content), func(context.Context) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return a.Key
}

func (s *site) options() backup.Options {
	return backup.Options{DB: s.d, Git: s.git, Blobs: s.blobs, Assets: s.asset, Repos: s.rooms, Keys: filepath.Join(s.dir, "keys"), TLS: filepath.Join(s.dir, "tls"), Program: "test"}
}

func target(t *testing.T, o db.Options) backup.Target {
	data := filepath.Join(t.TempDir(), "data")
	if o.Path != "" {
		o.Path = filepath.Join(data, "jeton.db")
	}
	return backup.Target{Data: data, Keys: filepath.Join(data, "keys"), TLS: filepath.Join(data, "tls"),
		Repositories: filepath.Join(data, "repositories"), LargeFiles: filepath.Join(data, "lfs"), Assets: filepath.Join(data, "releases"), Database: o, Allowed: []string{"jeton.toml"}}
}

// TestRoundTrip takes every engine's backup to every engine.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	dbtest.EachOptions(t, func(t *testing.T, o db.Options) {
		s := newSite(t, o)
		one, empty := s.create(t, "one"), s.create(t, "empty")
		commit, err := s.push(t.Context(), one, "main", "first")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := git(t.Context(), s.folder(one), "", "tag", "-a", "-m", "a tag", "v1", "main"); err != nil {
			t.Fatal(err)
		}
		oid, key := s.large(t, one, "a large file"), s.publish(t, one, "a file of a release")
		sealed, err := s.ring.Seal("test", []byte("plain"), nil)
		if err != nil {
			t.Fatal(err)
		}
		out := t.TempDir()
		dir, keysOut := filepath.Join(out, "backup"), filepath.Join(out, "keys")
		m, err := backup.Write(t.Context(), s.options(), dir, keysOut)
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Repositories) != 2 || m.Repositories[0].Name != "owner1/one" || m.Repositories[0].Refs != 2 || m.LargeFiles != 1 {
			t.Errorf("manifest = %+v", m)
		}
		noSecrets(t, s, dir)
		dbtest.EachOptions(t, func(t *testing.T, o db.Options) {
			to := target(t, o)
			if _, err := backup.Restore(t.Context(), dir, keysOut, to); err != nil {
				t.Fatal(err)
			}
			to.Database.NoSync = true
			d := dbtest.OpenWith(t, to.Database)
			rows, err := backup.Rows(t.Context(), d, s.rooms)
			if err != nil || len(rows) != 2 {
				t.Errorf("restored rows: %v, %v", rows, err)
			}
			ring, err := keys.Open(t.Context(), keys.Options{Dir: to.Keys, DB: d})
			if err != nil {
				t.Fatal(err)
			}
			if plain, err := ring.Open("test", sealed, nil); err != nil || string(plain) != "plain" {
				t.Errorf("open what was sealed before: %q, %v", plain, err)
			}
			got, err := git(t.Context(), folder(to.Repositories, one), "", "rev-parse", "refs/heads/main", "v1^{commit}")
			if err != nil || got != commit+"\n"+commit {
				t.Errorf("restored refs: %q, %v, want twice %s", got, err, commit)
			}
			if b, err := os.ReadFile(filepath.Join(to.LargeFiles, oid[:2], oid[2:4], oid)); err != nil || string(b) != "a large file" {
				t.Errorf("the large file: %q, %v", b, err)
			}
			if b, err := os.ReadFile(filepath.Join(to.Assets, key[:2], key[2:4], key)); err != nil || string(b) != "a file of a release" {
				t.Errorf("the file of a release: %q, %v", b, err)
			}
			if head, err := git(t.Context(), folder(to.Repositories, empty), "", "symbolic-ref", "HEAD"); err != nil || head != "refs/heads/main" {
				t.Errorf("HEAD of the empty repository: %q, %v", head, err)
			}
			if b, err := os.ReadFile(filepath.Join(to.TLS, "ca-key.pem")); err != nil || string(b) != "the authority's key" {
				t.Errorf("the authority's key: %q, %v", b, err)
			}
		})
	})
}

// noSecrets fails if a key, in the forms in which one can lie in a file, is in
// the backup.
func noSecrets(t *testing.T, s *site, dir string) {
	t.Helper()
	var needles [][]byte
	files, err := filepath.Glob(filepath.Join(s.dir, "keys", "*.key"))
	if err != nil || len(files) == 0 {
		t.Fatalf("keys: %v, %v", files, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		word := bytes.Fields(text)[1]
		raw, err := base64.StdEncoding.DecodeString(string(word))
		if err != nil {
			t.Fatal(err)
		}
		needles = append(needles, word, raw, []byte(fmt.Sprintf("%x", raw)))
	}
	needles = append(needles, []byte("the authority's key"))
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if info, err := e.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be read by others", path)
		}
		text, err := os.ReadFile(path)
		for i, n := range needles {
			if bytes.Contains(text, n) {
				t.Errorf("secret %d is in the clear in %s", i, path)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestWrite_whilePushing backs up while pushes, upkeep, creations and deletions
// go on. Write itself lets git check the copies; here it is checked that each
// copy is at least as new as what was acknowledged before the backup began.
func TestWrite_whilePushing(t *testing.T) {
	t.Parallel()
	s := newSite(t, dbtest.SQLite(t))
	busy := s.create(t, "busy")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	acknowledged := make(chan string, 1)
	go func() {
		var err error
		for i := 0; err == nil; i++ {
			var commit string
			if commit, err = s.push(ctx, busy, fmt.Sprintf("b%d", i%3), fmt.Sprint("push ", i)); err != nil {
				break
			}
			select {
			case <-acknowledged:
			default:
			}
			acknowledged <- commit
			if i%5 == 4 {
				_, err = git(ctx, s.folder(busy), "", "repack", "-adq")
			}
			if err == nil && i%7 == 6 {
				_, err = git(ctx, s.folder(busy), "", "pack-refs", "--all")
			}
		}
		done <- err
	}()
	go func() {
		var err error
		for i := 0; err == nil && ctx.Err() == nil && i < 40; i++ { // each one costs every backup a run of git
			number, e := s.rooms.Draw(ctx)
			if e == nil {
				e = s.git.Create(ctx, number, object.SHA1, "main")
			}
			if e == nil {
				e = s.d.Write(ctx, func(tx *db.Tx) error {
					_, err := s.rooms.Create(ctx, tx, right.Operator(), repo.NewRepo{ID: number, Owner: s.owner, Name: fmt.Sprint("short", i)})
					return err
				})
			}
			if e == nil && i%2 == 0 {
				e = s.d.Write(ctx, func(tx *db.Tx) error {
					_, err := s.rooms.Delete(ctx, tx, right.Operator(), number)
					return err
				})
				if e == nil {
					e = s.git.Delete(ctx, number)
				}
			}
			err = e
		}
		done <- err
	}()
	out := t.TempDir()
	for i := range 3 {
		known := <-acknowledged
		dir := filepath.Join(out, fmt.Sprint("backup", i))
		m, err := backup.Write(t.Context(), s.options(), dir, filepath.Join(out, fmt.Sprint("keys", i)))
		if err != nil {
			t.Errorf("backup %d: %v", i, err)
			break
		}
		if refs, err := git(t.Context(), folder(filepath.Join(dir, "repositories"), busy), "", "for-each-ref", "--contains", known); err != nil || refs == "" {
			t.Errorf("backup %d has not the push %s that was acknowledged before: %v", i, known, err)
		}
		to := target(t, db.Options{Path: "x", NoSync: true})
		if _, err := backup.Restore(t.Context(), dir, filepath.Join(out, fmt.Sprint("keys", i)), to); err != nil {
			t.Errorf("restore %d: %v", i, err)
			continue
		}
		copied := map[id.Repo]bool{}
		for _, r := range m.Repositories {
			copied[r.ID] = true
		}
		rows, err := backup.Rows(t.Context(), dbtest.OpenWith(t, to.Database), s.rooms)
		if err != nil {
			t.Error(err)
		}
		for _, r := range rows {
			if !copied[r.ID] {
				t.Logf("backup %d: %s was deleted while the last dump was made", i, r.FullName())
			}
		}
	}
	cancel()
	for range 2 {
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) && ctx.Err() == nil {
			t.Error(err)
		}
	}
}

func TestWrite_places(t *testing.T) {
	t.Parallel()
	s := newSite(t, dbtest.SQLite(t))
	out := t.TempDir()
	write(t, filepath.Join(out, "full", "something"), "x")
	for _, tc := range []struct{ name, dir, keys string }{
		{"a folder that is not empty", "full", ""},
		{"a file", "full/something", ""},
		{"keys inside of the backup", "a", "a/keys"},
		{"the backup inside of the keys", "b/backup", "b"},
		{"both in one place", "c", "c"},
		{"keys into a folder that is not empty", "d", "full"},
		{"no folder around it", "e/f/g", ""},
	} {
		keysOut := ""
		if tc.keys != "" {
			keysOut = filepath.Join(out, tc.keys)
		}
		_, err := backup.Write(t.Context(), s.options(), filepath.Join(out, tc.dir), keysOut)
		if p := problem.Of(err); err == nil || p.Remedy == "" {
			t.Errorf("%s: got %v, want a problem with a remedy", tc.name, err)
		}
	}
	left, err := os.ReadDir(out)
	if err != nil || len(left) != 1 {
		t.Errorf("refused backups left %v, %v", left, err)
	}
}

func TestRestore_refuses(t *testing.T) {
	t.Parallel()
	s := newSite(t, dbtest.SQLite(t))
	n := s.create(t, "one")
	if _, err := s.push(t.Context(), n, "main", "first"); err != nil {
		t.Fatal(err)
	}
	make := func(t *testing.T) (string, string) {
		out := t.TempDir()
		dir, keysOut := filepath.Join(out, "backup"), filepath.Join(out, "keys")
		if _, err := backup.Write(t.Context(), s.options(), dir, keysOut); err != nil {
			t.Fatal(err)
		}
		return dir, keysOut
	}
	for _, tc := range []struct {
		name  string
		spoil func(t *testing.T, dir, keysOut string, to *backup.Target) (string, string)
		want  string
	}{
		{"no manifest", func(t *testing.T, dir, k string, _ *backup.Target) (string, string) {
			remove(t, filepath.Join(dir, "manifest.json"))
			return dir, k
		}, "no whole backup"},
		{"a changed database", func(t *testing.T, dir, k string, _ *backup.Target) (string, string) {
			write(t, filepath.Join(dir, "database.jsonl"), "{}")
			return dir, k
		}, "not what was written"},
		{"a damaged repository", func(t *testing.T, dir, k string, _ *backup.Target) (string, string) {
			remove(t, filepath.Join(folder(filepath.Join(dir, "repositories"), n), "objects"))
			return dir, k
		}, "damaged"},
		{"no keys", func(_ *testing.T, dir, _ string, _ *backup.Target) (string, string) { return dir, "" }, "keys are missing"},
		{"other keys", func(t *testing.T, dir, _ string, _ *backup.Target) (string, string) {
			other := newSite(t, dbtest.SQLite(t))
			return dir, other.dir
		}, "server key"},
		{"a data folder in use", func(t *testing.T, dir, k string, to *backup.Target) (string, string) {
			write(t, filepath.Join(to.Data, "jeton.db"), "x")
			return dir, k
		}, "not empty"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			to := target(t, db.Options{Path: "x", NoSync: true})
			dir, keysOut := make(t)
			dir, keysOut = tc.spoil(t, dir, keysOut, &to)
			write(t, filepath.Join(to.Data, "jeton.toml"), "")
			before := listing(t, to.Data)
			_, err := backup.Restore(t.Context(), dir, keysOut, to)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
			if after := listing(t, to.Data); after != before {
				t.Errorf("the data folder had %s and has %s", before, after)
			}
		})
	}
}

func listing(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(entries)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// TestWrite_wholePushes moves two refs by hand as a push does, slowly, and
// shows that no backup has only one of them moved.
func TestWrite_wholePushes(t *testing.T) {
	t.Parallel()
	s := newSite(t, dbtest.SQLite(t))
	n := s.create(t, "pair")
	commit, err := s.push(t.Context(), n, "a", "first")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	moving, done := make(chan bool), make(chan error, 1)
	go func() {
		dir := s.folder(n)
		journal, fresh := filepath.Join(dir, "jeton", "journal-1"), filepath.Join(dir, "jeton", "new-1")
		var err error
		for i := 0; err == nil && ctx.Err() == nil; i++ {
			var next string
			if next, err = git(ctx, dir, "", "commit-tree", commit+"^{tree}", "-m", fmt.Sprint(i)); err != nil {
				break
			}
			// As a push does, it holds a lock on the journal while it works.
			held, lockErr := os.OpenFile(fresh, os.O_CREATE|os.O_WRONLY, 0o600)
			if lockErr != nil {
				err = lockErr
				break
			}
			err = errors.Join(syscall.Flock(int(held.Fd()), syscall.LOCK_EX), os.Rename(fresh, journal))
			for _, name := range []string{"refs/heads/a", "refs/heads/b"} {
				if err == nil {
					_, err = git(ctx, dir, "", "update-ref", name, next)
				}
			}
			err = errors.Join(err, os.Remove(journal), held.Close())
			select {
			case moving <- true:
			default:
			}
		}
		done <- err
	}()
	<-moving
	out := t.TempDir()
	for i := range 8 {
		dir := filepath.Join(out, fmt.Sprint(i))
		if _, err := backup.Write(t.Context(), s.options(), dir, ""); err != nil {
			t.Fatal(err)
		}
		refs, err := git(t.Context(), folder(filepath.Join(dir, "repositories"), n), "", "rev-parse", "refs/heads/a", "refs/heads/b")
		if a, b, ok := strings.Cut(refs, "\n"); err != nil || !ok || a != b {
			t.Errorf("backup %d has half of a push: %q, %v", i, refs, err)
		}
	}
	cancel()
	if err := <-done; err != nil && ctx.Err() == nil {
		t.Error(err)
	}
}
