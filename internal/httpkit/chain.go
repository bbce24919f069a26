// Package httpkit is what all doors share: the chain that every request passes,
// the table of routes, the frame that turns an error into a response, the
// client's address, the security headers and the limits of the HTTP server. It
// must never decide about rights: that is the gate's.
package httpkit

import "net/http"

// Middleware wraps a handler.
type Middleware func(http.Handler) http.Handler

// Chain wraps h so that the first middleware sees the request first.
func Chain(h http.Handler, m ...Middleware) http.Handler {
	for i := len(m) - 1; i >= 0; i-- {
		h = m[i](h)
	}
	return h
}
