package gitstore

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"jeton/internal/gitstore/bare"
	"jeton/internal/gitstore/keep"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/share"
	"jeton/internal/gitstore/wire"
	"jeton/internal/id"
	"jeton/internal/problem"
)

// Fetch is one request for objects, read and not yet checked.
type Fetch struct {
	Who     share.Who
	Refs    *Refs // those that the actor sees at this moment
	Version wire.Version
	Want    *wire.Fetch
	Request *Spool
	Out     Out

	// Before, if not nil, is asked once, right before an answer with a pack begins.
	// No other answer has one then, whatever the client would take.
	Before func() error

	asked *wire.Fetch // what the client sent, where Want is something else
}

// Out is where the answer to a fetch goes.
type Out interface {
	io.Writer
	io.ReaderFrom // a kept answer comes as a file
	keep.Sizer
	Flush()
	// Began reports whether anything was written.
	Began() bool
}

// Fetch checks what is asked for against the refs, whatever is kept, and
// answers: with what is kept, with what is being made for somebody else, or
// with what git makes now. Only the last takes a slot for fetches. The error of
// a refusal is problem.Invalid in the words of git.
func (r *Repo) Fetch(ctx context.Context, f Fetch) error {
	f.restrict()
	release := func() {}
	if !r.reach.Answered(f.Refs, f.Want) {
		var err error
		if release, err = r.store.FetchSlot(ctx, f.Who); err != nil {
			return err
		}
	}
	defer release()
	if err := r.CheckFetch(ctx, f.Refs, f.Want); err != nil {
		return err
	}
	if f.Before != nil && f.Want.Packs(f.Version) {
		if err := f.Before(); err != nil {
			return err
		}
	}
	if !f.Refs.Part {
		r.store.premake.asked(r, &f)
	}
	if f.Want.Haves == 0 && !f.Want.Deepens && !f.Refs.Part {
		r.store.bundle.asked(r, f.Refs)
	}
	key, kept := r.keepKey(&f)
	if !kept {
		return r.fetchDirectly(ctx, &f, release)
	}
	release()
	return r.fetchKept(ctx, &f, key)
}

// fetchDirectly has git answer this request alone. slot is what was taken
// already, if it was.
func (r *Repo) fetchDirectly(ctx context.Context, f *Fetch, slot func()) error {
	slot() // to be taken anew: who checked long has waited, and others come first
	release, err := r.store.FetchSlot(ctx, f.Who)
	if err != nil {
		return err
	}
	defer release()
	request, err := r.request(ctx, f)
	if err != nil {
		return err
	}
	return r.UploadPack(ctx, Upload{Version: f.Version, Want: f.Want, Request: request, Out: f.Out})
}

// fetchKept answers from the cache. If another request's git fails before a
// byte went out here, the next attempt is this request's own.
func (r *Repo) fetchKept(ctx context.Context, f *Fetch, key keep.Key) error {
	for {
		reader, joined, err := r.store.kept.Get(ctx, key, r.keepSource(f, key))
		if err != nil {
			return err
		}
		err = reader.Send(ctx, f.Out)
		reader.Close()
		if err == nil || !joined || f.Out.Began() || ctx.Err() != nil {
			return err
		}
	}
}

// keepSource has git make the answer to f, for everybody who asks the same.
func (r *Repo) keepSource(f *Fetch, key keep.Key) keep.Source {
	return keep.Source{
		By: f.Who.Name(),
		Begin: func(ctx context.Context) (func(), error) {
			release, err := r.store.FetchSlot(ctx, f.Who)
			if err != nil {
				return nil, err
			}
			f.Request.share() // who asked may be gone before it is read
			return func() {
				release()
				_ = f.Request.Close()
			}, nil
		},
		Make: func(ctx context.Context, w io.Writer) error {
			request, err := r.request(ctx, f)
			if err != nil {
				return err
			}
			return r.UploadPack(ctx, Upload{Version: f.Version, Want: f.Want, Request: request, Out: w})
		},
		Holds: func() bool { return r.holds(f, key) },
	}
}

// holds reports whether the refs are still those of the key: git has read them
// by itself.
func (r *Repo) holds(f *Fetch, key keep.Key) bool {
	refs, err := r.Refs(r.store.ctx)
	if err != nil {
		return false
	}
	now := *f
	now.Refs = refs
	sum, err := r.keySum(&now)
	return err == nil && sum == key.Sum
}

// keepKey returns the key of the answer, and whether it is one to keep. A
// request that names what the client has is seldom asked again, and so is one
// for other things than the refs name: they are kept when they come twice.
func (r *Repo) keepKey(f *Fetch) (keep.Key, bool) {
	if r.store.kept == nil || len(f.Want.Wants) == 0 {
		return keep.Key{}, false
	}
	sum, err := r.keySum(f)
	if err != nil {
		return keep.Key{}, false
	}
	key := keep.Key{Repo: r.bare.ID, Sum: sum}
	if f.Want.Haves == 0 && len(f.Want.Shallow) == 0 && r.onlyTips(f.Refs, f.Want.Wants) {
		return key, true
	}
	return key, r.store.seen.again(key)
}

