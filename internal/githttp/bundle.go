package githttp

import (
	"context"
	"net/http"

	"jeton/internal/gate"
	"jeton/internal/httpkit"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// bundle sends a bundle, or the part of it that the client asks for. Who may
// read the repository is told when it is gone; to others there is none at all.
func (d *Door) bundle(ctx context.Context, actor *right.Actor, repo gate.Repo, name string, out *answer, r *http.Request) error {
	f, made, err := d.o.Fetch.Bundle(ctx, actor, repo, name)
	if problem.Is(err, problem.NotFound) {
		return &httpkit.Wrong{Status: http.StatusGone, Text: "That bundle is not there any more. Clone without it: the repository has everything."}
	}
	if err != nil {
		return err
	}
	defer f.Close()
	h := out.w.Header()
	h.Set("Content-Type", "application/x-git-bundle")
	h.Set("ETag", `"`+name+`"`)
	http.ServeContent(file{out}, r, "", made, f)
	return nil
}

// file is an answer whose status and headers are the handler's.
type file struct{ *answer }

// Header implements http.ResponseWriter.
func (f file) Header() http.Header { return f.w.Header() }

// WriteHeader implements http.ResponseWriter.
func (f file) WriteHeader(status int) {
	f.began = true
	f.w.WriteHeader(status)
}
