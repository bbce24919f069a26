package rest

import (
	"strings"

	"jeton/internal/gate"
	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/right"
)

// comparison is GitHub's "commit-comparison".
type comparison struct {
	URL             string         `json:"url"`
	HTMLURL         string         `json:"html_url"`
	PermalinkURL    string         `json:"permalink_url"`
	DiffURL         string         `json:"diff_url"`
	PatchURL        string         `json:"patch_url"`
	BaseCommit      commitAnswer   `json:"base_commit"`
	MergeBaseCommit commitAnswer   `json:"merge_base_commit"`
	Status          string         `json:"status"`
	AheadBy         int            `json:"ahead_by"`
	BehindBy        int            `json:"behind_by"`
	TotalCommits    int            `json:"total_commits"`
	Commits         []commitAnswer `json:"commits"`
	Files           []diffEntry    `json:"files"`
}

// The most that one comparison lists.
const (
	comparedCommits = 250
	comparedFiles   = 300
)

// side is one end of a comparison: a revision, of this repository or of a fork.
type side struct {
	repo gate.Repo
	rev  string
}

// sideOf reads "REV", "LOGIN:REV" or "LOGIN:NAME:REV". The gate is asked about
// any other repository, which must be of the same forks.
func (c *call) sideOf(text string) (side, error) {
	owner, rev, other := strings.Cut(text, ":")
	if !other {
		return side{c.repo, text}, nil
	}
	name, inside, named := strings.Cut(rev, ":")
	if named {
		rev = inside
	}
	if strings.EqualFold(owner, c.repo.OwnerLogin) && (!named || strings.EqualFold(name, c.repo.Name)) {
		return side{c.repo, rev}, nil
	}
	a, err := c.door.o.Accounts.ByLogin(c.ctx(), c.door.o.DB, owner)
	if err != nil {
		return side{}, instead(err, errNotFound)
	}
	kin, err := c.door.o.Repos.Kin(c.ctx(), c.door.o.DB, &c.repo.Repo, a.ID)
	if err != nil {
		return side{}, err
	}
	if named && !strings.EqualFold(kin, name) {
		return side{}, errNotFound
	}
	r, err := c.door.o.Gate.Repo(c.ctx(), &c.actor, right.RepoFetch, a.Login, kin)
	if err != nil {
		return side{}, errNotFound // whatever the reason: that it is there is none of theirs
	}
	return side{r, rev}, nil
}

func (d *Door) compare(c *call) (any, error) {
	base, head, ok := strings.Cut(c.r.PathValue("basehead"), "...")
	if !ok || base == "" || head == "" {
		return nil, errNotFound
	}
	from, err := c.sideOf(base)
	if err != nil {
		return nil, err
	}
	to, err := c.sideOf(head)
	if err != nil {
		return nil, err
	}
	v, err := c.sight(&from.repo).Open(c.ctx())
	if err != nil {
		return nil, err
	}
	defer v.Close()
	if v.Refs.Empty() {
		return nil, errEmptyRepo()
	}
	_, baseCommit, err := v.Resolve(from.rev)
	if err != nil {
		return nil, instead(err, errNotFound)
	}
	other := v
	if to.repo.ID != from.repo.ID {
		if other, err = c.sight(&to.repo).Open(c.ctx()); err != nil {
			return nil, err
		}
		defer other.Close()
	}
	_, headCommit, err := other.Resolve(to.rev)
	if err != nil {
		return nil, instead(err, errNotFound)
	}
	return c.compared(v, other, baseCommit, headCommit, base, head)
}

func (c *call) compared(v, other *gitstore.View, base, head object.Commit, baseName, headName string) (any, error) {
	page, perPage := c.page()
	isPaged := c.query("page") != "" || c.query("per_page") != ""
	if !isPaged {
		page, perPage = 1, comparedCommits
	}
	r, err := v.Compare(base, other, head, (page-1)*perPage, perPage)
	if err == gitstore.ErrUnrelated {
		return nil, notFound("No common ancestor between " + cut(baseName, 200) + " and " + cut(headName, 200) + ".")
	}
	if err != nil {
		return nil, err
	}
	switch media := c.media(); media {
	case "diff", "patch":
		return c.text(media, r.Text)
	}
	k, err := c.about(append([]object.Commit{r.Base, r.MergeBase}, r.Commits...)...)
	if err != nil {
		return nil, err
	}
	url, page3 := c.repoURL("/compare/"+escaped(baseName)+"..."+escaped(headName)), c.repoPage("/compare/"+escaped(baseName)+"..."+escaped(headName))
	out := comparison{URL: url, HTMLURL: page3, DiffURL: page3 + ".diff", PatchURL: page3 + ".patch",
		PermalinkURL: c.repoPage("/compare/" + c.repo.OwnerLogin + ":" + base.ID.Short() + "..." + c.repo.OwnerLogin + ":" + head.ID.Short()),
		BaseCommit:   c.commit(&r.Base, k), MergeBaseCommit: c.commit(&r.MergeBase, k),
		AheadBy: r.Ahead, BehindBy: r.Behind, TotalCommits: r.Ahead, Status: compareStatus(r), Commits: []commitAnswer{}, Files: []diffEntry{}}
	for i := range r.Commits {
		out.Commits = append(out.Commits, c.commit(&r.Commits[i], k))
	}
	if isPaged {
		c.link(page, perPage, r.Ahead)
	}
	if page > 1 || r.Ahead == 0 {
		return out, nil // GitHub lists the files on the first page alone
	}
	diff, err := r.Diff(gitstore.DiffLimits{Files: comparedFiles, Lines: maxPatchLines})
	if err != nil {
		return nil, err
	}
	out.Files = c.diffEntries(diff.Files, head.ID)
	return out, nil
}

func compareStatus(r *gitstore.Comparison) string {
	switch {
	case r.Ahead == 0 && r.Behind == 0:
		return "identical"
	case r.Behind == 0:
		return "ahead"
	case r.Ahead == 0:
		return "behind"
	}
	return "diverged"
}
