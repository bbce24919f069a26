package gitstore

import (
	"bufio"
	"errors"
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
	out, err := v.repo.bare.Output(v.ctx, c, int64(limit+2)*65)
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
	out, err := v.repo.bare.Output(v.ctx, c, 64)
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

// maxLogTokens bounds how much of a log is read to find last changes.
const maxLogTokens = 4 << 20

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
	p, err := v.repo.bare.Start(v.ctx, c)
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
	return scanRaw(r, func(commit object.ID, file File) bool { return f(commit, file.Path) })
}

// scanRaw calls f for each path that a log names, with its mode and id after the
// change, until f returns false.
func scanRaw(r io.Reader, f func(object.ID, File) bool) error {
	return scanLines(r, func(commit object.ID, line, path string) bool { return f(commit, rawFile(line, path)) })
}

// scanLines reads what git log -z --raw --format=%x01%H prints and calls f for
// each changed path, with its raw line, until f returns false. A path follows its
// raw line, so that no name of a file can be taken for anything else.
func scanLines(r io.Reader, f func(commit object.ID, line, path string) bool) error {
	in := bufio.NewReaderSize(r, 64<<10)
	var id object.ID
	for range maxLogTokens {
		token, err := in.ReadString(0)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		token = strings.TrimPrefix(token[:len(token)-1], "\n")
		switch {
		case token == "":
		case token[0] == 1:
			id = object.ID(token[1:])
		case token[0] == ':':
			path, err := in.ReadString(0)
			if errors.Is(err, io.EOF) {
				return nil // the process was ended between two tokens
			}
			if err != nil {
				return err
			}
			if !f(id, token, path[:len(path)-1]) {
				return nil
			}
		default:
			return errors.New("git log printed something unexpected")
		}
	}
	return problem.New(problem.TooLarge, "the history is too large to look through", "")
}

// rawFile reads a raw line of git diff: for n parents there are n colons, n+1
// modes and n+1 ids, of which the last are the result's.
func rawFile(line, path string) File {
	parents := len(line) - len(strings.TrimLeft(line, ":"))
	fields := strings.Fields(line[parents:])
	f := File{Path: path}
	if len(fields) >= 2*parents+2 {
		f.Mode, _ = object.ParseMode(fields[parents])
		f.ID = object.ID(fields[2*parents+1])
	}
	return f
}
