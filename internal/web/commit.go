package web

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/problem"
)

func (p place) commitRow(m *object.Commit) commitRow {
	at := place{home: p.home, rev: string(m.ID)}
	return commitRow{Subject: subject(m), Author: line(m.Author.Name), Short: m.ID.Short(), Time: m.Committer.When,
		Href: href("%s/commit/%s", p.home, m.ID), TreeHref: at.to("tree", "")}
}

func subject(m *object.Commit) string {
	if s := line(cut(m.Subject(), 200)); s != "" {
		return s
	}
	return "(no message)"
}

const commitsPerPage = 35

// maxCommitPage bounds how far a history is walked for one page.
const maxCommitPage = 2000

func showCommits(c *call) error {
	v, file, at, err := c.historyView()
	if err != nil {
		return err
	}
	if v == nil {
		return c.show("commits", &commitsPage{RepoFrame: c.repoFrame("Commits", "commits"), Empty: true})
	}
	c.hold(v.Close)
	n := min(c.pageNumber(), maxCommitPage)
	list, more, err := v.Commits(file, (n-1)*commitsPerPage, commitsPerPage)
	if err != nil {
		return err
	}
	page := &commitsPage{RepoFrame: c.repoFrame("Commits at "+at.text, "commits"), Refs: at.refMenu(v, "commits"), Pager: pagerFor(at.to("commits", file), n, more && n < maxCommitPage)}
	if file != "" {
		nav := at.pathNav(c.repo.Name, file)
		page.Where = &nav
	}
	for i := range list {
		day := day(list[i].Committer.When)
		if k := len(page.Days); k == 0 || page.Days[k-1].Day != day {
			page.Days = append(page.Days, commitDay{Day: day})
		}
		d := &page.Days[len(page.Days)-1]
		d.Commits = append(d.Commits, at.commitRow(&list[i]))
	}
	if err := c.markCommits(page.Days, list); err != nil {
		return err
	}
	return c.show("commits", page)
}

// historyView opens what the path names, or the default branch. An empty
// repository gives no view and no error.
func (c *call) historyView() (*gitstore.View, string, place, error) {
	if c.r.PathValue("rest") != "" {
		return c.view()
	}
	v, err := c.firstView()
	if err != nil {
		if errors.Is(err, gitstore.ErrEmpty) {
			err = nil
		}
		return nil, "", place{}, err
	}
	return v, "", c.placeOf(v), nil
}

// diffFor is how long a change may take to compare. After that the commit is
// shown without it.
const diffFor = 8 * time.Second

func showCommit(c *call) error {
	ctx, cancel := context.WithTimeout(c.ctx(), diffFor)
	defer cancel()
	v, err := c.door.o.Git.Repo(c.repo.ID).View(ctx, c.r.PathValue("sha"))
	if err != nil {
		return err
	}
	c.hold(v.Close)
	d, err := v.Diff(gitstore.DiffLimits{})
	slow := problem.Is(err, problem.Unavailable) && c.ctx().Err() == nil
	if err != nil && !slow {
		return err
	}
	m := &v.Commit
	at := place{home: "/" + c.repo.FullName(), rev: string(m.ID)}
	page := &commitPage{RepoFrame: c.repoFrame(subject(m), "commits"), ID: string(m.ID), Short: m.ID.Short(), Subject: subject(m), Body: strings.TrimSpace(m.Body()),
		Author: line(m.Author.Name), Time: m.Committer.When, TreeHref: at.to("tree", ""), FileCount: d.Total, Cut: d.Truncated, Slow: slow, Merge: len(m.Parents) > 1}
	if m.Committer.Name != m.Author.Name {
		page.Committer = line(m.Committer.Name)
	}
	for _, parent := range m.Parents {
		page.Parents = append(page.Parents, Link{Text: parent.Short(), Href: href("%s/commit/%s", at.home, parent)})
	}
	for i := range d.Files {
		page.addFile(i, &d.Files[i])
	}
	b, err := c.badges(signedCommit(m))
	if err != nil {
		return err
	}
	page.Badge = b[0]
	if page.Statuses, page.MoreStatuses, err = c.statusRows(m.ID); err != nil {
		return err
	}
	return c.show("commit", page)
}

var changeWords = map[byte]string{'A': "Added", 'D': "Deleted", 'R': "Renamed", 'T': "Type changed"}

func (page *commitPage) addFile(i int, f *gitstore.FileDiff) {
	out := diffFile{ID: "file-" + strconv.Itoa(i+1), Name: line(f.NewPath), Kind: changeWords[f.Status], Added: f.Added, Removed: f.Deleted}
	if f.OldPath != f.NewPath {
		out.From = line(f.OldPath)
	}
	switch {
	case f.Binary:
		out.Note = "This file is not text, or is too large to compare, so its change is not shown."
	case len(f.Hunks) == 0 && f.Truncated:
		out.Note = "This file's change is not shown."
	case len(f.Hunks) == 0:
		out.Note = "The content did not change."
	default:
		out.Code = writeDiff(f)
	}
	page.Cut = page.Cut || f.Truncated
	page.Added, page.Removed = page.Added+f.Added, page.Removed+f.Deleted
	page.Files = append(page.Files, out)
}
