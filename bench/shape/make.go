package shape

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Facts are what a made repository really has.
type Facts struct {
	Head      string `json:"head"` // the id of main's last commit
	Commits   int    `json:"commits"`
	Objects   int    `json:"objects"`
	Refs      int    `json:"refs"`
	PackBytes int64  `json:"pack_bytes"`
}

// Cached returns the path of a bare repository of shape s in folder, and makes
// it with the git program where no earlier call did. Nobody may write to it.
// Two at the same time make it twice, and one of the two stays.
func Cached(ctx context.Context, git, folder string, s Shape) (string, Facts, error) {
	dir := filepath.Join(folder, s.key()+".git")
	if f, err := readFacts(dir); err == nil {
		return dir, f, nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", Facts{}, err
	}
	temp, err := os.MkdirTemp(folder, "making-")
	if err != nil {
		return "", Facts{}, err
	}
	defer func() { _ = os.RemoveAll(temp) }()
	made := filepath.Join(temp, "r.git")
	f, err := s.Make(ctx, git, made)
	if err != nil {
		return "", Facts{}, err
	}
	text, err := json.Marshal(f)
	if err != nil {
		return "", Facts{}, err
	}
	if err := os.WriteFile(filepath.Join(made, factsFile), text, 0o644); err != nil {
		return "", Facts{}, err
	}
	if err := os.Rename(made, dir); err != nil {
		if f, err := readFacts(dir); err == nil {
			return dir, f, nil // another one was quicker
		}
		return "", Facts{}, err
	}
	return dir, f, nil
}

const factsFile = "shape.json"

func readFacts(dir string) (Facts, error) {
	text, err := os.ReadFile(filepath.Join(dir, factsFile))
	if err != nil {
		return Facts{}, err
	}
	var f Facts
	return f, json.Unmarshal(text, &f)
}

// Make makes a bare repository of shape s at dir, which must not exist, with
// the git program. It is packed into one pack, without a bitmap.
func (s Shape) Make(ctx context.Context, git, dir string) (Facts, error) {
	m := &maker{git: git, dir: dir}
	if _, err := m.run(ctx, nil, "init", "-q", "--bare", "--initial-branch=main", "--template=", dir); err != nil {
		return Facts{}, err
	}
	var f Facts
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error { return m.fill(ctx, s) },
		func(ctx context.Context) error {
			_, err := m.in(ctx, "repack", "-adfq", "--no-write-bitmap-index", "--depth=50", "--window=10")
			return err
		},
		func(ctx context.Context) error { _, err := m.in(ctx, "pack-refs", "--all"); return err },
		func(ctx context.Context) error { return m.branch(ctx, s) },
		func(ctx context.Context) error { var err error; f, err = m.facts(ctx); return err },
	} {
		if err := step(ctx); err != nil {
			return Facts{}, fmt.Errorf("make %s: %w", s.Name, err)
		}
	}
	return f, nil
}

// maker runs git on a repository that it makes.
type maker struct{ git, dir string }

func (m *maker) in(ctx context.Context, args ...string) (string, error) {
	return m.run(ctx, nil, append([]string{"--git-dir", m.dir}, args...)...)
}

func (m *maker) run(ctx context.Context, stdin io.Reader, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, m.git, args...)
	cmd.Stdin = stdin
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[len(args)-1], err, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}

// fill feeds the history to git fast-import.
func (m *maker) fill(ctx context.Context, s Shape) error {
	r, w := io.Pipe()
	wrote := make(chan error, 1)
	go func() {
		b := bufio.NewWriterSize(w, 1<<20)
		err := errors.Join(s.stream(b), b.Flush())
		wrote <- err
		_ = w.CloseWithError(err)
	}()
	_, err := m.run(ctx, r, "--git-dir", m.dir, "fast-import", "--quiet", "--depth=50", "--export-marks="+filepath.Join(m.dir, "marks"))
	_ = r.CloseWithError(io.ErrClosedPipe) // the writer ends, whatever became of git
	if streamed := <-wrote; err == nil {
		err = streamed
	}
	return err
}

// branch writes the further branches into packed-refs: as one file in one go,
// where git would make and remove a lock file for each.
func (m *maker) branch(ctx context.Context, s Shape) error {
	defer func() { _ = os.Remove(filepath.Join(m.dir, "marks")) }()
	if s.Heads == 0 {
		return nil
	}
	commits, err := m.marks(s)
	if err != nil {
		return err
	}
	path := filepath.Join(m.dir, "packed-refs")
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	lines := slices.DeleteFunc(strings.Split(string(old), "\n"), func(l string) bool { return l == "" || l[0] == '#' })
	for i := range s.Heads {
		lines = append(lines, fmt.Sprintf("%s refs/heads/topic/%s-%05d", commits[i%len(commits)], word(nil, 40+i%97), i))
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[41:], b[41:]) })
	return os.WriteFile(path, []byte("# pack-refs with: sorted \n"+strings.Join(lines, "\n")+"\n"), 0o644)
}

// marks returns the ids of the commits, in their order.
func (m *maker) marks(s Shape) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(m.dir, "marks"))
	if err != nil {
		return nil, err
	}
	ids := make([]string, s.Commits)
	for l := range strings.Lines(string(text)) {
		mark, id, _ := strings.Cut(strings.TrimSpace(l), " ")
		if n, err := strconv.Atoi(strings.TrimPrefix(mark, ":")); err == nil && n > 0 && n <= s.Commits {
			ids[n-1] = id
		}
	}
	return ids, nil
}

func (m *maker) facts(ctx context.Context) (Facts, error) {
	head, err := m.in(ctx, "rev-parse", "refs/heads/main")
	if err != nil {
		return Facts{}, err
	}
	commits, err := m.in(ctx, "rev-list", "--count", "--all")
	if err != nil {
		return Facts{}, err
	}
	refs, err := m.in(ctx, "for-each-ref", "--format=x")
	if err != nil {
		return Facts{}, err
	}
	count, err := m.in(ctx, "count-objects", "-v")
	if err != nil {
		return Facts{}, err
	}
	f := Facts{Head: strings.TrimSpace(head), Refs: strings.Count(refs, "x")}
	f.Commits, _ = strconv.Atoi(strings.TrimSpace(commits))
	for l := range strings.Lines(count) {
		if n, found := strings.CutPrefix(l, "in-pack: "); found {
			f.Objects, _ = strconv.Atoi(strings.TrimSpace(n))
		}
	}
	packs, err := filepath.Glob(filepath.Join(m.dir, "objects", "pack", "*.pack"))
	if err != nil {
		return Facts{}, err
	}
	for _, p := range packs {
		if i, err := os.Stat(p); err == nil {
			f.PackBytes += i.Size()
		}
	}
	return f, nil
}
