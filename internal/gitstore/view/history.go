package view

import (
	"io"
	"strconv"
	"strings"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/run"
	"jeton/internal/problem"
)

// Commits lists the history from the view's commit backwards, newest first:
// at most limit commits after the first skip, of those that changed path (""
// for all). more tells whether others follow.
func (v *View) Commits(path string, skip, limit int) (list []object.Commit, more bool, err error) {
	c := run.Command{
		Name:  "rev-list",
		Flags: []run.Flag{run.Flag("--skip=" + strconv.Itoa(max(skip, 0))), run.Flag("--max-count=" + strconv.Itoa(limit+1))},
		Args:  []string{string(v.Commit.ID)},
	}
	if path = strings.Trim(path, "/"); path != "" {
		c.Paths = []string{path}
	}
	out, err := v.repo.Output(v.ctx, c, int64(limit+2)*65)
	if err != nil {
		return nil, false, err
	}
	for line := range strings.Lines(string(out)) {
		if len(list) == limit {
			return list, true, nil
		}
		commit, err := v.commit(object.ID(strings.TrimSpace(line)))
		if err != nil {
			return nil, false, err
		}
		list = append(list, commit)
	}
	return list, false, nil
}

// Count tells how long the history from the view's commit backwards is, of the
// commits that changed path ("" for all).
func (v *View) Count(path string) (int, error) {
	c := run.Command{Name: "rev-list", Flags: []run.Flag{"--count", "--use-bitmap-index"}, Args: []string{string(v.Commit.ID)}}
	if path = strings.Trim(path, "/"); path != "" {
		c.Flags, c.Paths = []run.Flag{"--count"}, []string{path}
	}
	out, err := v.repo.Output(v.ctx, c, 64)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(out)))
}

// LastCommits finds for each of names, entries of the folder path, the newest
// commit that changed it. complete is false when the deadline came first; what
// was found until then is returned. The view is of no more use then.
func (v *View) LastCommits(path string, names []string) (found map[string]object.Commit, complete bool, err error) {
	ids, complete, err := v.lastChanges(strings.Trim(path, "/"), names)
	if err != nil {
		return nil, false, err
	}
	found = make(map[string]object.Commit, len(ids))
	commits := map[object.ID]object.Commit{}
	for name, id := range ids {
		c, ok := commits[id]
		if !ok {
			if c, err = v.commit(id); problem.Is(err, problem.Unavailable) {
				return found, false, nil
			}
			if err != nil {
				return nil, false, err
			}
			commits[id] = c
		}
		found[name] = c
	}
	return found, complete, nil
}

func (v *View) lastChanges(path string, names []string) (map[string]object.ID, bool, error) {
	prefix := path
	c := run.Command{
		Name:  "log",
		Flags: []run.Flag{"-z", "--raw", "-c", "--no-renames", "--no-abbrev", "--no-show-signature", "--no-ext-diff", "--format=%x01%H"},
		Args:  []string{string(v.Commit.ID)},
	}
	if path != "" {
		c.Paths = []string{path}
		prefix += "/"
	}
	p, err := v.repo.Start(v.ctx, c)
	if err != nil {
		return nil, false, err
	}
	defer p.Stop()
	want := make(map[string]bool, len(names))
	for _, n := range names {
		want[n] = true
	}
	found := make(map[string]object.ID, len(names))
	err = scanLog(p.Stdout, func(id object.ID, changed string) bool {
		rest, ok := strings.CutPrefix(changed, prefix)
		name, _, _ := strings.Cut(rest, "/")
		if ok && want[name] {
			delete(want, name)
			found[name] = id
		}
		return len(want) > 0
	})
	if v.ctx.Err() != nil {
		return found, false, nil
	}
	return found, len(want) == 0, err
}

// scanLog calls f for each path that a log names, until it returns false.
func scanLog(r io.Reader, f func(object.ID, string) bool) error {
	return run.ScanRaw(r, func(commit object.ID, file object.File) bool { return f(commit, file.Path) })
}
