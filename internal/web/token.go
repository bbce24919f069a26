package web

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"jeton/internal/cert"
	"jeton/internal/id"
	"jeton/internal/policy"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/token"
)

// tokenHome is where the tokens of a kind that people make for themselves are
// listed and changed, and what its pages call them.
type tokenHome struct {
	kind               token.Kind
	path               string                   // below which each has its page
	list               string                   // of all
	noun               string                   // one of them, in headings
	all                string                   // all of them, in the question about it
	gives              string                   // what one gives
	template, revealed string                   // of the list; the key of what it shows once
	around             func(title string) Frame // of its pages; nil: the developer settings
}

func homeOf(k token.Kind) tokenHome {
	if k == token.FineGrained {
		return tokenHome{kind: k, path: "/settings/personal-access-tokens", list: "/settings/personal-access-tokens", noun: "fine-grained personal access token", all: "your fine-grained tokens",
			gives: "permissions", template: "fine-tokens", revealed: "fine-grained token"}
	}
	return tokenHome{kind: k, path: "/settings/tokens", list: "/settings/tokens", noun: "personal access token (classic)", all: "your tokens", gives: "scopes", template: "tokens", revealed: "token"}
}

func (h tokenHome) of(t id.Token, rest string) string { return h.path + "/" + id.Text(t) + rest }

func (h tokenHome) frame(title string, scripts ...string) Frame {
	if h.around != nil {
		f := h.around(title)
		f.Scripts = append(f.Scripts, scripts...)
		return f
	}
	return Frame{Title: title, Dev: true, Here: h.path, Scripts: scripts,
		Crumbs: []Link{{Text: "Settings", Href: "/settings/profile"}, {Text: "Developer settings", Href: h.path}}}
}

// listTokens shows the classic tokens, and once the secret of one that was just
// made.
func listTokens(c *call) error {
	h, now := c.homeOf(token.Personal), c.door.o.Now()
	list, err := c.door.o.Tokens.List(c.ctx(), c.holder().Account, h.kind)
	if err != nil {
		return err
	}
	p := &tokensPage{Frame: h.frame("Personal access tokens (classic)")}
	for i := range list {
		row := h.row(&list[i], list[i].Scopes.String(), now)
		if row.Blocked, err = c.blocked(&list[i], nil); err != nil {
			return err
		}
		p.Tokens = append(p.Tokens, row)
	}
	return c.showTokens(h, p, list)
}

func (h tokenHome) row(t *token.Token, gives string, now time.Time) tokenRow {
	return tokenRow{Href: h.of(t.ID, ""), Note: line(t.Note), Gives: gives, Used: used(t.LastUse.At, now), Expiry: newExpiry(t.ExpiresAt, now), Expired: t.Expired(now), Frozen: !t.FrozenAt.IsZero(), From: token.SystemName(t.Carried)}
}

func (c *call) showTokens(h tokenHome, p *tokensPage, list []token.Token) (err error) {
	if p.New, err = c.freshToken(h, list, &p.Frame); err != nil {
		return err
	}
	return c.show(h.template, p)
}

// freshToken is the one of the list that was just made, which the page of f shows
// this once; nil: there is none.
func (c *call) freshToken(h tokenHome, list []token.Token, f *Frame) (*newToken, error) {
	if !c.mayTake() {
		return nil, nil
	}
	n, err := c.takeNew(h, list)
	if n != nil {
		c.shown()
		f.Scripts = append(f.Scripts, "fresh.js")
	}
	return n, err
}

// reveal keeps a new token for the next page of this session that lists its kind:
// its number, whether scopes were dropped, and the secret. They are one entry, so
// that two tokens made at once can't be taken for each other.
func (c *call) reveal(t token.Token, plain secret.Value, reduced bool) error {
	m := id.Text(t.ID)
	if reduced {
		m += " reduced"
	}
	h := c.homeOf(t.Kind)
	c.door.o.Reveals.Put(c.actor.Sess, h.revealed, secret.New(m+"\n"+plain.Reveal()))
	return c.seeOther(h.list)
}

