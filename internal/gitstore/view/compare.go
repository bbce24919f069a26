package view

import (
	"errors"
	"strconv"
	"strings"

	"jeton/internal/gitstore/bare"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/run"
	"jeton/internal/problem"
)

// HistoryQuery says which commits a list shall have. Its zero value is all.
type HistoryQuery struct {
	Path       string   // only those that changed it
	Authors    []string // only those of an author with one of these in name or address, as they are
	Since      int64    // only those committed at that second or later; 0: any
	Until      int64    // only those committed at that second or before; 0: any
	Skip, Most int
}

// History is Commits with more to ask for.
func (v *View) History(q HistoryQuery) (list []object.Commit, more bool, err error) {
	c := run.Command{
		Name:  "rev-list",
		Flags: []run.Flag{run.Flag("--skip=" + strconv.Itoa(max(q.Skip, 0))), run.Flag("--max-count=" + strconv.Itoa(q.Most+1))},
		Args:  []string{string(v.Commit.ID)},
	}
	if len(q.Authors) > 0 {
		c.Flags = append(c.Flags, "--fixed-strings", "--regexp-ignore-case")
	}
	for _, a := range q.Authors {
		c.Flags = append(c.Flags, run.Flag("--author="+a))
	}
	if q.Since > 0 {
		c.Flags = append(c.Flags, run.Flag("--max-age="+strconv.FormatInt(q.Since, 10)))
	}
	if q.Until > 0 {
		c.Flags = append(c.Flags, run.Flag("--min-age="+strconv.FormatInt(q.Until, 10)))
	}
	if path := strings.Trim(q.Path, "/"); path != "" {
		c.Paths = []string{path}
	}
	ids, err := v.ids(c, q.Most+1)
	if err != nil {
		return nil, false, err
	}
	more = len(ids) > q.Most
	for _, id := range ids[:min(len(ids), q.Most)] {
		commit, err := v.commit(id)
		if err != nil {
			return nil, false, err
		}
		list = append(list, commit)
	}
	return list, more, nil
}

// ids reads the ids that a command prints, at most so many.
func (v *View) ids(c run.Command, most int) ([]object.ID, error) {
	out, err := v.repo.Output(v.ctx, c, int64(most+1)*65)
	if err != nil {
		return nil, err
	}
	var ids []object.ID
	for line := range strings.Lines(string(out)) {
		ids = append(ids, object.ID(strings.TrimSpace(line)))
	}
	return ids, nil
}

// Comparison is how a commit stands to another one.
type Comparison struct {
	Base, Head, MergeBase object.Commit
	Ahead, Behind         int
	Commits               []object.Commit // that head has and base has not, oldest first: one page

	v   *View
	env []string
}

// ErrUnrelated means that two commits have no ancestor in common.
var ErrUnrelated = problem.New(problem.NotFound, "the two have no common ancestor", "")

// Compare compares a commit that is in reach of the view with one that is in reach
// of other, which may be a view of a fork. Of its commits it returns most after
// the first skip.
func (v *View) Compare(base object.Commit, other *View, head object.Commit, skip, most int) (*Comparison, error) {
	c := &Comparison{Base: base, Head: head, v: v}
	if other != nil && other.repo != v.repo {
		beside, err := bare.Alternates(other.repo)
		if err != nil {
			return nil, err
		}
		c.env = []string{beside}
	} else {
		other = v
	}
	out, err := v.repo.Output(v.ctx, run.Command{Name: "merge-base", Args: []string{string(base.ID), string(head.ID)}, Env: c.env}, 1<<16)
	if run, ok := errors.AsType[*run.Error](err); ok && run.Code == 1 {
		return nil, ErrUnrelated
	}
	if err != nil {
		return nil, err
	}
	id := object.ID(strings.TrimSpace(string(out)))
	if c.MergeBase, err = v.commit(id); err != nil {
		return nil, err
	}
	out, err = v.repo.Output(v.ctx, run.Command{Name: "rev-list", Flags: []run.Flag{"--count", "--left-right"},
		Args: []string{string(base.ID) + "..." + string(head.ID)}, Env: c.env}, 1<<10)
	if err != nil {
		return nil, err
	}
	behind, ahead, _ := strings.Cut(strings.TrimSpace(string(out)), "\t")
	if c.Behind, err = strconv.Atoi(behind); err == nil {
		c.Ahead, err = strconv.Atoi(ahead)
	}
	if err != nil {
		return nil, err
	}
	return c, c.list(other, skip, most)
}

