package web

import (
	"errors"
	"mime"
	"net/http"
	"slices"
	"strings"

	"jeton/internal/gate"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/release"
)

// maxNotes bounds the form of a release: the notes may have 125,000 characters,
// of up to four bytes each.
const maxNotes = 1 << 20

// The labels of which a release carries one.
const (
	labelLatest     = "latest"
	labelPrerelease = "prerelease"
	labelNone       = "none"
)

// releaseFormPage is the form for a release, a new one or one that there is.
type releaseFormPage struct {
	RepoFrame
	Action, Href            string // Href is that of the release, if it is published
	Edit, Draft             bool   // Draft: nobody else sees it yet
	Tag, Target, Name, Body string
	Label                   string
	Tags, Targets           []string
	Files                   []fileOfRelease
}

// fileOfRelease is a file on the page that edits its release.
type fileOfRelease struct {
	Name, Digest, DeleteHref string
	Size                     int64
}

// releaseForm is the page for r; without a number it is for a new release.
func (c *call) releaseForm(r *release.Release) (*releaseFormPage, error) {
	p := &releaseFormPage{RepoFrame: c.repoFrame("New release", "releases"), Action: c.repoPath("/releases/new"), Draft: true, Label: labelLatest,
		Tag: r.Tag, Target: r.Target, Name: r.Name, Body: r.Body}
	if r.ID != 0 {
		p.Title, p.Action, p.Edit, p.Draft = "Edit "+titleOf(r), c.editPath(r.ID, ""), true, r.Draft
		if !r.Draft {
			p.Href = c.releasePath("tag", r.Tag)
		}
		for i := range r.Assets {
			s := &r.Assets[i]
			p.Files = append(p.Files, fileOfRelease{Name: line(s.Name), Digest: s.Digest, Size: s.Size, DeleteHref: c.editPath(r.ID, "/files/"+id.Text(s.ID)+"/delete")})
		}
		var err error
		if p.Label, err = c.labelOf(r); err != nil {
			return nil, err
		}
	}
	return p, c.fillRefs(p)
}

// labelOf is the label that the form of a release begins with.
func (c *call) labelOf(r *release.Release) (string, error) {
	switch {
	case r.Prerelease:
		return labelPrerelease, nil
	case r.Draft:
		return labelLatest, nil // as for a new one: a draft keeps no wish
	}
	latest, err := c.door.o.Releases.LatestOf(c.ctx(), c.door.o.DB, c.repo.ID)
	if err != nil && !problem.Is(err, problem.NotFound) {
		return "", err
	}
	if latest.ID == r.ID {
		return labelLatest, nil
	}
	return labelNone, nil
}

// fillRefs offers the tags that there are, and the branches that a new one can be
// made of.
func (c *call) fillRefs(p *releaseFormPage) error {
	refs, err := c.door.o.Git.Repo(c.repo.ID).Refs(c.ctx())
	if err != nil {
		return err
	}
	for i, t := range refs.Tags() {
		if i == maxEntries {
			break
		}
		p.Tags = append(p.Tags, t.Short())
	}
	if p.Target == "" {
		p.Target = c.repo.DefaultBranch
	}
	for i, b := range refs.Branches() {
		if i == maxEntries {
			break
		}
		p.Targets = append(p.Targets, b.Short())
	}
	if !slices.Contains(p.Targets, p.Target) {
		p.Targets = append([]string{p.Target}, p.Targets...) // a commit, or a branch that is gone
	}
	return nil
}

func titleOf(r *release.Release) string {
	if r.Name != "" {
		return line(r.Name)
	}
	return line(r.Tag)
}

// editPath is the address below which a release is edited.
func (c *call) editPath(r id.Release, rest string) string {
	return c.repoPath("/releases/edit/" + id.Text(r) + rest)
}

// ownRelease is the one that the path names, a draft too.
func (c *call) ownRelease() (release.Release, error) {
	n, err := pathID[id.Release](c, "release_id")
	if err != nil {
		return release.Release{}, err
	}
	r, err := c.door.o.Releases.Get(c.ctx(), c.door.o.DB, c.repo.ID, n)
	if problem.Is(err, problem.NotFound) {
		err = errMissing()
	}
	return r, err
}

func newReleaseForm(c *call) error {
	p, err := c.releaseForm(&release.Release{Tag: c.r.URL.Query().Get("tag")})
	if err != nil {
		return err
	}
	return c.show("release-form", p)
}

func createRelease(c *call) error {
	p, err := c.releaseForm(&release.Release{})
	if err != nil {
		return err
	}
	return c.saveRelease(p, nil)
}

