package rest

import (
	"fmt"
	"net/http"
	"net/url"

	"jeton/internal/gitstore/object"
	"jeton/internal/httpkit"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/release"
	"jeton/internal/right"
)

func (d *Door) releaseRoutes() []route {
	const all, one = "/repos/{owner}/{repo}/releases", "/repos/{owner}/{repo}/releases/{release_id}"
	const asset = "/repos/{owner}/{repo}/releases/assets/{asset_id}"
	return []route{
		{get, all, right.ReleaseRead, d.listReleases, "List releases", doc{query: "page per_page", out: []releaseAnswer{}}},
		{post, all, right.ReleaseWrite, d.createRelease, "Create a release", doc{in: releaseInput{}, out: releaseAnswer{}, code: http.StatusCreated}},
		{post, all + "/generate-notes", right.ReleaseWrite, d.generateNotes, "Generate release notes content for a release", doc{in: notesInput{}, out: notes{}}},
		{get, all + "/latest", right.ReleaseRead, d.latestRelease, "Get the latest release", doc{out: releaseAnswer{}}},
		{get, all + "/tags/{tag}", right.ReleaseRead, d.releaseByTag, "Get a release by tag name", doc{out: releaseAnswer{}}},
		{get, one, right.ReleaseRead, d.getRelease, "Get a release", doc{out: releaseAnswer{}}},
		{patch, one, right.ReleaseWrite, d.updateRelease, "Update a release", doc{in: releaseInput{}, out: releaseAnswer{}}},
		{del, one, right.ReleaseWrite, d.deleteRelease, "Delete a release", doc{}},
		// To net/http this and the address of one asset would be one and the same.
		{get, one + "/assets", right.ReleaseRead, d.listAssets, "List release assets", doc{query: "page per_page", out: []releaseAsset{}, pattern: one + "/{assets}"}},
		{post, one + "/assets", right.ReleaseWrite, d.uploadAsset, "Upload a release asset", doc{query: "name label", out: releaseAsset{}, code: http.StatusCreated}},
		{get, asset, right.ReleaseRead, d.getAsset, "Get a release asset", doc{out: releaseAsset{}}},
		{patch, asset, right.ReleaseWrite, d.updateAsset, "Update a release asset", doc{in: assetInput{}, out: releaseAsset{}}},
		{del, asset, right.ReleaseWrite, d.deleteAsset, "Delete a release asset", doc{}},
	}
}

// releaseAnswer is GitHub's "release".
type releaseAnswer struct {
	URL             string         `json:"url"`
	AssetsURL       string         `json:"assets_url"`
	UploadURL       string         `json:"upload_url"`
	HTMLURL         string         `json:"html_url"`
	ID              int64          `json:"id"`
	Author          simpleUser     `json:"author"`
	NodeID          string         `json:"node_id"`
	TagName         string         `json:"tag_name"`
	TargetCommitish string         `json:"target_commitish"`
	Name            *string        `json:"name"`
	Draft           bool           `json:"draft"`
	Immutable       bool           `json:"immutable"`
	Prerelease      bool           `json:"prerelease"`
	CreatedAt       string         `json:"created_at"`
	UpdatedAt       *string        `json:"updated_at"`
	PublishedAt     *string        `json:"published_at"`
	Assets          []releaseAsset `json:"assets"`
	TarballURL      *string        `json:"tarball_url"`
	ZipballURL      *string        `json:"zipball_url"`
	Body            *string        `json:"body"`
}

// releaseInput is the part of GitHub's body that means something here; what is
// left out stays as it is.
type releaseInput struct {
	TagName         *string `json:"tag_name"`
	TargetCommitish *string `json:"target_commitish"`
	Name            *string `json:"name"`
	Body            *string `json:"body"`
	Draft           *bool   `json:"draft"`
	Prerelease      *bool   `json:"prerelease"`
	MakeLatest      *string `json:"make_latest"`
	GenerateNotes   bool    `json:"generate_release_notes"`
}

type notesInput struct {
	TagName string `json:"tag_name"`
}

type notes struct {
	Name string `json:"name"`
	Body string `json:"body"`
}

func (c *call) release(r *release.Release) releaseAnswer {
	u := c.repoURL(fmt.Sprintf("/releases/%d", r.ID))
	out := releaseAnswer{URL: u, AssetsURL: u + "/assets", HTMLURL: c.repoPage("/releases/tag/" + url.PathEscape(r.Tag)), ID: int64(r.ID), NodeID: httpkit.NodeID("Release", int64(r.ID)),
		UploadURL: c.door.o.Gate.URL(uploads + "/repos/" + c.repo.FullName() + fmt.Sprintf("/releases/%d/assets{?name,label}", r.ID)),
		TagName:   r.Tag, TargetCommitish: r.Target, Name: optional(r.Name), Draft: r.Draft, Prerelease: r.Prerelease, CreatedAt: moment(r.CreatedAt),
		UpdatedAt: stamp(r.UpdatedAt), PublishedAt: stamp(r.PublishedAt), Assets: []releaseAsset{}, Body: optional(r.Body)}
	if out.TargetCommitish == "" {
		out.TargetCommitish = c.repo.DefaultBranch
	}
	if r.Login == "" {
		out.Author = c.simpleUser(0, "ghost", false) // whoever it was is gone
	} else {
		out.Author = c.simpleUser(int64(r.Author), r.Login, false)
	}
	if !r.Draft {
		tar, zip := c.repoURL("/tarball/"+escaped(r.Tag)), c.repoURL("/zipball/"+escaped(r.Tag))
		out.TarballURL, out.ZipballURL = &tar, &zip
	}
	for i := range r.Assets {
		out.Assets = append(out.Assets, c.asset(&r.Assets[i]))
	}
	return out
}

