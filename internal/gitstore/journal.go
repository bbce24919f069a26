package gitstore

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/wire"
	"jeton/internal/id"
	"jeton/internal/problem"
)

const journalPrefix = "journal-"

// A journal is a file that holds an accepted set of ref updates and its event,
// from before the first ref moves until all of it is done and recorded. While
// the process that wrote it lives and works on it, it holds a lock on the file.
type journal struct {
	repo  *Repo
	file  *os.File // open for its lock
	path  string
	entry journalEntry
}

// journalEntry is the file's content. Names may hold any bytes.
type journalEntry struct {
	Version int             `json:"version"`
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

// writeJournal writes an entry and returns when it is on the disk.
func (r *Repo) writeJournal(updates []wire.Update, head string, event []byte) (*journal, error) {
	dir := filepath.Join(r.dir, ownFolder)
	if err := os.Mkdir(dir, 0o700); err == nil {
		err = syncDir(r.dir)
		if err != nil {
			return nil, err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	j := &journal{repo: r, entry: journalEntry{Version: 1, Head: head, Event: event}}
	for _, u := range updates {
		j.entry.Updates = append(j.entry.Updates, journalUpdate{Name: []byte(u.Name), Old: u.Old, New: u.New})
	}
	data, err := json.Marshal(j.entry)
	if err != nil {
		return nil, err
	}
	// Under its final name the file is always whole.
	f, err := os.CreateTemp(dir, "new-")
	if err != nil {
		return nil, err
	}
	final := filepath.Join(dir, journalPrefix+strings.TrimPrefix(filepath.Base(f.Name()), "new-"))
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		_, err = f.Write(data)
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(f.Name(), final)
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	j.file, j.path = f, final
	return j, nil
}

func (j *journal) remove() error {
	return errors.Join(os.Remove(j.path), syncDir(filepath.Dir(j.path)), j.file.Close())
}

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
		err = errors.Join(err, j.file.Close())
		j.repo.recovered.Store(false)
	} else {
		err = j.remove()
	}
	if err != nil {
		j.repo.store.log.ErrorContext(ctx, "push moved its refs but was not recorded", "repository", int64(j.repo.id), "err", err)
	}
}

// transactTime bounds a transaction of refs. It goes on when the client goes
// away: git that is killed leaves its lock files behind.
const transactTime = 5 * time.Minute

// transact moves refs in one transaction of git. The journal is written while
// git holds the locks of all of them, so that what it names is settled, and
// before the first one moves. A *runError means that nothing has moved.
func (r *Repo) transact(ctx context.Context, updates []wire.Update, head string, event []byte) (*journal, error) {
	if len(updates) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), transactTime)
	defer cancel()
	if len(updates) >= manyRefs && allNew(updates) {
		if j, done, err := r.transactNew(ctx, updates, head, event); done || err != nil {
			return j, err
		}
	}
	j, err := r.transactByGit(ctx, updates, head, event)
	if run, ok := errors.AsType[*runError](err); ok && strings.Contains(run.stderr, ".lock': File exists") {
		removed, rerr := r.removeLocks(updates, staleLock)
		if rerr != nil {
			return nil, errors.Join(err, rerr)
		}
		if removed {
			return r.transactByGit(ctx, updates, head, event)
		}
	}
	return j, err
}

func (r *Repo) transactByGit(ctx context.Context, updates []wire.Update, head string, event []byte) (*journal, error) {
	p, err := r.store.start(ctx, r.dir, command{name: "update-ref", flags: []flag{"--no-deref", "--stdin", "-z"}, pipeIn: true})
	if err != nil {
		return nil, err
	}
	out := bufio.NewReader(p.stdout)
	if err := p.say(transaction(updates)+"prepare\x00", out, "prepare: ok"); err != nil {
		return nil, r.unlockAfter(ctx, updates, err)
	}
	j, err := r.writeJournal(updates, head, event)
	if err != nil {
		// Without a commit git takes everything back, its locks too.
		return nil, r.unlockAfter(ctx, updates, errors.Join(diskError(err), p.stdin.Close(), p.wait()))
	}
	err = p.say("commit\x00", out, "commit: ok")
	if err == nil {
		err = errors.Join(p.stdin.Close(), p.wait())
	}
	if err != nil {
		r.store.log.WarnContext(ctx, "git did not commit a ref transaction; it is completed from its journal", "repository", int64(r.id), "err", err)
	}
	return r.settled(ctx, j)
}

