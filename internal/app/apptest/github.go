package apptest

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"jeton/internal/githubtest"
	"jeton/internal/rest"
)

// described holds every answer of the API that a test gets to GitHub's
// description of its own.
type described struct {
	http.RoundTripper
	t testing.TB
}

// RoundTrip implements http.RoundTripper.
func (d described) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := d.RoundTripper.RoundTrip(r)
	path, api := strings.CutPrefix(r.URL.Path, rest.Prefix)
	if err != nil || !api || !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") ||
		resp.Header.Get("X-GitHub-Media-Type") != "github.v3; format=json" { // of other media types there is no description
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if err := resp.Body.Close(); err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	about, err := github()
	if err == nil {
		err = about.Check(r.Method, path, resp.StatusCode, body)
	}
	if err != nil {
		d.t.Errorf("unlike GitHub: %v\n%.300s", err, body)
	}
	return resp, nil
}

// CheckEvent holds a webhook's payload to GitHub's description.
func CheckEvent(t testing.TB, event, action string, payload []byte) {
	t.Helper()
	about, err := github()
	if err == nil {
		err = about.CheckEvent(event, action, payload)
	}
	if err != nil {
		t.Errorf("unlike GitHub: %v\n%.600s", err, payload)
	}
}

// github is GitHub's description, read once.
var github = sync.OnceValues(githubtest.Load)
