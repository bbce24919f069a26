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
// first, and read again when somebody asks for it.
const (
	maxRecent       = 16_384
	maxRecentWeight = 64 << 20
	repoWeight      = 1 << 10 // of a repository without its refs
)

// repoSet gives out one Repo for each number. It holds on to those that were
// used lately. Of the others it knows only as long as somebody else holds them,
// so that whoever uses a repository shares its locks with all who do.
type repoSet struct {
	mu     sync.Mutex
	all    map[id.Repo]weak.Pointer[Repo] // guarded by mu
	recent list.List                      // of *Repo, the latest in front; guarded by mu
	weight int64                          // of all in recent; guarded by mu
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
		r.place = s.recent.PushFront(r)
		s.weight += repoWeight + r.weight.Load()
		s.trim()
	} else {
		s.recent.MoveToFront(r.place)
	}
	return r
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
	before := r.weight.Swap(now)
	if r.place != nil {
		s.weight += now - before
		s.trim()
	}
}

// trim forgets the oldest. The caller holds mu.
func (s *repoSet) trim() {
	for s.recent.Len() > 1 && (s.recent.Len() > maxRecent || s.weight > maxRecentWeight) {
		s.remove(s.recent.Back().Value.(*Repo))
	}
}

// remove takes a repository out of the recent. The caller holds mu.
func (s *repoSet) remove(r *Repo) {
	if r.place == nil {
		return
	}
	s.recent.Remove(r.place)
	r.place = nil
	s.weight -= repoWeight + r.weight.Load()
}

// forget is for a repository that is deleted. It returns what was known of it.
func (s *repoSet) forget(repo id.Repo) *Repo {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.all[repo].Value()
	if r != nil {
		s.remove(r)
	}
	delete(s.all, repo)
	return r
}
