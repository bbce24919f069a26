package web

import (
	"strconv"
	"strings"

	"jeton/internal/audit"
	"jeton/internal/gate"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/token"
	"jeton/internal/trust"
)

// shownTrustLines is how many uses and refusals a page shows, of as many lines of the
// owner's log as are looked at.
const (
	shownTrustLines = 20
	readTrustLines  = 300
)

// trustPlace is whose trusts the page is about: the gate loaded the one or the other.
func (c *call) trustPlace() trust.Place {
	at := c.place()
	return trust.Place{Repo: at.Repo, Owner: at.Owner, Name: at.Name}
}

func (c *call) trustsOf() trust.Of {
	at := c.trustPlace()
	return at.Of()
}

func (c *call) trustsHref() string {
	if c.org.ID != 0 {
		return c.orgSettingsPath("/trusts")
	}
	return c.repoPath("/settings/trusts")
}

func (c *call) trustHref(t id.Trust) string { return href(c.trustsHref()+"/%d", t) }

func (c *call) trustFrame(title string) HookFrame {
	f := c.hookFrame(title)
	f.HooksHref, f.Here = c.trustsHref(), "trusts"
	if c.org.ID != 0 {
		f.Back = f.HooksHref
	}
	return f
}

func listTrusts(c *call) error {
	all, err := c.door.o.Trusts.List(c.ctx(), c.door.o.DB, c.trustsOf())
	if err != nil {
		return err
	}
	p := &trustsPage{HookFrame: c.trustFrame("Trusted issuers of " + c.place().Name), NewHref: c.trustsHref() + "/new"}
	if c.org.ID != 0 {
		p.Back = c.orgSettingsPath("")
	}
	for i := range all {
		t := &all[i]
		p.Trusts = append(p.Trusts, trustRow{Name: line(t.Name), Href: c.trustHref(t.ID), Issuer: line(t.Issuer), Subject: line(t.Subject),
			Gives: permissionWords(t.Permissions) + ", for " + plural(t.Minutes, "minute", "minutes"), Used: t.UsedAt, Refused: t.RefusedAt, Why: t.RefusedWhy})
	}
	if p.Lines, err = c.trustLines(0, "trust.refused"); err != nil {
		return err
	}
	return c.show("trusts", p)
}

// trustLines are the newest lines of the owner's log about the place, or about one
// trust of it.
func (c *call) trustLines(of id.Trust, actions ...string) ([]trustLine, error) {
	var out []trustLine
	at := c.trustPlace()
	for _, action := range actions {
		lines, err := c.door.o.Audit.List(c.ctx(), audit.Query{Account: at.Owner, Action: action, Limit: readTrustLines})
		if err != nil {
			return nil, err
		}
		shown := 0
		for i := range lines {
			l := &lines[i]
			if l.Repo != at.Repo || of != 0 && l.Detail["trust_id"] != id.Text(of) || shown >= shownTrustLines {
				continue
			}
			shown++
			row := trustLine{At: l.At, Refused: action == "trust.refused", Subject: l.Detail["subject"], Text: "Given a token until " + l.Detail["expires_at"]}
			if row.Refused {
				row.Text = refusalText(l)
			}
			out = append(out, row)
		}
	}
	return out, nil
}

// shellSafe are characters that mean nothing to a shell, nor in a query.
const shellSafe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:/._-"

// refusalTexts say what the log's reasons mean.
var refusalTexts = map[string]string{
	"issuer":             "No trust here names its issuer",
	"algorithm":          "It was not signed by an algorithm that is taken",
	"expired":            "It had expired",
	"not yet valid":      "It was not valid yet: the issuer's clock is ahead",
	"lifetime":           "It would have lived for more than 24 hours",
	"issuer unavailable": "The keys of the issuer could not be fetched",
	"signature":          "Its signature was not the issuer's",
	"subject":            "The subject did not fit",
	"audience":           "The audience did not fit",
	"replayed":           "It had been exchanged before",
	"service account":    "The service account is not there, or is suspended",
	"changed meanwhile":  "The trust was changed at that moment",
}

func refusalText(l *audit.Line) string {
	why := l.Detail["why"]
	text, known := refusalTexts[why]
	switch name, claim := strings.CutPrefix(why, "claim "); {
	case claim:
		text = "The claim " + name + " was not as it should be: “" + l.Detail["value"] + "”"
	case why == "audience":
		text += ": “" + l.Detail["audience"] + "”"
	case why == "issuer":
		text += ": “" + l.Detail["issuer"] + "”"
	case !known:
		text = why
	}
	if l.Detail["signature"] != "" {
		text += ". Anybody may have made it up: its signature was not verified"
	}
	return text + "."
}

