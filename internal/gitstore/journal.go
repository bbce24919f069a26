package gitstore

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"jeton/internal/gitstore/bare"
	"jeton/internal/gitstore/disk"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/ref"
	"jeton/internal/gitstore/wire"
)

const (
	newPrefix     = "new-"     // of a journal that is not accepted yet
	journalPrefix = "journal-" // of one whose refs are to be moved
	movedPrefix   = "moved-"   // of one whose refs have moved: its event is left to be recorded
)

// A journal is a file that holds an accepted set of ref updates and its event,
// from before the first ref moves until all of it is done and recorded. While
// the process that wrote it lives and works on it, it holds a lock on the file.
// Afterwards the file is kept for the next one: see spare.go.
type journal struct {
	repo  *Repo
	file  *os.File // open for its lock
	path  string
	entry journalEntry
	size  int // of the content
}

// journalEntry is the file's content. Names may hold any bytes.
type journalEntry struct {
	Version int             `json:"version"`
	Number  string          `json:"number,omitempty"` // that of the file's name; since version 2
	Updates []journalUpdate `json:"updates"`
	Head    string          `json:"head,omitempty"`
	Event   []byte          `json:"event,omitempty"`
}

type journalUpdate struct {
	Name []byte    `json:"name"`
	Old  object.ID `json:"old"`
	New  object.ID `json:"new"`
}

func (e *journalEntry) moved() Moved {
	m := Moved{Head: e.Head, Event: e.Event}
	for _, u := range e.Updates {
		m.Updates = append(m.Updates, wire.Update{Name: string(u.Name), Old: u.Old, New: u.New})
	}
	return m
}

// newJournal writes an entry under a name that counts for nothing yet: it says
// only which locks may be left when this process dies now. Nothing is synced.
func (r *Repo) newJournal(updates []wire.Update, head string, event []byte) (*journal, error) {
	dir := filepath.Join(r.bare.Dir, bare.OwnFolder)
	if err := os.Mkdir(dir, 0o700); err == nil {
		err = disk.Sync(r.bare.Dir)
		if err != nil {
			return nil, err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	f, err := r.takeSpare()
	if err == nil && f == nil {
		f, err = disk.CreateOwned(dir, newPrefix)
	}
	if err != nil {
		return nil, err
	}
	j := &journal{repo: r, file: f, path: f.Name(), entry: journalEntry{Version: 2, Head: head, Event: event}}
	if err := j.write(updates); err != nil {
		return nil, errors.Join(err, j.remove())
	}
	return j, nil
}

// write gives the file its content and a name that counts for nothing.
func (j *journal) write(updates []wire.Update) error {
	if isSpare(j.path) {
		if err := j.renumber(); err != nil {
			return err
		}
	}
	j.entry.Number = number(j.path)
	for _, u := range updates {
		j.entry.Updates = append(j.entry.Updates, journalUpdate{Name: []byte(u.Name), Old: u.Old, New: u.New})
	}
	data, err := json.Marshal(j.entry)
	if err != nil {
		return err
	}
	j.size = len(data)
	_, err = j.file.WriteAt(padded(data), 0)
	return err
}

// accept gives the journal its final name, under which it is always whole: its
// content has been synced. When it returns the name is on the disk, and from
// then on the updates will be made.
func (j *journal) accept() error {
	if err := j.rename(journalPrefix); err != nil {
		return err
	}
	return disk.Sync(filepath.Dir(j.path))
}

// settled says that the refs have moved, and that this is on the disk: whoever
// moves one of them from here on, back to its old value too, is not overruled. The
// lane is held. The new name is not synced here: the next journal that is
// accepted is in the same folder, and syncs it before it moves a ref.
func (j *journal) settled() error { return j.rename(movedPrefix) }

func (j *journal) rename(prefix string) error { return j.become(prefix + number(j.path)) }

func (j *journal) become(name string) error {
	to := filepath.Join(filepath.Dir(j.path), name)
	err := os.Rename(j.path, to)
	if err == nil {
		j.path = to
	}
	return err
}

// number is what tells a journal's file from others, whatever its state.
func number(path string) string {
	_, name, _ := strings.Cut(filepath.Base(path), "-")
	return name
}

// remove removes the file. That it is gone is not synced: one that is back after
// a crash is found to be done, and its event to be recorded.
func (j *journal) remove() error { return errors.Join(os.Remove(j.path), j.file.Close()) }

// finish hands the event to who records it, and forgets the journal. When the
// event can't be recorded now, the journal waits for the next recovery.
func (j *journal) finish(ctx context.Context, record func(context.Context, Moved) error) {
	// The refs have moved: a client that goes away must not lose the event.
	ctx = context.WithoutCancel(ctx)
	var err error
	if record != nil {
		err = record(ctx, j.entry.moved())
	}
	if err != nil {
		err = errors.Join(err, disk.LetGo(j.file))
		j.repo.recovered.Store(false)
	} else {
		err = j.retire()
	}
	if err != nil {
		j.repo.store.log.ErrorContext(ctx, "push moved its refs but was not recorded", "repository", int64(j.repo.bare.ID), "err", err)
	}
}

// transactTime bounds a transaction of refs. It goes on when the client goes
// away, and does not hold up others for ever.
const transactTime = 5 * time.Minute

// transact moves refs in one transaction. The journal is made valid while the
// locks of all of them are held, so that what it names is settled, and before
// the first one moves. From there on the set is accepted, and what was not
// brought about is made up for. A *ref.Refused means that nothing has moved.
func (r *Repo) transact(ctx context.Context, updates []wire.Update, head string, event []byte) (*journal, error) {
	if len(updates) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), transactTime)
	defer cancel()
	j, err := r.newJournal(updates, head, event)
	if err != nil {
		return nil, disk.Worded(err)
	}
	tx, err := r.prepare(ctx, updates, head, j.path)
	if err != nil {
		return nil, errors.Join(disk.Worded(err), j.remove())
	}
	// The new values and the journal go to the disk at the same time, which costs
	// the file system one writing of its own journal and not two.
	synced := make(chan error, 1)
	go func() { synced <- tx.Sync() }()
	err = j.file.Sync()
	err = errors.Join(err, <-synced)
	if err == nil {
		err = j.accept()
	}
	if err != nil {
		return nil, errors.Join(disk.Worded(err), tx.Abort(), j.remove())
	}
	if err := r.bringAbout(ctx, tx, j); err != nil {
		return nil, err
	}
	return j, nil
}

