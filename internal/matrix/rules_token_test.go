package matrix

import (
	"context"
	"testing"

	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/token"
)

// finePages are those about one fine-grained token.
const finePages = "/settings/personal-access-tokens/{token}"

// tokenRules are about the token that is presented: whoever has one may.
var tokenRules = []rule{
	about(`rest POST /api/v3/user/token/narrow`, signedIn, "uncut", false),
	about(`rest \w+ /api/v3/user/token(/nodes/.*)?`, signedIn, "", false),
}

// newFine makes the token that one request is about. Nobody can have many of these,
// so that it goes with the request.
func (m *matrix) newFine(t testing.TB, c kase) id.Token {
	t.Helper()
	who := m.person(c).ID
	made, _, err := m.world(c).s.Tokens.CreateFine(context.WithoutCancel(t.Context()), right.Operator(), who, token.NewFine{Name: m.notes.next(), Owner: who, Access: token.PublicOnly})
	if err != nil {
		t.Fatal(err)
	}
	m.fine.Store(c.String(), made.ID)
	return made.ID
}

// dropFine removes the token of a request that is over.
func (m *matrix) dropFine(t testing.TB, c kase) {
	t.Helper()
	made, ok := m.fine.LoadAndDelete(c.String())
	if !ok {
		return
	}
	s := m.world(c).s
	found, err := s.Tokens.ByIDs(t.Context(), s.DB, []id.Token{made.(id.Token)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Tokens.RevokeAny(context.WithoutCancel(t.Context()), right.Operator(), found[made.(id.Token)].Account, made.(id.Token))
	if err != nil && !problem.Is(err, problem.NotFound) {
		t.Fatal(err)
	}
}
