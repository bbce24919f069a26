package rest

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"jeton/internal/gate"
	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/wire"
	"jeton/internal/push"
	"jeton/internal/right"
)

func (d *Door) mergeRoutes() []route {
	return []route{
		{post, "/repos/{owner}/{repo}/merges", right.RepoPush, d.placed(d.merge), "Merge a branch", doc{in: mergeInput{}, out: commitAnswer{}, code: http.StatusCreated}},
		{post, "/repos/{owner}/{repo}/merge-upstream", right.RepoPush, d.placed(d.mergeUpstream), "Sync a fork branch with the upstream repository", doc{in: upstreamInput{}, out: mergedUpstream{}}},
	}
}

type mergeInput struct {
	Base    *string `json:"base"`
	Head    *string `json:"head"`
	Message *string `json:"commit_message,omitempty"`
}

// merge makes a commit of two histories on the branch base.
func (d *Door) merge(c *call) (any, error) {
	var in mergeInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	switch {
	case in.Base == nil:
		return nil, wasNotSupplied("base")
	case in.Head == nil:
		return nil, wasNotSupplied("head")
	}
	v, err := c.git().Open(c.ctx())
	if err != nil {
		return nil, err
	}
	defer v.Close()
	base, ok := v.Refs.Get("refs/heads/" + strings.TrimPrefix(*in.Base, "refs/heads/"))
	if !ok {
		return nil, notFound("Base does not exist")
	}
	_, head, err := v.Resolve(*in.Head)
	if err != nil {
		return nil, instead(err, notFound("Head does not exist"))
	}
	m := merging{call: c, v: v, ref: base, head: head.ID, message: "Merge " + *in.Head + " into " + base.Short()}
	if in.Message != nil {
		m.message = *in.Message
	}
	if err := m.compare(nil); err != nil {
		return nil, err
	}
	if m.ahead == 0 {
		return nil, nil // a 204: it is all there
	}
	one, err := m.commit(nil)
	if err != nil {
		return nil, err
	}
	k, err := c.about(one)
	if err != nil {
		return nil, err
	}
	return c.commit(&one, k), nil
}

// merging is a merge on its way.
type merging struct {
	*call
	v             *gitstore.View
	ref           gitstore.Ref // the branch
	head          object.ID    // what comes into it
	message       string
	ahead, behind int
}

// compare counts what each side has. Other is a view of where head is, if that is
// another repository.
func (m *merging) compare(other *gitstore.View) error {
	base, err := m.v.CommitOf(m.ref.ID)
	if err != nil {
		return err
	}
	from := m.v
	if other != nil {
		from = other
	}
	head, err := from.CommitOf(m.head)
	if err != nil {
		return err
	}
	r, err := m.v.Compare(base, other, head, 0, 0)
	if err == gitstore.ErrUnrelated {
		return status(http.StatusConflict, "Merge conflict")
	}
	if err == nil {
		m.ahead, m.behind = r.Ahead, r.Behind
	}
	return err
}

// commit makes the merge and moves the branch to it.
func (m *merging) commit(other *gitstore.Repo) (one object.Commit, err error) {
	g, err := m.git().Merge(other)
	if err != nil {
		return one, err
	}
	defer g.Close()
	n := newCommit{parents: []object.ID{m.ref.ID, m.head}, message: m.message}
	if n.author, err = m.signer(); err != nil {
		return one, err
	}
	n.committer = n.author
	if n.tree, err = g.Tree(m.ctx(), m.ref.ID, m.head); err != nil {
		return one, err
	}
	if one, err = g.Commit(m.ctx(), n.text()); err != nil {
		return one, err
	}
	return one, m.publish(g, one.ID)
}

// publish is the push of it.
func (m *merging) publish(g *gitstore.Merge, tip object.ID) error {
	pack, err := g.Pack(m.ctx(), m.v.Refs, tip)
	if err != nil {
		return err
	}
	m.v.Close() // the flow has slots of its own
	return inGitHubsWords(m.door.o.Push.Write(m.ctx(), &m.actor, m.repo, push.Write{Pack: pack, Updates: []wire.Update{{Name: m.ref.Name, Old: m.ref.ID, New: tip}}, Forward: true,
		Again: func(ctx context.Context) error { return m.again(ctx) }}))
}

type upstreamInput struct {
	Branch *string `json:"branch"`
}

// mergedUpstream is GitHub's "merged-upstream".
type mergedUpstream struct {
	Message    string `json:"message"`
	MergeType  string `json:"merge_type"`
	BaseBranch string `json:"base_branch"`
}

// mergeUpstream brings a fork's branch up to that of what it was forked from.
func (d *Door) mergeUpstream(c *call) (any, error) {
	var in upstreamInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.Branch == nil {
		return nil, wasNotSupplied("branch")
	}
	from, err := c.upstream()
	if err != nil {
		return nil, err
	}
	v, err := c.git().Open(c.ctx())
	if err != nil {
		return nil, err
	}
	defer v.Close()
	store := d.o.Git.Repo(from.ID)
	other, err := c.sight(&from).Open(c.ctx())
	if err != nil {
		return nil, err
	}
	defer other.Close()
	name := "refs/heads/" + *in.Branch
	theirs, ok := other.Refs.Get(name)
	if !ok {
		return nil, unprocessable("There is no branch " + cut(*in.Branch, 200) + " in the upstream repository.")
	}
	ours, ok := v.Refs.Get(name)
	if !ok {
		return nil, errNoBranch
	}
	where := from.OwnerLogin + ":" + theirs.Short()
	m := merging{call: c, v: v, ref: ours, head: theirs.ID, message: "Merge branch '" + where + "' into " + ours.Short()}
	if err := m.compare(other); err != nil {
		return nil, err
	}
	switch {
	case m.ahead == 0:
		return mergedUpstream{"This branch is not behind the upstream " + where + ".", "none", where}, nil
	case m.behind == 0:
		err = m.forward(store)
	default:
		_, err = m.commit(store)
	}
	if errors.Is(err, gitstore.ErrConflict) {
		return nil, status(http.StatusConflict, "There are merge conflicts")
	}
	if err != nil {
		return nil, err
	}
	if m.behind == 0 {
		return mergedUpstream{"Successfully fetched and fast-forwarded from upstream " + where + ".", "fast-forward", where}, nil
	}
	return mergedUpstream{"Successfully fetched and merged from upstream " + where + ".", "merge", where}, nil
}

// forward moves the branch to what the other repository has, as it is.
func (m *merging) forward(other *gitstore.Repo) error {
	g, err := m.git().Merge(other)
	if err != nil {
		return err
	}
	defer g.Close()
	return m.publish(g, m.head)
}

// upstream is what the repository was forked from, if the caller may read that.
func (c *call) upstream() (gate.Repo, error) {
	none := unprocessable("This repository is not a fork of one that you can read.")
	if c.repo.ForkOf == 0 {
		return gate.Repo{}, none
	}
	found, err := c.door.o.Lifecycle.ForkedFrom(c.ctx(), c.repo.Repo, c.actor.Account)
	if err != nil {
		return gate.Repo{}, instead(err, none)
	}
	r := gate.Repo{Repo: found.Repo, Relation: found.Relation}
	if c.door.o.Gate.CheckRepo(&c.actor, right.RepoFetch, &r) != nil {
		return gate.Repo{}, none
	}
	return r, nil
}
