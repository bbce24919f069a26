package gitstore

import (
	"context"
	"sync"
	"time"

	"jeton/internal/gitstore/draft"
	"jeton/internal/gitstore/upkeep"
	"jeton/internal/id"
	"jeton/internal/problem"
)

// UpkeepOptions bounds the maintenance that runs in the background. A zero field
// takes its default.
type UpkeepOptions struct {
	Off      bool          // only what Request asks for
	Parallel int           // repositories at a time; 1
	Quiet    time.Duration // how long nothing must have been pushed first; 10 s
	Wait     time.Duration // the longest that pushes put it off; 2 min
	Round    time.Duration // how often every repository is looked at; 24 h
	// PruneAfter is for how long an object must have been out of reach before it
	// may be dropped; 2 weeks. It must be longer than any push takes.
	PruneAfter time.Duration
}

func (o UpkeepOptions) withDefaults() UpkeepOptions {
	orDefault(&o.Parallel, 1)
	orDefault(&o.Quiet, 10*time.Second)
	orDefault(&o.Wait, 2*time.Minute)
	orDefault(&o.Round, 24*time.Hour)
	orDefault(&o.PruneAfter, 14*24*time.Hour)
	return o
}

// manyPushes is after how many pushes a repository's turn comes whether or not
// there is quiet.
const manyPushes = 64

// keeper is the queue of repositories that may need maintenance.
type keeper struct {
	o    UpkeepOptions
	wake chan struct{} // holds one
	refs chan *Repo    // whose refs lie in many folders

	mu      sync.Mutex // guards what follows
	queue   map[id.Repo]*upkeepWish
	running map[id.Repo]*upkeepRun
}

// upkeepWish is why a repository is in the queue.
type upkeepWish struct {
	first, last time.Time // pushes
	pushes      int
	asked       bool // by somebody: now, and whatever there is to do
}

// upkeepRun is a maintenance under way.
type upkeepRun struct {
	cancel context.CancelFunc
	done   chan struct{}
}

func newKeeper(o UpkeepOptions) *keeper {
	return &keeper{o: o.withDefaults(), wake: make(chan struct{}, 1), refs: make(chan *Repo, 64), queue: map[id.Repo]*upkeepWish{}, running: map[id.Repo]*upkeepRun{}}
}

// pushed notes that a repository was pushed to. It returns at once.
func (k *keeper) pushed(r *Repo) {
	if !k.o.Off {
		k.add(r.bare.ID, false)
	}
}

func (k *keeper) add(repo id.Repo, asked bool) {
	now := time.Now()
	k.mu.Lock()
	w := k.queue[repo]
	if w == nil {
		w = &upkeepWish{first: now}
		k.queue[repo] = w
	}
	w.last, w.asked = now, w.asked || asked
	w.pushes++
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *keeper) waiting(repo id.Repo) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	w := k.queue[repo]
	return k.running[repo] != nil || w != nil && w.asked
}

// next takes a repository whose time has come out of the queue, or says how
// long there is none.
func (k *keeper) next(now time.Time, run *upkeepRun) (repo id.Repo, asked bool, wait time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	wait = k.o.Round
	var best time.Time
	for n, w := range k.queue {
		if k.running[n] != nil {
			continue // its end wakes the queue
		}
		at := w.last.Add(k.o.Quiet)
		if latest := w.first.Add(k.o.Wait); at.After(latest) {
			at = latest
		}
		if w.asked || w.pushes >= manyPushes {
			at = w.first
		}
		if left := at.Sub(now); left > 0 {
			wait = min(wait, left)
		} else if repo == 0 || at.Before(best) {
			repo, best = n, at
		}
	}
	if repo != 0 {
		asked = k.queue[repo].asked
		delete(k.queue, repo)
		k.running[repo] = run
	}
	return repo, asked, wait
}

