package attack

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/ledger"
	"jeton/internal/right"
	"jeton/internal/token"
)

// TestB13_NoticesNameNoRepository: a mail is read when access is gone, and what is told
// to a person's webhook is kept elsewhere: neither ever names a repository.
func TestB13_NoticesNameNoRepository(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.Share(t, s.shut, s.eve, right.Write)
	to := "https://example.com/"
	h, err := s.Hooks.Create(t.Context(), right.Actor{Account: s.eve.ID, Login: "eve"}, hook.Place{Owner: s.eve.ID, Name: "eve", Person: true}, hook.Patch{URL: &to})
	if err != nil {
		t.Fatal(err)
	}
	_, fine := s.FineToken(t, s.eve, token.NewFine{Name: "fine", Owner: s.ada.ID, Access: token.Selected, Repos: []id.Repo{s.shut.ID}, ExpiresAt: s.Now().Add(30 * 24 * time.Hour)}, "contents=write")
	_, plain := s.TokenUntil(t, s.eve, "all", s.Now().Add(30*24*time.Hour), "repo")
	for _, one := range []string{fine, plain} {
		s.clone(t, s.eve, one, "shut")
		use := ledger.Use{Account: s.eve.ID, Repo: s.shut.ID, Owner: "ada", Name: "shut", Action: right.RepoFetch, Client: "git/2.47"}
		for _, from := range []string{"192.0.2.7", "198.51.100.7"} {
			use.Token, use.Address = 1, netip.MustParseAddr(from)
			if one == plain {
				use.Token = 2
			}
			s.Ledger.Begin(use).End(ledger.Done, 0, 0)
			if err := s.Ledger.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Repos.RemoveCollaborator(t.Context(), right.Operator(), s.shut.ID, s.eve.ID); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Mail.Round(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.Advance(24 * 24 * time.Hour)
	}
	mails := files(t, s.Config.Mails())
	if len(mails) < 3 {
		t.Errorf("%d mails: the test looks at nothing", len(mails))
	}
	for name, text := range mails {
		if bytes.Contains(text, []byte("shut")) || bytes.Contains(text, []byte("ada")) {
			t.Errorf("%s names the repository:\n%s", name, text)
		}
	}
	rows, err := s.DB.Query(t.Context(), `SELECT e.action, e.body FROM hook_events e JOIN hook_deliveries d ON d.event_id = e.id WHERE d.hook_id = $1`, h.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	told := map[string]bool{}
	for rows.Next() {
		var action, body string
		if err := rows.Scan(&action, &body); err != nil {
			t.Fatal(err)
		}
		told[action] = true
		if strings.Contains(body, "shut") {
			t.Errorf("%s names the repository: %s", action, body)
		}
	}
	for _, action := range []string{"created", "new_network", "expiring"} {
		if !told[action] {
			t.Errorf("nothing was told of %s: the test looks at nothing", action)
		}
	}
}