// drafts reports whether the caller may see drafts.
func (c *call) drafts() bool {
	return c.door.o.Gate.Allows(&c.actor, right.ReleaseDrafts, &c.repo)
}

func (d *Door) listReleases(c *call) (any, error) {
	page, perPage := c.page()
	list, total, err := d.o.Releases.List(c.ctx(), d.o.DB, c.repo.ID, c.drafts(), page, perPage)
	if err != nil {
		return nil, err
	}
	c.link(page, perPage, total)
	out := make([]releaseAnswer, len(list))
	for i := range list {
		out[i] = c.release(&list[i])
	}
	return out, nil
}

// ownRelease is the one that the path names. A draft is there for who may see it.
func (c *call) ownRelease() (release.Release, error) {
	n, ok := id.Parse[id.Release](c.r.PathValue("release_id"))
	if !ok {
		return release.Release{}, errNotFound
	}
	r, err := c.door.o.Releases.Get(c.ctx(), c.door.o.DB, c.repo.ID, n)
	if err == nil && r.Draft && !c.drafts() {
		return release.Release{}, errNotFound
	}
	return r, err
}

func (c *call) oneRelease(r release.Release, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return c.release(&r), nil
}

func (d *Door) getRelease(c *call) (any, error) {
	r, err := c.ownRelease()
	c.changed(r.UpdatedAt)
	return c.oneRelease(r, err)
}

// latestRelease tells no time of change: when the latest goes, an older one, which
// nobody has changed since, stands in its place.
func (d *Door) latestRelease(c *call) (any, error) {
	return c.oneRelease(d.o.Releases.LatestOf(c.ctx(), d.o.DB, c.repo.ID))
}

func (d *Door) releaseByTag(c *call) (any, error) {
	r, err := d.o.Releases.ByTag(c.ctx(), d.o.DB, c.repo.ID, c.r.PathValue("tag"))
	c.changed(r.UpdatedAt)
	return c.oneRelease(r, err)
}

// onto returns the draft that the input makes of what there is.
func (in *releaseInput) onto(r release.Release) release.Draft {
	bool := func(p *bool, was bool) bool {
		if p == nil {
			return was
		}
		return *p
	}
	return release.Draft{Tag: or(in.TagName, r.Tag), Target: or(in.TargetCommitish, r.Target), Name: or(in.Name, r.Name), Body: or(in.Body, r.Body),
		Draft: bool(in.Draft, r.Draft), Prerelease: bool(in.Prerelease, r.Prerelease), Latest: release.Latest(or(in.MakeLatest, ""))}
}

func (d *Door) createRelease(c *call) (any, error) {
	var in releaseInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	n := in.onto(release.Release{})
	if in.GenerateNotes {
		made := c.notes(n.Tag)
		if n.Name == "" {
			n.Name = made.Name
		}
		if n.Body != "" {
			n.Body += "\n\n"
		}
		n.Body += made.Body
	}
	r, err := d.o.Publish.Create(c.ctx(), c.actor, c.repo, n, c.again)
	if err != nil {
		return nil, inGitHubsWords(err)
	}
	out := c.release(&r)
	c.w.Header().Set("Location", out.URL)
	return out, nil
}

func (d *Door) updateRelease(c *call) (any, error) {
	r, err := c.ownRelease()
	if err != nil {
		return nil, err
	}
	var in releaseInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	r, err = d.o.Publish.Update(c.ctx(), c.actor, c.repo, r, in.onto(r), c.again)
	return c.oneRelease(r, inGitHubsWords(err))
}

func (d *Door) deleteRelease(c *call) (any, error) {
	r, err := c.ownRelease()
	if err != nil {
		return nil, err
	}
	return nil, d.o.Releases.Delete(c.ctx(), c.actor, c.repo.ID, r.ID)
}

// notes are what GitHub writes where there are no pull requests to tell of.
func (c *call) notes(tag string) notes {
	return notes{Name: tag, Body: "**Full Changelog**: " + c.repoPage("/commits/"+escaped(tag))}
}

func (d *Door) generateNotes(c *call) (any, error) {
	var in notesInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if !object.CheckRefName("refs/tags/" + in.TagName) {
		return nil, problem.Field("tag_name", "tag_name is not well-formed")
	}
	return c.notes(in.TagName), nil
}
