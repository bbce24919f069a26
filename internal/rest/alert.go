package rest

import (
	"net/url"
	"strconv"
	"strings"

	"jeton/internal/account"
	"jeton/internal/alert"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/token"
)

func (d *Door) alertRoutes() []route {
	const alerts, one = "/repos/{owner}/{repo}/secret-scanning/alerts", "/repos/{owner}/{repo}/secret-scanning/alerts/{alert_number}"
	return []route{
		{get, alerts, right.AlertRead, d.listAlerts, "List secret scanning alerts for a repository",
			doc{query: "state secret_type resolution validity sort direction page per_page", out: []alertAnswer{}}},
		{get, one, right.AlertRead, d.getAlert, "Get a secret scanning alert", doc{out: alertAnswer{}}},
		{patch, one, right.AlertEdit, d.patchAlert, "Update a secret scanning alert", doc{in: alertPatch{}, out: alertAnswer{}}},
		{get, one + "/locations", right.AlertRead, d.listLocations, "List locations for a secret scanning alert", doc{query: "page per_page", out: []locationAnswer{}}},
		{get, "/repos/{owner}/{repo}/secret-scanning/scan-history", right.AlertRead, d.scanHistory, "Get secret scanning scan history for a repository", doc{out: historyAnswer{}}},
		{post, "/repos/{owner}/{repo}/secret-scanning/push-protection-bypasses", right.RepoPush, d.bypass, "Create a push protection bypass",
			doc{in: bypassInput{}, out: bypassAnswer{}}},
	}
}

// alertAnswer is GitHub's "secret-scanning-alert".
type alertAnswer struct {
	Number            int64       `json:"number"`
	CreatedAt         *string     `json:"created_at"`
	UpdatedAt         *string     `json:"updated_at"`
	URL               string      `json:"url"`
	HTMLURL           string      `json:"html_url"`
	LocationsURL      string      `json:"locations_url"`
	State             string      `json:"state"`
	Resolution        *string     `json:"resolution"`
	ResolvedAt        *string     `json:"resolved_at"`
	ResolvedBy        *simpleUser `json:"resolved_by"`
	ResolutionComment *string     `json:"resolution_comment"`
	SecretType        string      `json:"secret_type"`
	SecretTypeDisplay string      `json:"secret_type_display_name"`
	Secret            string      `json:"secret"` // all but its end is hidden: it may be another's, and live
	Bypassed          bool        `json:"push_protection_bypassed"`
	BypassedBy        *simpleUser `json:"push_protection_bypassed_by"`
	BypassedAt        *string     `json:"push_protection_bypassed_at"`
	Validity          string      `json:"validity"`
	PubliclyLeaked    bool        `json:"publicly_leaked"`
	MultiRepo         bool        `json:"multi_repo"`
	IsBase64Encoded   bool        `json:"is_base64_encoded"`
}

// hidden is a secret as it may be shown to who administers the repository: its owner
// knows it by its end.
func hidden(k token.Kind, lastEight string) string {
	return k.Prefix() + strings.Repeat("*", token.Length-len(k.Prefix())-len(lastEight)) + lastEight
}

// users are the accounts of those numbers, each asked for once.
func (c *call) users(ids ...id.Account) (map[id.Account]*simpleUser, error) {
	out := map[id.Account]*simpleUser{}
	for _, one := range ids {
		if one == 0 || out[one] != nil {
			continue
		}
		a, err := c.door.o.Accounts.Facts(c.r.Context(), c.door.o.DB, one)
		if problem.Is(err, problem.NotFound) {
			a, err = account.Facts{Login: "ghost"}, nil // deleted: GitHub's name for those
		}
		if err != nil {
			return nil, err
		}
		u := c.simpleUser(int64(one), a.Login, a.SiteAdmin)
		out[one] = &u
	}
	return out, nil
}

