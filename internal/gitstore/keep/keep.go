// Package keep is a bounded cache on disk of whole answers to fetches. What is
// asked for while it is being made is made once, and everybody reads it while
// it is still written. The folder may be deleted at any time: then answers are
// made anew, and a disk that takes no more never ends one. Nothing here decides
// who may read what: callers have asked before they ask for a key.
package keep

import (
	"container/list"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"jeton/internal/id"
)

// Key names an answer: the repository, and a digest of everything that shapes
// its bytes.
type Key struct {
	Repo id.Repo
	Sum  [32]byte
}

// Options says where and how much is kept. Dir and Bytes are required.
type Options struct {
	Dir   string
	Bytes int64 // the most that all answers together may take on disk
	// Spare is how much of the disk stays free: pushes need it more. Zero: 256 MiB.
	Spare int64
	// Orphan is how long an answer is made on for when its last reader has
	// gone, since the next one will want it. Zero: 30 s.
	Orphan time.Duration
	// Settle is how long after it was made an answer is made to outlive this
	// process. Zero: a minute.
	Settle time.Duration
	// Patience is how long the readers of an answer that there is no room for wait
	// for one of them that is slower. Zero: 30 s.
	Patience time.Duration
	Log      *slog.Logger // nil discards
}

// DefaultSpare is how many bytes of the disk stay free if nothing else is said.
const DefaultSpare = 256 << 20

// maxEntries bounds the index in memory; the smallest answers have a few bytes.
const maxEntries = 100_000

// block is what the smallest file takes on disk.
const block = 4096

// Cache keeps answers. It is safe for concurrent use.
type Cache struct {
	o        Options
	instance string // in the names of files that are being written
	ctx      context.Context
	stop     context.CancelFunc
	work     sync.WaitGroup
	buffers  sync.Pool
	settling sync.Mutex // held while an answer is given its lasting name

	mu      sync.Mutex
	closed  bool           // guarded by mu, as all that follows
	entries map[Key]*entry // whole answers
	recent  *list.List     // of *entry, the last used first
	shares  map[string]*share
	flights map[Key]*flight  // answers that are being made and kept
	pending map[Key]*pending // those that somebody waits for leave to make
	used    int64            // bytes of entries and flights
	written int              // names given to files so far
	counts  Counts
}

// Counts tells what the cache did since it was opened.
type Counts struct {
	Hits, Joined, Made, Evicted int64
	Bytes, Answers              int64 // now
}

type entry struct {
	key     Key
	by      string // its maker
	path    string
	size    int64
	cost    int64
	touched time.Time
	place   *list.Element // in Cache.recent
	mine    *list.Element // in share.recent
	settle  *time.Timer   // until it has its lasting name
}

type pending struct {
	started chan struct{} // closed when somebody makes it
	waiting int
}

// Open makes the folder and looks, in the background, for what an earlier
// process left there: whole answers are taken over, others removed. Two
// processes must not have the same folder open.
func Open(o Options) (*Cache, error) {
	if o.Dir == "" || o.Bytes <= 0 {
		panic("keep: Open without a required option")
	}
	if o.Spare == 0 {
		o.Spare = DefaultSpare
	}
	if o.Orphan == 0 {
		o.Orphan = 30 * time.Second
	}
	if o.Patience == 0 {
		o.Patience = 30 * time.Second
	}
	if o.Settle == 0 {
		o.Settle = time.Minute
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Cache{o: o, instance: strconv.FormatInt(time.Now().UnixNano(), 36),
		entries: map[Key]*entry{}, recent: list.New(), shares: map[string]*share{}, flights: map[Key]*flight{}, pending: map[Key]*pending{}}
	c.buffers.New = func() any { b := make([]byte, bufferBytes); return &b }
	c.ctx, c.stop = context.WithCancel(context.Background())
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	c.work.Go(c.sweep)
	return c, nil
}

// Close ends what is being made, and waits for it and until what was made
// outlives this process.
func (c *Cache) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.stop()
	c.work.Wait()
	c.settleAll()
}

// Counts returns what the cache did.
func (c *Cache) Counts() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.counts
	n.Bytes, n.Answers = c.used, int64(len(c.entries))
	return n
}

// Source makes an answer.
type Source struct {
	// By names who the answer is made for, to whom its room is counted. Answers of
	// one maker take no more than half of the cache while others need the room.
	By string
	// Begin waits for leave to make it: a slot. release is called when it has
	// been made. Of many that ask for the same answer one begins, and the
	// contexts of the others' calls end then.
	Begin func(ctx context.Context) (release func(), err error)
	// Make writes the answer. Its context is nobody's: it ends when the answer
	// is wanted no more.
	Make func(ctx context.Context, w io.Writer) error
	// Holds is asked when the answer is whole: is it still the one of its key?
	// Nil: yes.
	Holds func() bool
}

// errClosed ends what is asked for when the server stops.
var errClosed = errors.New("the cache of fetches is closed")

// Get returns a reader of the answer: of the one that is kept, of the one that
// somebody else is making, or of one that is made by s. joined says that
// another request's source makes it. The reader must be closed.
func (c *Cache) Get(ctx context.Context, key Key, s Source) (r *Reader, joined bool, err error) {
	for {
		r, p := c.find(key)
		if r != nil {
			return r, r.flight != nil, nil
		}
		if p == nil {
			return nil, false, errClosed
		}
		release, err := c.await(ctx, p, s.Begin)
		if err == nil {
			if r = c.start(c.ctx, key, p, release, s, true); r != nil {
				c.leave(key, p)
				return r, false, nil
			}
			release()
		}
		c.leave(key, p)
		select {
		case <-p.started: // by somebody else: look again
		default:
			if err != nil {
				return nil, false, err
			}
		}
		if ctx.Err() != nil {
			return nil, false, ctx.Err()
		}
	}
}

