package gitstore

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"

	"jeton/internal/gitstore/object"
)

// Brings returns which of the wanted objects the tips reach and the refs don't,
// and in which path they do: empty for commits, tags and what lies in no tree.
func (in *Incoming) Brings(ctx context.Context, refs *Refs, tips []object.ID, wanted map[object.ID]bool) (map[object.ID]string, error) {
	env, err := in.env()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p, err := in.repo.store.start(ctx, in.repo.dir, command{
		name:  "rev-list",
		flags: []flag{"--objects", "--object-names", "--stdin"},
		stdin: revisions(tips, refs),
		env:   env,
	})
	if err != nil {
		return nil, err
	}
	out := map[object.ID]string{}
	lines := bufio.NewReaderSize(p.stdout, 64<<10)
	for {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return out, p.wait()
		}
		if err != nil {
			p.stop()
			return nil, err
		}
		hex, path, _ := strings.Cut(line[:len(line)-1], " ")
		if id := object.ID(hex); wanted[id] {
			out[id] = path
		}
	}
}

// Place is where a push has a file for the first time.
type Place struct {
	Commit object.ID
	Path   string
}

// Origins tells which of the new commits brought the files in, the oldest of
// them each. What came into no commit's tree is missing.
func (in *Incoming) Origins(ctx context.Context, refs *Refs, tips []object.ID, files map[object.ID]bool) (map[object.ID]Place, error) {
	env, err := in.env()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p, err := in.repo.store.start(ctx, in.repo.dir, command{
		name: "log",
		flags: []flag{"-z", "--raw", "-c", "--no-abbrev", "--no-renames", "--no-show-signature", "--no-ext-diff",
			"--ignore-submodules=all", "--format=%x01%H", "--stdin"},
		stdin: revisions(tips, refs),
		env:   env,
	})
	if err != nil {
		return nil, err
	}
	out := map[object.ID]Place{}
	err = scanRaw(p.stdout, func(commit object.ID, f File) bool {
		if files[f.ID] {
			out[f.ID] = Place{Commit: commit, Path: f.Path}
		}
		return true
	})
	if err != nil {
		p.stop()
		return nil, err
	}
	return out, p.wait()
}

// Fresh returns those of ids that no ref reaches yet.
func (in *Incoming) Fresh(ctx context.Context, refs *Refs, ids []object.ID) ([]object.ID, error) {
	return in.repo.Unreachable(ctx, refs, ids)
}
