package attack

import (
	"context"
	"net/url"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/org"
	"jeton/internal/right"
	"jeton/internal/token"
)

// TestS4_AnAnswerOnItsWay: an owner's answer that was let in, and is written after they
// were made a member, answers nothing: their own token would stay approved for good.
func TestS4_AnAnswerOnItsWay(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"page", "API", "API, several"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			g := newGoverned(t, false)
			g.set(t, g.works.ID, right.Policy{Approve: true})
			_, plain, err := g.Tokens.CreateFine(t.Context(), asPerson(g.eve), g.eve.ID, token.NewFine{Name: "own", Owner: g.works.ID, OwnerIsOrg: true, Access: token.AllOf, Permissions: right.ParseFine("contents=read")})
			if err != nil {
				t.Fatal(err)
			}
			g.Join(t, g.works, org.Owner, g.eve)
			all, _, err := g.Tokens.Requests(t.Context(), g.works.ID, token.OwnerQuery{PerPage: 100})
			if err != nil {
				t.Fatal(err)
			}
			var number string
			for _, q := range all {
				if q.Token.Note == "own" {
					number = stringOf(int64(q.ID))
				}
			}
			eve, plainer := g.Person(t, g.eve), g.token(t, g.eve, "owners", "admin:org")
			answered := make(chan apptest.Answer, 1)
			g.Orgs.WhenDemoted(func(context.Context, *db.Tx, right.Actor, id.Account, id.Account) error {
				go func() {
					switch by {
					case "page":
						answered <- eve.Post(t, "/organizations/works/settings/personal-access-token-requests/"+number, url.Values{"decision": {"approve"}})
					case "API":
						answered <- g.Do(t, "POST", "/api/v3/orgs/works/personal-access-token-requests/"+number, `{"action":"approve"}`, bearer(plainer))
					default:
						answered <- g.Do(t, "POST", "/api/v3/orgs/works/personal-access-token-requests", `{"action":"approve","pat_request_ids":[`+number+`]}`, bearer(plainer))
					}
				}()
				<-time.After(300 * time.Millisecond) // it is let in, and waits for its turn to write
				return nil
			})
			g.Join(t, g.works, org.Member, g.eve)
			a := <-answered
			if a.StatusCode < 400 && by != "API, several" {
				t.Errorf("the answer is %d %s", a.StatusCode, a.Text)
			}
			want(t, "their own token", g.Do(t, "GET", "/api/v3/repos/works/plans", "", bearer(plain.Reveal())), 403)
		})
	}
}
