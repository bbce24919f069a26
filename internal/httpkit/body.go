package httpkit

import (
	"net/http"
	"time"
)

// BodyTime is how long a request's body may take as a whole, unless its door
// says otherwise while it reads. A form or a JSON object is sent at once.
const BodyTime = 30 * time.Second

// Bodies bounds how long the client may take to send its body, and how long the
// server waits for a body that nobody read: without it, a client that promises
// a body and sends none would hold its connection for ever. What reads long
// bodies moves the deadline itself.
func Bodies(within time.Duration) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Body == nil || r.Body == http.NoBody {
				next.ServeHTTP(w, r)
				return
			}
			control := http.NewResponseController(w)
			_ = control.SetReadDeadline(time.Now().Add(within)) // every server of ours can; a test's recorder can't
			if r.ProtoMajor == 1 {
				// Before its answer the server reads what is left of the body.
				defer func() { _ = control.SetReadDeadline(time.Now().Add(min(within, drainFor))) }()
			}
			next.ServeHTTP(w, r)
		})
	}
}
