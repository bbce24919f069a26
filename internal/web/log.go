package web

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"jeton/internal/audit"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// logOf is one of the logs that pages show, with how its page speaks of it.
type logOf struct {
	Account                id.Account // zero: the site's own
	Path, Name, Lead, None string     // Name is the heading, and the file's name when it is exported
	actions                []string
}

// ownLog is the person's own.
func (c *call) ownLog() logOf {
	return logOf{Account: c.actor.Account, Path: "/settings/security-log", Name: "Security log",
		Lead: "Each sign-in, refusal, token and change of rights that concerns your account.",
		None: "Your sign-ins and what you change will be listed here.", actions: commonActions[:]}
}

// siteLog is of what concerns no account, and would be seen by nobody else.
func siteLog() logOf {
	return logOf{Path: "/admin/log", Name: "Site log",
		Lead: "What concerns the site and no account: failed sign-ins under unknown names, unknown tokens, invitations, changed keys.",
		None: "What concerns the site as a whole will be listed here.", actions: siteActions[:]}
}

// siteActions are offered for the site's own log.
var siteActions = [...]string{"user.failed_login", "site.unknown_tokens", "user.create_invite_link", "user.revoke_invite_link", "site.rotate_keys", "site.end_token"}

// commonActions are offered beside the field for an action; any can be typed.
var commonActions = [...]string{
	"user.login", "user.failed_login", "user.logout", "user.confirm_access", "user.change_password", "user.rename", "user.end_session",
	"git_signing_ssh_public_key.create", "git_signing_ssh_public_key.delete", "gpg_key.create", "gpg_key.delete",
	"oauth_access.create", "oauth_access.update", "oauth_access.regenerate", "oauth_access.destroy",
	"oauth_access.first_use", "oauth_access.rotate", "oauth_access.rotate_refused", "oauth_access.freeze", "oauth_access.unfreeze",
	"oauth_authorization.create", "oauth_authorization.update", "oauth_authorization.destroy", "oauth_application.create", "oauth_application.destroy",
	"repo.create", "repo.rename", "repo.access", "repo.transfer", "repo.destroy", "repo.add_member", "repo.remove_member",
	"protected_branch.create", "protected_branch.update", "protected_branch.destroy", "secret_scanning.push_blocked",
}

// logQuery reads the filter of a log.
func (c *call) logQuery(of logOf) (logFilter, audit.Query, error) {
	get := c.r.URL.Query().Get
	f := logFilter{Action: cut(get("action"), 100), Address: cut(get("address"), 100), Since: cut(get("since"), 10), Until: cut(get("until"), 10), Token: cut(get("token"), 20)}
	q := audit.Query{Account: of.Account, Action: f.Action, Address: f.Address}
	var err error
	if q.Since, err = logDay("since", f.Since); err != nil {
		return f, q, err
	}
	if q.Until, err = logDay("until", f.Until); err != nil {
		return f, q, err
	}
	if !q.Until.IsZero() {
		q.Until = q.Until.AddDate(0, 0, 1) // the day that was named is inside
	}
	if f.Token != "" {
		t, ok := id.Parse[id.Token](f.Token)
		if !ok {
			return f, q, errMissing()
		}
		q.Token = t
	}
	return f, q, nil
}

func logDay(field, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return t, problem.Field(field, "Write the day as 2026-01-31.")
	}
	return t, nil
}

const logPerPage = 50

func securityLog(c *call) error {
	of := c.ownLog()
	return c.showLog(of, settingsFrame(of.Name, of.Path))
}

func showSiteLog(c *call) error {
	of := siteLog()
	frame := adminFrame(of.Name)
	frame.Here = of.Path
	return c.showLog(of, frame)
}

func (c *call) showLog(of logOf, frame Frame) error {
	f, q, err := c.logQuery(of)
	p := &logPage{Frame: frame, Of: of, Filter: f, Actions: of.actions}
	if err != nil {
		return c.again(err, "set-log", p)
	}
	before := c.r.URL.Query().Get("before")
	if q.Before, _ = id.Parse[id.Event](before); before != "" && q.Before == 0 {
		return errMissing()
	}
	q.Limit = logPerPage + 1
	lines, err := c.door.o.Audit.List(c.ctx(), q)
	if err != nil {
		return err
	}
	if len(lines) > logPerPage {
		lines = lines[:logPerPage]
		p.Pager.Next = of.Path + "?before=" + id.Text(lines[logPerPage-1].ID) + string(f.Query())
	}
	if q.Before != 0 {
		p.Pager.Prev = of.Path + "?" + trimAmp(string(f.Query()))
	}
	for i := range lines {
		p.Lines = append(p.Lines, logLine(&lines[i]))
	}
	return c.show("set-log", p)
}

func trimAmp(s string) string {
	if s != "" && s[0] == '&' {
		return s[1:]
	}
	return s
}

func logLine(l *audit.Line) logRow {
	row := logRow{Action: line(l.Action), Target: line(l.Target), Actor: line(l.Actor), Credential: l.Kind, Address: l.Address, Client: line(browser(l.Client)), Time: l.At}
	if row.Actor == "" {
		row.Actor = "Nobody signed in"
	}
	switch {
	case l.Kind == right.OperatorCommand.String() && l.Client == "":
		// The machine's own administrator comes from no address, by no browser.
		row.Client = "command line"
	case l.Note != "" && l.Kind == right.OAuthToken.String():
		row.Credential = "by the application " + line(l.Note)
	case l.Note != "":
		row.Credential = "by the token " + line(l.Note)
	case row.Credential == "none":
		row.Credential = ""
	}
	names := make([]string, 0, len(l.Detail))
	for name := range l.Detail {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		row.Detail = append(row.Detail, hiddenField{line(name), line(l.Detail[name])})
	}
	return row
}

func exportLog(c *call) error { return c.exportLog(c.ownLog()) }

func exportSiteLog(c *call) error { return c.exportLog(siteLog()) }

func (c *call) exportLog(of logOf) error {
	_, q, err := c.logQuery(of)
	if err != nil {
		return err
	}
	name := strings.ToLower(strings.ReplaceAll(of.Name, " ", "-"))
	return c.export(name, func(w io.Writer, f audit.Format) error { return c.door.o.Audit.Export(c.ctx(), w, f, q) })
}

// export sends what write writes as a file of that name, in the format that the
// query asks for.
func (c *call) export(name string, write func(io.Writer, audit.Format) error) error {
	format, kind, ending := audit.CSV, "text/csv; charset=utf-8", ".csv"
	switch c.r.URL.Query().Get("format") {
	case "csv":
	case "jsonl":
		format, kind, ending = audit.JSONLines, "application/x-ndjson", ".jsonl"
	default:
		return errMissing()
	}
	leave, err := c.enterGate(c.door.long)
	if err != nil {
		return err
	}
	defer leave()
	h := c.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `attachment; filename="`+name+ending+`"`)
	if err := write(steady{c}, format); err != nil {
		// The answer may have begun, and half a log must not look like a whole.
		c.noted(err)
		panic(http.ErrAbortHandler)
	}
	return nil
}
