package web

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"jeton/internal/gate"
	"jeton/internal/id"
	"jeton/internal/policy"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/token"
)

const requestsPerPage = 30

// policyOwner is whose policy the page is about: the site's, or an organization's.
func (c *call) policyOwner() id.Account {
	if c.r.PathValue("org") == "" {
		return policy.Site
	}
	return c.org.ID
}

// policyPage is the form with p in it.
func (c *call) policyPage(p *right.Policy) (*policyForm, error) {
	f := &policyForm{MustEnd: p.MustEnd, Approve: p.Approve, ScopesOnly: p.ScopesOnly, FineOnly: p.FineOnly, Scopes: scopeTree(p.Scopes), Groups: groupsFor(gate.Resource{Org: true}, true, p.Fine)}
	if p.MaxLife > 0 {
		f.Days = strconv.Itoa(int(p.MaxLife / (24 * time.Hour)))
	}
	for _, k := range policy.Kinds() {
		f.Kinds = append(f.Kinds, kindChoice{Value: k.Name, Text: k.Title, On: !p.Without.Has(k.Credential)})
	}
	names := make([]string, len(p.Networks))
	for i, n := range p.Networks {
		names[i] = n.String()
	}
	f.Networks = strings.Join(names, "\n")
	if c.policyOwner() == policy.Site {
		f.Frame, f.Site, f.Whose, f.Action = adminFrame("Token policy"), true, "this site", "/admin/token-policy"
		f.Here = f.Action
		return f, nil
	}
	f.OrgFrame, f.Whose = c.orgFrame("Token policy of "+c.org.Login, "settings"), c.org.Login
	f.Action, f.RequestsURL = c.orgSettingsPath("/personal-access-tokens"), c.orgSettingsPath("/personal-access-token-requests")
	_, waiting, err := c.door.o.Tokens.Requests(c.ctx(), c.org.ID, token.OwnerQuery{PerPage: 1})
	f.Waiting = waiting
	return f, err
}

func showPolicy(c *call) error {
	p, err := c.door.o.Policies.Of(c.ctx(), c.door.o.DB, c.policyOwner())
	broken := policy.Unreadable(err)
	if err != nil && !broken {
		return err
	}
	if broken { // then it lets no token through, until another one is saved
		for _, k := range policy.Kinds() {
			p.Without |= right.Kinds(k.Credential)
		}
	}
	f, err := c.policyPage(&p)
	if err != nil {
		return err
	}
	if broken {
		f.frame().Problem = &Wrongs{Public: "The policy that is stored here can't be read. No token is let through and none is made.", Remedy: "Choose what you want, and save it."}
	}
	return c.show("token-policy", f)
}

// sentPolicy reads the form. What it can't read stays in the form for the error.
func (c *call) sentPolicy() (p right.Policy, networks string, err error) {
	p = right.Policy{MustEnd: c.field("must_end") == "yes", Approve: c.field("approve") == "yes",
		ScopesOnly: c.field("scopes_rule") == "only", FineOnly: c.field("permissions_rule") == "only"}
	allowed := map[string]bool{}
	for _, name := range c.r.PostForm["kinds"] {
		allowed[name] = true
	}
	for _, k := range policy.Kinds() {
		if !allowed[k.Name] {
			p.Without |= right.Kinds(k.Credential)
		}
	}
	if p.Scopes, _, err = c.scopes(); err != nil {
		return p, "", err
	}
	for _, info := range right.Fines() {
		if level, ok := right.ParseLevel(c.field(info.Name)); ok {
			if err := p.Fine.Set(info.Name, level); err != nil {
				return p, "", problem.Wrap(err, problem.Invalid, "The form asked for a permission that is not offered here.", "Go back and choose from the list.")
			}
		}
	}
	networks = c.field("networks")
	if days := c.field("max_days"); days != "" {
		n, bad := strconv.Atoi(days)
		if bad != nil || n < 1 || n > policy.MaxDays {
			return p, networks, problem.Field("max_days", fmt.Sprintf("Write a number of days between 1 and %d, or nothing.", policy.MaxDays))
		}
		p.MaxLife = time.Duration(n) * 24 * time.Hour
	}
	p.Networks, err = policy.ParseNetworks(networks)
	return p, networks, err
}

func savePolicy(c *call) error {
	p, networks, err := c.sentPolicy()
	if err == nil {
		if !p.ScopesOnly {
			p.Scopes = 0
		}
		if !p.FineOnly {
			p.Fine = right.Fine{}
		}
		err = c.door.o.Policies.Set(c.ctx(), c.actor, c.policyOwner(), p)
	}
	f, loadErr := c.policyPage(&p)
	if loadErr != nil {
		return loadErr
	}
	if err != nil {
		f.Networks = networks
		if days := c.field("max_days"); days != "" {
			f.Days = days
		}
		return c.again(err, "token-policy", f)
	}
	return c.done("Saved the policy. It holds from now on, for tokens that there are as well.", f.Action)
}

