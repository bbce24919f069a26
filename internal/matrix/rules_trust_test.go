package matrix

import (
	"strconv"
	"strings"
	"testing"

	"jeton/internal/id"
	"jeton/internal/right"
	"jeton/internal/token"
	"jeton/internal/trust"
)

// trustRules are about whose machines are trusted: only in person, soon after the
// password was given.
var trustRules = []rule{
	about(`web \w+ /\{owner\}/\{repo\}/settings/trusts(/.*)?`, manager, "", true),
	about(`web \w+ /organizations/\{org\}/settings/trusts(/.*)?`, orgOwner, "", true),
}

// rely has a place trust somebody's machines.
func (w *world) rely(t *testing.T, at trust.Place) id.Trust {
	t.Helper()
	s := trust.Statement{Name: "CI", Issuer: "https://ci.example.com", Audience: "here", Subject: "repo:octo/site", Permissions: right.ParseFine("contents=read"), Minutes: 5}
	if at.Repo == 0 {
		s.Access, s.Machine = token.AllOf, w.people[owner].ID
	}
	made, err := w.s.Trusts.Create(t.Context(), w.actor(owner), at, s)
	if err != nil {
		t.Fatal(err)
	}
	return made.ID
}

func (m *matrix) trustPath(c kase) []string {
	w := m.world(c)
	n := w.trusts[c.private]
	if c.ofOrg() {
		n = w.orgTrust
	}
	if c.method == "POST" && strings.HasSuffix(c.path, "/delete") {
		n = 1 << 40 // none: the others need theirs
	}
	return []string{"{trust}", strconv.FormatInt(int64(n), 10)}
}
