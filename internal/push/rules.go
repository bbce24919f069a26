package push

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/wire"
	"jeton/internal/printable"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// The reasons that git clients show in brackets behind "remote rejected".
const (
	declined     = "pre-receive hook declined"
	funnyName    = "funny refname"
	hiddenUpdate = "deny updating a hidden ref"
	hiddenDelete = "deny deleting a hidden ref"
)

// checkName returns why a ref of that name can't be moved by a client, or "".
func (p *pushing) checkName(u wire.Update) string {
	limit := p.flow.o.Git.Limits().RefName
	branch, isBranch := strings.CutPrefix(u.Name, "refs/heads/")
	tag, isTag := strings.CutPrefix(u.Name, "refs/tags/")
	switch {
	case len(u.Name) > limit:
		p.answer.say(fmt.Sprintf("error: GH005: Sorry, refs longer than %d bytes are not allowed.", limit))
		return declined
	case !object.CheckRefName(u.Name), !utf8.ValidString(u.Name):
		return funnyName
	case isBranch && !object.CheckBranchName(branch):
		return funnyName
	case !object.Visible(u.Name) && u.Deletes():
		return hiddenDelete
	case !object.Visible(u.Name):
		return hiddenUpdate
	case !u.Deletes() && (isBranch && looksLikeID(branch) || isTag && looksLikeID(tag)):
		p.answer.say("error: GH002: Sorry, branch or tag names consisting of 40 hex characters are not allowed.")
		return declined
	}
	return ""
}

// looksLikeID reports whether git would take the name for a commit's.
func looksLikeID(name string) bool {
	_, ok := object.ParseID(strings.ToLower(name))
	return ok
}

// kinds refuses what does not exist, and branches that are no commits.
func (p *pushing) kinds(ctx context.Context, in *gitstore.Incoming) error {
	kinds, err := in.Kinds(ctx, p.tips())
	if err != nil {
		return err
	}
	for i, u := range p.cmds.Updates {
		if p.results[i].Reason != "" || u.Deletes() {
			continue
		}
		switch kind := kinds[u.New]; {
		case kind == "":
			p.results[i].Reason = "missing necessary objects"
		case strings.HasPrefix(u.Name, "refs/heads/") && kind != object.KindCommit:
			p.results[i].Reason = fmt.Sprintf("cannot update ref '%s': trying to write non-commit object %s to branch '%s'", u.Name, u.New, u.Name)
		}
	}
	return nil
}

// workflowFolder holds what runs when something is pushed. To change what runs
// is more than to change what is stored, and needs a scope of its own.
const (
	workflowTop    = ".github"
	workflowFolder = workflowTop + "/workflows"
)

// workflows refuses commands that add or change files below workflowFolder when
// the credential may not do that. A file that is the same, at the same path, on
// a branch of this repository is no addition.
func (p *pushing) workflows(ctx context.Context, in *gitstore.Incoming, refs *gitstore.Refs) error {
	tips := p.tips()
	denied := p.flow.o.Gate.CheckRepo(p.actor, right.RepoWorkflow, &p.repo)
	if denied == nil || len(tips) == 0 {
		return nil
	}
	w := workflowRule{in: in, refs: refs}
	if none, err := w.none(ctx, p.open(), tips); err != nil || none {
		return err
	}
	told := false
	for i, u := range p.cmds.Updates {
		if p.results[i].Reason != "" || u.Deletes() {
			continue
		}
		path, err := w.offends(ctx, u)
		if err != nil {
			return err
		}
		if path == "" {
			continue
		}
		p.results[i].Reason = workflowReason(p.actor, path)
		p.because(Workflow, p.workflowDenied(denied, path))
		if !told {
			e := problem.Of(denied)
			p.answer.tell(e.Public, e.Remedy)
			told = true
		}
	}
	return nil
}

// workflowReason is GitHub's sentence, which tools look for.
func workflowReason(a *right.Actor, path string) string {
	who, lacks := "a Personal Access Token", "`workflow` scope"
	switch {
	case a.Kind.Fine():
		lacks = "`workflows` permission"
	case a.Kind == right.OAuthToken:
		who = "an OAuth App"
	case !a.IsToken():
		who = "this sign-in"
	}
	return fmt.Sprintf("refusing to allow %s to create or update workflow `%s` without %s", who, printable.Line(path, 200), lacks)
}