func (c *call) takeNew(h tokenHome, list []token.Token) (*newToken, error) {
	shown, ok := c.door.o.Reveals.Take(c.actor.Sess, h.revealed)
	if !ok {
		return nil, nil
	}
	m, plain, _ := strings.Cut(shown.Reveal(), "\n")
	number, reduced := strings.CutSuffix(m, " reduced")
	tid, _ := id.Parse[id.Token](number)
	i := slices.IndexFunc(list, func(t token.Token) bool { return t.ID == tid })
	if i < 0 {
		return nil, nil // deleted in the meantime
	}
	t, base := &list[i], c.door.o.Gate.URL("")
	clone, err := c.cloneExample(t)
	if err != nil {
		return nil, err
	}
	n := &newToken{Href: h.of(t.ID, ""), Note: line(t.Note), Secret: plain, Scopes: t.Scopes.String(), Login: c.holder().Login, Reduced: reduced,
		Expiry: newExpiry(t.ExpiresAt, c.door.o.Now()), Trust: c.door.trust(), Clone: "git clone " + clone,
		API: "curl " + c.door.trustCurl() + "-u " + c.holder().Login + " " + base + "/api/v3/user"}
	helper := "git config --global credential." + base + ".helper "
	n.Windows, n.MacOS, n.Linux, n.Plain = helper+"manager", helper+"osxkeychain", helper+`"cache --timeout=28800"`, helper+"store"
	if t.Kind.Fine() {
		n.PublicOnly = t.Permissions.Level("contents") == right.None
	}
	return n, nil
}

// cloneExample is the address of the last used repository that the token reaches.
func (c *call) cloneExample(t *token.Token) (string, error) {
	q := repo.Query{Affiliation: repo.ByOwner | repo.ByCollaborator, Sort: repo.SortPushed, Descending: true, PerPage: 1}
	switch t.Access {
	case token.PublicOnly:
		q.Visibility = repo.OnlyPublic
	case token.AllOf:
		q.Affiliation, q.Owner = 0, t.Owner
	case token.Selected:
		seen, _, err := c.seen(t.Owner, t.Repos)
		if err != nil || len(seen) == 0 {
			return c.door.o.Gate.URL("/OWNER/REPO.git"), err
		}
		return c.door.o.Gate.URL("/" + seen[0].Name + ".git"), nil
	}
	rows, _, err := c.repos(q)
	if err != nil {
		return "", err
	}
	if len(rows) == 0 {
		return c.door.o.Gate.URL("/OWNER/REPO.git"), nil
	}
	return c.door.o.Gate.URL(rows[0].Href + ".git"), nil
}

// trust is the lines that make git trust the local authority for this server
// alone: one for every system, and one more for Windows. They are empty when
// the certificate is another authority's.
func (d *Door) trust() caLines {
	if d.o.Authority == nil {
		return caLines{}
	}
	base := d.o.Gate.URL("")
	t := caLines{Git: cert.GitLine(base, d.o.Authority.File), Fingerprint: d.o.Authority.Fingerprint}
	for _, g := range d.o.Authority.Guides(base, d.o.Authority.File) {
		for _, step := range g.Steps {
			if g.System == "Windows" && step.Tool == "git" && len(step.Lines) > 1 {
				t.Windows = step.Lines[1]
			}
		}
	}
	return t
}

func (d *Door) trustCurl() string {
	if d.o.Authority == nil {
		return ""
	}
	return `--cacert "` + strings.NewReplacer(`"`, `\"`, `$`, `\$`, "`", "\\`").Replace(d.o.Authority.File) + `" `
}

// newTokenForm is the form, which a link may fill in as GitHub's can be.
func newTokenForm(c *call) error {
	q := c.r.URL.Query()
	p := c.tokenForm()
	p.Note = line(cut(q.Get("description"), 255))
	p.FromLink = q.Has("description") || q.Has("scopes") || q.Has("default_expires_at")
	var known, unknown []string
	for _, name := range right.SplitScopes(cut(q.Get("scopes"), 1000)) {
		if _, err := right.ParseScopes([]string{name}); err != nil {
			unknown = append(unknown, line(cut(name, 40)))
		} else {
			known = append(known, name)
		}
	}
	set, _ := right.ParseScopes(known)
	p.Scopes, p.Unknown = scopeTree(set), strings.Join(unknown, ", ")
	p.Expiry = newExpiryField(q.Get("default_expires_at"), "", c.door.o.Now())
	if err := c.limitExpiry(&p.Expiry, policy.Site); err != nil {
		return err
	}
	return c.show("token-new", p)
}

func (c *call) tokenForm() *tokenForm {
	return &tokenForm{Frame: c.homeOf(token.Personal).frame("New personal access token (classic)", "scopes.js", "expiry.js")}
}

func cut(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "")
	}
	return s
}

func createToken(c *call) error {
	p := c.tokenForm()
	p.Note = c.field("note")
	set, reduced, err := c.scopes()
	if err != nil {
		return err
	}
	p.Scopes = scopeTree(set)
	until, err := c.expiry(&p.Expiry, policy.Site)
	if err != nil {
		return c.again(err, "token-new", p)
	}
	t, plain, err := c.door.o.Tokens.Create(c.ctx(), c.actor, c.holder().Account, token.NewToken{Note: p.Note, Scopes: set, ExpiresAt: until})
	if err != nil {
		return c.again(err, "token-new", p)
	}
	return c.reveal(t, plain, reduced)
}

