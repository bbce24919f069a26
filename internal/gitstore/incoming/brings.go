package incoming

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/reach"
	"jeton/internal/gitstore/ref"
	"jeton/internal/gitstore/run"
)

// Brings returns which of the wanted objects the tips reach and the refs don't,
// and in which path they do: empty for commits, tags and what lies in no tree.
func (in *Push) Brings(ctx context.Context, refs *ref.Snapshot, tips []object.ID, wanted map[object.ID]bool) (map[object.ID]string, error) {
	out := map[object.ID]string{}
	err := in.walk(ctx, run.Command{Name: "rev-list", Flags: []run.Flag{"--objects", "--object-names", "--stdin"}, Stdin: reach.Revisions(tips, refs)}, func(r io.Reader) error {
		lines := bufio.NewReaderSize(r, 64<<10)
		for {
			line, err := lines.ReadString('\n')
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			hex, path, _ := strings.Cut(line[:len(line)-1], " ")
			if id := object.ID(hex); wanted[id] {
				out[id] = path
			}
		}
	})
	return out, err
}

// walk runs a git that sees what the push brings, and gives its output to read.
func (in *Push) walk(ctx context.Context, c run.Command, read func(io.Reader) error) error {
	var err error
	if c.Env, err = in.env(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p, err := in.repo.Start(ctx, c)
	if err != nil {
		return err
	}
	if err := read(p.Stdout); err != nil {
		p.Stop()
		return err
	}
	return p.Wait()
}

// Place is where a push has a file for the first time.
type Place struct {
	Commit object.ID
	Path   string
}

// Origins tells which of the new commits brought the files in, the oldest of
// them each. What came into no commit's tree is missing.
func (in *Push) Origins(ctx context.Context, refs *ref.Snapshot, tips []object.ID, files map[object.ID]bool) (map[object.ID]Place, error) {
	out := map[object.ID]Place{}
	err := in.walk(ctx, run.Command{
		Name: "log",
		Flags: []run.Flag{"-z", "--raw", "-c", "--no-abbrev", "--no-renames", "--no-show-signature", "--no-ext-diff",
			"--ignore-submodules=all", "--format=%x01%H", "--stdin"},
		Stdin: reach.Revisions(tips, refs),
	}, func(r io.Reader) error {
		return run.ScanRaw(r, func(commit object.ID, f object.File) bool {
			if files[f.ID] {
				out[f.ID] = Place{Commit: commit, Path: f.Path}
			}
			return true
		})
	})
	return out, err
}

// Fresh returns those of ids that no ref reaches yet.
func (in *Push) Fresh(ctx context.Context, refs *ref.Snapshot, ids []object.ID) ([]object.ID, error) {
	return in.finder.Unreachable(ctx, refs, ids)
}
