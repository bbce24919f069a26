package largefile

import (
	"context"

	"jeton/internal/id"
	"jeton/internal/problem"
)

// askEvery is after how many bytes of an upload the quota is asked again.
const askEvery = 16 << 20

// arrival is one upload under way, as the quota sees it.
type arrival struct {
	room *Room
	ctx  context.Context
	repo id.Repo
	held bool  // by the repository already: it takes no more room
	size int64 // then
	n    int64 // bytes that are counted
}

// arrive begins an upload of so many bytes, or of any number when size is below
// zero. over must be called.
func (m *Room) arrive(ctx context.Context, repo id.Repo, oid OID, size int64) (*arrival, error) {
	o, err := m.Object(ctx, m.o.DB, repo, oid)
	a := &arrival{room: m, ctx: ctx, repo: repo, held: err == nil, size: o.Size}
	if err != nil && !problem.Is(err, problem.NotFound) {
		return nil, err
	}
	if a.held {
		return a, nil
	}
	return a, m.Admit(ctx, repo, m.coming.Add(repo, 0)+max(size, 0))
}

// has notes that n bytes have come by now, and fails if there is no room for
// them beside those of the other uploads.
func (a *arrival) has(n int64) error {
	if a.held {
		return nil
	}
	all := a.room.coming.Add(a.repo, n-a.n)
	a.n = n
	return a.room.Admit(a.ctx, a.repo, all)
}

// over ends the upload, whatever became of it.
func (a *arrival) over() {
	if a.n != 0 {
		a.room.coming.Add(a.repo, -a.n)
	}
}
