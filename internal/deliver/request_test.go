package deliver_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"jeton/internal/id"
	"jeton/internal/inventory"
	"jeton/internal/org"
	"jeton/internal/right"
	"jeton/internal/token"
)

// asks makes the organisation approve fine-grained tokens, or not.
func (w *orgWorld) asks(t *testing.T, approve bool) {
	t.Helper()
	w.do(t, w.s.Policies.Set(t.Context(), w.ada, w.in.ID, right.Policy{Approve: approve}))
}

// waits returns what waits for the owners, the oldest first.
func (w *orgWorld) waits(t *testing.T) []token.Request {
	t.Helper()
	all, _, err := w.s.Tokens.Requests(t.Context(), w.in.ID, token.OwnerQuery{PerPage: 100, Ascending: true})
	w.do(t, err)
	return all
}

// What an organisation's owners are asked about tokens is told as GitHub tells it:
// with what is new of what a token asks for.
func TestRequests(t *testing.T) {
	t.Parallel()
	w := newOrgWorld(t, "", "personal_access_token_request")
	ctx, s := t.Context(), w.s
	carol, err := s.Accounts.ByLogin(ctx, s.DB, "carol")
	w.do(t, err)
	s.Join(t, w.in, org.Member, carol)
	asCarol := right.Actor{Account: carol.ID, Login: "carol", Kind: right.SessionCredential, Grant: right.Everything()}
	w.asks(t, true)
	n := token.NewFine{Name: "ci", Owner: w.in.ID, OwnerIsOrg: true, Access: token.Selected, Repos: []id.Repo{w.r.ID}, Permissions: right.ParseFine("contents=read"), Reason: "between us", ExpiresAt: s.Now().Add(30 * 24 * time.Hour)}
	made, plain, err := s.Tokens.CreateFine(ctx, asCarol, carol.ID, n)
	w.do(t, err)

	told := func(action string) map[string]any {
		t.Helper()
		q, _ := w.told(t, "personal_access_token_request", action)["personal_access_token_request"].(map[string]any)
		if q["token_id"] != float64(made.ID) || q["token_name"] != "ci" || q["owner"].(map[string]any)["login"] != "carol" {
			t.Errorf("%s is about %v", action, q)
		}
		return q
	}
	in := func(q map[string]any, which string) map[string]any {
		all, _ := q["permissions_"+which].(map[string]any)["repository"].(map[string]any)
		return all
	}
	q := told("created")
	if repos, _ := q["repositories"].([]any); len(repos) != 1 || repos[0].(map[string]any)["full_name"] != "acme/engine" || q["repository_count"] != 1.0 || q["repository_selection"] != "subset" {
		t.Errorf("it is for %v", q["repositories"])
	}
	if in(q, "added")["contents"] != "read" || len(in(q, "upgraded")) != 0 || in(q, "result")["contents"] != "read" {
		t.Errorf("it asks for %v, %v, %v", q["permissions_added"], q["permissions_upgraded"], q["permissions_result"])
	}
	w.do(t, s.Tokens.Decide(ctx, w.ada, w.in.ID, w.waits(t)[0].ID, true, ""))
	told("approved")

	// More is asked for, and then more again before anybody answers.
	n.Permissions = right.ParseFine("contents=write")
	_, err = s.Tokens.UpdateFine(ctx, asCarol, carol.ID, made.ID, n)
	w.do(t, err)
	if q = told("created"); in(q, "upgraded")["contents"] != "write" || len(in(q, "added")) != 0 {
		t.Errorf("it asks for %v, %v", q["permissions_added"], q["permissions_upgraded"])
	}
	n.Permissions, n.Access, n.Repos = right.ParseFine("contents=write,statuses=read"), token.AllOf, nil
	_, err = s.Tokens.UpdateFine(ctx, asCarol, carol.ID, made.ID, n)
	w.do(t, err)
	told("cancelled")
	if q = told("created"); in(q, "upgraded")["contents"] != "write" || in(q, "added")["statuses"] != "read" || q["repositories"] != nil || q["repository_count"] != nil {
		t.Errorf("it asks for %v", q)
	}
	w.do(t, s.Tokens.Decide(ctx, w.ada, w.in.ID, w.waits(t)[0].ID, false, "no"))
	told("denied")

	// Let in again it is asked about, a policy that asks no more takes that back, and
	// one that asks again asks; with the token the question ends.
	_, err = s.Inventory.LetIn(ctx, w.ada, inventory.View{Org: w.in.ID}, []id.Token{made.ID}, "")
	w.do(t, err)
	told("created")
	w.asks(t, false)
	told("cancelled")
	w.asks(t, true)
	told("created")
	_, err = s.Tokens.Revoke(ctx, asCarol, carol.ID, made.ID)
	w.do(t, err)
	told("cancelled")
	for _, x := range delivered(t, s, w.h, 11) {
		if strings.Contains(string(x.Payload), plain.Reveal()) || strings.Contains(string(x.Payload), "between us") {
			t.Errorf("it was told %s", x.Payload)
		}
	}
	w.to.none(t)
}

