package web

import (
	"fmt"
	"strconv"
	"strings"

	"jeton/internal/alert"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/token"
)

// resolutionTexts are the ways to close an alert, in the order of the form.
var resolutionTexts = []choice{
	{Value: "revoked", Text: "Revoked: the token opens nothing any more"},
	{Value: "used_in_tests", Text: "Used in tests: it guards nothing"},
	{Value: "false_positive", Text: "False positive: it is no token"},
	{Value: "wont_fix", Text: "Won’t fix: it may stay as it is"},
}

// reasonTexts are the reasons for pushing a token nevertheless.
var reasonTexts = []choice{
	{Value: "used_in_tests", Text: "It is used in tests, and guards nothing"},
	{Value: "false_positive", Text: "It is a false positive"},
	{Value: "will_fix_later", Text: "I will fix it later"},
}

func (c *call) alertPlace() alert.Place {
	return alert.Place{Repo: c.repo.ID, Owner: c.repo.Owner, Name: c.repo.FullName(), Private: c.repo.Private}
}

func (c *call) alertHref(number int64) string {
	return href(c.repoPath("/security/secret-scanning/%d"), number)
}

func (c *call) alertRow(a *alert.Alert) alertRow {
	row := alertRow{Href: c.alertHref(a.Number), What: strings.TrimPrefix(alert.TypeDisplay(a.Kind), "Jeton "), Ending: a.LastEight, Number: a.Number, Found: a.CreatedAt,
		Live: a.Validity == alert.Active, Maybe: a.Validity == alert.Unknown, Open: a.Open()}
	for _, r := range resolutionTexts {
		if r.Value == a.Resolution {
			row.Says = r.Text
		}
	}
	return row
}

func listAlerts(c *call) error {
	p := &alertsPage{RepoFrame: c.repoFrame("Secret scanning of "+c.repo.FullName(), "security"), Closed: c.r.URL.Query().Get("state") == "resolved"}
	f, other := alert.Filter{State: "open"}, alert.Filter{State: "resolved"}
	p.Other = c.repoPath("/security/secret-scanning?state=resolved")
	if p.Closed {
		f, other, p.Other = other, f, c.repoPath("/security/secret-scanning")
	}
	list, err := c.door.o.Alerts.List(c.ctx(), c.door.o.DB, c.repo.ID, f)
	if err != nil {
		return err
	}
	for i := range list {
		if i == maxEntries {
			break
		}
		p.Alerts = append(p.Alerts, c.alertRow(&list[i]))
	}
	state, err := c.door.o.Alerts.State(c.ctx(), c.door.o.DB, c.repo.ID)
	p.Looked, p.Unscanned = state.Done, state.Done.IsZero() && c.repo.Size > 0
	if err != nil {
		return err
	}
	return c.show("alerts", p)
}

// alert is the one that the address names, of this repository alone.
func (c *call) alert() (alert.Alert, error) {
	n, err := pathID[int64](c, "alert")
	if err != nil {
		return alert.Alert{}, err
	}
	a, err := c.door.o.Alerts.ByNumber(c.ctx(), c.door.o.DB, c.repo.ID, n)
	if problem.Is(err, problem.NotFound) {
		err = errMissing()
	}
	return a, err
}

func (c *call) alertPage(a *alert.Alert) (*alertPage, error) {
	p := &alertPage{RepoFrame: c.repoFrame(fmt.Sprintf("Alert %d of %s", a.Number, c.repo.FullName()), "security"), Row: c.alertRow(a), Mine: a.Owner == c.actor.Account,
		Comment: line(a.Comment), At: a.ResolvedAt, Resolutions: resolutionTexts}
	if p.Mine {
		p.Note, p.End = line(a.Note), ending(a.Kind, a.App)
	}
	var err error
	if p.By, err = c.loginOf(a.ResolvedBy); err == nil {
		p.Bypassed, err = c.loginOf(a.BypassedBy)
	}
	if err != nil {
		return nil, err
	}
	places, err := c.door.o.Alerts.Locations(c.ctx(), c.door.o.DB, a.ID)
	for _, l := range places {
		row := placeRow{Text: fmt.Sprintf("the message of the %s %s, line %d", l.Kind, short(l.Object), l.Line)}
		switch {
		case l.Kind == "commit":
			row.Href = href(c.repoPath("/commit/%s"), l.Object)
		case l.Kind == "blob":
			row.Text = fmt.Sprintf("%s, line %d", line(l.Path), l.Line)
			if l.Commit != "" {
				row.Href = href(c.repoPath("/blob/%s/%s"), l.Commit, l.Path) + "#L" + strconv.Itoa(l.Line)
			}
		}
		p.Places = append(p.Places, row)
	}
	return p, err
}

