package graphql

import (
	"context"

	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
)

// commit answers the fields of Commit.
type commit struct {
	anObject
	c object.Commit
}

// Message is the whole message.
func (c *commit) Message(ctx context.Context) (string, error) { return words(ctx, c.c.Message) }

// MessageHeadline is the message's first line.
func (c *commit) MessageHeadline(ctx context.Context) (string, error) {
	return words(ctx, c.c.Subject())
}

// MessageBody is what follows the first line.
func (c *commit) MessageBody(ctx context.Context) (string, error) { return words(ctx, c.c.Body()) }

// Author is who wrote the change.
func (c *commit) Author() *gitActor { return actorOf(c.repo.d, c.c.Author) }

// Committer is who made the commit.
func (c *commit) Committer() *gitActor { return actorOf(c.repo.d, c.c.Committer) }

// AuthoredByCommitter reports whether both are the same.
func (c *commit) AuthoredByCommitter() bool { return c.c.Author.Email == c.c.Committer.Email }

// AuthoredDate is when the change was written.
func (c *commit) AuthoredDate() dateTime { return dateTime{c.c.Author.When} }

// CommittedDate is when the commit was made.
func (c *commit) CommittedDate() dateTime { return dateTime{c.c.Committer.When} }

// CommittedViaWeb is false: pages here make no commits.
func (c *commit) CommittedViaWeb() bool { return false }

// ResourcePath is the page, below the host.
func (c *commit) ResourcePath() uri { return c.CommitResourcePath() }

// URL is the page.
func (c *commit) URL() uri { return c.CommitURL() }

// TarballURL is where the files are as an archive.
func (c *commit) TarballURL() uri { return uri(c.repo.page("/archive/" + string(c.id) + ".tar.gz")) }

// ZipballURL is where the files are as an archive.
func (c *commit) ZipballURL() uri { return uri(c.repo.page("/archive/" + string(c.id) + ".zip")) }

// Tree is the topmost folder.
func (c *commit) Tree() *tree { return &tree{objectOf(c.repo, c.c.Tree, "Tree"), c.c.ID, ""} }

// Parents are the commits before it.
func (c *commit) Parents(ctx context.Context, args struct{ paging }) (*connection[*commit], error) {
	w, err := args.window(ctx, "parents", len(c.c.Parents))
	if err != nil {
		return nil, err
	}
	ids := page(c.c.Parents, w)
	out := &connection[*commit]{skip: ids.skip, more: ids.more, total: ids.total}
	for _, one := range ids.nodes {
		v, err := c.repo.view(ctx, string(one))
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue // a shallow repository ends here
		}
		out.nodes = append(out.nodes, &commit{objectOf(c.repo, v.Commit.ID, "Commit"), v.Commit})
		v.Close()
	}
	return out, nil
}

// History is the commit and those before it, newest first.
func (c *commit) History(ctx context.Context, args struct {
	paging
	Path         *string
	Since, Until *gitTime
}) (*history, error) {
	w, err := args.window(ctx, "history", -1)
	if err != nil {
		return nil, err
	}
	v, err := c.repo.view(ctx, string(c.c.ID))
	if v == nil || err != nil {
		return nil, err
	}
	defer v.Close()
	q := gitstore.HistoryQuery{Skip: w.skip, Most: w.limit}
	if args.Path != nil {
		q.Path = *args.Path
	}
	if args.Since != nil {
		q.Since = args.Since.Unix()
	}
	if args.Until != nil {
		q.Until = args.Until.Unix()
	}
	list, more, err := v.History(q)
	if err != nil {
		return nil, err
	}
	out := &history{&connection[*commit]{nodes: make([]*commit, len(list)), skip: w.skip, more: more}, c, q.Path}
	for i := range list {
		out.nodes[i] = &commit{objectOf(c.repo, list[i].ID, "Commit"), list[i]}
	}
	return out, nil
}

// history answers the fields of CommitHistoryConnection.
type history struct {
	*connection[*commit]
	from *commit
	path string
}

// TotalCount is how long the whole history is. It is counted when it is asked for.
func (h *history) TotalCount(ctx context.Context) (int32, error) {
	v, err := h.from.repo.view(ctx, string(h.from.c.ID))
	if v == nil || err != nil {
		return 0, err
	}
	defer v.Close()
	n, err := v.Count(h.path)
	return int32(n), err
}

// gitActor answers the fields of GitActor.
type gitActor struct {
	d *Door
	s object.Signature
}

func actorOf(d *Door, s object.Signature) *gitActor { return &gitActor{d, s} }

// Name is the name in the commit.
func (a *gitActor) Name(ctx context.Context) (*string, error) { return optionalWords(ctx, a.s.Name) }

// Email is the address in the commit.
func (a *gitActor) Email(ctx context.Context) (*string, error) {
	return optionalWords(ctx, a.s.Email)
}

// Date is when, in the zone of the person.
func (a *gitActor) Date() *gitTime {
	if a.s.When.IsZero() {
		return nil
	}
	return &gitTime{a.s.When}
}

// AvatarURL is a picture that stands for everybody who has none.
func (a *gitActor) AvatarURL(sized) uri { return uri(a.d.o.Gate.URL("/avatars/u/0")) }

// User is the account whose verified address the commit has.
func (a *gitActor) User(ctx context.Context) (*user, error) {
	if sessionOf(ctx).nodes.Add(-1) < 0 {
		return nil, &failure{"MAX_NODE_LIMIT_EXCEEDED", "This query asks for too many nodes."}
	}
	found, err := a.d.o.Accounts.ByEmails(ctx, a.d.o.DB, []string{a.s.Email})
	one, ok := found[a.s.Email]
	if err != nil || !ok {
		return nil, err
	}
	whole, err := a.d.o.Accounts.Known(ctx, a.d.o.DB, one.ID)
	if err != nil || whole.IsMachine() {
		return nil, err // GitHub's type has no room for a Bot
	}
	return &user{profile{a.d, whole}}, nil
}