func editReleaseForm(c *call) error {
	r, err := c.ownRelease()
	if err != nil {
		return err
	}
	p, err := c.releaseForm(&r)
	if err != nil {
		return err
	}
	return c.show("release-form", p)
}

func updateRelease(c *call) error {
	r, err := c.ownRelease()
	if err != nil {
		return err
	}
	p, err := c.releaseForm(&r)
	if err != nil {
		return err
	}
	return c.saveRelease(p, &r)
}

// saveRelease does what the form says: a new release, or old as it shall be.
func (c *call) saveRelease(p *releaseFormPage, old *release.Release) error {
	if err := c.readLongForm(); err != nil {
		return err
	}
	p.Tag, p.Name, p.Label = c.field("tag_name"), c.field("name"), c.field("label")
	p.Body = strings.ReplaceAll(c.r.PostForm.Get("body"), "\r\n", "\n") // as browsers send lines
	if target := c.field("target_commitish"); target != "" {
		p.Target = target
	}
	n := release.Draft{Tag: p.Tag, Target: p.Target, Name: p.Name, Body: p.Body, Draft: p.Draft && c.field("do") != "publish"}
	switch p.Label {
	case labelLatest:
		n.Latest = release.MakeLatest
	case labelPrerelease:
		n.Prerelease = true
	case labelNone:
		n.Latest = release.NotLatest
	default:
		return c.again(problem.Field("label", "Choose what it is to others."), "release-form", p)
	}
	leave, err := c.enterGate(c.door.heavy)
	if err != nil {
		return err
	}
	defer leave()
	var r release.Release
	if old == nil {
		r, err = c.door.o.Publish.Create(c.ctx(), c.actor, c.repo, n, c.still)
	} else {
		r, err = c.door.o.Publish.Update(c.ctx(), c.actor, c.repo, *old, n, c.still)
	}
	switch {
	case err != nil:
		return c.again(inWords(err), "release-form", p)
	case r.Draft:
		return c.done("Saved the draft. Nobody but those with write access sees it.", c.editPath(r.ID, ""))
	case old == nil || old.Draft:
		return c.done("Published "+titleOf(&r)+".", c.releasePath("tag", r.Tag))
	}
	return c.done("Saved the release.", c.releasePath("tag", r.Tag))
}

// inWords tells what is wrong with a release as a page does; the room and the push
// speak to programs.
func inWords(err error) error {
	e := problem.Of(err)
	_, denied := errors.AsType[*gate.Denied](err)
	switch {
	case denied:
		return err
	case e.Kind == problem.Forbidden: // a rule about tags
		return problem.Field("tag_name", sentence(e.Public))
	case e.Field == "tag_name" && strings.Contains(e.Public, "already exists"):
		return problem.Field("tag_name", "There is a release of this tag already.")
	case e.Field == "tag_name":
		return problem.Field("tag_name", "A tag’s name has no spaces, no two dots in a row, none of ~ ^ : ? * [ \\, and no dot or slash at its ends.")
	case e.Field == "target_commitish":
		return problem.Field("target_commitish", "There is no such branch any more. Choose another one.")
	case e.Field == "name":
		return problem.Field("name", "A title has 255 characters at most.")
	case e.Field == "body":
		return problem.Field("body", "Notes have 125,000 characters at most.")
	}
	return err
}

// readLongForm reads a form that may be longer than most, once the gate has
// allowed it.
func (c *call) readLongForm() error {
	if kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err != nil || kind != "multipart/form-data" {
		return nil // it was read
	}
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, maxNotes)
	return formError(c.r.ParseMultipartForm(maxNotes)) // nothing of it comes to the disk
}

func deleteReleaseForm(c *call) error {
	r, err := c.ownRelease()
	if err != nil {
		return err
	}
	p := c.confirmRelease("Delete "+titleOf(&r)+"?", "Delete this release", c.editPath(r.ID, "/delete"), "The release and the files that were attached to it are deleted for good.")
	if !r.Draft {
		p.Consequences = append(p.Consequences, "The tag "+line(r.Tag)+" stays in the repository.")
	}
	return c.show("confirm", p)
}

func (c *call) confirmRelease(heading, button, action string, consequences ...string) *confirmPage {
	p := c.confirmRepo("", heading, button, consequences...)
	p.Crumbs[2] = Link{Text: "Releases", Href: c.repoPath("/releases")}
	p.Action, p.Back = action, c.repoPath("/releases")
	return p
}

func deleteRelease(c *call) error {
	r, err := c.ownRelease()
	if err != nil {
		return err
	}
	if err := c.door.o.Releases.Delete(c.ctx(), c.actor, c.repo.ID, r.ID); err != nil {
		return missingIf(err)
	}
	return c.done("Deleted the release "+titleOf(&r)+".", c.repoPath("/releases"))
}
