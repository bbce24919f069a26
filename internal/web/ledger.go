package web

import (
	"io"
	"strings"
	"time"

	"jeton/internal/audit"
	"jeton/internal/id"
	"jeton/internal/ledger"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/token"
)

const (
	usesPerPage = 50
	// shrinkDays is how far back is looked for what a token does not need, and
	// shrinkAfter from how many days of it on that is worth a proposal.
	shrinkDays  = 60
	shrinkAfter = 7
)

// tokenLedger is the part of a token's page about its uses. Any page of a token
// can include it, as "token-ledger".
type tokenLedger struct {
	Href       string // of the whole ledger; empty on its own page
	Days       int    // that are known of
	Used, Held int    // permissions
	Shrink     *shrinking
	Early      bool // too early for a proposal
	Needless   bool // nothing can be taken away
}

// shrinking is a proposal to take away what a token did not use.
type shrinking struct {
	Action       string // of the form
	From, To     string // scopes or permissions as they are and would be
	Field, Value string // what the form sends back: what the person was shown
}

// usesPage is the ledger of one token.
type usesPage struct {
	Frame
	Note, LastEight         string
	Revoked                 time.Time
	Ledger                  *tokenLedger // nil for a token that was deleted
	Rows                    []useRow
	Pager                   pager
	Href, Keep, KeepRevoked string
	OfApp                   bool
}

// useRow is one line of the ledger.
type useRow struct {
	First, Last              time.Time
	Times                    int64
	Did, Result, Repo, Actor string
	Refs                     []string
	Detail, Address, Client  string
	Received, Sent           int64
	Node                     string // the beginning of a narrowed token's number
	Bad, Event               bool
}

// anyToken loads the token that the path names, of the person's own account: of
// whatever kind, and deleted ones too.
func (c *call) anyToken() (token.Token, error) {
	tid, err := pathID[id.Token](c, "token")
	if err != nil {
		return token.Token{}, err
	}
	found, err := c.door.o.Tokens.ByIDs(c.ctx(), c.door.o.DB, []id.Token{tid})
	if err != nil {
		return token.Token{}, err
	}
	t, ok := found[tid]
	if !ok || t.Account != c.holder().Account || c.of != nil && c.of.outlived(&t) {
		return token.Token{}, c.elsewhere(tid)
	}
	return t, nil
}

func (c *call) usesHref(t id.Token) string {
	if c.of != nil {
		return c.of.home.of(t, "/uses")
	}
	return href("/settings/tokens/%d/uses", t)
}

// tokenLedger says what a token has used of what it may, and proposes to take
// away the rest.
func (c *call) tokenLedger(t *token.Token) (*tokenLedger, error) {
	now := c.door.o.Now()
	since := now.AddDate(0, 0, -shrinkDays)
	known, err := c.door.o.Ledger.Since(c.ctx())
	if err != nil {
		return nil, err
	}
	for _, at := range []time.Time{known, t.CreatedAt} {
		if at.After(since) {
			since = at
		}
	}
	deeds, err := c.door.o.Ledger.Deeds(c.ctx(), t.ID, since)
	if err != nil {
		return nil, err
	}
	held := t.Grant()
	needs := right.Needs(deeds, &held)
	l := &tokenLedger{Href: c.usesHref(t.ID), Days: int(now.Sub(since) / (24 * time.Hour)), Used: needs.Count(), Held: held.Count()}
	s := &shrinking{Action: strings.TrimSuffix(c.usesHref(t.ID), "/uses") + "/shrink"}
	switch {
	case t.Kind == token.Personal && t.Access == token.Anywhere:
		s.From, s.Field = t.Scopes.String(), "scopes"
		s.Value = strings.Join(t.Scopes.Shrink(needs).Names(), ",")
		s.To = t.Scopes.Shrink(needs).String()
	case t.Kind == token.FineGrained || t.Kind == token.Deploy:
		s.From, s.Field, s.Value = fineWords(t.Permissions), "permissions", smaller(t, needs).String()
		s.To = fineWords(smaller(t, needs))
		l.Used, l.Held = smaller(t, needs).Count(), t.Permissions.Count()
	default:
		return l, nil // what an application was given is between the person and it
	}
	switch {
	case !t.RevokedAt.IsZero() || t.Expired(now) || s.From == "":
	case s.From == s.To:
		l.Needless = true
	case l.Days < shrinkAfter:
		l.Early = true
	default:
		if s.To == "" {
			s.To = "nothing but what is public"
		}
		l.Shrink = s
	}
	return l, nil
}

// smaller is what a token with permissions has used. That it can read metadata is
// part of whatever it has on repositories, and a deploy token reads its repository.
func smaller(t *token.Token, needs right.Grant) right.Fine {
	f := t.Permissions.Shrink(needs)
	if t.Kind == token.Deploy && f.Level("contents") == right.None {
		_ = f.Set("contents", right.Read)
	}
	if t.Permissions.Level("metadata") == right.Read {
		_ = f.Set("metadata", right.Read)
	}
	return f
}

func fineWords(f right.Fine) string { return strings.ReplaceAll(f.String(), ",", ", ") }

