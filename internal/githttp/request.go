package githttp

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"jeton/internal/httpkit"
	"jeton/internal/problem"
)

// parse reads what the request asks for and refuses what disagrees with itself.
func parse(r *http.Request) (target, error) {
	t, ok := parsePath(r.URL.Path)
	if !ok {
		return target{}, problem.New(problem.NotFound, "Not Found", "")
	}
	services := asked(r.URL.RawQuery)
	if t.bundle != "" {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			return target{}, &httpkit.Wrong{Status: http.StatusMethodNotAllowed, Allow: "GET, HEAD", Text: "This address takes GET requests only."}
		}
		return t, nil
	}
	if !t.discovery {
		if r.Method != http.MethodPost {
			return target{}, &httpkit.Wrong{Status: http.StatusMethodNotAllowed, Allow: "POST", Text: "This address takes POST requests of git only."}
		}
		for _, s := range services {
			if s != t.service.name {
				return target{}, &httpkit.Wrong{Status: http.StatusBadRequest, Text: "The service in the query is not the one in the path."}
			}
		}
		return t, nil
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return target{}, &httpkit.Wrong{Status: http.StatusMethodNotAllowed, Allow: "GET, HEAD", Text: "This address takes GET requests of git only."}
	}
	if len(services) > 1 {
		return target{}, &httpkit.Wrong{Status: http.StatusBadRequest, Text: "The query names more than one service."}
	}
	switch {
	case len(services) == 1 && services[0] == uploadPack.name:
		t.service = uploadPack
	case len(services) == 1 && services[0] == receivePack.name:
		t.service = receivePack
	default:
		// Without ?service= this would be the dumb protocol, which hands out
		// files without asking who wants what.
		return target{}, &httpkit.Wrong{Status: http.StatusForbidden, Text: "Please upgrade your git client. This server speaks git's smart HTTP protocol only."}
	}
	return t, nil
}

// maxProtocol bounds the Git-Protocol header, a list like "version=2".
const maxProtocol = 256

// protocolHeader is the value of Git-Protocol, or nothing if it is longer than
// any that git sends.
func protocolHeader(r *http.Request) string {
	if p := r.Header.Get("Git-Protocol"); len(p) <= maxProtocol {
		return p
	}
	return ""
}

const (
	maxFetchBody = 64 << 20        // wants and haves; a million of them fit
	fetchBody    = 2 * time.Minute // for the whole of it
)

// body is the request's body, unpacked if it came packed, bounded in size and
// in how long the client may be silent.
func (d *Door) body(ctx context.Context, w http.ResponseWriter, r *http.Request, s *service) (io.ReadCloser, error) {
	if kind := r.Header.Get("Content-Type"); kind != s.request && mediaType(kind) != s.request {
		return nil, &httpkit.Wrong{Status: http.StatusUnsupportedMediaType, Text: "The body must be " + s.request + "."}
	}
	limit := int64(maxFetchBody)
	if s == receivePack {
		limit = d.o.MaxPack
	}
	var until time.Time
	if s == uploadPack {
		until = time.Now().Add(fetchBody)
	}
	raw := httpkit.NewPatient(ctx, w, r.Body, httpkit.IdleLimit, until)
	switch r.Header.Get("Content-Encoding") {
	case "", "identity":
		return &bounded{Reader: raw, Closer: raw, left: limit}, nil
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(raw)
		if err != nil {
			return nil, &httpkit.Wrong{Status: http.StatusBadRequest, Text: "The body is not gzip, as its header says."}
		}
		return &bounded{Reader: z, Closer: raw, left: limit}, nil
	}
	return nil, &httpkit.Wrong{Status: http.StatusUnsupportedMediaType, Text: "The body's encoding must be gzip, or none."}
}

func mediaType(kind string) string {
	media, _, _ := mime.ParseMediaType(kind)
	return media
}

// errTooLarge ends a body that is longer than its limit, unpacked.
var errTooLarge = errors.New("the request's body is too large")

// bounded fails once more than left bytes were read: a small packed body must
// not become a huge one.
type bounded struct {
	io.Reader
	io.Closer
	left int64
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		var one [1]byte
		if n, err := b.Reader.Read(one[:]); n == 0 && err != nil {
			return 0, err
		}
		return 0, problem.Wrap(errTooLarge, problem.TooLarge, "The request is larger than this server takes.", "Push in several smaller steps.")
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.Reader.Read(p)
	b.left -= int64(n)
	if errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) {
		err = fmt.Errorf("unpack the body: %w", err)
	}
	return n, err
}
