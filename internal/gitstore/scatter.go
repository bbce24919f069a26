package gitstore

import (
	"context"
	"time"

	"jeton/internal/gitstore/upkeep"
	"jeton/internal/id"
	"jeton/internal/problem"
)

// Refs that have a file each in a folder of their own cost every request a look
// into each of these folders, and a few pushes can make tens of thousands. From
// scatterFolders on they are put into one file at once, whatever else is due.
const (
	scatterFolders = 256
	scatterEvery   = time.Second // of one repository
)

// scattered notes that a repository's refs lie in many folders. It returns at once.
func (k *keeper) scattered(r *Repo) {
	now, last := time.Now().UnixNano(), r.scatteredAt.Load()
	if k.o.Off || now-last < int64(scatterEvery) || !r.scatteredAt.CompareAndSwap(last, now) {
		return
	}
	select {
	case k.refs <- r:
	default: // it will be asked for again
	}
}

// gatherRefs packs the refs of those repositories until ctx ends. It waits for no
// other maintenance.
func (s *Store) gatherRefs(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-s.upkeep.refs:
			if err := s.gatherRefsOf(ctx, r); err != nil && ctx.Err() == nil && s.Exists(r.bare.ID) && !problem.Is(err, problem.Conflict) {
				s.log.WarnContext(ctx, "refs that lie in many folders could not be packed", "repository", int64(r.bare.ID), "err", err)
			}
		}
	}
}

func (s *Store) gatherRefsOf(ctx context.Context, r *Repo) error {
	ctx, cancel := context.WithCancel(ctx)
	if !s.upkeep.begin(r.bare.ID, &upkeepRun{cancel: cancel, done: make(chan struct{})}) {
		cancel()
		return nil // it is being maintained
	}
	defer s.upkeep.ended(r.bare.ID)
	if !s.Exists(r.bare.ID) {
		return nil
	}
	t, err := upkeep.Begin(r.bare)
	if err != nil {
		return err
	}
	defer t.End(ctx)
	_, err = t.PackRefs(ctx)
	return err
}

// begin notes that something is done to a repository, if nothing else is. ended
// must be called.
func (k *keeper) begin(repo id.Repo, run *upkeepRun) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.running[repo] != nil {
		return false
	}
	k.running[repo] = run
	return true
}
