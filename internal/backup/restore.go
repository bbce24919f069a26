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

	"jeton/internal/blob"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/keys"
	"jeton/internal/largefile"
	"jeton/internal/problem"
	"jeton/internal/release"
)

// Unfinished is the name of the file that stands in a data folder while a
// restore into it goes on. Nothing may use a folder in which it stands.
const Unfinished = "RESTORE-UNFINISHED"

// Target says where a backup is put back.
type Target struct {
	Data         string // must be empty, but for Allowed and the keys
	Allowed      []string
	Keys         string
	TLS          string
	Repositories string
	LargeFiles   string
	Assets       string     // the files of releases
	Database     db.Options // of an empty database
	GitProgram   string
}

// Read returns the manifest of the backup in dir.
func Read(dir string) (Manifest, error) {
	var m Manifest
	text, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		return m, problem.Wrap(err, problem.Invalid, "there is no whole backup in "+dir, "Name the folder that \"jeton backup\" made.")
	}
	if m.Format != format {
		return m, problem.New(problem.Invalid, fmt.Sprintf("the backup has form %d, which this program does not know", m.Format), "Use the jeton that made it: "+m.Program+".")
	}
	return m, nil
}

// Restore puts the backup in dir back, with the server keys from keysIn unless
// that is empty: then the target's folder must hold them already. It has
// checked everything when it returns without an error: the database's sum, each
// repository by git, each large file by its hash, and that every key is there. When it fails, it leaves the
// data folder as it was.
func Restore(ctx context.Context, dir, keysIn string, t Target) (m Manifest, err error) {
	if m, err = Read(dir); err != nil {
		return m, err
	}
	dump := filepath.Join(dir, databaseName)
	if err := checkSum(dump, m.DatabaseSum); err != nil {
		return m, err
	}
	before, err := t.empty()
	if err != nil {
		return m, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.clear(before))
		}
	}()
	mark := filepath.Join(t.Data, Unfinished)
	if err := writeSynced(mark, []byte("jeton restore was interrupted: empty this folder and run it again\n")); err != nil {
		return m, err
	}
	if err := t.putKeys(keysIn); err != nil {
		return m, err
	}
	if err := copyTree(filepath.Join(dir, reposName), t.Repositories); err != nil {
		return m, fmt.Errorf("copy the repositories: %w", err)
	}
	ids := make([]id.Repo, len(m.Repositories))
	for i, r := range m.Repositories {
		ids[i] = r.ID
	}
	if err := verify(ctx, t.Repositories, ids, t.GitProgram); err != nil {
		return m, err
	}
	if err := t.putLargeFiles(ctx, filepath.Join(dir, largeName)); err != nil {
		return m, err
	}
	if err := t.putAssets(ctx, filepath.Join(dir, assetsName)); err != nil {
		return m, err
	}
	if err := t.putDatabase(ctx, dump); err != nil {
		return m, err
	}
	return m, errors.Join(os.Remove(mark), syncPath(t.Data))
}

func checkSum(path, want string) error {
	f, err := os.Open(path)
	if err != nil {
		return problem.Wrap(err, problem.Invalid, "the backup's database cannot be read", "Use another backup.")
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return problem.Wrap(err, problem.Invalid, "the backup's database cannot be read", "Use another backup.")
	}
	if hex.EncodeToString(sum.Sum(nil)) != want {
		return problem.New(problem.Invalid, "the backup's database is not what was written", "Copy the backup again from where it was kept, or use another one.")
	}
	return nil
}

// empty makes the data folder, or checks that nothing stands in it that a
// restore could harm. It returns what stands in it.
func (t *Target) empty() ([]string, error) {
	if err := os.MkdirAll(t.Data, 0o700); err != nil {
		return nil, problem.Wrap(err, problem.Invalid, "the data folder cannot be made", "Give --data a folder in which this user may write.")
	}
	entries, err := os.ReadDir(t.Data)
	if err != nil {
		return nil, problem.Wrap(err, problem.Invalid, "the data folder cannot be read", "Give --data a folder that this user may read.")
	}
	var names []string
	for _, e := range entries {
		path := filepath.Join(t.Data, e.Name())
		if !slices.Contains(t.Allowed, e.Name()) && path != t.Keys {
			return nil, problem.New(problem.Conflict, t.Data+" is not empty", "Give --data an empty folder, or move what is in it away.")
		}
		names = append(names, e.Name())
	}
	return names, nil
}

