package rest

import (
	"context"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"jeton/internal/blob"
	"jeton/internal/httpkit"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/release"
)

// uploads is where assets are uploaded, as on a GitHub of one's own: clients take
// it from a release's upload_url.
const uploads = "/api/uploads"

// How many assets are on their way at a time, up or down.
const (
	transfersPerActor = 8
	transfersInAll    = 128
)

var uploadPath = regexp.MustCompile(`^` + uploads + `(/repos/[^/]+/[^/]+/releases/[^/]+/assets)$`)

// Serves reports whether a path is this door's.
func Serves(path string) bool {
	return path == Prefix || strings.HasPrefix(path, Prefix+"/") || strings.HasPrefix(path, uploads+"/")
}

// uploaded leads an upload to its line of the table.
func uploaded(r *http.Request) *http.Request {
	m := uploadPath.FindStringSubmatch(r.URL.EscapedPath())
	if m == nil || r.Method != http.MethodPost {
		return r
	}
	path, err := url.PathUnescape(m[1])
	if err != nil {
		return r
	}
	to := *r
	u := *r.URL
	u.Path, u.RawPath = Prefix+path, Prefix+m[1]
	to.URL = &u
	return &to
}

// releaseAsset is GitHub's "release-asset".
type releaseAsset struct {
	URL                string      `json:"url"`
	ID                 int64       `json:"id"`
	NodeID             string      `json:"node_id"`
	Name               string      `json:"name"`
	Label              *string     `json:"label"`
	Uploader           *simpleUser `json:"uploader"`
	ContentType        string      `json:"content_type"`
	State              string      `json:"state"`
	Size               int64       `json:"size"`
	Digest             *string     `json:"digest"`
	DownloadCount      int64       `json:"download_count"`
	CreatedAt          string      `json:"created_at"`
	UpdatedAt          string      `json:"updated_at"`
	BrowserDownloadURL string      `json:"browser_download_url"`
}

type assetInput struct {
	Name  *string `json:"name"`
	Label *string `json:"label"`
}

func (c *call) asset(s *release.Asset) releaseAsset {
	digest := "sha256:" + s.Digest
	return releaseAsset{URL: c.repoURL(fmt.Sprintf("/releases/assets/%d", s.ID)), ID: int64(s.ID), NodeID: httpkit.NodeID("ReleaseAsset", int64(s.ID)), Name: s.Name,
		Label: &s.Label, Uploader: c.maybeUser(s.Uploader, s.Login), ContentType: s.ContentType, State: "uploaded", Size: s.Size, Digest: &digest, DownloadCount: s.Downloads,
		CreatedAt: moment(s.CreatedAt), UpdatedAt: moment(s.UpdatedAt), BrowserDownloadURL: c.repoPage("/releases/download/" + url.PathEscape(s.Tag) + "/" + url.PathEscape(s.Name))}
}

func (d *Door) listAssets(c *call) (any, error) {
	if c.r.PathValue("assets") != "assets" {
		return nil, errNotFound
	}
	r, err := c.ownRelease()
	if err != nil {
		return nil, err
	}
	page, perPage := c.page()
	c.link(page, perPage, len(r.Assets))
	out := []releaseAsset{}
	for i := (page - 1) * perPage; i < min(page*perPage, len(r.Assets)); i++ {
		out = append(out, c.asset(&r.Assets[i]))
	}
	return out, nil
}

// uploadAsset keeps the body. What was taken away while the bytes came counts as
// well.
func (d *Door) uploadAsset(c *call) (any, error) {
	r, err := c.ownRelease()
	if err != nil {
		return nil, err
	}
	if e := c.r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return nil, status(http.StatusUnsupportedMediaType, "The body must not be packed.")
	}
	leave, err := d.uploading.Enter(c.who())
	if err != nil {
		return nil, err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(c.ctx(), d.o.UploadTimeout)
	defer cancel()
	ctx, stop := d.o.Gate.Watch(ctx, &c.actor, &c.repo, c.heard, c.again)
	defer stop()
	defer httpkit.CutShort(ctx, c.w)()
	body := httpkit.NewPatient(ctx, c.w, c.r.Body, httpkit.IdleLimit, time.Time{})
	s, err := d.o.Releases.Upload(ctx, c.actor, c.repo.ID, r.ID, release.NewAsset{Name: c.query("name"), Label: c.query("label"),
		ContentType: c.r.Header.Get("Content-Type"), Size: c.r.ContentLength}, body, c.again)
	if err != nil {
		return nil, problem.Ended(ctx, err)
	}
	out := c.asset(&s)
	c.w.Header().Set("Location", out.URL)
	return out, nil
}

// ownAsset is the one that the path names. A draft's is there for who may see it.
func (c *call) ownAsset() (release.Asset, error) {
	n, ok := id.Parse[id.Asset](c.r.PathValue("asset_id"))
	if !ok {
		return release.Asset{}, errNotFound
	}
	s, err := c.door.o.Releases.Asset(c.ctx(), c.door.o.DB, c.repo.ID, n)
	if err == nil && s.Draft && !c.drafts() {
		return release.Asset{}, errNotFound
	}
	return s, err
}

func (d *Door) getAsset(c *call) (any, error) {
	s, err := c.ownAsset()
	if err != nil {
		return nil, err
	}
	if strings.Contains(c.r.Header.Get("Accept"), "application/octet-stream") {
		return &assetBytes{s}, nil
	}
	c.changed(s.UpdatedAt)
	return c.asset(&s), nil
}

// assetBytes is the answer that is the file itself, or a range of it.
type assetBytes struct{ release.Asset }

func (a *assetBytes) writeTo(c *call) error {
	leave, err := c.door.uploading.Enter(c.who())
	if err != nil {
		return err
	}
	defer leave()
	var in blob.Reader
	if in, err = c.door.o.Releases.Open(c.ctx(), &a.Asset); err != nil {
		return err
	}
	defer in.Close()
	ctx, end := c.door.o.Gate.Watch(c.ctx(), &c.actor, &c.repo, c.heard, c.again)
	defer end()
	defer httpkit.CutShort(ctx, c.w)()
	h := c.w.Header()
	h.Set("Content-Type", a.ContentType)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": a.Name}))
	if c.r.Method == http.MethodGet && c.r.Header.Get("Range") == "" {
		c.door.o.Releases.Downloaded(a.ID)
	}
	httpkit.ServeContent(ctx, c.w, c.r, in, a.Digest)
	return nil
}

func (d *Door) updateAsset(c *call) (any, error) {
	s, err := c.ownAsset()
	if err != nil {
		return nil, err
	}
	var in assetInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if s, err = d.o.Releases.EditAsset(c.ctx(), c.repo.ID, s.ID, in.Name, in.Label); err != nil {
		return nil, err
	}
	return c.asset(&s), nil
}

func (d *Door) deleteAsset(c *call) (any, error) {
	s, err := c.ownAsset()
	if err != nil {
		return nil, err
	}
	return nil, d.o.Releases.DeleteAsset(c.ctx(), c.repo.ID, s.ID)
}
