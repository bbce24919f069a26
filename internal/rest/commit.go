package rest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/httpkit"
	"jeton/internal/problem"
	"jeton/internal/right"
)

func (d *Door) commitRoutes() []route {
	return []route{
		{get, "/repos/{owner}/{repo}/commits", right.RepoFetch, d.walks(d.listCommits), "List commits",
			doc{query: "sha path author since until page per_page", out: []commitAnswer{}}},
		{get, "/repos/{owner}/{repo}/commits/{ref}", right.RepoFetch, d.walks(d.getCommit), "Get a commit", doc{query: "page per_page", out: commitAnswer{}}},
		{get, "/repos/{owner}/{repo}/compare/{basehead...}", right.RepoFetch, d.walks(d.compare), "Compare two commits", doc{query: "page per_page", out: comparison{}}},
		{get, "/repos/{owner}/{repo}/contributors", right.RepoRead, d.walks(d.listContributors), "List repository contributors",
			doc{query: "anon page per_page", out: []contributor{}}},
		{get, "/repos/{owner}/{repo}/languages", right.RepoRead, d.walks(d.languages), "List repository languages", doc{out: map[string]int64{}}},
	}
}

// commitAnswer is GitHub's "commit".
type commitAnswer struct {
	URL         string       `json:"url"`
	SHA         string       `json:"sha"`
	NodeID      string       `json:"node_id"`
	HTMLURL     string       `json:"html_url"`
	CommentsURL string       `json:"comments_url"`
	Commit      commitInside `json:"commit"`
	Author      *simpleUser  `json:"author"`
	Committer   *simpleUser  `json:"committer"`
	Parents     []parent     `json:"parents"`
	Stats       *stats       `json:"stats,omitempty"`
	Files       *[]diffEntry `json:"files,omitempty"`
}

type commitInside struct {
	URL          string       `json:"url"`
	Author       gitPerson    `json:"author"`
	Committer    gitPerson    `json:"committer"`
	Message      string       `json:"message"`
	CommentCount int          `json:"comment_count"`
	Tree         shaURL       `json:"tree"`
	Verification verification `json:"verification"`
}

type shaURL struct {
	SHA string `json:"sha"`
	URL string `json:"url"`
}

type parent struct {
	SHA     string `json:"sha"`
	URL     string `json:"url"`
	HTMLURL string `json:"html_url"`
}

type stats struct {
	Total     int `json:"total"`
	Additions int `json:"additions"`
	Deletions int `json:"deletions"`
}

// diffEntry is GitHub's "diff-entry".
type diffEntry struct {
	SHA              *string `json:"sha"`
	Filename         string  `json:"filename"`
	Status           string  `json:"status"`
	Additions        int     `json:"additions"`
	Deletions        int     `json:"deletions"`
	Changes          int     `json:"changes"`
	BlobURL          string  `json:"blob_url"`
	RawURL           string  `json:"raw_url"`
	ContentsURL      string  `json:"contents_url"`
	Patch            *string `json:"patch,omitempty"`
	PreviousFilename *string `json:"previous_filename,omitempty"`
}

func gitNode(kind string, repo int64, id object.ID) string {
	return httpkit.NodeIDOf(kind, strconv.FormatInt(repo, 10)+":"+string(id))
}

func (c *call) commit(one *object.Commit, k known) commitAnswer {
	id := string(one.ID)
	out := commitAnswer{
		URL: c.repoURL("/commits/" + id), SHA: id, NodeID: gitNode("Commit", int64(c.repo.ID), one.ID), HTMLURL: c.repoPage("/commit/" + id),
		CommentsURL: c.repoURL("/commits/" + id + "/comments"),
		Commit: commitInside{URL: c.repoURL("/git/commits/" + id), Author: personOf(one.Author), Committer: personOf(one.Committer), Message: one.Message,
			Tree: shaURL{string(one.Tree), c.repoURL("/git/trees/" + string(one.Tree))}, Verification: k.verified[one.ID]},
		Author: k.by(one.Author), Committer: k.by(one.Committer), Parents: []parent{},
	}
	for _, p := range one.Parents {
		out.Parents = append(out.Parents, parent{string(p), c.repoURL("/commits/" + string(p)), c.repoPage("/commit/" + string(p))})
	}
	return out
}

