package browser

import (
	"testing"
	"time"

	"jeton/internal/org"
	"jeton/internal/token"
)

// TestInventory: an administrator narrows the list of all tokens and ends one; an
// organization's owner shuts one out and lets it in again.
func TestInventory(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.Admin(t, "chief")
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	guild := s.Org(t, bob, "guild")
	s.Join(t, guild, org.Member, ada)
	laptop, plain := s.Token(t, ada, "laptop", "repo", "workflow")
	s.TokenUntil(t, ada, "course", s.Now().Add(3*24*time.Hour), "admin:org", "user")
	s.FineToken(t, ada, token.NewFine{Name: "robot", Owner: guild.ID, OwnerIsOrg: true, Access: token.AllOf, ExpiresAt: s.Now().Add(60 * 24 * time.Hour)}, "contents=read")
	s.Token(t, bob, "old script")
	s.Do(t, "GET", "/api/v3/user", "", "Authorization: token "+plain, "User-Agent: course-script/1.2")
	if err := s.Ledger.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := visit(t, s)
	p.signIn("chief")
	p.open("/admin/users")
	p.follow("Tokens")
	p.sees("Every token of every account", "laptop", "robot", "never ends", "never used", "course-script/1.2")
	p.look("inventory")
	p.choose("Not used", "never")
	p.fill("Owner", "bob")
	p.follow("Filter")
	p.sees("Not used: Never used", "Owner: bob", "old script")
	p.seesNot("laptop")
	p.look("inventory-filtered")
	p.follow("Revoke all that match")
	p.sees("Revoke 1 token?", "cannot be undone")
	p.fill("Why", "nobody uses it")
	p.look("inventory-end")
	p.follow("I understand, end these tokens")
	p.sees("Ended 1 token.", "None matches this filter")

	o := visit(t, s)
	o.signIn("bob")
	o.open("/organizations/guild/settings")
	o.follow("All tokens")
	o.sees("Every token that can touch what is guild’s", "robot", "repo, workflow", "admin:org")
	o.seesNot("laptop", "course-script", "old script")
	o.look("inventory-org")
	o.tick("Choose the token …" + laptop.LastEight + " of ada")
	o.follow("Revoke the chosen ones")
	o.sees("Revoke 1 token?", "shut out of what is guild’s")
	o.fill("Why", "seen on a shared machine")
	o.follow("I understand, revoke access")
	o.sees("Shut 1 token out of what is guild’s.")
	o.choose("State", "yes")
	o.follow("Filter")
	o.look("inventory-shut-out")
	o.follow("Choose all of this page")
	o.follow("Let the chosen ones in again")
	o.fill("Why", "it is known now")
	o.follow("Let them in again")
	o.sees("Let 1 token in again.")
}
