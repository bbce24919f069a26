package upkeep

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"jeton/internal/gitstore/bare"
)

// Prefix is what the files of maintenance in bare.OwnFolder begin with.
const (
	Prefix    = "upkeep"
	lockFile  = Prefix + ".lock"
	stateFile = Prefix + ".json"
)

// State is the state of a repository's maintenance.
type State struct {
	At     time.Time     // when it was last maintained; zero is never
	Took   time.Duration // how long that took
	Did    string        // what was done, in words; empty: nothing was to be done
	Failed bool          // the last maintenance failed; the log tells why

	Packs  int // of now, as all that follows
	Loose  int // objects that have a file each
	Bitmap bool
	Size   int64 // bytes on disk
	Next   string
	Queued bool // it waits for its turn, or runs, in this process
}

// record is what is kept of it, as a file beside the repository's journals.
type record struct {
	Version int           `json:"version"`
	At      time.Time     `json:"at"`
	Took    time.Duration `json:"took_ns"`
	Did     string        `json:"did"`
	Failed  string        `json:"failed,omitempty"`
	Full    time.Time     `json:"full"` // when everything was last repacked, or the first maintenance was
}

// readRecord returns the zero record where there is none, or none that can be
// read: it decides only how soon there is a next maintenance.
func readRecord(r *bare.Repo) record {
	var rec record
	data, err := os.ReadFile(filepath.Join(r.Dir, bare.OwnFolder, stateFile))
	if err != nil || json.Unmarshal(data, &rec) != nil || rec.Version != 1 {
		return record{}
	}
	return rec
}

func writeRecord(r *bare.Repo, rec record) error {
	data, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	path := filepath.Join(r.Dir, bare.OwnFolder, stateFile)
	f, err := os.Create(path + ".new") // the lock of maintenance is held
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path+".new"))
	}
	return os.Rename(path+".new", path)
}

// Read returns the state of a repository's maintenance.
func Read(r *bare.Repo) (State, error) {
	v, err := look(r)
	if err != nil {
		return State{}, err
	}
	rec := readRecord(r)
	size, err := r.Size()
	if err != nil {
		return State{}, err
	}
	u := State{At: rec.At, Took: rec.Took, Did: rec.Did, Failed: rec.Failed != "", Packs: v.packs, Loose: v.loose, Bitmap: v.bitmap, Size: size}
	_, u.Next = v.due(&rec, r.Now())
	return u, nil
}

// Due reports whether a repository's state asks for maintenance, and whether the last
// one failed just before: what failed is not tried again after each push. It fails when
// the repository is gone.
func Due(r *bare.Repo) (due, failed bool, err error) {
	v, err := look(r)
	if err != nil {
		return false, false, err
	}
	rec := readRecord(r)
	work, _ := v.due(&rec, r.Now())
	failed = rec.Failed != "" && r.Now().Sub(rec.At) < time.Hour
	return work != noWork || v.looseRefs >= packLooseRefs, failed, nil
}
