package attack

import (
	"testing"

	"jeton/internal/id"
	"jeton/internal/org"
	"jeton/internal/right"
	"jeton/internal/token"
)

// TestS4_AnOwnersOwnWord: what somebody let in as an owner of the organization, for
// themselves or their service account, waits once they are none, on each door; and who
// is none lets nothing in.
func TestS4_AnOwnersOwnWord(t *testing.T) {
	t.Parallel()
	g := newGoverned(t, false)
	g.set(t, g.works.ID, right.Policy{Approve: true})
	made := func(name string, who id.Account) string {
		t.Helper()
		_, plain, err := g.Tokens.CreateFine(t.Context(), asPerson(g.eve), who, token.NewFine{Name: name, Owner: g.works.ID, OwnerIsOrg: true, Access: token.AllOf, Permissions: right.ParseFine("contents=read"), Approved: true})
		if err != nil {
			t.Fatal(err)
		}
		return plain.Reveal()
	}
	get := func(what, plain string, code int) {
		t.Helper()
		want(t, what, g.Do(t, "GET", "/api/v3/repos/works/plans", "", bearer(plain)), code)
		want(t, what+", by git", g.Do(t, "GET", "/works/plans.git"+refs, "", bearer(plain)), code)
		want(t, what+", what is public", g.Do(t, "GET", "/api/v3/repos/works/site", "", bearer(plain)), 200)
	}
	get("claimed by a member", made("claimed", g.eve.ID), 403)

	g.Join(t, g.works, org.Owner, g.eve)
	bot := g.machine(t, g.eve, g.eve.ID, "eves-bot")
	g.Share(t, g.plans, bot, right.Read)
	own, bots := made("own", g.eve.ID), made("bots", bot.ID)
	child, _ := narrower(t, own, "read")
	get("an owner's", own, 200)
	get("an owner's, narrowed", child, 200)
	get("an owner's service account's", bots, 200)
	g.Join(t, g.works, org.Member, g.eve)
	get("a former owner's", own, 403)
	get("a former owner's, narrowed", child, 403)
	get("a former owner's service account's", bots, 403)
	get("claimed again", made("again", g.eve.ID), 403)
}
