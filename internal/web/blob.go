package web

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"

	"jeton/internal/gitstore"
	"jeton/internal/markdown"
)

// showBlob is a file as text, or what can be said of one that is not text.
func showBlob(c *call) error {
	v, file, at, err := c.view()
	if err != nil {
		return err
	}
	c.hold(v.Close)
	e, err := v.Entry(file)
	if err != nil {
		return err
	}
	if e.Mode.IsDir() {
		return c.moved(at.to("tree", file))
	}
	b, err := v.Blob(file)
	if err != nil {
		return err
	}
	page := &blobPage{RepoFrame: c.repoFrame(c.fileTitle(file, at), "code"), Name: line(path.Base(file)), Refs: at.refMenu(v, "tree"), Where: at.pathNav(c.repo.Name, file),
		RawHref: at.to("raw", file), CommitsHref: at.to("commits", file), Size: b.Size}
	page.Heading = page.Title
	if err := page.read(c, v, b, at, file); err != nil {
		return err
	}
	return c.show("blob", page)
}

// read fills in what is shown of the file. Of a file that is too large nothing
// is read but its beginning.
func (page *blobPage) read(c *call, v *gitstore.View, b gitstore.Blob, at place, file string) error {
	if b.Size > maxShown {
		head, err := v.ReadHead(b, 8000)
		page.Binary = isBinary(head)
		page.TooLarge = !page.Binary
		return err
	}
	src, err := v.Read(b, maxShown)
	if err != nil {
		return err
	}
	if page.Binary = isBinary(src); page.Binary {
		return nil
	}
	if err := page.readPointer(c, src, at, file); err != nil || page.Large != nil {
		return err
	}
	if isMarkdown(file) {
		here := at.to("blob", file)
		if page.Plain = c.r.URL.Query().Get("plain") == "1"; !page.Plain {
			page.OtherHref = here + "?plain=1"
			dir := path.Dir(file)
			if dir == "." {
				dir = ""
			}
			if html, err := markdown.Render(src, at.markdown(dir)); err == nil {
				page.Rendered = html
				return nil
			}
		}
		page.Plain, page.OtherHref = true, here
	}
	page.Code, page.Lines, page.Cut = writeCode(src)
	return nil
}

// pictures are what browsers show in a README: as attachments, in a sandbox,
// and only when their first bytes are those of the kind.
var pictures = [...]string{"image/png", "image/jpeg", "image/gif", "image/webp"}

func rawKind(head []byte, name string) (kind string, attach bool) {
	sniffed := http.DetectContentType(head)
	for _, p := range pictures {
		if sniffed == p {
			return p, true
		}
	}
	if isBinary(head) {
		return "application/octet-stream", true
	}
	return "text/plain; charset=utf-8", strings.EqualFold(path.Ext(name), ".pdf")
}

// showRaw sends a file's bytes as plain text or as an attachment: what somebody
// uploaded never runs under this site's name.
func showRaw(c *call) error {
	leave, err := c.enterGate(c.door.long)
	if err != nil {
		return err
	}
	defer leave()
	v, file, _, err := c.view()
	if err != nil {
		return err
	}
	shut := sync.OnceFunc(v.Close)
	defer shut()
	b, err := v.Blob(file)
	if err != nil {
		return err
	}
	head, err := v.ReadHead(b, 8000)
	if err != nil {
		return err
	}
	body := io.NopCloser(bytes.NewReader(head))
	if int64(len(head)) < b.Size && c.r.Method != http.MethodHead {
		ctx, stop := c.watch(mediaTime)
		defer stop()
		if body, err = v.Stream(ctx, b); err != nil {
			return err
		}
	}
	defer body.Close()
	shut() // a slow reader must not keep it open
	c.rawHeaders(path.Base(file), head, b.Size)
	if c.r.Method == http.MethodHead {
		return nil
	}
	if _, err := io.Copy(steady{c}, body); err != nil {
		// The answer has begun: ending the connection is the only way to say so.
		c.noted(err)
		panic(http.ErrAbortHandler)
	}
	return nil
}

func (c *call) rawHeaders(name string, head []byte, size int64) {
	kind, attach := rawKind(head, name)
	h := c.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	h.Set("Content-Length", strconv.FormatInt(size, 10))
	if attach {
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": line(name)}))
	}
}