// scopes reads the ticked boxes. reduced reports that a child was ticked beside
// its parent: with script that cannot happen, since the child is locked.
func (c *call) scopes() (set right.ScopeSet, reduced bool, err error) {
	names := c.r.PostForm["scopes"]
	set, err = right.ParseScopes(names)
	if err != nil {
		return 0, false, problem.Wrap(err, problem.Invalid, "The form asked for a scope that is not offered here.", "Go back and choose from the list.")
	}
	return set, len(set.Names()) < len(names), nil
}

// expiry reads the choice of an expiration and fills in the field for the form
// that is shown again. A custom day counts to its end, in UTC, unless there is a
// time beside it. What the token reaches is owner's.
func (c *call) expiry(f *expiryField, owner id.Account) (time.Time, error) {
	choice, custom, now := c.field("expires"), strings.TrimSpace(c.field("expires_at")+" "+c.field("expires_time")), c.door.o.Now().UTC()
	*f = newExpiryField(choice, custom, now)
	if err := c.limitExpiry(f, owner); err != nil {
		return time.Time{}, err
	}
	wrong := func(text string) (time.Time, error) {
		f.Wrong = text
		return time.Time{}, problem.Field("expires_at", text)
	}
	switch choice {
	case "none":
		return time.Time{}, nil
	case "custom":
		end, err := customEnd(custom)
		if err != nil {
			return wrong("Choose the day on which the token shall expire.")
		}
		if !end.After(now) {
			return wrong("The day on which the token expires must not be over.")
		}
		return end, nil
	}
	for _, days := range presets {
		if choice == strconv.Itoa(days) {
			return inDays(now, days), nil
		}
	}
	return wrong("Choose one of the expirations.")
}

func (c *call) useOf(t *token.Token) (tokenUse, error) {
	u := tokenUse{ID: t.ID, Log: c.logOfToken(t), Href: c.homeOf(t.Kind).of(t.ID, ""), Explain: newExplainForm(c.homeOf(t.Kind).of(t.ID, ""), nil), Frozen: t.FrozenAt, From: token.SystemName(t.Carried), Until: t.ExpiresAt, LastEight: t.LastEight, Created: t.CreatedAt, Used: t.LastUse.At,
		UsedAddress: t.LastUse.Address, UsedClient: line(t.LastUse.Client), UsedRepo: t.LastUse.Repo, UsedAction: actionWords(t.LastUse.Action)}
	if t.Kind == token.Deploy {
		u.Explain.Repo = c.repo.FullName() // it reaches no other
	}
	all, err := c.door.o.Tokens.OldSecrets(c.ctx(), c.door.o.DB, t.ID)
	if old, ok := all[t.ID]; ok {
		u.Old = &oldSecret{LastEight: old.LastEight, Ends: old.EndsAt, Closes: old.Closes, Used: old.LastUse.At, Address: old.LastUse.Address, Client: line(old.LastUse.Client)}
	}
	if err != nil {
		return u, err
	}
	if c.of != nil {
		if u.MadeBy, err = c.door.o.Audit.Maker(c.ctx(), t.Account, t.ID); err != nil {
			return u, err
		}
	}
	u.Standing, err = c.standings(t)
	return u, err
}

func (c *call) tokenPage(t *token.Token) (*tokenPage, error) {
	use, err := c.useOf(t)
	return &tokenPage{Frame: c.homeOf(token.Personal).frame("Edit personal access token (classic)", "scopes.js"), tokenUse: use, Note: t.Note, Scopes: scopeTree(t.Scopes),
		Expiry: newExpiry(t.ExpiresAt, c.door.o.Now())}, err
}

func showToken(c *call) error {
	t, err := c.ownToken(token.Personal)
	if err != nil {
		return err
	}
	p, err := c.tokenPage(&t)
	if err != nil {
		return err
	}
	if p.Narrowed, err = c.narrowedOf(&t); err != nil {
		return err
	}
	if p.Ledger, err = c.tokenLedger(&t); err != nil {
		return err
	}
	return c.show("token-edit", p)
}

func updateToken(c *call) error {
	t, err := c.ownToken(token.Personal)
	if err != nil {
		return err
	}
	set, reduced, err := c.scopes()
	if err != nil {
		return err
	}
	changed, err := c.door.o.Tokens.Update(c.ctx(), c.actor, c.holder().Account, t.ID, c.field("note"), set)
	if err != nil {
		p, broken := c.tokenPage(&t)
		if broken != nil {
			return broken
		}
		p.Note, p.Scopes = c.field("note"), scopeTree(set)
		return c.again(err, "token-edit", p)
	}
	text := "Updated the token " + line(changed.Note) + "."
	if reduced {
		text += " Some of its scopes are inside others, so only the smallest set was saved: " + set.String() + "."
	}
	return c.done(text, "/settings/tokens")
}

