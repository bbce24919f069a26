package web

import (
	"net/http"

	"jeton/internal/event"
	"jeton/internal/problem"
	"jeton/internal/right"
)

var headings = map[int]string{
	http.StatusBadRequest:            "This request could not be understood",
	http.StatusUnauthorized:          "Please sign in",
	http.StatusForbidden:             "This is not allowed",
	http.StatusNotFound:              "This page was not found",
	http.StatusConflict:              "This changed in the meantime",
	http.StatusRequestEntityTooLarge: "This is too large",
	http.StatusUnprocessableEntity:   "This could not be done",
	http.StatusTooManyRequests:       "Please slow down",
	http.StatusServiceUnavailable:    "This can't be done at the moment",
	http.StatusInternalServerError:   "Something went wrong on our side",
}

// renderError writes an error as a page: what happened, what to do, and the
// request's id. It must never show an error's cause.
func (d *Door) renderError(w http.ResponseWriter, r *http.Request, status int, err error) {
	c := callOf(r)
	if c == nil {
		c = &call{door: d, actor: right.Anonymous()}
	}
	c.w, c.r = w, r
	p := problem.Of(err)
	page := &errorPage{
		Status: status, StatusText: http.StatusText(status), Heading: headings[status],
		What: sentence(p.Public), Remedy: sentence(p.Remedy), Request: event.From(r.Context()).Request,
		Next: []Link{{Text: "Go to the start page", Href: "/"}},
	}
	if page.Heading == "" {
		page.Heading = page.StatusText
	}
	page.Title = page.Heading
	if p.Public == "" {
		page.What, page.Remedy = "The server could not answer this request.", "Try again. If it happens again, tell the administrator of this site."
	}
	if status == http.StatusNotFound && c.actor.IsAnonymous() {
		page.Next = append(page.Next, Link{Text: "Sign in", Href: "/login"})
	}
	if err := c.showAs(status, "error", page); err != nil {
		c.noted(err)
		http.Error(w, "Something went wrong on the server.", http.StatusInternalServerError)
	}
}
