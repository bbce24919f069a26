package rest_test

import (
	"fmt"
	"strings"
	"testing"

	"jeton/internal/alert"
	"jeton/internal/app/apptest"
)

func TestAlerts(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	bob := s.User(t, "bob")
	r := s.Repo(t, ada, "engine", true)
	tok, plain := s.Token(t, bob, "found")
	_, key := s.Token(t, ada, "events", "security_events")
	q := asking{s, key}
	at := alert.Place{Repo: r.ID, Owner: ada.ID, Name: r.FullName(), Private: true}
	sha := strings.Repeat("0123456789", 4)
	for i, one := range []alert.Found{
		{Token: tok.ID, Owner: bob.ID, Note: "found", LastEight: plain[32:], Live: true, Places: []alert.Location{
			{Kind: "blob", Object: sha, Commit: sha, Path: "a b/c.txt", Line: 3, Column: 5}, {Kind: "commit", Object: sha[1:] + "a", Commit: sha[1:] + "a", Line: 1, Column: 1}}},
		{Token: 1 << 40, Owner: bob.ID, LastEight: "gonegone"},
		{Token: tok.ID, Owner: bob.ID, LastEight: "replaced"},
	} {
		if err := s.Alerts.Add(t.Context(), at, one); err != nil {
			t.Fatal(i, err)
		}
	}
	const alerts = "/repos/ada/engine/secret-scanning/alerts"
	numbers := func(query string) string {
		t.Helper()
		out := []string{}
		for _, a := range array(t, q.do(t, 200, "GET", alerts+query, "")) {
			out = append(out, fmt.Sprint(a["number"]))
		}
		return strings.Join(out, " ")
	}
	one := object(t, q.do(t, 200, "GET", alerts+"/1", ""))
	if one["state"] != "open" || one["validity"] != "active" || one["secret_type"] != "jeton_personal_access_token" || one["resolution"] != nil || one["publicly_leaked"] != false {
		t.Errorf("%v", one)
	}
	if text, _ := one["secret"].(string); len(text) != 40 || !strings.HasSuffix(text, plain[32:]) || strings.Contains(text, plain[4:20]) {
		t.Errorf("the secret is shown as %q", text)
	}
	places := array(t, q.do(t, 200, "GET", alerts+"/1/locations", ""))
	first, second := places[0]["details"].(map[string]any), places[1]["details"].(map[string]any)
	if first["path"] != "a b/c.txt" || first["start_line"] != float64(3) || first["start_column"] != float64(5) || first["end_column"] != float64(45) || second["path"] != "(commit message)" {
		t.Errorf("%v", places)
	}

	q.do(t, 422, "PATCH", alerts+"/2", `{}`)
	q.do(t, 422, "PATCH", alerts+"/2", `{"state":"resolved"}`)
	q.do(t, 422, "PATCH", alerts+"/2", `{"state":"resolved","resolution":"pattern_deleted"}`)
	q.do(t, 422, "PATCH", alerts+"/2", `{"state":"resolved","resolution":"revoked","resolution_comment":"`+strings.Repeat("x", 281)+`"}`)
	done := object(t, q.do(t, 200, "PATCH", alerts+"/2", `{"state":"resolved","resolution":"revoked","resolution_comment":"done"}`))
	if done["state"] != "resolved" || done["resolved_by"].(map[string]any)["login"] != "ada" || done["resolution_comment"] != "done" || done["resolved_at"] == nil {
		t.Errorf("%v", done)
	}
	for query, want := range map[string]string{
		"": "3 2 1", "?direction=asc": "1 2 3", "?state=open": "3 1", "?state=resolved": "2", "?validity=active": "1", "?validity=inactive": "3 2", "?validity=unknown,active": "1",
		"?resolution=revoked": "2", "?resolution=wont_fix": "", "?secret_type=jeton_personal_access_token": "3 2 1", "?secret_type=adafruit_io_key": "", "?per_page=2": "3 2", "?per_page=2&page=2": "1",
		"?sort=updated": "2 3 1",
	} {
		if got := numbers(query); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	q.do(t, 422, "GET", alerts+"?state=closed", "")
	if again := object(t, q.do(t, 200, "PATCH", alerts+"/2", `{"state":"open"}`)); again["state"] != "open" || again["resolved_by"] != nil {
		t.Errorf("%v", again)
	}
	q.do(t, 404, "GET", alerts+"/9", "")
	q.do(t, 404, "GET", alerts+"/x", "")
	if _, err := s.Scan.Repo(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	if h := object(t, q.do(t, 200, "GET", "/repos/ada/engine/secret-scanning/scan-history", "")); len(h["backfill_scans"].([]any)) != 1 {
		t.Errorf("%v", h)
	}

	// J8: the number of another repository's alert is nobody's here.
	s.Repo(t, ada, "other", true)
	q.do(t, 404, "GET", "/repos/ada/other/secret-scanning/alerts/1", "")
	q.do(t, 404, "PATCH", "/repos/ada/other/secret-scanning/alerts/1", `{"state":"open"}`)
}
