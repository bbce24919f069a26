package gitstore

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"jeton/internal/gitstore/incoming"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/odb"
	"jeton/internal/gitstore/run"
)

// Seen is an object that LookThrough comes to.
type Seen struct {
	Kind object.Kind // blob, commit or tag
	ID   object.ID
	Path string // of a file, where it was met first
	Size int64
}

// wholeBytes is up to what size an object is read at once.
const wholeBytes = 4 << 20

// Tips returns what refs name at this moment, each once: what a LookThrough begins
// at, and the next one can leave out.
func (r *Repo) Tips(ctx context.Context) ([]object.ID, error) {
	refs, err := r.Refs(ctx)
	if err != nil {
		return nil, err
	}
	var out []object.ID
	seen := map[object.ID]bool{}
	for _, ref := range refs.All() {
		if !seen[ref.ID] {
			seen[ref.ID] = true
			out = append(out, ref.ID)
		}
	}
	return out, nil
}

// LookThrough calls look with each file, commit and tag that tips reach and done do
// not, in no order. It runs git at the lowest priority and takes no slot that
// people wait for; ctx bounds its time.
func (r *Repo) LookThrough(ctx context.Context, tips, done []object.ID, look func(Seen, io.Reader) error) error {
	if len(tips) == 0 {
		return nil
	}
	if err := r.recover(ctx); err != nil {
		return err
	}
	db, err := r.bare.Objects()
	if err != nil {
		return err
	}
	var in strings.Builder
	for _, id := range tips {
		in.WriteString(string(id) + "\n")
	}
	for _, id := range done {
		if ok, err := db.Has(id); err == nil && ok { // what is gone leaves nothing out
			in.WriteString("^" + string(id) + "\n")
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p, err := r.bare.Start(ctx, run.Command{Name: "rev-list", Flags: []run.Flag{"--objects", "--stdin"}, Stdin: strings.NewReader(in.String()), Low: true})
	if err != nil {
		return err
	}
	lines := bufio.NewReaderSize(p.Stdout, 64<<10)
	for {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) && line == "" {
			return p.Wait()
		}
		if err == nil {
			id, path, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			err = r.lookAt(ctx, db, Seen{ID: object.ID(id), Path: path}, look)
		}
		if err != nil {
			p.Stop()
			return err
		}
	}
}

func (r *Repo) lookAt(ctx context.Context, db *odb.DB, s Seen, look func(Seen, io.Reader) error) error {
	info, err := db.Info(s.ID)
	if errors.Is(err, odb.ErrNotFound) || err == nil && info.Kind == object.KindTree {
		return nil // a submodule's commit, for one
	}
	if err != nil {
		return err
	}
	s.Kind, s.Size = info.Kind, info.Size
	if s.Size <= wholeBytes {
		_, data, err := db.Read(s.ID, wholeBytes)
		if err != nil {
			return err
		}
		return look(s, bytes.NewReader(data))
	}
	p, err := r.bare.Start(ctx, run.Command{Name: "cat-file", Flags: []run.Flag{run.Flag(s.Kind), run.Flag(s.ID)}, Low: true})
	if err != nil {
		return err
	}
	defer p.Stop()
	return look(s, p.Stdout)
}

// Origin finds the oldest commit that refs reach and that brought a file, with its
// path there. It looks at a bounded part of the history; nothing found gives false.
func (r *Repo) Origin(ctx context.Context, blob object.ID) (incoming.Place, bool, error) {
	p, err := r.bare.Start(ctx, run.Command{Name: "log", Low: true, Flags: []run.Flag{"--all", "-z", "--raw", "--no-abbrev", "--no-renames", "--diff-merges=first-parent",
		"--no-show-signature", "--no-ext-diff", "--format=%x01%H", run.Flag("--find-object=" + string(blob))}})
	if err != nil {
		return incoming.Place{}, false, err
	}
	defer p.Stop()
	var out incoming.Place
	n := 0
	err = run.ScanRaw(p.Stdout, func(commit object.ID, f File) bool {
		if f.ID == blob {
			out = incoming.Place{Commit: commit, Path: f.Path}
		}
		n++
		return n < 1000
	})
	return out, out.Commit != "", err
}