// unlockAfter removes the locks of a git that had to be killed.
func (r *Repo) unlockAfter(ctx context.Context, updates []wire.Update, err error) error {
	if ctx.Err() == nil {
		return err
	}
	_, rerr := r.removeLocks(updates, 0)
	return errors.Join(err, rerr)
}

// settled is called once the journal is written: from there on the set is
// accepted, and what was not brought about is made up for. If that fails, the
// journal stays, and the repository is not served before the next attempt at it
// has gone well.
func (r *Repo) settled(ctx context.Context, j *journal) (*journal, error) {
	if err := r.settle(context.WithoutCancel(ctx), j.entry); err != nil {
		r.recovered.Store(false)
		return nil, errors.Join(err, j.file.Close())
	}
	return j, nil
}

// say sends a command and waits for an answer. Without it, the process is over
// and its failure is the error.
func (p *process) say(text string, out *bufio.Reader, want string) error {
	_, werr := io.WriteString(p.stdin, text)
	for {
		line, err := out.ReadString('\n')
		if strings.TrimSpace(line) == want {
			return nil
		}
		if err != nil {
			_ = p.stdin.Close()
			err = p.wait()
			return errors.Join(err, werr)
		}
	}
}

func transaction(updates []wire.Update) string {
	var b strings.Builder
	b.WriteString("start\x00")
	for _, u := range updates {
		switch {
		case u.Deletes():
			fmt.Fprintf(&b, "delete %s\x00%s\x00", u.Name, nonZero(u.Old))
		case u.Old.IsZero():
			fmt.Fprintf(&b, "create %s\x00%s\x00", u.Name, u.New)
		default:
			fmt.Fprintf(&b, "update %s\x00%s\x00%s\x00", u.Name, u.New, u.Old)
		}
	}
	return b.String()
}

// nonZero is how update-ref wants "whatever it is": as nothing.
func nonZero(id object.ID) object.ID {
	if id.IsZero() {
		return ""
	}
	return id
}

// settle brings about an accepted set, whatever of it was done already, and
// makes it durable.
func (r *Repo) settle(ctx context.Context, e journalEntry) error {
	refs, err := r.readRefs(ctx)
	if err != nil {
		return err
	}
	var left []wire.Update
	for _, u := range e.moved().Updates {
		ref, exists := refs.Get(u.Name)
		switch {
		case u.Deletes() && !exists, exists && ref.ID == u.New:
		case exists && ref.ID == u.Old, !exists && u.Old.IsZero():
			left = append(left, u)
		default:
			// Somebody moved it since, knowingly: their move stands.
			r.store.log.WarnContext(ctx, "a journal names a ref that has moved on", "repository", int64(r.id))
		}
	}
	if len(left) > 0 {
		if _, err := r.removeLocks(left, 0); err != nil {
			return err
		}
		_, err := r.store.output(ctx, r.dir, command{
			name: "update-ref", flags: []flag{"--no-deref", "--stdin", "-z"},
			stdin: strings.NewReader(transaction(left) + "prepare\x00commit\x00"),
		}, 1000)
		if err != nil {
			return err
		}
	}
	if e.Head != "" && refs.Head != e.Head {
		if err := r.writeHead(e.Head); err != nil {
			return err
		}
	}
	return r.syncRefs(e)
}

// staleLock is how old a lock file must be for its owner to be surely gone: who
// moves refs here waits for us, and git's own commands take milliseconds.
const staleLock = time.Minute