func short(id string) string { return id[:min(len(id), 7)] }

// loginOf is an account's name, empty for none.
func (c *call) loginOf(who id.Account) (string, error) {
	if who == 0 {
		return "", nil
	}
	a, err := c.door.o.Accounts.Facts(c.ctx(), c.door.o.DB, who)
	if problem.Is(err, problem.NotFound) {
		return "a deleted account", nil
	}
	return a.Login, err
}

// ending is the page on which its owner ends what is no personal token.
func ending(k token.Kind, app string) string {
	switch k {
	case token.Personal, token.FineGrained, token.Deploy:
		return ""
	case token.AppSecret:
		return "/settings/developers"
	}
	return href("/settings/connections/applications/%s", app)
}

func showAlert(c *call) error {
	a, err := c.alert()
	if err != nil {
		return err
	}
	p, err := c.alertPage(&a)
	if err != nil {
		return err
	}
	return c.show("alert", p)
}

func decideAlert(c *call) error {
	a, err := c.alert()
	if err != nil {
		return err
	}
	if c.field("revoke") == "yes" {
		return c.revokeFound(&a)
	}
	patch, text := alert.Patch{Resolution: c.field("resolution"), Comment: c.field("resolution_comment")}, "Closed the alert."
	if c.field("state") == "open" {
		patch, text = alert.Patch{}, "Opened the alert again."
	} else if patch.Resolution == "" {
		err = problem.Field("resolution", "Say why it can be closed.")
	}
	if err == nil {
		_, err = c.door.o.Alerts.Decide(c.ctx(), c.actor, c.alertPlace(), a.Number, patch)
	}
	if err != nil {
		p, loadErr := c.alertPage(&a)
		if loadErr != nil {
			return loadErr
		}
		p.Comment = patch.Comment
		return c.again(err, "alert", p)
	}
	return c.done(text, c.alertHref(a.Number))
}

// revokeFound deletes the viewer's own token and closes the alert. It is for who may
// do each of the two.
func (c *call) revokeFound(a *alert.Alert) error {
	if err := c.door.o.Gate.Check(&c.actor, right.SelfSensitive); err != nil {
		return err
	}
	if a.Owner != c.actor.Account || !a.Kind.Personal() {
		return problem.New(problem.Forbidden, "This is not a personal access token of yours.", "Who owns it has been told in the security log.")
	}
	if a.Validity == alert.Active {
		if _, err := c.door.o.Tokens.Revoke(c.ctx(), c.actor, c.actor.Account, a.Token); err != nil && !problem.Is(err, problem.NotFound) {
			return err
		}
	}
	if _, err := c.door.o.Alerts.Decide(c.ctx(), c.actor, c.alertPlace(), a.Number, alert.Patch{Resolution: "revoked"}); err != nil {
		return err
	}
	return c.done("Deleted the token, and closed the alert.", c.alertHref(a.Number))
}

func (c *call) unblockPage() (*unblockPage, error) {
	b, err := c.door.o.Alerts.Bypass(c.ctx(), c.door.o.DB, c.repo.ID, c.actor.Account, c.r.PathValue("placeholder"))
	if problem.Is(err, problem.NotFound) {
		return nil, errMissing()
	}
	if err != nil {
		return nil, err
	}
	p := &unblockPage{RepoFrame: c.repoFrame("Push a token to "+c.repo.FullName(), "code"), Ending: b.LastEight, Mine: b.Owner == c.actor.Account, Reasons: reasonTexts,
		Action: c.repoPath("/security/secret-scanning/unblock-secret/" + b.Placeholder), Token: ending(b.Kind, b.App)}
	if p.Token == "" {
		p.Token = homeOf(b.Kind).of(b.Token, "/delete")
	}
	if b.Until.After(c.door.o.Now()) {
		p.Until = b.Until
	}
	return p, nil
}

func unblockForm(c *call) error {
	p, err := c.unblockPage()
	if err != nil {
		return err
	}
	return c.show("unblock", p)
}

func unblock(c *call) error {
	p, err := c.unblockPage()
	if err != nil {
		return err
	}
	b, err := c.door.o.Alerts.Allow(c.ctx(), c.actor, c.alertPlace(), c.r.PathValue("placeholder"), c.field("reason"))
	if err != nil {
		if problem.Is(err, problem.Invalid) {
			err = problem.Field("reason", "Choose a reason.")
		}
		return c.again(err, "unblock", p)
	}
	return c.done("You may push this token now. Push again within three hours.", c.repoPath("/security/secret-scanning/unblock-secret/"+b.Placeholder))
}
