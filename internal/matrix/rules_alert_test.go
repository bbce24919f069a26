package matrix

import (
	"strconv"
	"testing"

	"jeton/internal/alert"
	"jeton/internal/repo"
)

// alertRules are about alerts of secret scanning: they belong to who administers
// the repository. To push a secret nevertheless is for who pushes.
var alertRules = []rule{
	about(`rest POST /api/v3/repos/\{owner\}/\{repo\}/secret-scanning/push-protection-bypasses`, writer, "repo", false),
	about(`rest \w+ /api/v3/repos/\{owner\}/\{repo\}/secret-scanning/.*`, manager, "security_events", false),
	about(`web \w+ /\{owner\}/\{repo\}/security/secret-scanning/unblock-secret/.*`, writer, "", false),
	about(`web \w+ /\{owner\}/\{repo\}/security/secret-scanning(/.*)?`, manager, "", false),
}

var alertNeeds = map[string]need{
	"security_events": {public: []string{"repo", "public_repo", "security_events"}, private: []string{"repo", "security_events"}},
}

// alarm gives the repository an alert, and every writer a refused push of the same
// placeholder: it is looked for with the account, which here is the one that asks.
func (w *world) alarm(t *testing.T, r repo.Repo) int64 {
	t.Helper()
	p := w.people[owner]
	at := alert.Place{Repo: r.ID, Owner: r.Owner, Name: r.FullName(), Private: r.Private}
	err := w.s.Alerts.Add(t.Context(), at, alert.Found{Token: p.decoy, Owner: p.ID, LastEight: "abcd1234", Places: []alert.Location{{Kind: "commit", Object: "0123456789", Commit: "0123456789", Line: 1, Column: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	list, err := w.s.Alerts.List(t.Context(), w.s.DB, r.ID, alert.Filter{})
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	return list[0].Number
}

// refusedPush is the placeholder of a refused push of the person who asks.
func (m *matrix) refusedPush(t testing.TB, c kase) string {
	t.Helper()
	w, p := m.world(c), m.person(c)
	names, err := w.s.Alerts.Refused(t.Context(), w.repos[c.private].ID, p.ID, []alert.Found{{Token: p.decoy, Owner: p.ID, LastEight: "abcd1234"}})
	if err != nil {
		t.Fatal(err)
	}
	return names[0]
}

func (m *matrix) alertPath(t testing.TB, c kase) []string {
	t.Helper()
	n := strconv.FormatInt(m.world(c).alerts[c.private], 10)
	return []string{"{alert_number}", n, "{alert}", n, "{placeholder}", m.refusedPush(t, c)}
}