// removeLocks removes the lock files, of at least that age, that a git which was
// killed, or a machine that lost its power, left behind.
func (r *Repo) removeLocks(updates []wire.Update, age time.Duration) (removed bool, err error) {
	names := []string{"HEAD.lock", "packed-refs.lock", "packed-refs.new"}
	for _, u := range updates {
		names = append(names, u.Name+".lock")
	}
	for _, n := range names {
		path := filepath.Join(r.dir, filepath.FromSlash(n))
		fi, err := os.Lstat(path)
		if err != nil || r.store.now().Sub(fi.ModTime()) < age {
			continue
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return removed, err
		}
		removed = true
	}
	return removed, nil
}

// syncRefs makes the folders durable in which refs appeared or vanished. The
// files themselves git has synced (core.fsync).
func (r *Repo) syncRefs(e journalEntry) error {
	dirs := map[string]bool{r.dir: true}
	for _, u := range e.Updates {
		for dir := filepath.Dir(filepath.Join(r.dir, filepath.FromSlash(string(u.Name)))); len(dir) > len(r.dir); dir = filepath.Dir(dir) {
			dirs[dir] = true
		}
	}
	for dir := range dirs {
		if err := syncDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return err
		}
	}
	return nil
}

// Recorder gets the events of pushes that a crash cut off between moving refs
// and recording it.
type Recorder func(ctx context.Context, repo id.Repo, m Moved) error

// OnRecovered sets who records what recovery completes. It must be called
// before the store is used; without it events wait in their journals.
func (s *Store) OnRecovered(f Recorder) { s.recorder = f }

// recover completes what a crash interrupted, before the repository is first
// served by this process.
func (r *Repo) recover(ctx context.Context) error {
	if r.recovered.Load() {
		return nil
	}
	r.moving.Lock()
	defer r.moving.Unlock()
	if r.recovered.Load() {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	if !r.swept {
		if err := r.removeQuarantines(); err != nil {
			return err
		}
		r.swept = true
	}
	dir := filepath.Join(r.dir, ownFolder)
	files, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, file := range files {
		if strings.HasPrefix(file.Name(), upkeepPrefix) {
			continue
		}
		if err := r.complete(ctx, filepath.Join(dir, file.Name())); err != nil {
			return problem.Wrap(err, problem.Unavailable, "this repository is being repaired", "Try again in a moment, or ask the administrator.")
		}
	}
	r.recovered.Store(true)
	return nil
}

// complete carries out one journal that nobody works on any more.
func (r *Repo) complete(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return f.Close() // somebody works on it
	}
	j := &journal{repo: r, file: f, path: path}
	if !strings.HasPrefix(filepath.Base(path), journalPrefix) {
		return errors.Join(removeOld(f), f.Close()) // not finished: nothing had moved
	}
	data, err := io.ReadAll(io.LimitReader(f, 1<<30))
	if err == nil {
		err = json.Unmarshal(data, &j.entry)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	if err := r.settle(ctx, j.entry); err != nil {
		return errors.Join(err, f.Close())
	}
	if r.store.recorder == nil {
		return f.Close() // the refs are right; the event waits for a server
	}
	if err := r.store.recorder(ctx, r.id, j.entry.moved()); err != nil {
		return errors.Join(err, f.Close())
	}
	return j.remove()
}

// removeOld removes a file that nobody holds, unless it is so new that whoever
// made it may not have taken its lock yet.
func removeOld(f *os.File) error {
	info, err := f.Stat()
	if err != nil || time.Since(info.ModTime()) < staleLock {
		return err
	}
	return os.Remove(f.Name())
}

// removeQuarantines removes the folders of pushes whose process is gone.
func (r *Repo) removeQuarantines() error {
	objects := filepath.Join(r.dir, "objects")
	entries, err := os.ReadDir(objects)
	if err != nil {
		return errGone(err)
	}
	for _, e := range entries {
		dir := filepath.Join(objects, e.Name())
		if !strings.HasPrefix(e.Name(), incomingPrefix) || inUse(filepath.Join(dir, ownerLock)) {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

// inUse reports whether a process holds the lock on a file.
func inUse(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	free := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
	_ = f.Close()
	return !free
}