// gives is what the token may do, in one line.
func gives(t *token.Token) string {
	if t.Kind.Fine() {
		return permissionWords(t.Permissions)
	}
	return t.Scopes.String()
}

func (c *call) regeneratePage(t *token.Token) *regeneratePage {
	h := c.homeOf(t.Kind)
	return &regeneratePage{Frame: h.frame("Regenerate "+h.noun, "expiry.js"), Home: h.list, Href: h.of(t.ID, ""), Note: line(t.Note), What: h.gives, Gives: gives(t),
		Expiry: newExpiryField(defaultPreset, "", c.door.o.Now())}
}

func regenerateForm(k token.Kind) handler {
	return func(c *call) error {
		t, err := c.ownToken(k)
		if err != nil {
			return err
		}
		p := c.regeneratePage(&t)
		if err := c.limitExpiry(&p.Expiry, t.Owner); err != nil {
			return err
		}
		return c.show("token-regenerate", p)
	}
}

func regenerateToken(k token.Kind) handler {
	return func(c *call) error {
		t, err := c.ownToken(k)
		if err != nil {
			return err
		}
		p := c.regeneratePage(&t)
		until, err := c.expiry(&p.Expiry, t.Owner)
		if err != nil {
			return c.again(err, "token-regenerate", p)
		}
		made, plain, err := c.door.o.Tokens.Regenerate(c.ctx(), c.actor, c.holder().Account, t.ID, until)
		if err != nil {
			return c.again(err, "token-regenerate", p)
		}
		return c.reveal(made, plain, false)
	}
}

func deleteTokenForm(k token.Kind) handler {
	return func(c *call) error {
		t, err := c.ownToken(k)
		if err != nil {
			return err
		}
		h := c.homeOf(k)
		return c.show("confirm", &confirmPage{Frame: h.frame("Delete token"), Heading: "Delete the token " + line(t.Note) + "?",
			Action: h.of(t.ID, "/delete"), Button: "I understand, delete this token", Back: h.list,
			Consequences: []string{"Every program and computer that uses it loses access at once. This cannot be undone."}})
	}
}

func deleteToken(k token.Kind) handler {
	return func(c *call) error {
		t, err := c.ownToken(k)
		if err != nil {
			return err
		}
		if _, err := c.door.o.Tokens.RevokeAny(c.ctx(), c.actor, c.holder().Account, t.ID); err != nil {
			return err
		}
		return c.done("Deleted the token "+line(t.Note)+".", c.homeOf(k).list)
	}
}

func (c *call) revokeAllPage(k token.Kind) *confirmPage {
	h := c.homeOf(k)
	return &confirmPage{Frame: h.frame("Revoke all tokens"), Heading: "Revoke all " + h.all + "?", Action: h.path + "/revoke_all",
		Button: "I understand, revoke access for everything", Back: h.list, TypeThis: c.holder().Login,
		Consequences: []string{"Every program and computer that uses one of " + h.all + " loses access at once. This cannot be undone."}}
}

func revokeAllForm(k token.Kind) handler {
	return func(c *call) error { return c.show("confirm", c.revokeAllPage(k)) }
}

// typed checks that what had to be typed was typed.
func (c *call) typed(want string) error {
	if c.field("confirm") != want {
		return problem.Field("confirm", "This is not "+want+".")
	}
	return nil
}

func revokeAll(k token.Kind) handler {
	return func(c *call) error {
		if err := c.typed(c.holder().Login); err != nil {
			return c.again(err, "confirm", c.revokeAllPage(k))
		}
		n, err := c.door.o.Tokens.RevokeAll(c.ctx(), c.actor, c.holder().Account, k)
		if err != nil {
			return err
		}
		return c.done("Revoked "+plural(n, "token", "tokens")+".", c.homeOf(k).list)
	}
}

// newTokenHref is the form for a new token, filled in for a purpose.
func newTokenHref(note string) string {
	return "/settings/tokens/new?" + url.Values{"description": {note}, "scopes": {"repo"}}.Encode()
}

// actionWords says what a token was used for, to people.
func actionWords(action string) string {
	switch action {
	case right.RepoFetch.String():
		return "clone or fetch"
	case right.RepoPush.String():
		return "push"
	case right.RepoRead.String(), right.SelfRead.String(), right.SiteBrowse.String(), right.SiteVisit.String():
		return "reading through the API"
	case right.RepoCreate.String(), right.RepoCreatePrivate.String():
		return "making a repository"
	case right.RepoDelete.String():
		return "deleting a repository"
	}
	return action
}