// clear removes what was not there before.
func (t *Target) clear(before []string) error {
	entries, err := os.ReadDir(t.Data)
	for _, e := range entries {
		if !slices.Contains(before, e.Name()) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(t.Data, e.Name())))
		}
	}
	return err
}

func (t *Target) putKeys(in string) error {
	have, err := os.ReadDir(t.Keys)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return problem.Wrap(err, problem.Invalid, "the folder of the server keys cannot be read", "Give --keys a folder that this user may read.")
	}
	if in == "" {
		if len(have) == 0 {
			return problem.New(problem.Invalid, "the server keys are missing", "They are not in the backup. Name their copy with --keys-in, or put them into "+t.Keys+" first. Without them no token and no session of the backup is good.")
		}
		return nil
	}
	if len(have) > 0 {
		return problem.New(problem.Conflict, "there are server keys in "+t.Keys+" already", "Leave --keys-in away to use them, or move them away.")
	}
	if _, err := os.Stat(filepath.Join(in, keysName)); err != nil {
		return problem.Wrap(err, problem.Invalid, "there is no copy of server keys in "+in, "Name the folder that \"jeton backup --keys-out\" made.")
	}
	if err := copyTree(filepath.Join(in, keysName), t.Keys); err != nil {
		return fmt.Errorf("copy the keys: %w", err)
	}
	if err := copyTree(filepath.Join(in, tlsName), t.TLS); err != nil {
		return fmt.Errorf("copy the certificates: %w", err)
	}
	// The authority's certificate is for everybody to read.
	ca := filepath.Join(t.TLS, "ca.pem")
	if err := os.Chmod(ca, 0o644); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// putDatabase fills the database and checks that what it names is there.
func (t *Target) putDatabase(ctx context.Context, dump string) (err error) {
	f, err := os.Open(dump)
	if err != nil {
		return err
	}
	defer f.Close()
	d, err := db.Open(ctx, t.Database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if err := d.Restore(ctx, f); err != nil {
		return err
	}
	if _, err = keys.Open(ctx, keys.Options{Dir: t.Keys, DB: d}); err != nil {
		return err
	}
	return errors.Join(t.checkLargeFiles(ctx, d), t.checkAssets(ctx, d))
}

// putAssets copies the files of releases. A backup from before there were any has
// no folder of them.
func (t *Target) putAssets(ctx context.Context, in string) (err error) {
	if _, err := os.Stat(in); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	from, err := blob.OpenFolder(in)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := blob.OpenFolder(t.Assets)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	_, err = release.Copy(ctx, nil, to, from)
	return err
}

// checkAssets hashes what the database says of the files of releases.
func (t *Target) checkAssets(ctx context.Context, d *db.DB) (err error) {
	if t.Assets == "" {
		return nil
	}
	blobs, err := blob.OpenFolder(t.Assets)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, blobs.Close()) }()
	rep, err := release.Check(ctx, d, blobs, true)
	if err == nil && rep.Missing+rep.Damaged > 0 {
		return problem.New(problem.Conflict, fmt.Sprintf("the backup lacks %d of its files of releases, and %d are damaged", rep.Missing, rep.Damaged), "Copy the backup again from where it was kept, or use another one.")
	}
	return err
}

// putLargeFiles copies the large files, hashed on their way. A backup from
// before there were any has no folder of them.
func (t *Target) putLargeFiles(ctx context.Context, in string) (err error) {
	if _, err := os.Stat(in); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	from, err := blob.OpenFolder(in)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := blob.OpenFolder(t.LargeFiles)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	_, err = largefile.Copy(ctx, to, from)
	if problem.Is(err, problem.Invalid) {
		return problem.Wrap(err, problem.Conflict, "a large file of the backup is damaged", "Copy the backup again from where it was kept, or use another one.")
	}
	return err
}

// checkLargeFiles checks that what the database says of large files is there.
func (t *Target) checkLargeFiles(ctx context.Context, d *db.DB) (err error) {
	blobs, err := blob.OpenFolder(t.LargeFiles)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, blobs.Close()) }()
	rep, err := largefile.Check(ctx, d, blobs, false)
	if err == nil && len(rep.Missing) > 0 {
		return problem.New(problem.Conflict, fmt.Sprintf("the backup lacks %d of its large files", len(rep.Missing)), "Copy the backup again from where it was kept, or use another one.")
	}
	return err
}