// trustPage is the form with what s says.
func (c *call) trustPage(t *trust.Trust, s *trust.Statement) (*trustPage, error) {
	title := "New trusted issuer"
	if t.ID != 0 {
		title = "Trusted issuer of " + c.place().Name
	}
	p := &trustPage{HookFrame: c.trustFrame(title), Name: s.Name, Issuer: s.Issuer, Audience: s.Audience, Subject: s.Subject, Claims: trust.ClaimsText(s.Claims),
		Minutes: strconv.Itoa(s.Minutes), Access: accessSelected, Action: c.trustsHref() + "/new"}
	p.Resource, p.Endpoint = c.door.o.Gate.URL("/"+c.place().Name), c.door.o.Gate.URL("/login/oauth/access_token")
	p.Clone, p.Asked = p.Resource+".git", s.Audience
	if strings.ContainsFunc(s.Audience, func(r rune) bool { return !strings.ContainsRune(shellSafe, r) }) { // people copy the lines into a shell
		p.Asked = "AUDIENCE"
	}
	if s.Access == token.AllOf {
		p.Access = accessAll
	}
	if c.org.ID != 0 {
		p.Clone = p.Resource + "/REPOSITORY.git"
		names, _, err := c.seen(c.org.ID, s.Repos)
		if err != nil {
			return nil, err
		}
		for _, r := range names {
			p.Repos += strings.TrimPrefix(r.Name, c.org.Login+"/") + "\n"
		}
		machines, err := c.door.o.Accounts.Machines(c.ctx(), c.door.o.DB, c.org.ID)
		if err != nil {
			return nil, err
		}
		for i := range machines {
			p.Machines = append(p.Machines, levelOption{machines[i].Login, machines[i].Login, machines[i].ID == s.Machine})
		}
	}
	p.offer(c.org.ID != 0, s.Permissions)
	if t.ID == 0 {
		return p, nil
	}
	p.Action = c.trustHref(t.ID)
	p.DeleteHref = p.Action + "/delete"
	var err error
	if p.Live, err = c.door.o.Tokens.LiveOfTrust(c.ctx(), c.door.o.DB, t.ID); err != nil {
		return nil, err
	}
	p.Lines, err = c.trustLines(t.ID, "trust.refused", "trust.exchange")
	return p, err
}

// offer lists the permissions that can be given.
func (p *trustPage) offer(org bool, f right.Fine) {
	p.Groups = groupsFor(gate.Resource{Org: org}, false, f)
	if org {
		return
	}
	for i := range p.Groups {
		g := &p.Groups[i]
		kept := g.Rows[:0]
		for _, row := range g.Rows {
			if trust.ForRepo(row.Name) {
				kept = append(kept, row)
			}
		}
		g.Rows, g.Lead = kept, "What the token may do in this repository."
	}
}

// examples are how forms for issuers that many use are filled in.
var examples = map[string]trust.Statement{
	"github": {Name: "GitHub Actions", Issuer: "https://token.actions.githubusercontent.com", Subject: "repo:OWNER/REPOSITORY:ref:refs/heads/main"},
	"gitlab": {Name: "GitLab CI", Issuer: "https://gitlab.com", Subject: "project_path:GROUP/PROJECT:ref_type:branch:ref:main"},
}

func newTrustForm(c *call) error {
	s := examples[c.r.URL.Query().Get("for")]
	s.Audience, s.Minutes, s.Permissions = c.door.o.Gate.URL(""), trust.DefaultMinutes, right.ParseFine("contents=read")
	p, err := c.trustPage(&trust.Trust{}, &s)
	if err != nil {
		return err
	}
	return c.show("trusted", p)
}