// keySum digests everything that shapes the answer's bytes: the request, the
// format, and of the refs what git reads of them for it. The repository's own
// mark is in it, too, so that no repository that gets its number after a
// restore is answered from what was another's.
func (r *Repo) keySum(f *Fetch) ([32]byte, error) {
	mark, err := r.mark()
	if err != nil {
		return [32]byte{}, err
	}
	digest := f.Want.Digest()
	h := sha256.New()
	_, _ = io.WriteString(h, mark+"\n"+string(f.Refs.Format)+" "+strconv.Itoa(int(f.Version))+"\n")
	_, _ = h.Write(digest[:])
	switch {
	case f.Want.ReadsRefs():
		_, _ = io.WriteString(h, "refs "+f.Refs.Version)
	case f.Want.Has("include-tag"):
		_, _ = io.WriteString(h, "tags "+r.tagsDigest(f.Refs))
	}
	return [32]byte(h.Sum(nil)), nil
}

// mark tells this folder from every other one that had the repository's number.
func (r *Repo) mark() (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.born != "" {
		return r.born, nil
	}
	fi, err := os.Lstat(r.bare.Dir)
	if err != nil {
		return "", bare.Gone(err)
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return "", errors.New("the repository's folder has no number")
	}
	r.born = strconv.FormatUint(uint64(st.Dev), 16) + "-" + strconv.FormatUint(uint64(st.Ino), 16)
	return r.born, nil
}

// tagsDigest digests the annotated tags: include-tag adds those of them whose
// objects are sent.
func (r *Repo) tagsDigest(refs *Refs) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tags.version == refs.Version {
		return r.tags.digest
	}
	h := sha256.New()
	for _, tag := range refs.Tags() {
		if tag.Peeled != "" {
			_, _ = io.WriteString(h, string(tag.ID)+"\n")
		}
	}
	r.tags.version, r.tags.digest = refs.Version, string(h.Sum(nil))
	return r.tags.digest
}

// onlyTips reports whether every one of ids is what a ref names.
func (r *Repo) onlyTips(refs *Refs, ids []object.ID) bool {
	reach := r.reach.Of(refs)
	for _, id := range ids {
		if !reach.Tip(id) {
			return false
		}
	}
	return true
}

// recent remembers which keys were asked for lately: in two generations, of which
// the older one is forgotten when the younger one is full.
type recent struct {
	mu         sync.Mutex
	young, old map[uint64]bool // guarded by mu
}

const seenAtMost = 32 << 10

// again reports whether the key was seen before, and remembers it.
func (s *recent) again(key keep.Key) bool {
	n := binary.LittleEndian.Uint64(key.Sum[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.young[n] {
		return true
	}
	if s.young == nil || len(s.young) >= seenAtMost {
		s.young, s.old = map[uint64]bool{}, s.young
	}
	s.young[n] = true
	return s.old[n]
}

// fetching is what the store needs to answer fetches.
type fetching struct {
	ctx     context.Context // ends with CloseFetches
	stop    context.CancelFunc
	kept    *keep.Cache // nil: nothing is kept
	premake *premaker   // nil with kept
	bundle  *bundler    // nil: no bundles are made
	seen    recent
}

// forgetFetches removes what is kept of a repository.
func (s *Store) forgetFetches(repo id.Repo) {
	s.bundle.forget(repo)
	if s.kept != nil {
		s.premake.forget(repo)
		s.kept.Forget(repo)
	}
}

// FetchOptions are for answering fetches beyond having git make each.
type FetchOptions struct {
	Dir   string // for what is kept; made when missing, may be deleted at any time
	Bytes int64  // the most that is kept; 0 or less: nothing
	Spare int64  // of the disk, which stays free; 0: 256 MiB
	// Quiet is for how long no ref of a repository moves before answers are
	// made that will be asked for. 0: 1 s.
	Quiet time.Duration
	// Repositories that take at least so much disk get bundles. 0: none.
	BundleLeast int64
	BundleDir   string // for bundles, like Dir; required with BundleLeast
}

// KeepFetches has answers to fetches kept until CloseFetches. It must be called
// before the store is used, by one process alone.
func (s *Store) KeepFetches(o FetchOptions) error {
	if o.BundleLeast > 0 {
		// What an earlier process made is of no use: who may take it is not
		// known without reading it.
		if err := os.RemoveAll(o.BundleDir); err != nil {
			return cacheError(err)
		}
		s.bundle = newBundler(s, o.BundleDir, o.BundleLeast, o.Spare)
	}
	if o.Bytes <= 0 {
		return nil
	}
	c, err := keep.Open(keep.Options{Dir: o.Dir, Bytes: o.Bytes, Spare: o.Spare, Log: s.log})
	if err != nil {
		return cacheError(err)
	}
	s.kept = c
	s.premake = newPremaker(s, o.Quiet)
	s.onMoved(s.premake.moved)
	return nil
}

func cacheError(err error) error {
	return problem.Wrap(err, problem.Unavailable, "the cache's folder can't be made", "Check the owner and the free space of the data folder.")
}

// CloseFetches ends the making of answers that nobody waits for.
func (s *Store) CloseFetches() {
	s.stop()
	if s.bundle != nil {
		s.bundle.close()
	}
	if s.kept != nil {
		s.premake.close()
		s.kept.Close()
	}
}

// FetchCounts tells what the cache of fetches did; nothing without one.
func (s *Store) FetchCounts() keep.Counts {
	if s.kept == nil {
		return keep.Counts{}
	}
	return s.kept.Counts()
}
