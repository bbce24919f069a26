package outbound

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"jeton/internal/problem"
)

// Header is one line of a request's or an answer's head.
type Header struct{ Name, Value string }

// Reply is what a server answered to a Post.
type Reply struct {
	Code   int
	Header []Header // in the order of their names
	Body   []byte   // its beginning
	Took   time.Duration
}

// Post sends body to an http or https URL and reads at most limit bytes of what
// is answered: whoever answers more, or without an end, is left there. A redirect
// is an answer like any other and is not followed. ctx bounds the time of all of
// it; an answer whose body did not come in time is returned as far as it came.
func (c *Client) Post(ctx context.Context, to string, header []Header, body []byte, limit int64) (Reply, error) {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return Reply{}, problem.New(problem.Invalid, "only http and https addresses without a user name in them are reached", "")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return Reply{}, problem.Wrap(err, problem.Invalid, "the address is malformed", "")
	}
	for _, h := range header {
		req.Header.Set(h.Name, h.Value)
	}
	begun := time.Now()
	resp, err := c.post.Do(req)
	if err != nil {
		return Reply{Took: time.Since(begun)}, err
	}
	defer func() { _ = resp.Body.Close() }() // what was read is all that counts
	out := Reply{Code: resp.StatusCode}
	for name, values := range resp.Header {
		for _, v := range values {
			out.Header = append(out.Header, Header{name, v})
		}
	}
	slices.SortStableFunc(out.Header, func(a, b Header) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	out.Body, _ = io.ReadAll(io.LimitReader(resp.Body, limit))
	out.Took = time.Since(begun)
	return out, nil
}
