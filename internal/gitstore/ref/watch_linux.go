package ref

import (
	"encoding/binary"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// Watch has the kernel tell what happens in the folders of repositories that are
// often asked about (inotify(7)). What happens is in its queue before the system
// call that does it returns, so that one look at an empty queue tells of all
// repositories at once that nothing has happened, where stamps take a system call
// for each file and folder. Whatever is not certain breaks a guard, and then the
// stamps decide. It is safe for concurrent use.
type Watch struct {
	most int // folders

	mu     sync.Mutex
	fd     int              // guarded by mu, as what follows
	state  state            //
	guards map[int32]*guard // by the kernel's number of the folder
	queue  [4096]byte
}

type state uint8

const (
	closed state = iota
	opened
	failed // the account has no watch left, or the kernel has none
)

// NewWatch returns a watch over nothing. It takes nothing from the system before
// a repository is asked about often.
func NewWatch() *Watch { return &Watch{most: mostWatched, guards: map[int32]*guard{}} }

// events are those after which a folder, or a file in it, may be another.
const events = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVE | unix.IN_MODIFY | unix.IN_ATTRIB | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR | unix.IN_DONT_FOLLOW

// local lists the file systems on which everything that happens goes through
// this kernel. On others, as on those of a network, changes come from elsewhere.
var local = [...]uint32{unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC, unix.TMPFS_MAGIC}

// quiet reports whether nothing has happened to what g guards.
func (w *Watch) quiet(g *guard) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !g.broken {
		w.hear()
	}
	return !g.broken
}

// begin guards the folders, all of one file system; nil if that can't be.
func (w *Watch) begin(folders []string) *guard {
	w.mu.Lock()
	defer w.mu.Unlock()
	var fs unix.Statfs_t
	if len(folders) > w.most/8 || unix.Statfs(folders[0], &fs) != nil || !slices.Contains(local[:], uint32(fs.Type)) || !w.open() {
		return nil
	}
	w.hear() // what has happened before breaks nobody's guard
	g := &guard{}
	for _, f := range folders {
		wd, err := unix.InotifyAddWatch(w.fd, f, events)
		if err != nil {
			g.broken = true // those that are watched already end with the next event
			return nil
		}
		if old := w.guards[int32(wd)]; old != nil && old != g {
			old.broken = true // it would hear of this folder no more
		}
		w.guards[int32(wd)] = g
	}
	for wd, other := range w.guards { // any will do: it is guarded again if it is asked about often
		if len(w.guards) <= w.most {
			break
		}
		if other != g {
			other.broken = true
			w.end(wd)
		}
	}
	return g
}

func (w *Watch) open() bool {
	if w.state == closed {
		fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
		if err != nil {
			w.state = failed
			return false
		}
		w.fd, w.state = fd, opened
		runtime.AddCleanup(w, func(fd int) { _ = unix.Close(fd) }, fd)
	}
	return w.state == opened
}

// end watches a folder no longer.
func (w *Watch) end(wd int32) {
	delete(w.guards, wd)
	_, _ = unix.InotifyRmWatch(w.fd, uint32(wd)) // fails if the kernel has ended it
}

// longQueue is how many reads of the queue one look makes at most: somebody who
// makes changes all the time must not hold it up.
const longQueue = 64

// hear takes in everything that has happened.
func (w *Watch) hear() {
	for range longQueue {
		n, err := unix.Read(w.fd, w.queue[:])
		switch {
		case err == unix.EAGAIN:
			return
		case err == unix.EINTR:
			continue
		case err != nil || n < unix.SizeofInotifyEvent:
			w.lost()
			return
		}
		for b := w.queue[:n]; len(b) >= unix.SizeofInotifyEvent; {
			w.happened(int32(binary.NativeEndian.Uint32(b)), binary.NativeEndian.Uint32(b[4:]))
			b = b[unix.SizeofInotifyEvent+binary.NativeEndian.Uint32(b[12:]):] // with the name of a file
		}
	}
	w.lost()
}

func (w *Watch) happened(wd int32, what uint32) {
	g := w.guards[wd]
	switch {
	case what&unix.IN_Q_OVERFLOW != 0:
		w.lost()
	case what&unix.IN_IGNORED != 0: // the folder is gone
		if g != nil {
			g.broken = true
			delete(w.guards, wd)
		}
	case g == nil || g.broken: // nobody has asked since the last event
		w.end(wd)
	default:
		g.broken = true
	}
}

// lost breaks every guard: there were events that nobody has read.
func (w *Watch) lost() {
	for _, g := range w.guards {
		g.broken = true
	}
}