// TestRequests_many: a policy asks about however many tokens there are, and tells of the
// oldest alone, so that no other write waits for long; it takes all questions back.
func TestRequests_many(t *testing.T) {
	t.Parallel()
	w := newOrgWorld(t, "", "personal_access_token_request")
	for _, login := range []string{"dora", "emma", "fred"} {
		who := w.s.User(t, login)
		w.s.Join(t, w.in, org.Member, who)
		for i := range 40 {
			w.s.FineToken(t, who, token.NewFine{Name: fmt.Sprint("ci", i), Owner: w.in.ID, OwnerIsOrg: true, Access: token.AllOf}, "contents=read")
		}
	}
	for i, approve := range []bool{true, false} {
		w.asks(t, approve)
		var events, open int
		w.do(t, w.s.DB.QueryRow(t.Context(), `SELECT COUNT(*) FROM hook_events WHERE event = 'personal_access_token_request'`).Scan(&events))
		w.do(t, w.s.DB.QueryRow(t.Context(), `SELECT COUNT(*) FROM token_requests WHERE outcome = 0`).Scan(&open))
		if events != 100*(i+1) || open != 120*(1-i) {
			t.Errorf("approval %v: %d events, %d wait", approve, events, open)
		}
	}
}

// TestTokens_left: an organisation hears no more of the tokens of somebody who left,
// but for as long as something of it is shared with them.
func TestTokens_left(t *testing.T) {
	t.Parallel()
	w := newOrgWorld(t, "", "personal_access_token")
	ctx, s := t.Context(), w.s
	carol, err := s.Accounts.ByLogin(ctx, s.DB, "carol")
	w.do(t, err)
	s.Join(t, w.in, org.Member, carol)
	end := s.Now().Add(60 * 24 * time.Hour)
	made, _ := s.FineToken(t, carol, token.NewFine{Name: "ci", Owner: w.in.ID, OwnerIsOrg: true, Access: token.AllOf, ExpiresAt: end}, "contents=read")
	again := func() {
		t.Helper()
		_, _, err := s.Tokens.Regenerate(ctx, right.Operator(), carol.ID, made.ID, end)
		w.do(t, err)
	}
	hears := func(what, how string) {
		t.Helper()
		if p := w.to.next(t, "personal_access_token").payload(t); p["how"] != how {
			t.Errorf("%s: %v", what, p)
		}
	}
	hears("made", "made")
	again()
	hears("a member", "regenerated")
	s.Share(t, w.r, carol, right.Read)
	w.do(t, s.Lifecycle.RemoveMember(ctx, w.ada, w.in.ID, carol.ID, true))
	again()
	hears("one who helps from outside", "regenerated")
	w.do(t, s.Lifecycle.RemoveOutsider(ctx, w.ada, w.in.ID, carol.ID))
	again()
	s.Advance(60*24*time.Hour + time.Minute) // it ends
	w.do(t, s.Mail.Round(ctx))
	var events int
	w.do(t, s.DB.QueryRow(ctx, `SELECT COUNT(*) FROM hook_events WHERE event = 'personal_access_token'`).Scan(&events))
	if events != 3 {
		t.Errorf("%d events, want those of the member", events)
	}
	s.Join(t, w.in, org.Member, carol)
	end = s.Now().Add(24 * time.Hour)
	again()
	hears("a member again", "regenerated")
}
