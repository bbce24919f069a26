package ref

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/wire"
)

// Ref is one ref.
type Ref = wire.Ref

// Snapshot is the state of a repository's refs at one instant: those that
// clients may see. It never changes; two equal states have the same Version.
type Snapshot struct {
	Version string
	Format  object.Format
	Head    string // the ref that HEAD names, which need not exist
	Part    bool   // of the refs: the others are hidden from who asks
	list    []Ref  // sorted by name
	sums    *sums  // nil while the list is short

	answers atomic.Int64 // the bytes in kept

	mu   sync.Mutex
	kept []keptAs // answers that were asked for, the last one last; guarded by mu
}

// All returns every visible ref, sorted by name. The slice must not be changed.
func (s *Snapshot) All() []Ref { return s.list }

// Get finds a ref by its full name.
func (s *Snapshot) Get(name string) (Ref, bool) { return find(s.list, name) }

func find(list []Ref, name string) (Ref, bool) {
	i, ok := slices.BinarySearchFunc(list, name, func(r Ref, n string) int { return strings.Compare(r.Name, n) })
	if !ok {
		return Ref{}, false
	}
	return list[i], true
}

// Prefix returns the refs whose names begin with prefix.
func (s *Snapshot) Prefix(prefix string) []Ref { return under(s.list, prefix) }

func under(list []Ref, prefix string) []Ref {
	lo := sort.Search(len(list), func(i int) bool { return list[i].Name >= prefix })
	hi := lo + sort.Search(len(list)-lo, func(i int) bool { return !strings.HasPrefix(list[lo+i].Name, prefix) })
	return list[lo:hi]
}

// Branches returns the branches, sorted by name.
func (s *Snapshot) Branches() []Ref { return s.Prefix("refs/heads/") }

// Tags returns the tags, sorted by name.
func (s *Snapshot) Tags() []Ref { return s.Prefix("refs/tags/") }

// Default returns the ref that HEAD names, and false while it does not exist.
func (s *Snapshot) Default() (Ref, bool) { return s.Get(s.Head) }

// DefaultBranch returns the short name of the branch that HEAD names.
func (s *Snapshot) DefaultBranch() string { return strings.TrimPrefix(s.Head, "refs/heads/") }

// Empty reports whether there is no ref at all.
func (s *Snapshot) Empty() bool { return len(s.list) == 0 }

// Weight estimates how many bytes of memory the snapshot holds on to, with the
// answers that it keeps. It is cheap.
func (s *Snapshot) Weight() int64 {
	return 512 + int64(len(s.list))*130 + s.answers.Load()
}

// Only returns the state as somebody sees it who may see those refs alone. Where
// HEAD names another one there is no HEAD.
func (s *Snapshot) Only(see func(name string) bool) *Snapshot {
	out := &Snapshot{Format: s.Format, Head: s.Head, Part: true}
	if !see(s.Head) {
		out.Head = ""
	}
	for _, r := range s.list {
		if see(r.Name) {
			out.list = append(out.list, r)
		}
	}
	out.digest(nil, nil)
	return out
}

// manySums is from how many refs on a list is digested in parts, so that one
// ref that moves does not cost a digest of all.
const manySums = 4096

// sums are the digests of a long list's parts. A ref belongs to a part by its
// name alone, so that equal lists have equal sums, however they came about.
type sums [256][sha256.Size]byte

func part(name string) uint8 {
	h := uint32(len(name))
	for _, c := range []byte(name[max(0, len(name)-8):]) {
		h = h*31 + uint32(c)
	}
	return uint8(h ^ h>>8 ^ h>>16)
}

// digest fills in Version. old is a snapshot before this one, or nil; moved are
// the names in which the two may differ.
func (s *Snapshot) digest(old *Snapshot, moved []string) {
	h := sha256.New()
	buf := append(make([]byte, 0, 8<<10), s.Head+"\n"...)
	if len(s.list) < manySums {
		for i := range s.list {
			if buf = appendLine(buf, &s.list[i]); len(buf) > 7<<10 {
				_, _ = h.Write(buf)
				buf = buf[:0]
			}
		}
	} else {
		s.sum(old, moved)
		for i := range s.sums {
			buf = append(buf, s.sums[i][:]...)
		}
	}
	_, _ = h.Write(buf)
	s.Version = hex.EncodeToString(h.Sum(nil)[:16])
}

func appendLine(b []byte, r *Ref) []byte {
	b = append(append(b, r.ID...), ' ')
	return append(append(b, r.Name...), '\n')
}

func (s *Snapshot) sum(old *Snapshot, moved []string) {
	s.sums = new(sums)
	var dirty [256]hash.Hash
	if old != nil && old.sums != nil {
		*s.sums = *old.sums
		for _, name := range moved {
			if i := part(name); dirty[i] == nil {
				dirty[i] = sha256.New()
			}
		}
	} else {
		for i := range dirty {
			dirty[i] = sha256.New()
		}
	}
	buf := make([]byte, 0, 2048)
	for i := range s.list {
		if h := dirty[part(s.list[i].Name)]; h != nil {
			buf = appendLine(buf[:0], &s.list[i])
			_, _ = h.Write(buf)
		}
	}
	for i, h := range dirty {
		if h != nil {
			h.Sum(s.sums[i][:0])
		}
	}
}

// merge joins two sorted lists; a loose ref hides a packed one of its name.
func merge(loose, packed []Ref) []Ref {
	if len(loose) == 0 {
		return packed
	}
	out := make([]Ref, 0, len(loose)+len(packed))
	for _, r := range loose {
		n := sort.Search(len(packed), func(i int) bool { return packed[i].Name >= r.Name })
		out = append(append(out, packed[:n]...), r)
		if packed = packed[n:]; len(packed) > 0 && packed[0].Name == r.Name {
			packed = packed[1:]
		}
	}
	return append(out, packed...)
}

// moved lists the names in which two sorted lists differ.
func moved(a, b []Ref) []string {
	var out []string
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Name < b[0].Name:
			out, a = append(out, a[0].Name), a[1:]
		case len(a) == 0 || b[0].Name < a[0].Name:
			out, b = append(out, b[0].Name), b[1:]
		default:
			if a[0].ID != b[0].ID {
				out = append(out, a[0].Name)
			}
			a, b = a[1:], b[1:]
		}
	}
	return out
}