// list reads one page of the commits, which git has newest first.
func (c *Comparison) list(other *View, skip, most int) error {
	last := max(0, c.Ahead-skip-most)
	count := c.Ahead - skip - last
	if count <= 0 {
		return nil
	}
	ids, err := c.v.ids(run.Command{Name: "rev-list", Flags: []run.Flag{run.Flag("--skip=" + strconv.Itoa(last)), run.Flag("--max-count=" + strconv.Itoa(count))},
		Args: []string{string(c.Base.ID) + ".." + string(c.Head.ID)}, Env: c.env}, count)
	if err != nil {
		return err
	}
	for i := len(ids) - 1; i >= 0; i-- {
		commit, err := other.commit(ids[i])
		if err != nil {
			return err
		}
		c.Commits = append(c.Commits, commit)
	}
	return nil
}

// Diff is what head changed since the two parted.
func (c *Comparison) Diff(limits DiffLimits) (Diff, error) {
	return c.v.diff([]string{string(c.MergeBase.ID), string(c.Head.ID)}, c.env, limits)
}

// Text writes the comparison as git does: a diff, or a mail for each commit.
func (c *Comparison) Text(kind TextKind) ([]byte, error) {
	if kind == PatchText {
		return c.v.mails([]string{string(c.MergeBase.ID) + ".." + string(c.Head.ID)}, c.env)
	}
	return c.v.diffText([]string{string(c.MergeBase.ID), string(c.Head.ID)}, c.env)
}

// TextKind is one of git's own forms of a change.
type TextKind uint8

// The kinds.
const (
	DiffText  TextKind = iota
	PatchText          // a mail for each commit, as git format-patch writes it
)

// maxText bounds a diff or mails as a whole.
const maxText = 32 << 20

// Text writes what the view's commit changed.
func (v *View) Text(kind TextKind) ([]byte, error) {
	if kind == PatchText {
		return v.mails([]string{"-1", string(v.Commit.ID)}, nil)
	}
	return v.diffText(v.sides(), nil)
}

// sides are what the view's commit is compared with, and itself.
func (v *View) sides() []string {
	if len(v.Commit.Parents) > 0 {
		return []string{string(v.Commit.Parents[0]), string(v.Commit.ID)}
	}
	return []string{string(v.Commit.ID)}
}

func (v *View) diffText(sides []string, env []string) ([]byte, error) {
	return v.repo.Output(v.ctx, run.Command{
		Name: "diff-tree",
		Flags: []run.Flag{"-r", "--patch", "--no-commit-id", "--root", "--no-color", "--no-ext-diff", "--no-textconv", "--find-renames", "-l200",
			"--ignore-submodules=none", "--submodule=short", "--src-prefix=a/", "--dst-prefix=b/"},
		Args: sides, Env: env, Config: run.DiffConfig()}, maxText)
}

// maxMails is how many commits are written as mails.
const maxMails = 250

func (v *View) mails(revs []string, env []string) ([]byte, error) {
	c := run.Command{
		Name: "format-patch",
		Flags: []run.Flag{"--stdout", "--no-color", "--no-ext-diff", "--no-textconv", "--find-renames", "-l200", "--no-signature", "--no-base", "--no-attach", "--no-thread",
			"--no-cover-letter", "--src-prefix=a/", "--dst-prefix=b/"},
		Env: env, Config: run.DiffConfig()}
	if revs[0] == "-1" {
		c.Flags, revs = append(c.Flags, "-1"), revs[1:]
	} else {
		c.Flags = append(c.Flags, run.Flag("--max-count="+strconv.Itoa(maxMails)))
	}
	c.Args = revs
	return v.repo.Output(v.ctx, c, maxText)
}
