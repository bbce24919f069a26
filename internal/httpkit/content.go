package httpkit

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"
)

// ServeContent answers with the bytes of something that never changes, whole or
// the range that is asked for (RFC 9110, 14), until ctx ends. Its name is its
// strong validator: what has another name is something else. The content is for
// keeping, not for showing, unless the caller has set the headers about that.
func ServeContent(ctx context.Context, w http.ResponseWriter, r *http.Request, content io.ReadSeeker, name string) {
	h := w.Header()
	h.Set("ETag", `"`+name+`"`)
	for header, value := range map[string]string{"Content-Type": "application/octet-stream", "Content-Disposition": "attachment"} {
		if h.Get(header) == "" {
			h.Set(header, value)
		}
	}
	if strings.Contains(r.Header.Get("Range"), ",") {
		r.Header.Del("Range") // no client of ours asks for several, and a list of a thousand would cost much
	}
	http.ServeContent(NewSteady(ctx, w, IdleLimit), r, "", time.Time{}, content)
	if ctx.Err() != nil {
		panic(http.ErrAbortHandler) // half an answer must not look like a whole one
	}
}
