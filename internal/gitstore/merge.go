package gitstore

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"jeton/internal/gitstore/bare"
	"jeton/internal/gitstore/disk"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/reach"
	"jeton/internal/gitstore/run"
	"jeton/internal/problem"
)

// Merge makes commits of histories that are here or in another repository, in a
// folder of its own. Nothing of it is in the repository until a push takes its Pack.
// It is for one goroutine; Close removes the folder.
type Merge struct {
	repo *Repo
	dir  string
	env  []string
}

// ErrConflict means that two histories changed the same lines.
var ErrConflict = problem.New(problem.Conflict, "Merge conflict", "")

// Merge begins one. Other, if not nil, is a repository whose objects count, too.
func (r *Repo) Merge(other *Repo) (*Merge, error) {
	dir, err := os.MkdirTemp(r.store.tempDir(), "merge-")
	if err != nil {
		return nil, disk.Worded(err)
	}
	m := &Merge{repo: r, dir: dir}
	from := []*bare.Repo{r.bare}
	if other != nil && other != r {
		from = append(from, other.bare)
	}
	beside, err := bare.Alternates(from...)
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	m.env = []string{"GIT_OBJECT_DIRECTORY=" + dir, beside}
	return m, nil
}

// Close removes what was made.
func (m *Merge) Close() error { return os.RemoveAll(m.dir) }

// Tree merges two commits, which are in reach of those who ask, and returns the
// tree; or ErrConflict.
func (m *Merge) Tree(ctx context.Context, base, head object.ID) (object.ID, error) {
	ctx, done, err := m.repo.begin(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	out, err := m.repo.bare.Output(ctx, run.Command{Name: "merge-tree", Flags: []run.Flag{"--write-tree", "--no-messages", "--name-only"},
		Args: []string{string(base), string(head)}, Env: m.env, Config: run.DiffConfig()}, 1<<20)
	if run, ok := errors.AsType[*run.Error](err); ok && run.Code == 1 || problem.Is(err, problem.TooLarge) {
		return "", ErrConflict
	}
	if err != nil {
		return "", disk.Worded(err)
	}
	id, ok := object.ParseID(strings.TrimSpace(string(out)))
	if !ok {
		return "", errors.New("git merge-tree printed something unexpected")
	}
	return id, nil
}

// Commit writes a commit.
func (m *Merge) Commit(ctx context.Context, text string) (object.Commit, error) {
	out, err := m.repo.bare.Output(ctx, run.Command{Name: "hash-object", Flags: []run.Flag{"-w", "-t", "commit", "--stdin"}, Stdin: strings.NewReader(text), Env: m.env}, 1<<10)
	if _, bad := errors.AsType[*run.Error](err); bad {
		return object.Commit{}, problem.Wrap(err, problem.Invalid, "the commit is not well-formed", "")
	}
	if err != nil {
		return object.Commit{}, err
	}
	return object.ParseCommit(object.ID(strings.TrimSpace(string(out))), []byte(text))
}

// Pack opens a pack of what tip needs and the repository's refs don't have. It must
// be closed.
func (m *Merge) Pack(ctx context.Context, refs *Refs, tip object.ID) (io.ReadCloser, error) {
	ctx, cancel := context.WithTimeout(ctx, m.repo.store.limits.PushTime)
	p, err := m.repo.bare.Start(ctx, run.Command{Name: "pack-objects", Flags: []run.Flag{"--revs", "--stdout", "--quiet", "--delta-base-offset"},
		Stdin: reach.Revisions([]object.ID{tip}, refs), Env: m.env})
	if err != nil {
		cancel()
		return nil, err
	}
	return run.NewReader(p, cancel), nil
}