// showUses is the ledger of a token: its uses and what happened to it, in one
// order.
func showUses(c *call) error {
	t, err := c.anyToken()
	if err != nil {
		return err
	}
	from, err := c.ledgerPlace()
	if err != nil {
		return err
	}
	moments, next, more, err := c.door.o.Ledger.History(c.ctx(), t.Account, t.ID, from, usesPerPage)
	if err != nil {
		return err
	}
	keep, revoked := c.door.o.Ledger.Keep()
	p := &usesPage{Frame: c.homeOf(t.Kind).frame("Uses of a token"), Note: line(t.Note), LastEight: t.LastEight, Revoked: t.RevokedAt, Href: c.usesHref(t.ID),
		Keep: span(keep), KeepRevoked: span(revoked), OfApp: t.Kind == token.OAuth}
	if t.RevokedAt.IsZero() {
		if p.Ledger, err = c.tokenLedger(&t); err != nil {
			return err
		}
		p.Ledger.Href = "" // it is this page
	}
	for i := range moments {
		p.Rows = append(p.Rows, newUseRow(&moments[i]))
	}
	if more {
		p.Pager.Next = p.Href + "?use=" + id.Text(next.Use) + "&event=" + id.Text(next.Event)
	}
	if from != (ledger.Place{}) {
		p.Pager.Prev = p.Href
	}
	return c.show("token-uses", p)
}

// ledgerPlace reads how far the ledger was read.
func (c *call) ledgerPlace() (ledger.Place, error) {
	var p ledger.Place
	var ok bool
	if s := c.r.URL.Query().Get("use"); s != "" && s != "0" {
		if p.Use, ok = id.Parse[id.Use](s); !ok {
			return p, errMissing()
		}
	}
	if s := c.r.URL.Query().Get("event"); s != "" && s != "0" {
		if p.Event, ok = id.Parse[id.Event](s); !ok {
			return p, errMissing()
		}
	}
	return p, nil
}

func newUseRow(m *ledger.Moment) useRow {
	r := useRow{First: m.First, Times: m.Times, Did: line(actionWords(m.Action)), Result: line(m.Result), Repo: line(m.Repo), Actor: line(m.Actor),
		Detail: line(m.Detail), Address: m.Address, Client: line(m.Client), Received: m.Received, Sent: m.Sent, Event: m.Use == 0}
	if m.Action == "" {
		r.Did = "a request"
	}
	r.Node = cut(m.Node, 8)
	r.Bad = m.Result != ledger.Done && m.Result != ledger.UnderWay
	for _, ref := range m.Refs {
		r.Refs = append(r.Refs, line(ref))
	}
	return r
}

// span is a length of time in days, or as Go has it.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	if d%day == 0 {
		return plural(int64(d/day), "day", "days")
	}
	return d.String()
}

func exportUses(c *call) error {
	t, err := c.anyToken()
	if err != nil {
		return err
	}
	return c.export("token-"+id.Text(t.ID)+"-uses", func(w io.Writer, f audit.Format) error {
		return c.door.o.Ledger.Export(c.ctx(), w, f, t.Account, t.ID)
	})
}

// shrinkToken takes away what the person was shown that the token did not use, if
// it is as it was shown still. Nothing is ever given, whatever the form says.
func shrinkToken(c *call) error {
	t, err := c.anyToken()
	if err != nil {
		return err
	}
	if !t.RevokedAt.IsZero() {
		return errMissing()
	}
	was := t.Scopes.String()
	if t.Kind.Fine() {
		was = fineWords(t.Permissions)
	}
	stale := problem.New(problem.Conflict, "The token was changed in the meantime.", "Go back to its uses and look again at what would be taken away.")
	if c.field("from") != was {
		return stale
	}
	switch t.Kind {
	case token.Personal:
		set, err := right.ParseScopes(right.SplitScopes(c.field("scopes")))
		if err != nil || !c.r.PostForm.Has("scopes") {
			return stale
		}
		for _, name := range set.Names() {
			if !t.Scopes.Contains(right.Scope(name)) {
				return stale
			}
		}
		_, err = c.door.o.Tokens.Update(c.ctx(), c.actor, c.holder().Account, t.ID, t.Note, set)
		if err != nil {
			return err
		}
	case token.FineGrained, token.Deploy:
		f := right.ParseFine(c.field("permissions"))
		if !c.r.PostForm.Has("permissions") || !f.Within(t.Permissions) {
			return stale
		}
		if t.Kind == token.Deploy {
			_, err = c.door.o.Tokens.UpdateDeploy(c.ctx(), c.actor, c.holder().Account, t.ID, t.Note, f)
		} else {
			_, err = c.door.o.Tokens.UpdateFine(c.ctx(), c.actor, c.holder().Account, t.ID, token.NewFine{Name: t.Note, Description: t.Description, Owner: t.Owner,
				OwnerIsOrg: len(f.Only(right.OrganizationGroup)) > 0, Access: t.Access, Repos: t.Repos, Permissions: f})
		}
		if err != nil {
			return err
		}
	default:
		return errMissing()
	}
	return c.done("The token "+line(t.Note)+" can do no more than it did.", c.usesHref(t.ID))
}