func (c *call) commits(list []object.Commit) ([]commitAnswer, error) {
	k, err := c.about(list...)
	if err != nil {
		return nil, err
	}
	out := make([]commitAnswer, len(list))
	for i := range list {
		out[i] = c.commit(&list[i], k)
	}
	return out, nil
}

func (d *Door) listCommits(c *call) (any, error) {
	q, err := c.historyQuery()
	if err != nil {
		return nil, err
	}
	v, err := c.view(c.query("sha"))
	if err == gitstore.ErrEmpty {
		return nil, errEmptyRepo()
	}
	if err != nil {
		return nil, instead(err, errNotFound)
	}
	defer v.Close()
	page, perPage := c.page()
	q.Skip, q.Most = (page-1)*perPage, perPage
	list, more, err := v.History(q)
	if err != nil {
		return nil, err
	}
	c.linkMore(page, more)
	return c.commits(list)
}

func (c *call) historyQuery() (gitstore.HistoryQuery, error) {
	q := gitstore.HistoryQuery{Path: c.query("path")}
	var err error
	if q.Since, err = c.moment("since"); err == nil {
		q.Until, err = c.moment("until")
	}
	if err != nil {
		return q, err
	}
	author := c.query("author")
	switch {
	case author == "":
	case strings.Contains(author, "@"):
		q.Authors = []string{"<" + author + ">"}
	default:
		// A login means its account's addresses, as far as they are verified.
		a, err := c.door.o.Accounts.ByLogin(c.ctx(), c.door.o.DB, author)
		if problem.Is(err, problem.NotFound) {
			q.Authors = []string{author}
			break
		}
		if err != nil {
			return q, err
		}
		emails, err := c.door.o.Accounts.ListEmails(c.ctx(), c.door.o.DB, a.ID)
		if err != nil {
			return q, err
		}
		for _, e := range emails {
			if e.Verified {
				q.Authors = append(q.Authors, "<"+e.Address+">")
			}
		}
		if len(q.Authors) == 0 {
			q.Authors = []string{"<>"} // of nobody
		}
	}
	return q, nil
}

func (c *call) moment(name string) (int64, error) {
	s := c.query(name)
	if s == "" {
		return 0, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateTime, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return max(1, t.Unix()), nil
		}
	}
	return 0, problem.Field(name, name+" must be a time, such as 2026-01-02T03:04:05Z")
}

// linkMore is link for a list of which nobody knows the end.
func (c *call) linkMore(page int, more bool) {
	to := func(n int, rel string) string {
		q := c.r.URL.Query()
		q.Set("page", strconv.Itoa(n))
		return fmt.Sprintf(`<%s?%s>; rel="%s"`, c.door.o.Gate.URL(c.r.URL.EscapedPath()), q.Encode(), rel)
	}
	var parts []string
	if page > 1 {
		parts = append(parts, to(page-1, "prev"))
	}
	if more {
		parts = append(parts, to(page+1, "next"))
	}
	if page > 1 {
		parts = append(parts, to(1, "first"))
	}
	if parts != nil {
		c.w.Header().Set("Link", strings.Join(parts, ", "))
	}
}

