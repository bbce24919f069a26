package client

import (
	"context"
	"net/http"
	"net/url"

	"jeton/internal/secret"
)

// Explanation is what a host says of what a token may do there.
type Explanation struct {
	Allowed    bool              `json:"allowed"`
	Answer     *string           `json:"answer"` // how it is refused; nil when it is allowed
	Action     string            `json:"action"`
	Repository string            `json:"repository"`
	Ref        string            `json:"ref"`
	Parts      []ExplanationPart `json:"parts"`
	Notes      []string          `json:"notes"`
}

// ExplanationPart is one part of a decision.
type ExplanationPart struct {
	Part    string `json:"part"`
	Outcome string `json:"outcome"` // held, failed, or not asked
	Says    string `json:"says"`
	Remedy  string `json:"remedy"`
	Decides bool   `json:"decides"`
}

// Asked is what is to be explained, in the words of the API.
type Asked struct{ Action, Repository, Ref, From string }

// Explain asks a host what the token may do there, and why. It keeps nothing.
func (c *Client) Explain(ctx context.Context, host string, confirm Confirm, token secret.Value, q Asked) (Explanation, error) {
	authority, err := c.known(ctx, host, confirm)
	if err != nil {
		return Explanation{}, err
	}
	in := url.Values{"action": {q.Action}, "repository": {q.Repository}}
	if q.Ref != "" {
		in.Set("ref", q.Ref)
	}
	if q.From != "" {
		in.Set("from", q.From)
	}
	var out Explanation
	_, err = c.api(host, authority).send(ctx, http.MethodGet, "/api/v3/user/token/explain?"+in.Encode(), http.Header{"Authorization": {"token " + token.Reveal()}}, nil, &out)
	return out, err
}

// known is the authority of a host: that of the sign-in there, if there is one.
func (c *Client) known(ctx context.Context, host string, confirm Confirm) ([]byte, error) {
	all, err := c.store.accounts()
	if err != nil {
		return nil, err
	}
	if a, ok := all[host]; ok {
		return authorityOf(a), nil
	}
	return c.meet(ctx, host, confirm)
}
