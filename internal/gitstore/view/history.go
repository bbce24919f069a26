package view

import (
	"strconv"
	"strings"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/run"
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
