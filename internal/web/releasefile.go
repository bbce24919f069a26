package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"time"

	"jeton/internal/httpkit"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/release"
)

// maxUnread is how much of a form with files that was refused is read: a browser
// looks for the answer only when it has sent all.
const maxUnread = 1 << 30

// uploadFiles keeps the files of a form. They stream: none is in memory, or on the
// disk before the room has agreed to it.
func uploadFiles(c *call) error {
	r, err := c.ownRelease()
	if err != nil {
		return err
	}
	n, err := c.receiveFiles(&r)
	if err == nil {
		text := "Attached one file."
		if n > 1 {
			text = fmt.Sprintf("Attached %d files.", n)
		}
		return c.done(text, c.editPath(r.ID, ""))
	}
	now, loadErr := c.ownRelease() // those before the wrong one were kept
	if loadErr != nil {
		return loadErr
	}
	p, loadErr := c.releaseForm(&now)
	if loadErr != nil {
		return loadErr
	}
	return c.again(err, "release-form", p)
}

// receiveFiles reads the form to its end, or to what is wrong, and returns how many
// files were kept.
func (c *call) receiveFiles(r *release.Release) (n int, err error) {
	leave, err := c.enterGate(c.door.long)
	if err != nil {
		return 0, err
	}
	defer leave()
	ctx, stop := c.watch(c.door.o.UploadTimeout)
	defer stop()
	body := httpkit.NewPatient(ctx, c.w, c.r.Body, httpkit.IdleLimit, time.Time{})
	c.r.Body = body
	form, err := c.r.MultipartReader()
	if err != nil {
		return 0, errChooseFile()
	}
	for {
		part, err := form.NextPart()
		if err == io.EOF && n == 0 {
			return 0, errChooseFile()
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, problem.Ended(ctx, formError(err))
		}
		kept, err := c.receiveFile(ctx, r, part)
		if kept {
			n++
		}
		if err != nil {
			if p := problem.Of(err); p.Kind != problem.Unavailable && ctx.Err() == nil {
				_, _ = io.CopyN(io.Discard, body, maxUnread)
			}
			return n, problem.Ended(ctx, err)
		}
	}
}

func (c *call) receiveFile(ctx context.Context, r *release.Release, part *multipart.Part) (kept bool, err error) {
	name := part.FileName()
	if name == "" { // a field in which no file was chosen
		if n, _ := io.ReadFull(part, make([]byte, 1)); n > 0 {
			return false, errBadForm(nil)
		}
		return false, nil
	}
	_, err = c.door.o.Releases.Upload(ctx, c.actor, c.repo.ID, r.ID, release.NewAsset{Name: name, ContentType: part.Header.Get("Content-Type"), Size: -1}, part, c.still)
	p := problem.Of(err)
	switch {
	case err == nil:
		return true, nil
	case p.Field == "name" && release.AssetName(name) != "":
		return false, problem.Field("files", "There is a file "+line(release.AssetName(name))+" already. Delete it first, or give this one another name.")
	case p.Field == "name", p.Field == "label":
		return false, problem.Field("files", "The name of a file has at most 255 bytes, and a letter or digit among them.")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return false, errBadForm(err)
	}
	return false, missingIf(err)
}

func errChooseFile() error { return problem.Field("files", "Choose a file first.") }

// ownFile is the file that the path names, of the release that it names.
func (c *call) ownFile() (release.Release, release.Asset, error) {
	r, err := c.ownRelease()
	if err != nil {
		return r, release.Asset{}, err
	}
	n, err := pathID[id.Asset](c, "asset_id")
	if err != nil {
		return r, release.Asset{}, err
	}
	for _, s := range r.Assets {
		if s.ID == n {
			return r, s, nil
		}
	}
	return r, release.Asset{}, errMissing()
}

func deleteFileForm(c *call) error {
	r, s, err := c.ownFile()
	if err != nil {
		return err
	}
	p := c.confirmRelease("Delete "+line(s.Name)+"?", "Delete this file", c.editPath(r.ID, "/files/"+id.Text(s.ID)+"/delete"),
		"Nobody can download it any more. Those who have it keep it.")
	p.Back = c.editPath(r.ID, "")
	return c.show("confirm", p)
}

func deleteFile(c *call) error {
	r, s, err := c.ownFile()
	if err != nil {
		return err
	}
	if err := c.door.o.Releases.DeleteAsset(c.ctx(), c.repo.ID, s.ID); err != nil {
		return missingIf(err)
	}
	return c.done("Deleted the file "+line(s.Name)+".", c.editPath(r.ID, ""))
}
