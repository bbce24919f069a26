package keys

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"jeton/internal/problem"
)

// size is the length of a key in bytes.
const size = 32

// head begins a key's file, so that no other file is taken for one.
const head = "jeton-key-1 "

// file is a key on disk. It is named by its check sum, which the database has
// too: the name is known before the database has given the key a number.
type file struct {
	path  string
	check [32]byte
}

// checkSum tells whether a file holds the key that is meant, and nothing else
// about the key.
func checkSum(secret []byte) [32]byte {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte("jeton key check"))
	return [32]byte(m.Sum(nil))
}

func fileName(check []byte) string { return fmt.Sprintf("%x.key", check[:8]) }

// newFile draws a key and leaves it on disk, whole or not at all, synced.
func newFile(dir string) (*file, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, problem.Wrap(err, problem.Unavailable, "The folder for the server keys cannot be made.", "Check that the user who runs jeton may write to "+filepath.Dir(dir)+".")
	}
	if err := checkDir(dir); err != nil {
		return nil, err
	}
	secret := make([]byte, size)
	rand.Read(secret)
	f := &file{check: checkSum(secret)}
	f.path = filepath.Join(dir, fileName(f.check[:]))
	text := head + base64.StdEncoding.EncodeToString(secret) + "\n"
	if err := writeSynced(f.path, []byte(text)); err != nil {
		return nil, problem.Wrap(err, problem.Unavailable, "A server key cannot be written.", "Check that the user who runs jeton may write to "+dir+", and that there is free space.")
	}
	return f, nil
}

func (f *file) remove() { _ = os.Remove(f.path) }

// writeSynced writes beside the path and renames, so that a crash leaves no
// half of a key under a key's name.
func writeSynced(path string, data []byte) error {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Sync()
	}
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// load reads the key that the database names.
func (r *Ring) load(want row) (*key, error) {
	if len(want.check) != sha256.Size {
		return nil, problem.Newf(problem.Unavailable, "The database names server key %d without a check sum.", want.id)
	}
	if err := checkDir(r.o.Dir); err != nil {
		return nil, err
	}
	path := filepath.Join(r.o.Dir, fileName(want.check))
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, problem.New(problem.Unavailable, fmt.Sprintf("The database names server key %d, whose file is missing.", want.id),
			"Put "+path+" back from the backup of the keys (--keys says where they are). Without it, every token and session made under that key is lost.")
	case err != nil:
		return nil, unreadable(err, want.id, path)
	case !info.Mode().IsRegular():
		return nil, problem.New(problem.Unavailable, fmt.Sprintf("Server key %d is no plain file.", want.id), "Put the key itself at "+path+".")
	case info.Mode().Perm()&0o077 != 0:
		return nil, problem.New(problem.Unavailable, fmt.Sprintf("Server key %d can be read by others on this machine.", want.id), "Run: chmod 600 "+path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, unreadable(err, want.id, path)
	}
	encoded, ok := strings.CutPrefix(strings.TrimSpace(string(text)), head)
	secret, err := base64.StdEncoding.DecodeString(encoded)
	if check := checkSum(secret); !ok || err != nil || len(secret) != size || !hmac.Equal(check[:], want.check) {
		return nil, problem.New(problem.Unavailable, fmt.Sprintf("The file of server key %d holds another key, or is damaged.", want.id),
			"Put "+path+" back from the backup of the keys that belongs to this database.")
	}
	return newKey(want.id, secret)
}

func unreadable(err error, id int64, path string) error {
	return problem.Wrap(err, problem.Unavailable, fmt.Sprintf("Server key %d cannot be read.", id), "Check that "+path+" belongs to the user who runs jeton.")
}

// checkDir refuses a folder in which others could read or swap keys.
func checkDir(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return problem.New(problem.Unavailable, "The folder of the server keys is missing.",
			"Restore "+dir+" from the backup of the keys, or say with --keys where it is.")
	case err != nil:
		return problem.Wrap(err, problem.Unavailable, "The folder of the server keys cannot be read.", "Check that "+dir+" belongs to the user who runs jeton.")
	case !info.IsDir():
		return problem.New(problem.Unavailable, "The folder of the server keys is no folder.", "Say with --keys where it is; "+dir+" is a file.")
	case info.Mode().Perm()&0o077 != 0:
		return problem.New(problem.Unavailable, "The folder of the server keys is open to others on this machine.", "Run: chmod 700 "+dir)
	}
	return nil
}
