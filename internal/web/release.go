package web

import (
	"html/template"
	"mime"
	"net/http"
	"net/url"
	"time"

	"jeton/internal/httpkit"
	"jeton/internal/markdown"
	"jeton/internal/problem"
	"jeton/internal/release"
	"jeton/internal/right"
)

const releasesPerPage = 10

func (c *call) drafts() bool { return c.may(right.ReleaseDrafts) }

// showReleases lists the releases of the repository, with the drafts for who may
// see them.
func showReleases(c *call) error {
	n := c.pageNumber()
	list, total, err := c.door.o.Releases.List(c.ctx(), c.door.o.DB, c.repo.ID, c.drafts(), n, releasesPerPage)
	if err != nil {
		return err
	}
	latest, err := c.door.o.Releases.LatestOf(c.ctx(), c.door.o.DB, c.repo.ID)
	if err != nil && !problem.Is(err, problem.NotFound) {
		return err
	}
	page := &releasesPage{RepoFrame: c.repoFrame("Releases", "releases"), MayWrite: c.may(right.ReleaseWrite), Pager: pagerFor(c.repoPath("/releases"), n, total > n*releasesPerPage)}
	for i := range list {
		row := c.releaseRow(&list[i])
		row.Latest = list[i].ID == latest.ID
		page.Releases = append(page.Releases, row)
	}
	return c.show("releases", page)
}

// showRelease shows one that is published.
func showRelease(c *call) error {
	r, err := c.door.o.Releases.ByTag(c.ctx(), c.door.o.DB, c.repo.ID, c.r.PathValue("tag"))
	if problem.Is(err, problem.NotFound) {
		return errMissing()
	}
	if err != nil {
		return err
	}
	row := c.releaseRow(&r)
	return c.show("releases", &releasesPage{RepoFrame: c.repoFrame(row.Title, "releases"), Releases: []releaseRow{row}, One: true})
}

// toLatest leads to the release that is the latest today.
func toLatest(c *call) error {
	r, err := c.door.o.Releases.LatestOf(c.ctx(), c.door.o.DB, c.repo.ID)
	if problem.Is(err, problem.NotFound) {
		return errMissing()
	}
	if err != nil {
		return err
	}
	return c.seeOther(c.releasePath("tag", r.Tag))
}

// releasePath is the address of a release or, with more parts, of a file of it.
// A part's slashes are escaped: each is one segment.
func (c *call) releasePath(kind string, parts ...string) string {
	to := href("/%s/releases/%s", c.repo.FullName(), kind)
	for _, p := range parts {
		to += "/" + url.PathEscape(p)
	}
	return to
}

func (c *call) releaseRow(r *release.Release) releaseRow {
	row := releaseRow{Title: titleOf(r), Tag: line(r.Tag), Author: line(r.Login), Draft: r.Draft, Prerelease: r.Prerelease, Time: r.PublishedAt}
	if c.may(right.ReleaseWrite) {
		row.EditHref = c.editPath(r.ID, "")
	}
	if r.Draft {
		row.Time = r.CreatedAt
	} else {
		at := place{home: "/" + c.repo.FullName(), rev: r.Tag}
		row.Href, row.TreeHref = c.releasePath("tag", r.Tag), at.to("tree", "")
	}
	at := place{home: "/" + c.repo.FullName(), rev: c.repo.DefaultBranch}
	if html, err := markdown.Render([]byte(r.Body), at.markdown("")); err == nil {
		row.HTML = html
	} else {
		row.Text = r.Body
	}
	for i := range r.Assets {
		s := &r.Assets[i]
		a := assetRow{Name: line(s.Name), Size: s.Size, Digest: s.Digest}
		if s.Label != "" {
			a.Name = line(s.Label)
		}
		if !r.Draft { // a draft has no tag to go by yet
			a.Href = c.releasePath("download", r.Tag, s.Name)
		}
		row.Assets = append(row.Assets, a)
	}
	return row
}

// downloadAsset sends a file of a published release, for keeping and not for
// showing.
func downloadAsset(c *call) error {
	leave, err := c.enterGate(c.door.long)
	if err != nil {
		return err
	}
	defer leave()
	s, err := c.door.o.Releases.AssetByName(c.ctx(), c.door.o.DB, c.repo.ID, c.r.PathValue("tag"), c.r.PathValue("asset"))
	if problem.Is(err, problem.NotFound) {
		return errMissing()
	}
	if err != nil {
		return err
	}
	in, err := c.door.o.Releases.Open(c.ctx(), &s)
	if err != nil {
		return err
	}
	defer in.Close()
	h := c.w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": s.Name}))
	if c.r.Method == http.MethodGet && c.r.Header.Get("Range") == "" {
		c.door.o.Releases.Downloaded(s.ID)
	}
	ctx, stop := c.watch(mediaTime)
	defer stop()
	httpkit.ServeContent(ctx, c.w, c.r, in, s.Digest)
	return nil
}

// releaseRow is a release on a page.
type releaseRow struct {
	Title, Tag, Author, Text  string
	Href, TreeHref            string // empty for a draft
	EditHref                  string // empty for readers
	Draft, Prerelease, Latest bool
	Time                      time.Time
	HTML                      template.HTML
	Assets                    []assetRow
}

// assetRow is a file of a release.
type assetRow struct {
	Name, Href, Digest string
	Size               int64
}

// releasesPage is the releases of a repository, or one of them.
type releasesPage struct {
	RepoFrame
	Releases []releaseRow
	Pager    pager
	One      bool
	MayWrite bool
}
