package ref

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/wire"
)

// manyNew is from how many new refs on they are written to packed-refs at once:
// a file for each is slower to write and to read.
const manyNew = 32

// Tx is a set of updates that was found possible and whose locks are held. It
// ends with Commit or Abort. The order, which is the law about losing nothing:
//
//  1. Prepare takes the locks and writes the new values into them.
//  2. Sync makes these files durable, while the caller does the same with its
//     journal; the two may run at once.
//  3. The caller makes its journal valid and durable. From here on the set is
//     accepted: Commit must follow, or a recovery from the journal.
//  4. Commit renames the locks to the refs, replaces packed-refs, deletes, and
//     makes the folders durable.
type Tx struct {
	db     *DB
	items  []item
	head   string   // what HEAD shall name; empty leaves it
	headed bool     // the lock of HEAD is held
	packed bool     // the lock of packed-refs is held
	anew   bool     // and is the new packed-refs
	into   bool     // new refs go into packed-refs
	made   []string // folders, for the locks
}

// item is one update with the state in which it was found.
type item struct {
	wire.Update
	locked  bool
	symref  bool      // it is a symbolic ref, which the update replaces
	current object.ID // "" for none
	packed  Ref       // what packed-refs has of it
	done    bool      // it has its value already
}

// creates reports whether the ref comes to be.
func (it *item) creates() bool { return it.current == "" && !it.symref && !it.Deletes() }

func lockOf(path string) string { return path + ".lock" }

// Prepare locks the refs, as git does, and checks that each has its old value
// (a zero Old of an update that does not delete means that it must not exist; of
// one that deletes, that it does not matter) and that its name can be. head, if
// not empty, is what HEAD shall name afterwards. What the new ids name is not
// looked at. A *Refused means that it can't be done now.
func (d *DB) Prepare(ctx context.Context, updates []wire.Update, head string) (*Tx, error) {
	t := &Tx{db: d, head: head, items: make([]item, len(updates))}
	for i, u := range updates {
		t.items[i].Update = u
	}
	if err := t.prepare(ctx); err != nil {
		return nil, errors.Join(err, t.Abort())
	}
	return t, nil
}

func (t *Tx) prepare(ctx context.Context) error {
	names, err := t.names()
	if err != nil {
		return err
	}
	if t.head != "" {
		if err := takeLock(ctx, lockOf(t.db.head.path), "ref: "+t.head+"\n", refWait); err != nil {
			return lockError("HEAD", err)
		}
		t.headed = true
	}
	if done, err := t.prepareMany(ctx, names); done || err != nil {
		return err
	}
	for i := range t.items {
		if err := t.lock(ctx, &t.items[i], names); err != nil {
			return err
		}
	}
	// Nobody moves them now: what packed-refs says of them stands.
	if err := t.checkAll(names); err != nil {
		return err
	}
	return t.preparePacked(ctx)
}

func (t *Tx) checkAll(names []string) error {
	packed, err := t.db.packedNow()
	if err != nil {
		return err
	}
	for i := range t.items {
		if err := t.check(&t.items[i], names, packed); err != nil {
			return err
		}
	}
	return nil
}

// prepareMany prepares a set that makes many refs and does nothing else, under
// the lock of packed-refs alone: a lock file for each of tens of thousands would
// cost more than all the rest. What another git makes of the same name in the same
// instant has a file of its own, which hides the packed one: it came later. It
// reports false when somebody holds that lock.
func (t *Tx) prepareMany(ctx context.Context, names []string) (done bool, err error) {
	if len(t.items) < manyNew || slices.ContainsFunc(t.items, func(it item) bool { return it.Deletes() || !it.Old.IsZero() }) {
		return false, nil
	}
	f, err := openLock(ctx, lockOf(t.db.packed.path), 0)
	if errors.Is(err, errLocked) {
		return false, nil
	}
	if err != nil {
		return false, lockError("packed-refs", err)
	}
	t.packed, t.into = true, true
	if err = t.checkAll(names); err == nil {
		err = t.writeAnew(ctx, f)
	}
	return true, errors.Join(err, f.Close())
}

// writeAnew writes the new packed-refs into its lock, if it is another one.
func (t *Tx) writeAnew(ctx context.Context, f *os.File) error {
	list, changed, err := t.newPacked(ctx)
	if err == nil && changed {
		err = WritePacked(f, list)
	}
	t.anew = changed
	return err
}

// names returns the names of the updates, sorted, as no two may be one.
func (t *Tx) names() ([]string, error) {
	names := make([]string, len(t.items))
	for i := range t.items {
		names[i] = t.items[i].Name
	}
	slices.Sort(names)
	for i := 1; i < len(names); i++ {
		if names[i] == names[i-1] {
			return nil, &Refused{Name: names[i], Reason: fmt.Sprintf("multiple updates for ref '%s' not allowed", names[i])}
		}
	}
	return names, nil
}

func lockError(name string, err error) error {
	if errors.Is(err, errLocked) || errors.Is(err, unix.ENAMETOOLONG) {
		return &Refused{Name: name, Locked: errors.Is(err, errLocked), Reason: fmt.Sprintf("cannot lock ref '%s'", name)}
	}
	return err
}

func cannotLock(name, why string) error {
	return &Refused{Name: name, Reason: fmt.Sprintf("cannot lock ref '%s': %s", name, why)}
}

func cannotResolve(name string) error {
	return cannotLock(name, fmt.Sprintf("unable to resolve reference '%s'", name))
}

