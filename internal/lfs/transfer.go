package lfs

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"jeton/internal/httpkit"
	"jeton/internal/largefile"
	"jeton/internal/problem"
)

func (c *call) oid() largefile.OID { return largefile.OID(c.arg) } // the route's pattern has checked it

// sendObject sends an object, or a range of it.
func sendObject(d *Door, c *call) error {
	ctx, stop := d.watch(c, d.o.DownloadTimeout)
	defer stop()
	blob, err := d.o.Files.Open(ctx, c.repo.ID, c.oid())
	if err != nil {
		return problem.Ended(ctx, err)
	}
	defer blob.Close()
	httpkit.ServeContent(ctx, c.w, c.r, blob, c.arg)
	return nil
}

// takeObject takes an object's bytes.
func takeObject(d *Door, c *call) error {
	size, err := c.announced()
	if err != nil {
		return err
	}
	if size > d.o.Files.MaxSize() {
		return d.o.Files.TooLarge()
	}
	if e := c.r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return &httpkit.Wrong{Status: http.StatusUnsupportedMediaType, Text: "The body must not be packed."}
	}
	ctx, stop := d.watch(c, d.o.UploadTimeout)
	defer stop()
	if c.body != nil {
		c.r.Body = struct {
			io.Reader
			io.Closer
		}{c.body, c.r.Body}
	}
	body := httpkit.NewPatient(ctx, c.w, c.r.Body, httpkit.IdleLimit, time.Time{})
	// What was taken away while the last bytes came counts as well.
	may := func(ctx context.Context) error { return d.again(ctx, c) }
	if err := d.o.Files.Store(ctx, c.repo.ID, c.oid(), size, body, may); err != nil {
		return problem.Ended(ctx, err)
	}
	c.w.WriteHeader(http.StatusOK)
	return nil
}

// announced is the size that the batch was told and the one that the request
// tells, which must agree; below zero when nobody told one.
func (c *call) announced() (int64, error) {
	size := c.r.ContentLength
	if !c.r.URL.Query().Has("size") {
		return size, nil
	}
	told, err := strconv.ParseInt(c.r.URL.Query().Get("size"), 10, 64)
	if err != nil || told < 0 || size >= 0 && size != told {
		return 0, problem.New(problem.Invalid, "The content that is sent has not the size that was announced.", "Nothing was kept. Push again.")
	}
	return told, nil
}

// verifyObject says whether the repository holds the object with that size.
func verifyObject(d *Door, c *call) error {
	var said batchObject
	if err := c.readJSON(&said); err != nil {
		return err
	}
	if said.OID != c.arg {
		return problem.Field("oid", "The oid in the body is not the one in the path.")
	}
	o, err := d.o.Files.Object(c.ctx(), d.o.DB, c.repo.ID, c.oid())
	if err != nil {
		return err
	}
	if o.Size != said.Size {
		return problem.New(problem.Invalid, otherSize, "")
	}
	return c.answer(http.StatusOK, struct{}{})
}