func (c *call) alertAnswers(list []alert.Alert) ([]alertAnswer, error) {
	var ids []id.Account
	for _, a := range list {
		ids = append(ids, a.ResolvedBy, a.BypassedBy)
	}
	users, err := c.users(ids...)
	if err != nil {
		return nil, err
	}
	out := []alertAnswer{}
	for i := range list {
		a := &list[i]
		path := "/secret-scanning/alerts/" + strconv.FormatInt(a.Number, 10)
		u := c.url("/repos/" + c.repo.FullName() + path)
		one := alertAnswer{
			Number: a.Number, CreatedAt: stamp(a.CreatedAt), UpdatedAt: stamp(a.UpdatedAt), URL: u,
			HTMLURL: c.door.o.Gate.URL("/" + c.repo.FullName() + "/security/secret-scanning/" + strconv.FormatInt(a.Number, 10)), LocationsURL: u + "/locations",
			State: "open", Resolution: optional(a.Resolution), ResolvedAt: stamp(a.ResolvedAt), ResolvedBy: users[a.ResolvedBy], ResolutionComment: optional(a.Comment),
			SecretType: alert.Type(a.Kind), SecretTypeDisplay: alert.TypeDisplay(a.Kind), Secret: hidden(a.Kind, a.LastEight), Bypassed: a.BypassedBy != 0, BypassedBy: users[a.BypassedBy],
			BypassedAt: stamp(a.BypassedAt), Validity: string(a.Validity), PubliclyLeaked: !c.repo.Private,
		}
		if !a.Open() {
			one.State = "resolved"
		}
		out = append(out, one)
	}
	return out, nil
}

func (c *call) alertPlace() alert.Place {
	return alert.Place{Repo: c.repo.ID, Owner: c.repo.Owner, Name: c.repo.FullName(), Private: c.repo.Private}
}

func (d *Door) listAlerts(c *call) (any, error) {
	q := c.r.URL.Query()
	all, err := d.o.Alerts.List(c.r.Context(), d.o.DB, c.repo.ID, alert.Filter{State: q.Get("state"), Type: q.Get("secret_type"), Resolution: q.Get("resolution"),
		Validity: q.Get("validity"), Sort: q.Get("sort"), Direction: q.Get("direction")})
	if err != nil {
		return nil, err
	}
	page, perPage := c.page()
	c.link(page, perPage, len(all))
	from := min((page-1)*perPage, len(all))
	return c.alertAnswers(all[from:min(from+perPage, len(all))])
}

// alert loads the one that the path names, of this repository alone.
func (c *call) alert() (alert.Alert, error) {
	n, ok := id.Parse[int64](c.r.PathValue("alert_number"))
	if !ok {
		return alert.Alert{}, errNotFound
	}
	a, err := c.door.o.Alerts.ByNumber(c.r.Context(), c.door.o.DB, c.repo.ID, n)
	return a, orMissing(err)
}

