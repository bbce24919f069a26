package rest

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"time"

	"jeton/internal/httpkit"
	"jeton/internal/right"
)

// Enter lets another door of the API be entered as this one is: the caller is
// identified, counted and asked for the body, and what goes wrong is told in the
// API's manner.
func (d *Door) Enter(next func(http.ResponseWriter, *http.Request, *right.Actor) error) http.Handler {
	return httpkit.Frame(d.render, func(w http.ResponseWriter, r *http.Request) error {
		maps.Copy(w.Header(), d.fixed)
		c := &call{door: d, w: w, r: r}
		defer func() { c.use.Broken() }() // what was answered has ended it
		err := c.enter()
		defer c.metered.Close(r.Context())
		if err == nil {
			c.use.About(right.SelfRead, nil, "", "")
			err = c.hand(next)
		}
		c.use.End(err)
		return err
	})
}

// State is the actor's rate limit as it stands; ok is false where there is none.
func (d *Door) State(r *http.Request, actor *right.Actor) (limit, remaining int, reset time.Time, ok bool) {
	c := &call{door: d, r: r, actor: *actor}
	key, rate := c.allowance()
	if rate.Count <= 0 {
		return 0, 0, time.Time{}, false
	}
	core := c.core(rate, d.o.Limit.Take(key, rate, 0))
	return core.Limit, core.Remaining, time.Unix(core.Reset, 0), true
}

// hand gives the request to another door, with the body of whoever is somebody.
func (c *call) hand(next func(http.ResponseWriter, *http.Request, *right.Actor) error) error {
	if !c.actor.IsAnonymous() {
		body, err := c.body()
		if err != nil {
			return err
		}
		c.r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return next(c.w, c.r, &c.actor)
}
