package web

import (
	"errors"
	"net/http"
	"strings"

	"jeton/internal/account"
	"jeton/internal/gate"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/token"
)

// holding is whose tokens a page is about, when they are not the person's own: a
// machine's, for which the person answers.
type holding struct {
	who     account.Account
	actor   right.Actor   // the machine, by whose access it is said what a token can reach
	home    tokenHome     // where its tokens have their pages
	manager gate.Resource // who answers for it
	base    string        // of its own page
}

// outlived reports whether t is of before the repository was given away: what it did is
// no business of the owner that came then.
func (h *holding) outlived(t *token.Token) bool {
	return h.who.Place != 0 && t.Owner != h.manager.ID
}

// holder is whose tokens the page is about. What is done is done by c.actor, whoever
// holds.
func (c *call) holder() *right.Actor {
	if c.of != nil {
		return &c.of.actor
	}
	return &c.actor
}

// homeOf is where the holder's tokens of the kind have their pages.
func (c *call) homeOf(k token.Kind) tokenHome {
	if c.of != nil {
		return c.of.home
	}
	return homeOf(k)
}

// whoHas says who has access to something.
func (c *call) whoHas() string {
	if c.of != nil {
		return c.of.who.Login + " has"
	}
	return "you have"
}

// resources are whose things the holder's token can be made to reach. A machine owns
// nothing: what is its manager's comes first.
func (c *call) resources() ([]gate.Resource, error) {
	all, err := c.door.o.Gate.Resources(c.ctx(), c.holder())
	if err != nil || c.of == nil {
		return all, err
	}
	out := []gate.Resource{c.of.manager}
	for _, r := range all {
		if r.ID != c.of.who.ID && r.ID != c.of.manager.ID {
			out = append(out, r)
		}
	}
	return out, nil
}

// logOfToken is where it stands what t did.
func (c *call) logOfToken(t *token.Token) string {
	path := "/settings/security-log"
	switch {
	case c.of != nil && !c.of.who.Named():
		return "" // the repository's owner finds it with what was done there
	case c.of != nil:
		path = c.of.base + "/security-log"
	}
	return path + "?token=" + id.Text(t.ID)
}

// ownToken loads the token of the kind that the path names, of the person's own
// account.
func (c *call) ownToken(k token.Kind) (token.Token, error) {
	tid, err := pathID[id.Token](c, "token")
	if err != nil {
		return token.Token{}, err
	}
	t, err := c.door.o.Tokens.AnyByID(c.ctx(), c.holder().Account, tid)
	if problem.Is(err, problem.NotFound) || err == nil && t.Kind != k {
		return token.Token{}, c.elsewhere(tid)
	}
	return t, err
}

// moved leads on to where a token's page is. It is an error to those who have no
// page to show.
type moved struct{ to string }

// Error says what it is, for a log that it never reaches.
func (m *moved) Error() string { return "the page is at " + m.to }

// elsewhere is the answer for a token that is not the holder's: words that doors
// print lead to the pages of one's own tokens, from where those of machines for which
// one answers are found. To everybody else it is missing.
func (c *call) elsewhere(tid id.Token) error {
	if c.r.Method != http.MethodGet || c.of != nil {
		return errMissing()
	}
	found, err := c.door.o.Tokens.ByIDs(c.ctx(), c.door.o.DB, []id.Token{tid})
	t, ok := found[tid]
	if err != nil || !ok {
		return missingOr(err)
	}
	who, err := c.door.o.Accounts.ByID(c.ctx(), c.door.o.DB, t.Account)
	if err != nil || !who.IsMachine() {
		return missingOr(err)
	}
	number := id.Text(tid)
	_, rest, _ := strings.Cut(c.r.URL.Path, "/"+number)
	if who.Place != 0 {
		r, err := c.door.o.Gate.RepoByID(c.ctx(), &c.actor, right.RepoAccess, who.Place)
		if err != nil {
			return errMissing()
		}
		return &moved{"/" + r.FullName() + "/settings/deploy-tokens/" + number + rest}
	}
	base := "/settings/service-accounts/"
	if who.Manager != c.actor.Account {
		login, err := c.loginOf(who.Manager)
		if err != nil {
			return err
		}
		o, err := c.door.o.Gate.Org(c.ctx(), &c.actor, right.OrgEdit, login)
		if err != nil {
			return errMissing()
		}
		base = "/organizations/" + o.Login + "/settings/service-accounts/"
	}
	return &moved{base + who.Login + "/tokens/" + number + rest}
}

func missingOr(err error) error {
	if err == nil || problem.Is(err, problem.NotFound) {
		return errMissing()
	}
	return err
}

// led leads on, if err says where to.
func (c *call) led(err error) error {
	if m, ok := errors.AsType[*moved](err); ok {
		return c.seeOther(m.to)
	}
	return err
}