// bringAbout moves the refs of a set whose journal is on the disk. Readers see it
// before it is on the disk itself, which after a crash the journal would see to;
// they never see a part of it.
func (r *Repo) bringAbout(ctx context.Context, tx *ref.Tx, j *journal) error {
	r.moving.Lock()
	err := tx.Move()
	if err == nil {
		r.moving.Unlock()
		if err = tx.SyncFolders(); err == nil {
			err = j.settled()
		}
		if err == nil {
			return nil
		}
		r.moving.Lock()
	}
	defer r.moving.Unlock()
	r.store.log.WarnContext(ctx, "a transaction of refs broke off; it is completed from its journal", "repository", int64(r.bare.ID), "err", err)
	if err = r.settle(context.WithoutCancel(ctx), j.entry); err == nil {
		err = j.settled()
	}
	if err == nil {
		return nil
	}
	// The journal stays, and the repository is not served before the next attempt
	// at it has gone well.
	err = errors.Join(err, disk.LetGo(j.file)) // before anybody looks for it
	r.recovered.Store(false)
	return err
}

// prepare locks the refs. Locks whose owner is surely gone are removed. own is
// the path of the journal for them, if there is one.
func (r *Repo) prepare(ctx context.Context, updates []wire.Update, head, own string) (*ref.Tx, error) {
	db, err := r.refDB()
	if err != nil {
		return nil, err
	}
	tx, err := db.Prepare(ctx, updates, head)
	refused, ok := errors.AsType[*ref.Refused](err)
	if !ok || !refused.Locked {
		return tx, err
	}
	abandoned, rerr := r.removeAbandoned(own)
	if rerr != nil {
		return nil, rerr
	}
	stale, rerr := ref.RemoveLocks(r.bare.Dir, updates, r.store.now(), staleLock)
	if rerr != nil {
		return nil, rerr
	}
	if abandoned || stale {
		return db.Prepare(ctx, updates, head)
	}
	return nil, err
}
