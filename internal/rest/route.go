package rest

import (
	"net/http"

	"jeton/internal/httpkit"
	"jeton/internal/right"
)

// The methods, as the table has them.
const (
	get, post, put, patch, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete
)

// topic is one part of the table, with the heading that it has in the documents.
type topic struct {
	title  string
	routes []route
}

// route is one line of the table.
type route struct {
	method, path string // of net/http's pattern, below Prefix
	action       right.Action
	handle       handler
	summary      string // GitHub's name of it
	doc
}

// doc is what the documents say of a route beside its summary.
type doc struct {
	query   string // the names of the parameters in the query, with spaces between them
	in, out any    // values of the types that the body and the answer have; nil: nothing
	pattern string // of net/http's, where it must differ from the path; empty: it does not
	code    int    // of a good answer; 0: 200, or 204 without an answer
}

// register gives the lines the form in which doors are mounted.
func (t topic) register() []httpkit.Route[route] {
	out := make([]httpkit.Route[route], len(t.routes))
	for i, r := range t.routes {
		path := r.path
		if r.pattern != "" {
			path = r.pattern
		}
		out[i] = httpkit.Route[route]{Method: r.method, Path: Prefix + path, Action: r.action, Handle: r}
	}
	return out
}

// file is an answer that is not JSON: it stands in the table for its media type,
// and writes itself.
type file struct {
	kind  string // the media type
	bytes []byte
}

func (f file) writeTo(c *call) error {
	c.w.Header().Set("Content-Type", f.kind)
	return c.send(http.StatusOK, f.bytes)
}
