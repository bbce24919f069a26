package oauth

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"

	"jeton/internal/problem"
	"jeton/internal/secret"
)

const maxInput = 64 << 10

// input is what a program sent, in the body alone: what stands in a URL is kept
// in logs, so it is not looked at.
type input struct {
	fields url.Values
	client string
	secret secret.Value
}

// get is a field, or nothing.
func (in *input) get(name string) string { return in.fields.Get(name) }

func read(w http.ResponseWriter, r *http.Request) (input, error) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxInput))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return input{}, problem.New(problem.TooLarge, "The body is too large.", "")
	}
	if err != nil {
		return input{}, problem.Wrap(err, problem.Invalid, "The body could not be read.", "")
	}
	in := input{}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "application/json" {
		in.fields, err = fromJSON(raw)
	} else {
		in.fields, err = url.ParseQuery(string(raw))
	}
	if err != nil {
		return input{}, problem.Wrap(errors.New("no form and no JSON object"), problem.Invalid, "The body could not be read.", "Send a form or a JSON object.")
	}
	for _, all := range in.fields {
		if len(all) > 1 { // two readers may take different ones (RFC 6749, 3.2)
			return input{}, problem.New(problem.Invalid, "A parameter is there more than once.", "")
		}
	}
	in.client, in.secret = in.get("client_id"), secret.New(in.get("client_secret"))
	// Basic is the other way to send them (RFC 6749, 2.3.1), each encoded as in
	// a form; without a secret for those that have none.
	if user, password, ok := r.BasicAuth(); ok {
		user, userErr := url.QueryUnescape(user)
		password, passwordErr := url.QueryUnescape(password)
		if userErr != nil || passwordErr != nil || in.client != "" && in.client != user {
			return input{}, problem.New(problem.Invalid, "The client id in the header is not the one in the body.", "Send it once.")
		}
		in.client = user
		if in.secret.IsZero() {
			in.secret = secret.New(password)
		}
	}
	return in, nil
}

func fromJSON(raw []byte) (url.Values, error) {
	var object map[string]any
	if err := json.Unmarshal(raw, &object); err != nil {
		return nil, err
	}
	out := url.Values{}
	for name, v := range object {
		if s, ok := v.(string); ok {
			out.Set(name, s)
		}
	}
	return out, nil
}
