package web

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"jeton/internal/cert"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/token"
)

func devFrame(title string, scripts ...string) Frame {
	return Frame{Title: title, Dev: true, Here: "/settings/tokens", Scripts: scripts,
		Crumbs: []Link{{Text: "Settings", Href: "/settings/profile"}, {Text: "Developer settings", Href: "/settings/tokens"}}}
}

// listTokens shows the tokens, and once the secret of one that was just made.
func listTokens(c *call) error {
	list, err := c.door.o.Tokens.List(c.ctx(), c.actor.Account, token.Personal)
	if err != nil {
		return err
	}
	now := c.door.o.Now()
	p := &tokensPage{Frame: devFrame("Personal access tokens (classic)")}
	for i := range list {
		t := &list[i]
		p.Tokens = append(p.Tokens, tokenRow{ID: t.ID, Note: line(t.Note), Scopes: t.Scopes.String(), Used: used(t.LastUse.At, now),
			Expiry: newExpiry(t.ExpiresAt, now), Expired: t.Expired(now)})
	}
	if c.mayTake() {
		if p.New, err = c.takeNew(list); err != nil {
			return err
		}
	}
	if p.New != nil {
		c.shown()
		p.Scripts = append(p.Scripts, "fresh.js")
	}
	return c.show("tokens", p)
}

// revealed keys what the one page that shows a new token shows: its number,
// whether scopes were dropped, and the secret. They are one entry, so that two
// tokens made at once can't be taken for each other.
const revealed = "token"

// reveal keeps a new secret for the next page of this session.
func (c *call) reveal(t token.Token, plain secret.Value, reduced bool) error {
	m := itoa(int64(t.ID))
	if reduced {
		m += " reduced"
	}
	c.door.o.Reveals.Put(c.actor.Sess, revealed, secret.New(m+"\n"+plain.Reveal()))
	return c.seeOther("/settings/tokens")
}

func (c *call) takeNew(list []token.Token) (*newToken, error) {
	shown, ok := c.door.o.Reveals.Take(c.actor.Sess, revealed)
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
	clone, err := c.cloneExample()
	if err != nil {
		return nil, err
	}
	t, base := &list[i], c.door.o.Gate.URL("")
	n := &newToken{ID: t.ID, Note: line(t.Note), Secret: plain, Scopes: t.Scopes.String(), Login: c.actor.Login, Reduced: reduced,
		Expiry: newExpiry(t.ExpiresAt, c.door.o.Now()), Trust: c.door.trust(), Clone: "git clone " + clone,
		API: "curl " + c.door.trustCurl() + "-u " + c.actor.Login + " " + base + "/api/v3/user"}
	helper := "git config --global credential." + base + ".helper "
	n.Windows, n.MacOS, n.Linux, n.Plain = helper+"manager", helper+"osxkeychain", helper+`"cache --timeout=28800"`, helper+"store"
	return n, nil
}

