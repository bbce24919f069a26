package gitstore

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"jeton/internal/gitstore/bare"
)

// upkeepPrefix is what the files of maintenance in bare.OwnFolder begin with.
const (
	upkeepPrefix = "upkeep"
	upkeepLock   = upkeepPrefix + ".lock"
	upkeepFile   = upkeepPrefix + ".json"
)

// Upkeep is the state of a repository's maintenance.
type Upkeep struct {
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

// upkeepRecord is what is kept of it, as a file beside the repository's journals.
type upkeepRecord struct {
	Version int           `json:"version"`
	At      time.Time     `json:"at"`
	Took    time.Duration `json:"took_ns"`
	Did     string        `json:"did"`
	Failed  string        `json:"failed,omitempty"`
	Full    time.Time     `json:"full"` // when everything was last repacked, or the first maintenance was
}

// readRecord returns the zero record where there is none, or none that can be
// read: it decides only how soon there is a next maintenance.
func (r *Repo) readRecord() upkeepRecord {
	var rec upkeepRecord
	data, err := os.ReadFile(filepath.Join(r.bare.Dir, bare.OwnFolder, upkeepFile))
	if err != nil || json.Unmarshal(data, &rec) != nil || rec.Version != 1 {
		return upkeepRecord{}
	}
	return rec
}

func (r *Repo) writeRecord(rec upkeepRecord) error {
	data, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	path := filepath.Join(r.bare.Dir, bare.OwnFolder, upkeepFile)
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

// Upkeep returns the state of the repository's maintenance.
func (r *Repo) Upkeep() (Upkeep, error) {
	v, err := r.look()
	if err != nil {
		return Upkeep{}, err
	}
	rec := r.readRecord()
	size, err := r.Size()
	if err != nil {
		return Upkeep{}, err
	}
	u := Upkeep{At: rec.At, Took: rec.Took, Did: rec.Did, Failed: rec.Failed != "", Packs: v.packs, Loose: v.loose, Bitmap: v.bitmap, Size: size}
	_, u.Next = v.due(&rec, r.store.now())
	u.Queued = r.store.upkeep.waiting(r.bare.ID)
	return u, nil
}
