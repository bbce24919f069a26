package rest_test

import (
	"net/http"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/config"
)

// TestRateLimit_fewForVisitors: a limit so low that the visitors' share of it
// is less than one request still limits them.
func TestRateLimit_fewForVisitors(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, func(c *config.Config) { c.APIRateLimit = 5 })
	if a := s.Do(t, "GET", "/api/v3/meta", ""); a.StatusCode != http.StatusOK || a.Header.Get("X-RateLimit-Limit") != "1" {
		t.Errorf("the first: %d of %q", a.StatusCode, a.Header.Get("X-RateLimit-Limit"))
	}
	if a := s.Do(t, "GET", "/api/v3/meta", ""); a.StatusCode != http.StatusForbidden {
		t.Errorf("the second: %d", a.StatusCode)
	}
}
