package gitstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/odb"
	"jeton/internal/gitstore/wire"
)

// Ref is one ref. Peeled is the object that an annotated tag finally names,
// and empty for everything else.
type Ref struct {
	Name   string
	ID     object.ID
	Peeled object.ID
}

// Commit returns what the ref finally names.
func (r Ref) Commit() object.ID {
	if r.Peeled != "" {
		return r.Peeled
	}
	return r.ID
}

// Short returns the name without "refs/heads/" or "refs/tags/".
func (r Ref) Short() string {
	if s, ok := strings.CutPrefix(r.Name, "refs/heads/"); ok {
		return s
	}
	return strings.TrimPrefix(r.Name, "refs/tags/")
}

// Refs is the state of a repository's refs at one instant: those that clients
// may see. It never changes; two equal states have the same Version.
type Refs struct {
	Version string
	Format  object.Format
	Head    string // the ref that HEAD names, which need not exist
	list    []Ref  // sorted by name
}

// All returns every visible ref, sorted by name. The slice must not be changed.
func (s *Refs) All() []Ref { return s.list }

// Get finds a ref by its full name.
func (s *Refs) Get(name string) (Ref, bool) {
	i, ok := slices.BinarySearchFunc(s.list, name, func(r Ref, n string) int { return strings.Compare(r.Name, n) })
	if !ok {
		return Ref{}, false
	}
	return s.list[i], true
}

// Prefix returns the refs whose names begin with prefix.
func (s *Refs) Prefix(prefix string) []Ref {
	lo := sort.Search(len(s.list), func(i int) bool { return s.list[i].Name >= prefix })
	hi := lo + sort.Search(len(s.list)-lo, func(i int) bool { return !strings.HasPrefix(s.list[lo+i].Name, prefix) })
	return s.list[lo:hi]
}

// Branches returns the branches, sorted by name.
func (s *Refs) Branches() []Ref { return s.Prefix("refs/heads/") }

// Tags returns the tags, sorted by name.
func (s *Refs) Tags() []Ref { return s.Prefix("refs/tags/") }

// Default returns the ref that HEAD names, and false while it does not exist.
func (s *Refs) Default() (Ref, bool) { return s.Get(s.Head) }

// DefaultBranch returns the short name of the branch that HEAD names.
func (s *Refs) DefaultBranch() string { return strings.TrimPrefix(s.Head, "refs/heads/") }

// Empty reports whether there is no ref at all.
func (s *Refs) Empty() bool { return len(s.list) == 0 }

// Refs reads the refs. What another program changed in the folder is seen.
func (r *Repo) Refs(ctx context.Context) (*Refs, error) {
	if err := r.recover(ctx); err != nil {
		return nil, err
	}
	r.moving.RLock()
	defer r.moving.RUnlock()
	return r.readRefs(ctx)
}

// readRefs is Refs for callers that hold moving.
func (r *Repo) readRefs(ctx context.Context) (*Refs, error) {
	format, err := r.Format()
	if err != nil {
		return nil, err
	}
	head, err := os.ReadFile(filepath.Join(r.dir, "HEAD"))
	if err != nil {
		return nil, errGone(err)
	}
	// git moves a ref from its own file to packed-refs in this order, so
	// reading in this order never misses one.
	list, err := r.readLoose(format)
	if err != nil {
		return nil, err
	}
	packed, err := r.readPacked(format)
	if err != nil {
		return nil, err
	}
	s := &Refs{Format: format, list: merge(list, packed)}
	s.Head = strings.TrimSpace(strings.TrimPrefix(string(head), "ref:"))
	s.Version = s.digest()
	return r.keepRefs(ctx, s)
}

