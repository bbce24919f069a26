package web

import (
	"context"
	"mime"
	"path"
	"time"

	"jeton/internal/gate"
	"jeton/internal/httpkit"
	"jeton/internal/largefile"
	"jeton/internal/problem"
)

// largeFile is what a file's page says when git holds a pointer alone, and the
// content is in Git LFS.
type largeFile struct {
	Size int64
	Href string // empty when nobody has uploaded it to this repository
}

// readPointer fills in the large file that src stands for, if it does.
func (page *blobPage) readPointer(c *call, src []byte, at place, file string) error {
	o, ok := c.door.pointer(src)
	if !ok {
		return nil
	}
	page.Large = &largeFile{Size: o.Size}
	held, err := c.door.o.Files.Object(c.ctx(), c.door.o.DB, c.repo.ID, o.OID)
	switch {
	case problem.Is(err, problem.NotFound):
		return nil
	case err != nil:
		return err
	case held.Size == o.Size:
		page.Large.Href = at.to("media", file)
	}
	return nil
}

func (d *Door) pointer(src []byte) (largefile.Object, bool) {
	if d.o.Files == nil {
		return largefile.Object{}, false
	}
	return largefile.ParsePointer(src)
}

// showMedia sends the large file that the pointer at a path stands for. The
// object is looked up by this repository, as for git-lfs.
func showMedia(c *call) error {
	leave, err := c.enterGate(c.door.long)
	if err != nil {
		return err
	}
	defer leave()
	o, name, err := c.pointed()
	if err != nil {
		return err
	}
	content, err := c.door.o.Files.Open(c.ctx(), c.repo.ID, o.OID)
	if err != nil {
		return err
	}
	defer content.Close()
	h := c.w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": line(name)}))
	ctx, stop := c.watch(mediaTime)
	defer stop()
	httpkit.ServeContent(ctx, c.w, c.r, content, string(o.OID))
	return nil
}

// watch returns a context for an answer that takes long. It ends with what let the
// person in, or after limit.
func (c *call) watch(limit time.Duration) (context.Context, func()) {
	ctx, cancel := context.WithTimeout(c.ctx(), limit)
	ctx, stop := c.door.o.Gate.Watch(ctx, &c.actor, &c.repo, c.heard, c.still)
	release := httpkit.CutShort(ctx, c.w)
	return ctx, func() { release(); stop(); cancel() }
}

// still goes once more through what let the request in.
func (c *call) still(ctx context.Context) error {
	g := c.door.o.Gate
	actor, err := g.IdentifySession(ctx, c.bearer)
	if err != nil {
		return err
	}
	now, err := g.Repo(ctx, &actor, c.action, c.repo.OwnerLogin, c.repo.Name)
	if err != nil {
		return err
	}
	return gate.Same(&c.repo, &now)
}

// pointed reads the pointer that the path names. What is none has no content
// elsewhere.
func (c *call) pointed() (largefile.Object, string, error) {
	v, file, _, err := c.view()
	if err != nil {
		return largefile.Object{}, "", err
	}
	defer v.Close()
	b, err := v.Blob(file)
	if err != nil {
		return largefile.Object{}, "", err
	}
	if b.Size > largefile.MaxPointer {
		return largefile.Object{}, "", errMissing()
	}
	src, err := v.Read(b, largefile.MaxPointer)
	if err != nil {
		return largefile.Object{}, "", err
	}
	o, ok := c.door.pointer(src)
	if !ok {
		return largefile.Object{}, "", errMissing()
	}
	return o, path.Base(file), nil
}
