package gitstore

import (
	"container/list"
	"runtime"
	"sync"
	"weak"

	"jeton/internal/id"
)

// What is remembered of repositories that nobody uses just now: of so many, and
// of their refs so much. The one that was not used for the longest is forgotten
// first, and read again when somebody asks for it. Those with very many refs have
// a share of their own: one of them must not push out all the others.
const (
	maxRecent      = 16_384
	maxLightWeight = 24 << 20
	maxHeavyWeight = 40 << 20
	heavyFrom      = 1 << 20
	repoWeight     = 1 << 10 // of a repository without its refs
)

// repoSet gives out one Repo for each number. It holds on to those that were
// used lately. Of the others it knows only as long as somebody else holds them,
// so that whoever uses a repository shares its locks with all who do.
type repoSet struct {
	mu           sync.Mutex
	all          map[id.Repo]weak.Pointer[Repo] // guarded by mu
	light, heavy shelf                          // guarded by mu
}

// shelf is those that were used lately and weigh about the same.
type shelf struct {
	recent list.List // of *Repo, the latest in front
	weight int64     // of all of them
}

func (s *repoSet) get(repo id.Repo, build func() *Repo) *Repo {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.all[repo].Value()
	if r == nil {
		r = build()
		if s.all == nil {
			s.all = map[id.Repo]weak.Pointer[Repo]{}
		}
		s.all[repo] = weak.Make(r)
		runtime.AddCleanup(r, s.drop, repo)
	}
	if r.place == nil {
		s.put(r)
	} else {
		r.shelf.recent.MoveToFront(r.place)
	}
	return r
}

// put makes a repository the latest of its shelf. The caller holds mu.
func (s *repoSet) put(r *Repo) {
	most := int64(maxLightWeight)
	if r.shelf = &s.light; r.weight.Load() >= heavyFrom {
		r.shelf, most = &s.heavy, maxHeavyWeight
	}
	r.place = r.shelf.recent.PushFront(r)
	r.shelf.weight += repoWeight + r.weight.Load()
	r.shelf.trim(most)
}

// drop forgets a number whose Repo is gone, unless it has a new one.
func (s *repoSet) drop(repo id.Repo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[repo].Value() == nil {
		delete(s.all, repo)
	}
}

// weigh notes how much is kept of a repository's refs.
func (s *repoSet) weigh(r *Repo, refs *Refs) {
	now := refs.Weight()
	if r.weight.Load() == now {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	placed := r.remove()
	r.weight.Store(now)
	if placed {
		s.put(r)
	}
}

// trim forgets the oldest.
func (s *shelf) trim(most int64) {
	for s.recent.Len() > 1 && (s.recent.Len() > maxRecent || s.weight > most) {
		s.recent.Back().Value.(*Repo).remove()
	}
}

// remove takes a repository off its shelf, if it is on one. The caller holds the
// set's mu.
func (r *Repo) remove() bool {
	if r.place == nil {
		return false
	}
	r.shelf.recent.Remove(r.place)
	r.shelf.weight -= repoWeight + r.weight.Load()
	r.place, r.shelf = nil, nil
	return true
}

// forget is for a repository that is deleted. It returns what was known of it.
func (s *repoSet) forget(repo id.Repo) *Repo {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.all[repo].Value()
	if r != nil {
		r.remove()
	}
	delete(s.all, repo)
	return r
}