func (c *call) oneAlert(a alert.Alert) (any, error) {
	out, err := c.alertAnswers([]alert.Alert{a})
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

func (d *Door) getAlert(c *call) (any, error) {
	a, err := c.alert()
	if err != nil {
		return nil, err
	}
	return c.oneAlert(a)
}

// alertPatch is GitHub's body for deciding about an alert.
type alertPatch struct {
	State      *string `json:"state"`
	Resolution *string `json:"resolution"`
	Comment    *string `json:"resolution_comment"`
}

func (d *Door) patchAlert(c *call) (any, error) {
	a, err := c.alert()
	if err != nil {
		return nil, err
	}
	var in alertPatch
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	p := alert.Patch{Resolution: or(in.Resolution, ""), Comment: or(in.Comment, "")}
	switch {
	case in.State == nil:
		return nil, problem.Field("state", "state must be open or resolved")
	case *in.State == "open":
		p = alert.Patch{}
	case *in.State != "resolved":
		return nil, problem.Field("state", "state must be open or resolved")
	case p.Resolution == "":
		return nil, problem.Field("resolution", "a resolved alert needs a resolution: "+strings.Join(alert.Resolutions(), ", "))
	}
	if a, err = d.o.Alerts.Decide(c.r.Context(), c.actor, c.alertPlace(), a.Number, p); err != nil {
		return nil, orMissing(err)
	}
	return c.oneAlert(a)
}

// locationAnswer is GitHub's "secret-scanning-location", of the type commit.
type locationAnswer struct {
	Type    string          `json:"type"`
	Details locationDetails `json:"details"`
}

type locationDetails struct {
	Path        string `json:"path"` // of a message: in brackets what it is of
	StartLine   int    `json:"start_line"`
	EndLine     int    `json:"end_line"`
	StartColumn int    `json:"start_column"`
	EndColumn   int    `json:"end_column"`
	BlobSHA     string `json:"blob_sha"`
	BlobURL     string `json:"blob_url"`
	CommitSHA   string `json:"commit_sha"`
	CommitURL   string `json:"commit_url"`
	HTMLURL     string `json:"html_url"`
}

func (d *Door) listLocations(c *call) (any, error) {
	a, err := c.alert()
	if err != nil {
		return nil, err
	}
	all, err := d.o.Alerts.Locations(c.r.Context(), d.o.DB, a.ID)
	if err != nil {
		return nil, err
	}
	page, perPage := c.page()
	c.link(page, perPage, len(all))
	from := min((page-1)*perPage, len(all))
	out := []locationAnswer{}
	for _, l := range all[from:min(from+perPage, len(all))] {
		out = append(out, c.location(&l))
	}
	return out, nil
}

func (c *call) location(l *alert.Location) locationAnswer {
	u, page := c.url("/repos/"+c.repo.FullName()), c.door.o.Gate.URL("/"+c.repo.FullName())
	out := locationDetails{Path: l.Path, StartLine: l.Line, EndLine: l.Line, StartColumn: l.Column, EndColumn: l.Column + token.Length,
		BlobSHA: l.Object, BlobURL: u + "/git/blobs/" + l.Object, CommitSHA: l.Commit, CommitURL: u + "/git/commits/" + l.Commit,
		HTMLURL: page + "/commit/" + l.Commit}
	switch {
	case l.Kind != "blob":
		out.Path = "(" + l.Kind + " message)"
	case l.Commit != "":
		out.HTMLURL = page + "/blob/" + l.Commit + "/" + (&url.URL{Path: l.Path}).EscapedPath() + "#L" + strconv.Itoa(l.Line)
	}
	return locationAnswer{Type: "commit", Details: out}
}

// historyAnswer is GitHub's "secret-scanning-scan-history".
type historyAnswer struct {
	Incremental   []scanAnswer `json:"incremental_scans"`
	PatternUpdate []scanAnswer `json:"pattern_update_scans"`
	Backfill      []scanAnswer `json:"backfill_scans"`
	Custom        []scanAnswer `json:"custom_pattern_backfill_scans"`
}

type scanAnswer struct {
	Type        string  `json:"type"`
	Status      string  `json:"status"`
	CompletedAt *string `json:"completed_at"`
	StartedAt   *string `json:"started_at"`
}

func (d *Door) scanHistory(c *call) (any, error) {
	s, err := d.o.Alerts.State(c.r.Context(), d.o.DB, c.repo.ID)
	if err != nil {
		return nil, err
	}
	out := historyAnswer{Incremental: []scanAnswer{}, PatternUpdate: []scanAnswer{}, Backfill: []scanAnswer{}, Custom: []scanAnswer{}}
	one := scanAnswer{Type: "git", Status: "completed", CompletedAt: stamp(s.Done), StartedAt: stamp(s.Started)}
	switch s.Kind {
	case alert.Backfill:
		out.Backfill = append(out.Backfill, one)
	case alert.Incremental:
		out.Incremental = append(out.Incremental, one)
	}
	return out, nil
}

// bypassInput is GitHub's body for pushing a secret nevertheless.
type bypassInput struct {
	Reason      string `json:"reason"`
	Placeholder string `json:"placeholder_id"`
}

type bypassAnswer struct {
	Reason    string  `json:"reason"`
	ExpireAt  *string `json:"expire_at"`
	TokenType string  `json:"token_type"`
}

func (d *Door) bypass(c *call) (any, error) {
	var in bypassInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	b, err := d.o.Alerts.Allow(c.r.Context(), c.actor, c.alertPlace(), in.Placeholder, in.Reason)
	if err != nil {
		return nil, orMissing(err)
	}
	return bypassAnswer{b.Reason, stamp(b.Until), alert.Type(b.Kind)}, nil
}