// Prepare makes the answer if it is not there, for whoever asks later, and
// waits for it. ctx ends it.
func (c *Cache) Prepare(ctx context.Context, key Key, s Source) error {
	r, p := c.find(key)
	if p == nil {
		if r != nil {
			r.Close()
		}
		return nil
	}
	defer c.leave(key, p)
	release, err := c.await(ctx, p, s.Begin)
	if err != nil {
		select {
		case <-p.started:
			return nil
		default:
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()
	r = c.start(ctx, key, p, release, s, false)
	if r == nil {
		release()
		return nil
	}
	return r.flight.wait()
}

// find returns a reader of what is there, or the place to wait for leave to
// make it; neither when the cache is closed.
func (c *Cache) find(key Key) (*Reader, *pending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, nil
	}
	if r := c.open(key); r != nil {
		return r, nil
	}
	if f := c.flights[key]; f != nil {
		c.counts.Joined++
		return f.join(), nil
	}
	p := c.pending[key]
	if p == nil {
		p = &pending{started: make(chan struct{})}
		c.pending[key] = p
	}
	p.waiting++
	return nil, p
}

// open returns a reader of a whole answer. The caller holds mu.
func (c *Cache) open(key Key) *Reader {
	e := c.entries[key]
	if e == nil {
		return nil
	}
	f, err := os.Open(e.path)
	if err == nil {
		if fi, serr := f.Stat(); serr == nil && fi.Size() == e.size {
			c.recent.MoveToFront(e.place)
			c.shares[e.by].recent.MoveToFront(e.mine)
			c.counts.Hits++
			if now := time.Now(); now.Sub(e.touched) > time.Hour {
				e.touched = now
				_ = os.Chtimes(e.path, now, now) // the order of use, for the next process
			}
			return &Reader{cache: c, file: f, size: e.size}
		}
		_ = f.Close()
	}
	c.drop(e) // somebody deleted or cut it
	return nil
}

// leave gives up a place among those who wait.
func (c *Cache) leave(key Key, p *pending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.waiting--; p.waiting == 0 && c.pending[key] == p {
		delete(c.pending, key)
	}
}

// await begins, unless somebody else does first.
func (c *Cache) await(ctx context.Context, p *pending, begin func(context.Context) (func(), error)) (func(), error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-p.started:
			cancel()
		case <-done:
		}
	}()
	return begin(ctx)
}

// start makes the answer, unless it is there or being made by now.
func (c *Cache) start(ctx context.Context, key Key, p *pending, release func(), s Source, read bool) *Reader {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.flights[key] != nil || c.entries[key] != nil || c.pending[key] != p {
		if !c.closed && c.pending[key] == p {
			c.announce(key, p)
		}
		return nil
	}
	c.announce(key, p)
	f := newFlight(c, key, s.By)
	f.ctx, f.cancel = context.WithCancel(ctx)
	c.flights[key] = f
	c.counts.Made++
	r := &Reader{cache: c, flight: f}
	if read {
		r = f.join()
	}
	c.work.Go(func() { f.run(s, release) })
	return r
}

// announce tells everybody who waits that the answer is being made. The caller
// holds mu.
func (c *Cache) announce(key Key, p *pending) {
	close(p.started)
	delete(c.pending, key)
}

// file returns a new name for a file that is being written.
func (c *Cache) file(key Key) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.written++
	return filepath.Join(c.group(key.Repo), c.instance+"-"+strconv.Itoa(c.written)+partSuffix)
}

func (c *Cache) group(repo id.Repo) string {
	return filepath.Join(c.o.Dir, strconv.FormatInt(int64(repo), 10))
}

func (c *Cache) final(key Key) string {
	return filepath.Join(c.group(key.Repo), hex.EncodeToString(key.Sum[:]))
}

// spare reports whether the disk has room, and makes some if it has not.
func (c *Cache) spare() bool {
	for {
		free, ok := Free(c.o.Dir)
		if !ok || free >= c.o.Spare {
			return true
		}
		c.mu.Lock()
		last := c.recent.Back()
		if last != nil {
			c.counts.Evicted++
			c.drop(last.Value.(*entry))
		}
		c.mu.Unlock()
		if last == nil {
			return false
		}
	}
}

// add enters a whole answer. The caller holds mu, and has counted its cost.
func (c *Cache) add(e *entry) {
	if old := c.entries[e.key]; old != nil {
		c.drop(old)
	}
	e.place, e.mine = c.recent.PushFront(e), c.share(e.by).recent.PushFront(e)
	c.entries[e.key] = e
}

// drop removes a whole answer. Whoever reads it has it open. The caller holds
// mu.
func (c *Cache) drop(e *entry) {
	if c.entries[e.key] != e {
		return
	}
	if e.settle != nil {
		e.settle.Stop()
	}
	c.recent.Remove(e.place)
	c.shares[e.by].recent.Remove(e.mine)
	delete(c.entries, e.key)
	c.take(e.by, -e.cost)
	_ = os.Remove(e.path)
}

// Forget removes everything that is kept of a repository. What is being read is
// read to its end.
func (c *Cache) Forget(repo id.Repo) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, e := range c.entries {
		if key.Repo == repo {
			c.drop(e)
		}
	}
	for key, f := range c.flights {
		if key.Repo == repo {
			f.unkept = true
			delete(c.flights, key)
		}
	}
	_ = os.Remove(c.group(repo)) // if nothing is written there now
}
