package lfs

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"jeton/internal/event"
	"jeton/internal/gate"
	"jeton/internal/httpkit"
	"jeton/internal/largefile"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// media is the type of every JSON body of the protocol.
const media = "application/vnd.git-lfs+json"

// refusal is the body of an error.
type refusal struct {
	Message          string    `json:"message"`
	DocumentationURL string    `json:"documentation_url,omitempty"`
	RequestID        string    `json:"request_id,omitempty"`
	Lock             *wireLock `json:"lock,omitempty"`
}

// answerTime is how long a client may take for a whole JSON answer.
const answerTime = time.Minute

// answer writes v as the protocol has it.
func (c *call) answer(status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_ = http.NewResponseController(c.w).SetWriteDeadline(time.Now().Add(answerTime))
	c.w.Header().Set("Content-Type", media)
	c.w.WriteHeader(status)
	_, _ = c.w.Write(b) // a client that went away is no error of ours
	return nil
}

// status is the status of an error.
func status(usual int, err error) (code int, allow string) {
	if w, ok := errors.AsType[*httpkit.Wrong](err); ok {
		return w.Status, w.Allow
	}
	if _, ok := errors.AsType[*largefile.OverQuota](err); ok {
		return http.StatusInsufficientStorage, ""
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return http.StatusRequestTimeout, ""
	}
	return usual, ""
}

// render writes err as git-lfs shows it: one message.
func (d *Door) render(w http.ResponseWriter, r *http.Request, usual int, err error) {
	code, allow := status(usual, err)
	h := w.Header()
	if allow != "" {
		h.Set("Allow", allow)
	}
	if code == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Basic realm="GitHub"`)
		h.Set("LFS-Authenticate", `Basic realm="GitHub"`)
	}
	body := refusal{Message: d.words(r, err), RequestID: event.From(r.Context()).Request}
	if code == http.StatusUnauthorized {
		body.DocumentationURL = d.o.Gate.NewTokenURL()
	}
	if locked, ok := errors.AsType[*largefile.Locked](err); ok {
		l := wire(locked.Lock)
		body.Lock = &l
	}
	text, _ := json.Marshal(body) // strings alone
	h.Set("Content-Type", media)
	w.WriteHeader(code)
	_, _ = w.Write(text)
}

// words are the message: what happened, and what to do.
func (d *Door) words(r *http.Request, err error) string {
	p := problem.Of(err)
	public, remedy := p.Public, p.Remedy
	denied, isDenied := errors.AsType[*gate.Denied](err)
	switch {
	case isDenied && denied.Reason == right.SignIn:
		public = "Sign in to use Git LFS in this repository, if it exists." // the same for a private one and a missing one
		remedy = "User name: your login. Password: a personal access token. Make one at " + d.o.Gate.NewTokenURL()
	case errors.Is(err, context.DeadlineExceeded):
		public, remedy = "This transfer took longer than one may here.", "Try again on a faster connection."
	case public == "" && httpkit.Status(err) == http.StatusRequestEntityTooLarge:
		public = "The request is larger than this server takes."
	case public == "":
		public, remedy = "Something went wrong on the server.", "Tell its administrator the request id "+event.From(r.Context()).Request+"."
	}
	if remedy != "" {
		public += " " + remedy
	}
	return public
}