// fileKey is what makes two files the same: where they are, what they are and
// what is in them. The executable bit is nothing that matters here.
type fileKey struct {
	path string
	kind object.Mode
	id   object.ID
}

func keyOf(f gitstore.File) fileKey {
	return fileKey{path: f.Path, kind: f.Mode & 0o170000, id: f.ID}
}

type workflowRule struct {
	in       *gitstore.Incoming
	refs     *gitstore.Refs
	files    map[object.ID][]gitstore.File // by commit, of all that the updates name
	branches map[fileKey]bool              // what is on a branch; nil until it is needed
	bad      string                        // what the new commits add, if it is on no branch
	many     bool                          // there are too many updates to look at each
}

// lookAtEach is up to how many updates the new commits of each are looked at
// alone. Past it, what any of them adds is held against all.
const lookAtEach = 64

// none reports that no command concerns workflows at all: the usual case, for
// one look at everything.
func (w *workflowRule) none(ctx context.Context, updates []wire.Update, tips []object.ID) (bool, error) {
	w.many = len(updates) > lookAtEach
	introduced, err := w.in.Introduced(ctx, w.refs, tips, workflowFolder)
	if err != nil {
		return false, err
	}
	if w.bad, err = w.unknown(ctx, introduced); err != nil {
		return false, err
	}
	commits := slices.Clone(tips)
	for _, u := range updates {
		if !u.Deletes() && !u.Old.IsZero() {
			commits = append(commits, u.Old)
		}
	}
	if w.files, err = w.in.Files(ctx, commits, workflowFolder); err != nil {
		return false, err
	}
	arrives := func(u wire.Update) bool { return !u.Deletes() && len(w.arriving(u)) > 0 }
	return w.bad == "" && !slices.ContainsFunc(updates, arrives), nil
}

// arriving lists the workflow files that a ref gets by a command, whether the
// commits are new or have been here for long: an old commit on a new branch
// brings an old workflow back to life.
func (w *workflowRule) arriving(u wire.Update) []gitstore.File {
	before := map[fileKey]bool{}
	// What the client says of the old value counts only if it is true.
	if ref, ok := w.refs.Get(u.Name); ok && ref.ID == u.Old {
		for _, f := range w.files[u.Old] {
			before[keyOf(f)] = true
		}
	}
	var out []gitstore.File
	for _, f := range w.files[u.New] {
		if !before[keyOf(f)] {
			out = append(out, f)
		}
	}
	return out
}

// offends returns a workflow file that a command adds or changes, or "".
func (w *workflowRule) offends(ctx context.Context, u wire.Update) (string, error) {
	files := w.arriving(u)
	switch {
	case w.bad == "":
	case w.many:
		return w.bad, nil
	default:
		introduced, err := w.in.Introduced(ctx, w.refs, []object.ID{u.New}, workflowFolder)
		if err != nil {
			return "", err
		}
		files = append(introduced, files...)
	}
	return w.unknown(ctx, files)
}

// unknown returns the path of the first file that is on no branch, or "".
func (w *workflowRule) unknown(ctx context.Context, files []gitstore.File) (string, error) {
	for _, f := range files {
		known, err := w.onBranch(ctx, f)
		if err != nil {
			return "", err
		}
		if !known {
			return f.Path, nil
		}
	}
	return "", nil
}

func (w *workflowRule) onBranch(ctx context.Context, f gitstore.File) (bool, error) {
	if w.branches == nil {
		var tips []object.ID
		for _, ref := range w.refs.Branches() {
			tips = append(tips, ref.ID)
		}
		files, err := w.in.Files(ctx, tips, workflowFolder)
		if err != nil {
			return false, err
		}
		w.branches = map[fileKey]bool{}
		for _, list := range files {
			for _, f := range list {
				w.branches[keyOf(f)] = true
			}
		}
	}
	return w.branches[keyOf(f)], nil
}
