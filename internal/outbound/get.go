package outbound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"jeton/internal/problem"
)

// ErrTooLarge is the cause when a server answers with more than was asked for.
var ErrTooLarge = errors.New("the answer is too large")

// Get reads a small document of at most limit bytes from an http or https URL. An
// answer that is larger, a redirect, and every status but 200 are errors. ctx bounds
// the time of all of it.
func (c *Client) Get(ctx context.Context, from string, limit int64) ([]byte, error) {
	u, err := url.Parse(from)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return nil, problem.New(problem.Invalid, "only http and https addresses without a user name in them are reached", "")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, problem.Wrap(err, problem.Invalid, "the address is malformed", "")
	}
	req.Header.Set("Accept", "application/json")
	resp, err := c.post.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // what was read is all that counts
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return nil, ErrRedirect
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the server answers with status %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the answer: %w", err)
	case int64(len(body)) > limit:
		return nil, ErrTooLarge
	}
	return body, nil
}