// sentTrust reads the form into p, which is shown again if something is wrong, and
// into a statement.
func (c *call) sentTrust(p *trustPage) (s trust.Statement, err error) {
	f := readFilled(c.r.PostForm)
	p.Name, p.Issuer, p.Audience, p.Subject, p.Claims, p.Minutes = c.field("name"), c.field("issuer"), c.field("audience"), c.field("subject"), c.field("claims"), c.field("minutes")
	p.Access, p.Repos, p.Machine = c.field("access"), c.field("repositories"), c.field("machine")
	p.offer(c.org.ID != 0, f.permissions)
	for i := range p.Machines {
		p.Machines[i].Selected = p.Machines[i].Value == p.Machine
	}
	s = trust.Statement{Name: p.Name, Issuer: p.Issuer, Audience: p.Audience, Subject: p.Subject, Permissions: f.permissions, Access: token.Selected}
	if s.Minutes, err = strconv.Atoi(strings.TrimSpace(p.Minutes)); err != nil {
		return s, problem.Field("minutes", "Choose between 1 and "+strconv.Itoa(trust.MaxMinutes)+" minutes")
	}
	if s.Claims, err = trust.ParseClaims(p.Claims); err != nil || c.org.ID == 0 {
		return s, err
	}
	if p.Machine != "" {
		m, err := c.door.o.Accounts.MachineOf(c.ctx(), c.door.o.DB, c.org.ID, p.Machine)
		if problem.Is(err, problem.NotFound) {
			return s, problem.Field("machine", "The organization has no such service account")
		}
		if err != nil {
			return s, err
		}
		s.Machine = m.ID
	}
	if p.Access == accessAll {
		s.Access = token.AllOf
		return s, nil
	}
	names := strings.Fields(p.Repos)
	names = names[:min(len(names), token.MaxRepos+1)] // one too many is refused, and said to be
	s.Repos, err = c.door.o.Gate.Reachable(c.ctx(), &c.actor, gate.Resource{ID: c.org.ID, Login: c.org.Login, Org: true}, "repositories", names)
	return s, err
}

func createTrust(c *call) error {
	p, err := c.trustPage(&trust.Trust{}, &trust.Statement{})
	if err != nil {
		return err
	}
	s, err := c.sentTrust(p)
	if err != nil {
		return c.again(err, "trusted", p)
	}
	t, err := c.door.o.Trusts.Create(c.ctx(), c.actor, c.trustPlace(), s)
	if err != nil {
		return c.again(err, "trusted", p)
	}
	return c.done("Saved. Below stands how a machine gets its token.", c.trustHref(t.ID))
}

// trust is the one that the address names, of this place alone.
func (c *call) trust() (trust.Trust, error) {
	n, err := pathID[id.Trust](c, "trust")
	if err != nil {
		return trust.Trust{}, err
	}
	t, err := c.door.o.Trusts.ByID(c.ctx(), c.door.o.DB, c.trustsOf(), n)
	if problem.Is(err, problem.NotFound) {
		err = errMissing()
	}
	return t, err
}

func trustForm(c *call) error {
	t, err := c.trust()
	if err != nil {
		return err
	}
	p, err := c.trustPage(&t, &t.Statement)
	if err != nil {
		return err
	}
	return c.show("trusted", p)
}

func updateTrust(c *call) error {
	t, err := c.trust()
	if err != nil {
		return err
	}
	p, err := c.trustPage(&t, &t.Statement)
	if err != nil {
		return err
	}
	s, err := c.sentTrust(p)
	if err == nil {
		_, err = c.door.o.Trusts.Update(c.ctx(), c.actor, c.trustPlace(), t.ID, s)
	}
	if err != nil {
		return c.again(err, "trusted", p)
	}
	return c.done("Saved.", c.trustHref(t.ID))
}

func deleteTrustForm(c *call) error {
	t, err := c.trust()
	if err != nil {
		return err
	}
	return c.show("confirm", &confirmPage{Frame: Frame{Title: "Delete a trusted issuer", Crumbs: []Link{{Text: c.place().Name, Href: "/" + c.place().Name}, {Text: "Trusted issuers", Href: c.trustsHref()}}},
		Heading: "Delete the trusted issuer " + line(t.Name) + "?", Action: c.trustHref(t.ID) + "/delete", Button: "Delete this trusted issuer", Back: c.trustHref(t.ID),
		Consequences: []string{"Its machines get no tokens any more, and those that they have end at once, also in the midst of a push."}})
}

func deleteTrust(c *call) error {
	n, err := pathID[id.Trust](c, "trust")
	if err != nil {
		return err
	}
	text := "Deleted the trusted issuer. Its tokens have ended."
	err = c.door.o.Trusts.Delete(c.ctx(), c.actor, c.trustPlace(), n)
	if problem.Is(err, problem.NotFound) {
		text, err = "There is no such trusted issuer any more.", nil // sent twice, or somebody was quicker
	}
	if err != nil {
		return err
	}
	return c.done(text, c.trustsHref())
}