func (d *Door) getCommit(c *call) (any, error) {
	ref := c.r.PathValue("ref")
	v, err := c.view(ref)
	if err == gitstore.ErrEmpty {
		return nil, errEmptyRepo()
	}
	if err != nil {
		return nil, instead(err, unprocessable("No commit found for SHA: "+cut(ref, 200)))
	}
	defer v.Close()
	switch media := c.media(); media {
	case "sha":
		return c.plain(media, []byte(v.Commit.ID)), nil
	case "diff", "patch":
		return c.text(media, v.Text)
	}
	k, err := c.about(v.Commit)
	if err != nil {
		return nil, err
	}
	out := c.commit(&v.Commit, k)
	page, perPage := c.page()
	if c.query("per_page") == "" {
		perPage = 300
	}
	diff, err := v.Diff(gitstore.DiffLimits{Files: maxDiffFiles, Lines: maxPatchLines})
	if err != nil {
		return nil, err
	}
	out.Stats = &stats{}
	for i := range diff.Files {
		out.Stats.Additions += diff.Files[i].Added
		out.Stats.Deletions += diff.Files[i].Deleted
	}
	out.Stats.Total = out.Stats.Additions + out.Stats.Deletions
	files := paged(diff.Files, page, perPage)
	c.link(page, perPage, len(diff.Files))
	entries := c.diffEntries(files, v.Commit.ID)
	out.Files = &entries
	c.modified(v.Commit.Committer.When)
	return out, nil
}

// text answers with git's own form of a change.
func (c *call) text(media string, f func(gitstore.TextKind) ([]byte, error)) (any, error) {
	kind := gitstore.DiffText
	if media == "patch" {
		kind = gitstore.PatchText
	}
	data, err := f(kind)
	if problem.Is(err, problem.TooLarge) {
		return nil, status(http.StatusNotAcceptable, "Sorry, the diff exceeded the maximum size. Clone the repository to see it.")
	}
	if err != nil {
		return nil, err
	}
	return c.plain(media, data), nil
}

// The most that one answer shows of a change.
const (
	maxDiffFiles  = 3000
	maxPatchLines = 3000
)

// paged is one page of a list.
func paged[T any](list []T, page, perPage int) []T {
	from := min((page-1)*perPage, len(list))
	return list[from:min(from+perPage, len(list))]
}

var diffStatus = map[byte]string{'A': "added", 'D': "removed", 'M': "modified", 'R': "renamed", 'C': "copied", 'T': "changed"}

func (c *call) diffEntries(files []gitstore.FileDiff, at object.ID) []diffEntry {
	out := make([]diffEntry, len(files))
	for i := range files {
		f := &files[i]
		path, from := escaped(f.NewPath), string(at)
		id := f.NewID
		if f.Status == 'D' {
			id = f.OldID
		}
		sha := string(id)
		e := diffEntry{SHA: &sha, Filename: f.NewPath, Status: diffStatus[f.Status], Additions: f.Added, Deletions: f.Deleted, Changes: f.Added + f.Deleted,
			BlobURL: c.repoPage("/blob/" + from + "/" + path), RawURL: c.repoPage("/raw/" + from + "/" + path), ContentsURL: c.repoURL("/contents/" + path + "?ref=" + from)}
		if f.Status == 'R' || f.Status == 'C' {
			before := f.OldPath
			e.PreviousFilename = &before
		}
		if patch := patchText(f); patch != "" && !f.Truncated && !f.Binary {
			e.Patch = &patch
		}
		out[i] = e
	}
	return out
}

// patchText is the hunks as git prints them, without the lines before them.
func patchText(f *gitstore.FileDiff) string {
	var b strings.Builder
	for i := range f.Hunks {
		h := &f.Hunks[i]
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString("@@ -" + lines(h.OldStart, h.OldLines) + " +" + lines(h.NewStart, h.NewLines) + " @@")
		if h.Section != "" {
			b.WriteString(" " + h.Section)
		}
		for _, l := range h.Lines {
			b.WriteByte('\n')
			b.WriteByte(l.Op)
			b.WriteString(l.Text)
		}
	}
	return b.String()
}

func lines(start, n int) string {
	if n == 1 {
		return strconv.Itoa(start)
	}
	return strconv.Itoa(start) + "," + strconv.Itoa(n)
}