func (k *keeper) ended(repo id.Repo) {
	k.mu.Lock()
	run := k.running[repo]
	delete(k.running, repo)
	k.mu.Unlock()
	run.cancel()
	close(run.done)
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// forget ends what is done to a repository that is being deleted, and returns
// when it has ended.
func (k *keeper) forget(repo id.Repo) {
	k.mu.Lock()
	delete(k.queue, repo)
	run := k.running[repo]
	k.mu.Unlock()
	if run != nil {
		run.cancel()
		<-run.done
	}
}

// RequestUpkeep has a repository maintained soon, whatever its state asks for,
// while RunUpkeep runs in this process.
func (s *Store) RequestUpkeep(repo id.Repo) { s.upkeep.add(repo, true) }

// OnMeasured sets who is told how large a repository is on disk, in bytes, after
// it was maintained. It must be called before the store is used.
func (s *Store) OnMeasured(f func(ctx context.Context, repo id.Repo, bytes int64) error) {
	s.measured = f
}

// RunUpkeep maintains repositories in the background until ctx ends: those that
// were pushed to and need it, those that RequestUpkeep names, and once a day
// whatever else needs it. When ctx ends it stops the running git at once and
// returns when that has ended; what was interrupted is done another time.
func (s *Store) RunUpkeep(ctx context.Context) error {
	k := s.upkeep
	var work sync.WaitGroup
	defer work.Wait()
	work.Go(func() { s.gatherRefs(ctx) })
	places := make(chan struct{}, k.o.Parallel)
	timer := time.NewTimer(0)
	defer timer.Stop()
	first := time.Now().Add(k.o.Wait) // a start has other things to do
	for {
		wait := k.o.Round
		if !k.o.Off {
			if left := time.Until(first); left <= 0 {
				first = time.Now().Add(k.o.Round)
				work.Go(func() { s.lookAround(ctx) })
			} else {
				wait = left
			}
		}
		select {
		case places <- struct{}{}:
			running, cancel := context.WithCancel(ctx)
			repo, asked, left := k.next(time.Now(), &upkeepRun{cancel: cancel, done: make(chan struct{})})
			if repo == 0 {
				cancel()
				<-places
				wait = min(wait, left)
				break
			}
			wait = 0
			work.Go(func() {
				s.tend(running, repo, asked)
				<-places
				k.ended(repo)
			})
		default: // an end wakes us
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-k.wake:
		case <-timer.C:
		}
	}
}

// lookAround puts every repository that needs maintenance into the queue: the
// weekly work, and what a start of the server has forgotten.
func (s *Store) lookAround(ctx context.Context) {
	all, err := s.IDs()
	if err != nil {
		s.log.ErrorContext(ctx, "the repositories can't be listed for maintenance", "err", err)
		return
	}
	for _, n := range all {
		if ctx.Err() != nil {
			return
		}
		r := s.open(n) // not kept: most are asleep
		if err := draft.Sweep(r.bare); err != nil && s.Exists(n) {
			s.log.WarnContext(ctx, "what the API made and nothing reaches was not removed", "repository", int64(n), "err", err)
		}
		if due, _, err := upkeep.Due(r.bare); err == nil && due {
			s.upkeep.add(n, false)
		}
	}
}

// tend maintains one repository if there is something to do.
func (s *Store) tend(ctx context.Context, repo id.Repo, asked bool) {
	if !s.Exists(repo) {
		return
	}
	r := s.Repo(repo)
	if !asked {
		due, failed, err := upkeep.Due(r.bare)
		if err != nil { // deleted meanwhile
			return
		}
		if !due || failed {
			return
		}
	}
	u, err := r.Maintain(ctx, upkeep.Wish{Full: asked, Prune: asked})
	switch {
	case err == nil:
		s.log.DebugContext(ctx, "maintained a repository", "repository", int64(repo), "did", u.Did, "took", u.Took, "packs", u.Packs)
	case ctx.Err() != nil, problem.Is(err, problem.NotFound), problem.Is(err, problem.Conflict), !s.Exists(repo):
	default:
		s.log.WarnContext(ctx, "a repository could not be maintained", "repository", int64(repo), "err", err)
	}
}

// Maintain tends the repository now, whatever waits in the queue; see
// upkeep.Tending.Maintain. It fails with problem.Conflict while another process does.
func (r *Repo) Maintain(ctx context.Context, m upkeep.Wish) (upkeep.State, error) {
	t, err := upkeep.Begin(r.bare)
	if err != nil {
		return upkeep.State{}, err
	}
	defer t.End(ctx)
	if err := r.recover(ctx); err != nil {
		return upkeep.State{}, err
	}
	m.Grace = r.store.upkeep.o.PruneAfter
	if err := t.Maintain(ctx, m); err != nil {
		return upkeep.State{}, err
	}
	u, err := r.Upkeep()
	if err == nil && r.store.measured != nil {
		err = r.store.measured(ctx, r.bare.ID, u.Size)
	}
	return u, err
}

// Upkeep returns the state of the repository's maintenance.
func (r *Repo) Upkeep() (upkeep.State, error) {
	u, err := upkeep.Read(r.bare)
	u.Queued = err == nil && r.store.upkeep.waiting(r.bare.ID)
	return u, err
}
