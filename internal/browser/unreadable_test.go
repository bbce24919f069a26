package browser

import (
	"testing"

	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/policy"
)

// TestPolicy_unreadable: while a policy can't be read the form for a token says so,
// and what was typed can be sent again once it is saved anew.
func TestPolicy_unreadable(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.Admin(t, "ruth")
	p := visit(t, s)
	p.signIn("ruth")
	p.open("/settings/personal-access-tokens/new")
	p.fill("Token name", "nightly backup")
	p.fill("Description (optional)", "What the backup reads")
	p.tick("All repositories")
	p.choose("Contents", "read")
	err := s.DB.Write(t.Context(), func(tx *db.Tx) error {
		if _, err := tx.Exec(t.Context(), `INSERT INTO policies (account_id, rules, updated_at, updated_by) VALUES (0, '{', 1, 0)`); err != nil {
			return err
		}
		return s.Change.Record(t.Context(), tx, change.Change{Kind: change.PolicyChanged, Subject: int64(policy.Site)})
	})
	if err != nil {
		t.Fatal(err)
	}
	p.follow("Generate token")
	p.got(503)
	p.sees("A policy about tokens can't be read.", "has to save it again")
	p.look("fine-new-unreadable")
	admin := visit(t, s)
	admin.signIn("ruth")
	admin.openRefused("/settings/tokens/new", 503)
	admin.sees("This can't be done at the moment", "A policy about tokens can't be read.")
	admin.look("token-new-unreadable")
	admin.open("/admin/token-policy")
	admin.sees("The policy that is stored here can't be read", "Choose what you want, and save it.")
	admin.look("policy-unreadable")
	admin.tick("Fine-grained personal access tokens")
	admin.follow("Save policy")
	admin.sees("Saved the policy.")
	p.follow("Generate token")
	p.sees("Your new token: nightly backup")
}
