package rest

import (
	"context"
	"io"
	"net/http"

	"jeton/internal/gitstore"
)

// archiveKind is one form in which a repository is downloaded.
type archiveKind struct {
	format gitstore.ArchiveFormat
	folder string // in the path of what the link leads to
	kind   string // the media type
}

var (
	tarball = archiveKind{gitstore.TarGz, "legacy.tar.gz", "application/x-gzip"}
	zipball = archiveKind{gitstore.Zip, "legacy.zip", "application/zip"}
)

// archiveLink answers with a link, as GitHub does: clients follow it, or hand it
// on. It leads to this API, and wants the same credential.
func (d *Door) archiveLink(k archiveKind) handler {
	return func(c *call) (any, error) {
		v, err := c.archived()
		if err != nil {
			return nil, err
		}
		defer v.Close()
		to := v.Ref
		if to == "" {
			to = string(v.Commit.ID)
		}
		c.w.Header().Set("Location", c.repoURL("/"+k.folder+"/"+escaped(to)))
		return found{}, nil
	}
}

// found is a 302 without a body.
type found struct{}

func (found) writeTo(c *call) error {
	c.w.Header().Set("Content-Length", "0")
	c.w.WriteHeader(http.StatusFound)
	return nil
}

func (c *call) archived() (*gitstore.View, error) {
	v, err := c.view(c.r.PathValue("ref"))
	if err != nil {
		return nil, instead(err, errNotFound)
	}
	return v, nil
}

// archive writes it. Its folder and its file are called OWNER-NAME-COMMIT.
func (d *Door) archive(k archiveKind) handler {
	return func(c *call) (any, error) {
		v, err := c.archived()
		if err != nil {
			return nil, err
		}
		defer v.Close()
		name := c.repo.OwnerLogin + "-" + c.repo.Name + "-" + v.Commit.ID.Short()
		return &stream{kind: k.kind, name: name + "." + string(k.format), size: -1, etag: `W/"` + string(v.Commit.ID) + "-" + string(k.format) + `"`,
			open: func(ctx context.Context) (io.ReadCloser, error) { return v.Archive(ctx, c.share(), k.format, name) }}, nil
	}
}
