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
		if err := c.enter(); err != nil {
			return err
		}
		if !c.actor.IsAnonymous() {
			body, err := c.body()
			if err != nil {
				return err
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		defer c.metered.Close(r.Context())
		return next(c.w, r, &c.actor)
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

// Used notes that the actor's token was used for action.
func (d *Door) Used(r *http.Request, actor *right.Actor, action right.Action) {
	(&call{door: d, r: r, actor: *actor, action: action}).used()
}
