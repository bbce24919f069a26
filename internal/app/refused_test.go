package app_test

import (
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/audit"
	"jeton/internal/db"
)

// TestRefusedCredentials: tokens that are tried and unknown are counted without
// a word about who tried them, and one network's many leave one line an hour.
func TestRefusedCredentials(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	_, good := s.Token(t, ada, "good", "repo")
	gone, plain := s.Token(t, ada, "gone", "repo")
	err := s.DB.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `DELETE FROM tokens WHERE id = $1`, gone.ID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	try := func(token string, want int) {
		t.Helper()
		if got := s.Do(t, "GET", "/api/v3/user", "", "Authorization: Bearer "+token); got.StatusCode != want {
			t.Fatalf("got %d, want %d: %s", got.StatusCode, want, got.Text)
		}
	}
	lines := func() []audit.Line {
		t.Helper()
		list, err := s.Audit.List(t.Context(), audit.Query{Action: "site.unknown_tokens"})
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	for range 99 {
		try(plain, 401)
	}
	if n := len(lines()); n != 0 {
		t.Errorf("%d lines of a few refusals", n)
	}
	for range 51 {
		try(plain, 401)
	}
	if got := lines(); len(got) != 1 || got[0].Address != "127.0.0.1" || strings.Contains(got[0].Target, plain) {
		t.Errorf("%+v", got)
	}
	try("not a token", 401)
	try(good, 200) // nobody's failures refuse a good one

	metrics := s.Do(t, "GET", "/metrics", "").Text
	for _, want := range []string{`jeton_credentials_refused_total{why="unknown"} 150`, `jeton_credentials_refused_total{why="password"} 1`, `jeton_credentials_refused_total{why="expired"} 0`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if strings.Contains(metrics, "127.0.0.1") {
		t.Error("the metrics name an address")
	}
	s.Advance(time.Hour)
	for range 100 {
		try(plain, 401)
	}
	if n := len(lines()); n != 2 {
		t.Errorf("%d lines after another hour", n)
	}
}