// listRequests shows what waits for the organization's owners, the oldest first.
func listRequests(c *call) error {
	rules, err := c.door.o.Policies.Of(c.ctx(), c.door.o.DB, c.org.ID)
	if err != nil && !policy.Unreadable(err) {
		return err
	}
	p := &requestsPage{OrgFrame: c.orgFrame("Requests for tokens of "+c.org.Login, "settings"), Wanted: rules.Approve, Broken: err != nil, PolicyURL: c.orgSettingsPath("/personal-access-tokens")}
	page := c.pageNumber()
	list, total, err := c.door.o.Tokens.Requests(c.ctx(), c.org.ID, token.OwnerQuery{Ascending: true, Page: page, PerPage: requestsPerPage})
	if err != nil {
		return err
	}
	p.Pager = pagerFor(c.orgSettingsPath("/personal-access-token-requests"), page, page*requestsPerPage < total)
	for i := range list {
		row, err := c.requestRow(&list[i])
		if err != nil {
			return err
		}
		p.Requests = append(p.Requests, row)
	}
	return c.show("token-requests", p)
}

func (c *call) requestRow(q *token.Request) (requestRow, error) {
	login, err := c.loginOf(q.Token.Account)
	if err != nil {
		return requestRow{}, err
	}
	row := requestRow{ID: id.Text(q.ID), Action: c.orgSettingsPath("/personal-access-token-requests/" + id.Text(q.ID)), Login: login, Name: line(q.Token.Note), Reason: line(q.Reason),
		Reaches: reaches(&q.Token, c.org.Login), Gives: permissionWords(q.Token.Permissions), Expiry: newExpiry(q.Token.ExpiresAt, c.door.o.Now()), Asked: q.CreatedAt}
	seen, lost, err := c.seen(q.Token.Owner, q.Token.Repos)
	for _, r := range seen {
		row.Repos = append(row.Repos, r.Name)
	}
	if lost > 0 {
		row.Repos = append(row.Repos, plural(lost, "more that is gone", "more that are gone"))
	}
	return row, err
}

func decideRequest(c *call) error {
	n, err := pathID[id.TokenRequest](c, "pat_request")
	if err != nil {
		return err
	}
	approve := c.field("decision") == "approve"
	if !approve && c.field("decision") != "deny" {
		return problem.New(problem.Invalid, "The form said neither approve nor deny.", "Go back and choose one.")
	}
	if err := c.door.o.Tokens.Decide(c.ctx(), c.actor, c.org.ID, n, approve, c.field("reason")); err != nil {
		return err
	}
	text := "Denied. The token reaches nothing of " + c.org.Login + " but what is public."
	if approve {
		text = "Approved. The token works from now on."
	}
	return c.done(text, c.orgSettingsPath("/personal-access-token-requests"))
}

// limitExpiry leaves of the choices for a token's end those that the policies of the
// site and of whose things it reaches let it have, and says so.
func (c *call) limitExpiry(f *expiryField, owner id.Account) error {
	all, err := c.door.o.Policies.Current(c.ctx())
	if err != nil || all == nil {
		return err
	}
	now := c.door.o.Now()
	f.follow(all.Site, "this site", now)
	f.follow(all.Of[owner], "the organization", now)
	return nil
}

// follow takes out what the policy does not let a token have that is made now.
func (f *expiryField) follow(p *right.Policy, whose string, now time.Time) {
	if p == nil || !p.MustEnd && p.MaxLife == 0 {
		return
	}
	latest := p.Latest(now)
	f.Policy = "By the policy of " + whose + " a token must have an end."
	if !latest.IsZero() {
		f.Policy = "By the policy of " + whose + " a token ends on " + day(latest) + " at the latest."
		if last := latest.UTC().Format(time.DateOnly); f.Max == "" || last < f.Max {
			f.Max = last
		}
	}
	kept, chosen := f.Options[:0:0], false
	for _, o := range f.Options {
		days, err := strconv.Atoi(o.Value)
		if o.Value == "none" || err == nil && !latest.IsZero() && inDays(now, days).After(latest) {
			continue
		}
		kept, chosen = append(kept, o), chosen || o.Selected
	}
	f.Options = kept
	if chosen {
		return
	}
	o := &f.Options[len(f.Options)-1] // the date; the longest preset that is left is better
	for i := range f.Options {
		if f.Options[i].Value != "custom" {
			o = &f.Options[i]
		}
	}
	o.Selected, f.Text = true, "The token will expire on "+o.Day+"."
	if o.Value == "custom" {
		f.Custom = f.Max
		f.Text = "Choose the day on which the token will expire."
	}
}

// standings are the reasons why policies keep a token of the person's from
// something, wherever it comes from.
func (c *call) standings(t *token.Token) ([]standing, error) {
	s, err := c.door.o.Gate.SubjectToken(c.ctx(), *t)
	if err != nil || !s.Governed() {
		return nil, err
	}
	orgs, err := c.door.o.Gate.Resources(c.ctx(), c.holder())
	if err != nil {
		return nil, err
	}
	var out []standing
	for _, one := range c.door.o.Gate.Standings(&s, orgs) {
		out = append(out, standing{Public: one.Says.Public, Remedy: one.Says.Remedy})
	}
	return out, nil
}

// blocked says that a policy is against a token: the site's, or that of one of the
// organizations in of.
func (c *call) blocked(t *token.Token, of []gate.Resource) (string, error) {
	s, err := c.door.o.Gate.SubjectToken(c.ctx(), *t)
	if err != nil {
		return "", err
	}
	switch all := c.door.o.Gate.Standings(&s, of); {
	case len(all) == 0:
		return "", nil
	case all[0].Breach == right.BreachUnapproved:
		return "Waits for approval", nil
	}
	return "Blocked by a policy", nil
}