// lock takes the lock of one ref, with its new value in it.
func (t *Tx) lock(ctx context.Context, it *item, names []string) error {
	value := ""
	if !it.Deletes() {
		value = string(it.New) + "\n"
	}
	path := lockOf(t.db.path(it.Name))
	for tries := 0; ; tries++ {
		made, err := t.db.makeFolders(it.Name)
		t.made = append(t.made, made...)
		if err == nil {
			err = takeLock(ctx, path, value, refWait)
		}
		switch {
		case err == nil:
			it.locked = true
			return nil
		case errors.Is(err, unix.ENOTDIR):
			return t.blocked(it, names)
		case errors.Is(err, fs.ErrNotExist) && tries < 3:
			continue // somebody tidied up
		}
		return lockError(it.Name, err)
	}
}

// blocked words the refusal of a ref of which a folder is a file.
func (t *Tx) blocked(it *item, names []string) error {
	packed, err := t.db.packedNow()
	if err != nil {
		return err
	}
	why := t.db.inTheWay(it.Name, names, packed, true)
	switch {
	case why == "":
		return lockError(it.Name, errLocked) // a file that is no ref
	case !it.Old.IsZero():
		return cannotResolve(it.Name)
	}
	return cannotLock(it.Name, why)
}

// check reads what a locked ref is and compares it with what it should be.
func (t *Tx) check(it *item, names []string, packed []Ref) error {
	it.packed, _ = find(packed, it.Name)
	loose, err := t.db.readLoose(it.Name, packed)
	if err != nil {
		return err
	}
	must := !it.Old.IsZero()
	it.symref = loose.symbolic
	if it.current = loose.id; it.current == "" {
		it.current = it.packed.ID
	}
	switch {
	case loose.broken:
		return cannotLock(it.Name, fmt.Sprintf("unable to resolve reference '%s': reference broken", it.Name))
	case it.current == "" && must:
		return cannotResolve(it.Name)
	case it.current == "":
		if err := t.makeRoom(it, names, packed, loose.folder); err != nil {
			return err
		}
	case must && it.current != it.Old:
		return cannotLock(it.Name, fmt.Sprintf("is at %s but expected %s", it.current, it.Old))
	case !must && !it.Deletes():
		return cannotLock(it.Name, "reference already exists")
	}
	it.done = it.current == it.New && !loose.symbolic
	return nil
}

// makeRoom makes sure that a ref that does not exist can, by its name.
func (t *Tx) makeRoom(it *item, names []string, packed []Ref, folder bool) error {
	if folder && removeEmpty(t.db.path(it.Name)) != nil {
		why := t.db.inTheWay(it.Name, names, packed, true)
		if why == "" {
			why = fmt.Sprintf("there is a non-empty directory 'refs/%s' blocking reference '%s'", strings.TrimPrefix(it.Name, "refs/"), it.Name)
		}
		return cannotLock(it.Name, why)
	}
	if why := t.db.inTheWay(it.Name, names, packed, false); why != "" {
		return cannotLock(it.Name, why)
	}
	return nil
}

// preparePacked writes the new packed-refs into its lock, when refs in it are
// deleted or many are new.
func (t *Tx) preparePacked(ctx context.Context) error {
	created, deleted := 0, 0
	for i := range t.items {
		switch it := &t.items[i]; {
		case it.creates():
			created++
		case it.Deletes():
			// Packed or not: git pack-refs may be about to pack it, which only
			// the lock keeps it from.
			deleted++
		}
	}
	if created < manyNew && deleted == 0 {
		return nil
	}
	wait := packedWait
	if deleted == 0 {
		wait = 0 // a file for each will do
	}
	f, err := openLock(ctx, lockOf(t.db.packed.path), wait)
	if errors.Is(err, errLocked) && deleted == 0 {
		return nil
	}
	if err != nil {
		return lockError("packed-refs", err)
	}
	t.packed, t.into = true, created >= manyNew
	return errors.Join(t.writeAnew(ctx, f), f.Close())
}

// newPacked is what packed-refs shall hold, and whether that is anything else
// than it does. Its lock is held.
func (t *Tx) newPacked(ctx context.Context) (list []Ref, changed bool, err error) {
	d := t.db
	d.mu.Lock()
	err = d.packed.refresh(d.format)
	now, complete := d.packed.all, d.packed.peeled
	d.mu.Unlock()
	if err != nil {
		return nil, false, err
	}
	var fresh []Ref
	drop := map[string]bool{}
	for i := range t.items {
		switch it := &t.items[i]; {
		case it.Deletes():
			drop[it.Name] = true
		case t.into && it.creates():
			drop[it.Name] = true
			fresh = append(fresh, Ref{Name: it.Name, ID: it.New})
		}
	}
	slices.SortFunc(fresh, byName)
	kept := make([]Ref, 0, len(now))
	for _, r := range now {
		if !drop[r.Name] {
			kept = append(kept, r)
		}
	}
	if len(fresh) == 0 && len(kept) == len(now) {
		return nil, false, nil
	}
	lists := [][]Ref{fresh}
	if !complete {
		lists = append(lists, kept)
	}
	if err := d.peelLists(ctx, lists); err != nil {
		return nil, false, err
	}
	return merge(fresh, kept), true, nil
}

func (d *DB) peelLists(ctx context.Context, lists [][]Ref) error {
	peeled := map[object.ID]object.ID{}
	var ask []object.ID
	for _, list := range lists {
		for i := range list {
			if _, twice := peeled[list[i].ID]; !twice && !strings.HasPrefix(list[i].Name, "refs/heads/") {
				peeled[list[i].ID] = ""
				ask = append(ask, list[i].ID)
			}
		}
	}
	if len(ask) == 0 {
		return nil
	}
	if err := d.peel(ctx, ask, peeled); err != nil {
		return err
	}
	for _, list := range lists {
		for i := range list {
			list[i].Peeled = peeled[list[i].ID]
		}
	}
	return nil
}