// keepRefs completes a fresh reading, or returns the one before it when
// nothing changed.
func (r *Repo) keepRefs(ctx context.Context, s *Refs) (*Refs, error) {
	r.mu.Lock()
	old, known := r.refs, r.peeled
	r.mu.Unlock()
	if old != nil && old.Version == s.Version {
		return old, nil
	}
	peeled := make(map[object.ID]object.ID)
	var ask []object.ID
	for _, ref := range s.Tags() {
		if p, ok := known[ref.ID]; ok {
			peeled[ref.ID] = p
		} else {
			ask = append(ask, ref.ID)
		}
	}
	if err := r.peel(ctx, ask, peeled); err != nil {
		return nil, err
	}
	for i := range s.list {
		s.list[i].Peeled = peeled[s.list[i].ID]
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refs, r.peeled = s, peeled
	return s, nil
}

// peel finds what each tag finally names; "" for what is no annotated tag, or
// one that leads nowhere.
func (r *Repo) peel(_ context.Context, ask []object.ID, into map[object.ID]object.ID) error {
	if len(ask) == 0 {
		return nil
	}
	db, err := r.objects()
	if err != nil {
		return err
	}
	for _, id := range ask {
		to, _, err := db.Peel(id)
		switch {
		case errors.Is(err, odb.ErrNotFound), errors.Is(err, odb.ErrCorrupt), errors.Is(err, odb.ErrTooLarge), to == id:
			to = ""
		case err != nil:
			return err
		}
		into[id] = to
	}
	return nil
}

func (s *Refs) digest() string {
	h := sha256.New()
	_, _ = io.WriteString(h, s.Head+"\n")
	for i := range s.list {
		_, _ = io.WriteString(h, string(s.list[i].ID)+" "+s.list[i].Name+"\n")
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// merge joins two sorted lists; a loose ref hides a packed one of its name.
func merge(loose, packed []Ref) []Ref {
	out := make([]Ref, 0, len(loose)+len(packed))
	for len(loose) > 0 && len(packed) > 0 {
		switch c := strings.Compare(loose[0].Name, packed[0].Name); {
		case c < 0:
			out, loose = append(out, loose[0]), loose[1:]
		case c > 0:
			out, packed = append(out, packed[0]), packed[1:]
		default:
			out, loose, packed = append(out, loose[0]), loose[1:], packed[1:]
		}
	}
	return append(append(out, loose...), packed...)
}

// readLoose reads the refs that have a file each.
func (r *Repo) readLoose(format object.Format) ([]Ref, error) {
	var out []Ref
	for _, top := range []string{"refs/heads", "refs/notes", "refs/tags"} {
		err := filepath.WalkDir(filepath.Join(r.dir, filepath.FromSlash(top)), func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || d.IsDir() || !d.Type().IsRegular() || strings.HasSuffix(path, ".lock") {
				return err
			}
			name := filepath.ToSlash(path[len(r.dir)+1:])
			data, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if id, ok := format.ParseID(strings.TrimSpace(string(data))); ok && !id.IsZero() && object.CheckRefName(name) {
				out = append(out, Ref{Name: name, ID: id})
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out, func(a, b Ref) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// packedCache is the parsed packed-refs file, with what tells whether the file
// is still the same.
type packedCache struct {
	info os.FileInfo
	read time.Time
	list []Ref
}

// settled is how old a file must be before an equal time stamp means equal
// content: file systems stamp in ticks.
const settled = 2 * time.Second

func (c *packedCache) holds(fi os.FileInfo) bool {
	return c.info != nil && os.SameFile(c.info, fi) && c.info.Size() == fi.Size() &&
		c.info.ModTime().Equal(fi.ModTime()) && c.read.Sub(fi.ModTime()) > settled
}

func (r *Repo) readPacked(format object.Format) ([]Ref, error) {
	path := filepath.Join(r.dir, "packed-refs")
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	cached := r.packed
	r.mu.Unlock()
	if cached.holds(fi) {
		return cached.list, nil
	}
	read := time.Now()
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	list := parsePacked(format, string(data))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.packed = packedCache{info: fi, read: read, list: list}
	return list, nil
}

func parsePacked(format object.Format, data string) []Ref {
	var out []Ref
	for line := range strings.SplitSeq(data, "\n") {
		hex, name, ok := strings.Cut(line, " ")
		id, isID := format.ParseID(hex)
		if ok && isID && object.Visible(name) && object.CheckRefName(name) {
			out = append(out, Ref{Name: name, ID: id})
		}
	}
	slices.SortFunc(out, func(a, b Ref) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Advertisement returns the state as the protocol tells it.
func (s *Refs) Advertisement() wire.Advertisement {
	a := wire.Advertisement{Format: s.Format, Head: s.Head, Refs: make([]wire.Ref, len(s.list))}
	for i, r := range s.list {
		a.Refs[i] = wire.Ref(r)
	}
	return a
}
