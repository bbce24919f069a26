package httpkit

import (
	"fmt"
	"net/http"

	"jeton/internal/right"
)

// Route is one line of a door's table: what is asked for by which method and
// path, the action that the gate is asked about, and who answers.
type Route[H any] struct {
	Method string // empty: every method
	Path   string // net/http's pattern, without the method
	Action right.Action
	Handle H
}

// RouteInfo is a route as tests and documents see it.
type RouteInfo struct {
	Door, Method, Path string
	Action             right.Action
}

// Register puts every route of the table on mux, each wrapped by wrap. It
// panics for a route without an action: such a program does not start.
func Register[H any](mux *http.ServeMux, door string, routes []Route[H], wrap func(Route[H]) http.Handler) []RouteInfo {
	infos := make([]RouteInfo, 0, len(routes))
	for _, r := range routes {
		if r.Action.String() == "" {
			panic(fmt.Sprintf("httpkit: the route %s %s of %s has no action", r.Method, r.Path, door))
		}
		pattern := r.Path
		if r.Method != "" {
			pattern = r.Method + " " + r.Path
		}
		mux.Handle(pattern, wrap(r))
		infos = append(infos, RouteInfo{Door: door, Method: r.Method, Path: r.Path, Action: r.Action})
	}
	return infos
}