// cloneExample is the address of the person's last used repository.
func (c *call) cloneExample() (string, error) {
	rows, _, err := c.repos(repo.Query{Affiliation: repo.ByOwner | repo.ByCollaborator, Sort: repo.SortPushed, Descending: true, PerPage: 1})
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
func (d *Door) trust() trust {
	if d.o.Authority == nil {
		return trust{}
	}
	base := d.o.Gate.URL("")
	t := trust{Git: cert.GitLine(base, d.o.Authority.File), Fingerprint: d.o.Authority.Fingerprint}
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
	return c.show("token-new", p)
}

func (c *call) tokenForm() *tokenForm {
	return &tokenForm{Frame: devFrame("New personal access token (classic)", "scopes.js", "expiry.js")}
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
	until, err := c.expiry(&p.Expiry)
	if err != nil {
		return c.again(err, "token-new", p)
	}
	t, plain, err := c.door.o.Tokens.Create(c.ctx(), c.actor, c.actor.Account, token.NewToken{Note: p.Note, Scopes: set, ExpiresAt: until})
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
// that is shown again. A custom day counts to its end, in UTC.
func (c *call) expiry(f *expiryField) (time.Time, error) {
	choice, custom, now := c.field("expires"), c.field("expires_at"), c.door.o.Now().UTC()
	*f = newExpiryField(choice, custom, now)
	wrong := func(text string) (time.Time, error) {
		f.Wrong = text
		return time.Time{}, problem.Field("expires_at", text)
	}
	switch choice {
	case "none":
		return time.Time{}, nil
	case "custom":
		d, err := time.Parse(time.DateOnly, custom)
		if err != nil {
			return wrong("Choose the day on which the token shall expire.")
		}
		if end := d.Add(24*time.Hour - time.Second); end.After(now) {
			return end, nil
		}
		return wrong("The day on which the token expires must not be over.")
	}
	for _, days := range presets {
		if choice == itoa(days) {
			return inDays(now, days), nil
		}
	}
	return wrong("Choose one of the expirations.")
}

// ownToken loads the classic token that the path names, of the person's own account.
func (c *call) ownToken() (token.Token, error) {
	tid, err := pathID[id.Token](c, "token")
	if err != nil {
		return token.Token{}, err
	}
	t, err := c.door.o.Tokens.ByID(c.ctx(), c.actor.Account, tid)
	if problem.Is(err, problem.NotFound) || err == nil && t.Kind != token.Personal {
		return token.Token{}, errMissing()
	}
	return t, err
}

func (c *call) tokenPage(t token.Token) *tokenPage {
	return &tokenPage{Frame: devFrame("Edit personal access token (classic)", "scopes.js"), ID: t.ID, Note: t.Note, Scopes: scopeTree(t.Scopes),
		Expiry: newExpiry(t.ExpiresAt, c.door.o.Now()), LastEight: t.LastEight, Created: t.CreatedAt, Used: t.LastUse.At,
		UsedAddress: t.LastUse.Address, UsedClient: line(t.LastUse.Client), UsedRepo: t.LastUse.Repo, UsedAction: actionWords(t.LastUse.Action)}
}

func showToken(c *call) error {
	t, err := c.ownToken()
	if err != nil {
		return err
	}
	p := c.tokenPage(t)
	if p.Ledger, err = c.tokenLedger(&t); err != nil {
		return err
	}
	return c.show("token-edit", p)
}

func updateToken(c *call) error {
	t, err := c.ownToken()
	if err != nil {
		return err
	}
	set, reduced, err := c.scopes()
	if err != nil {
		return err
	}
	changed, err := c.door.o.Tokens.Update(c.ctx(), c.actor, c.actor.Account, t.ID, c.field("note"), set)
	if err != nil {
		p := c.tokenPage(t)
		p.Note, p.Scopes = c.field("note"), scopeTree(set)
		return c.again(err, "token-edit", p)
	}
	text := "Updated the token " + line(changed.Note) + "."
	if reduced {
		text += " Some of its scopes are inside others, so only the smallest set was saved: " + set.String() + "."
	}
	return c.done(text, "/settings/tokens")
}

func (c *call) regeneratePage(t token.Token) *regeneratePage {
	return &regeneratePage{Frame: devFrame("Regenerate personal access token (classic)", "expiry.js"), ID: t.ID, Note: line(t.Note), ScopeList: t.Scopes.String(),
		Expiry: newExpiryField(defaultPreset, "", c.door.o.Now())}
}

func regenerateForm(c *call) error {
	t, err := c.ownToken()
	if err != nil {
		return err
	}
	return c.show("token-regenerate", c.regeneratePage(t))
}

func regenerateToken(c *call) error {
	t, err := c.ownToken()
	if err != nil {
		return err
	}
	p := c.regeneratePage(t)
	until, err := c.expiry(&p.Expiry)
	if err != nil {
		return c.again(err, "token-regenerate", p)
	}
	made, plain, err := c.door.o.Tokens.Regenerate(c.ctx(), c.actor, c.actor.Account, t.ID, until)
	if err != nil {
		return c.again(err, "token-regenerate", p)
	}
	return c.reveal(made, plain, false)
}

func deleteTokenForm(c *call) error {
	t, err := c.ownToken()
	if err != nil {
		return err
	}
	return c.show("confirm", &confirmPage{Frame: devFrame("Delete token"), Heading: "Delete the token " + line(t.Note) + "?",
		Action: "/settings/tokens/" + itoa(int64(t.ID)) + "/delete", Button: "I understand, delete this token", Back: "/settings/tokens",
		Consequences: []string{"Every program and computer that uses it loses access at once. This cannot be undone."}})
}

func deleteToken(c *call) error {
	t, err := c.ownToken()
	if err != nil {
		return err
	}
	if _, err := c.door.o.Tokens.Revoke(c.ctx(), c.actor, c.actor.Account, t.ID); err != nil {
		return err
	}
	return c.done("Deleted the token "+line(t.Note)+".", "/settings/tokens")
}

func (c *call) revokeAllPage() *confirmPage {
	return &confirmPage{Frame: devFrame("Revoke all tokens"), Heading: "Revoke all your tokens?", Action: "/settings/tokens/revoke_all",
		Button: "I understand, revoke access for everything", Back: "/settings/tokens", TypeThis: c.actor.Login,
		Consequences: []string{"Every program and computer that uses one of your tokens loses access at once. This cannot be undone."}}
}

func revokeAllForm(c *call) error { return c.show("confirm", c.revokeAllPage()) }

// typed checks that what had to be typed was typed.
func (c *call) typed(want string) error {
	if c.field("confirm") != want {
		return problem.Field("confirm", "This is not "+want+".")
	}
	return nil
}

func revokeAll(c *call) error {
	if err := c.typed(c.actor.Login); err != nil {
		return c.again(err, "confirm", c.revokeAllPage())
	}
	n, err := c.door.o.Tokens.RevokeAll(c.ctx(), c.actor, c.actor.Account, token.Personal)
	if err != nil {
		return err
	}
	return c.done("Revoked "+plural(n, "token", "tokens")+".", "/settings/tokens")
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
