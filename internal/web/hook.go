package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/secret"
)

// eventTexts says what happens, by the names of events.
var eventTexts = map[string]string{
	"push":       "Somebody pushed commits or tags, or moved or deleted a branch.",
	"create":     "A branch or tag was made.",
	"delete":     "A branch or tag was deleted.",
	"repository": "The repository was renamed, edited, archived, transferred, or made public or private.",
	"public":     "The repository was made public.",
	"fork":       "Somebody forked the repository.",
	"member":     "Somebody was given access, or lost it.",

	"release":           "A release was published, changed or deleted.",
	"status":            "A commit got a status.",
	"deployment":        "A deployment was asked for.",
	"deployment_status": "Somebody said what became of a deployment.",

	"secret_scanning_alert": "A token was found, or somebody decided about one.",

	"organization": "Somebody was invited to the organization, joined it, or left it.",
	"membership":   "Somebody joined a team, or left it.",
	"team":         "A team was made, changed or deleted, or got or lost a repository.",

	"personal_access_token_request": "The owners were asked to approve a fine-grained token, or one of them did, or denied it, or it needs no answer any more.",

	"personal_access_token": "A token of yours was made, ends, has ended, was used from a new network, or was frozen because an old secret of it was used.",
}

// orgEventTexts says what more happens to the repositories of an organisation.
var orgEventTexts = map[string]string{
	"repository": "A repository was made, deleted, renamed, edited, archived, transferred here, or made public or private.",
	"public":     "A repository was made public.",
	"fork":       "Somebody forked a repository.",
	"member":     "Somebody was given access to a repository, or lost it.",

	"personal_access_token": "A fine-grained token that reaches the organization was made, ends, has ended, was used from a new network, or was frozen.",
}

func eventText(of hook.Of, name string) string {
	if text, ok := orgEventTexts[name]; ok && of.Org != 0 {
		return text
	}
	return eventTexts[name]
}

const (
	shownDeliveries = 30
	shownPayload    = 256 << 10 // bytes
)

// place is whose webhooks the page is about: the gate loaded the one or the other, or
// neither, and they are the person's own.
func (c *call) place() hook.Place {
	switch {
	case c.org.ID != 0:
		return hook.Place{Owner: c.org.ID, Name: c.org.Login}
	case c.repo.ID == 0:
		return hook.Place{Owner: c.actor.Account, Name: c.actor.Login, Person: true}
	}
	return hook.Place{Repo: c.repo.ID, Owner: c.repo.Owner, Name: c.repo.FullName()}
}

func (c *call) hooksOf() hook.Of {
	at := c.place()
	return at.Of()
}

func (c *call) hooksHref() string {
	switch {
	case c.org.ID != 0:
		return c.orgSettingsPath("/hooks")
	case c.repo.ID == 0:
		return "/settings/hooks"
	}
	return c.repoPath("/settings/hooks")
}

func (c *call) hookHref(h id.Hook) string { return href(c.hooksHref()+"/%d", h) }

func (c *call) hookFrame(title string) HookFrame {
	f := HookFrame{HooksHref: c.hooksHref()}
	switch {
	case c.org.ID != 0:
		of := c.orgFrame(title, "settings")
		f.Frame, f.Org, f.Tabs, f.Back = of.Frame, of.Org, of.Tabs, f.HooksHref
	case c.repo.ID == 0:
		f.Frame, f.Own = settingsFrame(title, ""), true
		f.Dev, f.Frame.Here = true, "/settings/hooks"
		return f
	default:
		f.RepoFrame = c.repoFrame(title, "settings")
	}
	f.Here = "hooks"
	return f
}

func listHooks(c *call) error {
	all, err := c.door.o.Hooks.List(c.ctx(), c.door.o.DB, c.hooksOf())
	if err != nil {
		return err
	}
	p := &hooksPage{HookFrame: c.hookFrame("Webhooks of " + c.place().Name)}
	if c.org.ID != 0 {
		p.Back = c.orgSettingsPath("")
	}
	for i := range all {
		h := &all[i]
		row := hookRow{URL: line(h.URL), Href: c.hookHref(h.ID), Events: strings.Join(h.Events, ", ")}
		if h.Events[0] == "*" {
			row.Events = "everything"
		}
		switch {
		case !h.Active:
			row.Says = "Switched off."
		case h.LastStatus != "" && (h.LastCode < 200 || h.LastCode > 299):
			row.Says, row.Tone = "The last delivery failed: "+sentence(line(h.LastStatus)), "wrong"
		case h.LastStatus != "":
			row.Says = "The last delivery went well."
		}
		p.Hooks = append(p.Hooks, row)
	}
	return c.show("hooks", p)
}

// hookPage is the form as h is.
func (c *call) hookPage(h *hook.Hook) (*hookPage, error) {
	title := "New webhook"
	if h.ID != 0 {
		title = "Webhook of " + c.place().Name
	}
	p := &hookPage{HookFrame: c.hookFrame(title), URL: h.URL, ContentType: h.ContentType, HasSecret: h.HasSecret, Active: h.Active, Action: c.hooksHref() + "/new"}
	p.choose(c.hooksOf(), h.Events)
	if h.ID == 0 {
		return p, nil
	}
	p.Action = c.hookHref(h.ID)
	p.DeleteHref = p.Action + "/delete"
	if err := c.stopped(p, h); err != nil {
		return nil, err
	}
	list, err := c.door.o.Hooks.Deliveries(c.ctx(), c.door.o.DB, h.ID, 0, shownDeliveries+1, nil)
	if err != nil {
		return nil, err
	}
	if p.More = len(list) > shownDeliveries; p.More {
		list = list[:shownDeliveries]
	}
	for i := range list {
		p.Deliveries = append(p.Deliveries, c.deliveryRow(&list[i]))
	}
	p.Waiting, err = c.door.o.Hooks.Waiting(c.ctx(), c.door.o.DB, h.ID)
	return p, err
}

// stopped tells why nobody is told, if that is so.
func (c *call) stopped(p *hookPage, h *hook.Hook) error {
	why, err := c.door.o.Deliver.Stopped(c.ctx(), h)
	if err != nil || why == "" {
		return err
	}
	p.Stopped = sentence(why)
	return nil
}

// choose ticks the boxes of the events.
func (p *hookPage) choose(of hook.Of, events []string) {
	p.Which = "some"
	switch {
	case slices.Equal(events, []string{"push"}):
		p.Which = "push"
	case slices.Contains(events, "*"):
		p.Which = "all"
	}
	p.Events = nil
	var others []string
	for _, name := range hook.Happen(of) {
		p.Events = append(p.Events, hookEvent{Name: name, Text: eventText(of, name), On: slices.Contains(events, name)})
	}
	for _, name := range events {
		if name != "*" && !slices.Contains(hook.Happen(of), name) {
			others = append(others, name)
		}
	}
	p.Others = strings.Join(others, ", ")
}

func (c *call) deliveryRow(d *hook.Delivery) deliveryRow {
	name := d.Event
	if d.Action != "" {
		name += "." + d.Action
	}
	says := line(d.Status)
	if d.OK() {
		says = fmt.Sprintf("Answered with %d", d.Code)
	}
	return deliveryRow{Href: href(c.hooksHref()+"/%d/deliveries/%d", d.Hook, d.ID), GUID: d.GUID, Event: name, Says: says, At: d.At, OK: d.OK(), Again: d.Redelivery}
}

func newHookForm(c *call) error {
	p, err := c.hookPage(&hook.Hook{ContentType: hook.JSON, Events: hook.Usual(c.hooksOf()), Active: true})
	if err != nil {
		return err
	}
	return c.show("hook", p)
}

// sentHook reads the form. What was sent stays in the page, but for the secret.
func (c *call) sentHook(p *hookPage, kept []string) hook.Patch {
	p.URL, p.ContentType, p.Active = c.field("url"), c.field("content_type"), c.field("active") == "yes"
	out := hook.Patch{URL: &p.URL, ContentType: &p.ContentType, Active: &p.Active}
	switch c.field("which") {
	case "push":
		out.Events = []string{"push"}
	case "all":
		out.Events = []string{"*"}
	default:
		out.Events = append([]string{}, c.r.PostForm["events"]...)
		for _, name := range kept { // those that the form does not have
			if name != "*" && !slices.Contains(hook.Happen(c.hooksOf()), name) {
				out.Events = append(out.Events, name)
			}
		}
	}
	p.choose(c.hooksOf(), out.Events)
	p.Which = c.field("which")
	secretly := c.hidden("secret")
	switch {
	case c.field("no_secret") == "yes":
		out.Secret = &secret.Value{}
	case secretly.Reveal() != "": // an empty field leaves it as it is
		out.Secret = &secretly
	}
	return out
}

func createHook(c *call) error {
	p, err := c.hookPage(&hook.Hook{})
	if err != nil {
		return err
	}
	patch := c.sentHook(p, nil)
	h, err := c.door.o.Hooks.Create(c.ctx(), c.actor, c.place(), patch)
	if err != nil {
		return c.again(err, "hook", p)
	}
	return c.done("Added the webhook. It was sent a ping: look below at what it answered.", c.hookHref(h.ID))
}

// hook is the one that the address names, of this place alone.
func (c *call) hook() (hook.Hook, error) {
	n, err := pathID[id.Hook](c, "hook")
	if err != nil {
		return hook.Hook{}, err
	}
	h, err := c.door.o.Hooks.ByID(c.ctx(), c.door.o.DB, c.hooksOf(), n)
	if problem.Is(err, problem.NotFound) {
		err = errMissing()
	}
	return h, err
}

func hookForm(c *call) error {
	h, err := c.hook()
	if err != nil {
		return err
	}
	p, err := c.hookPage(&h)
	if err != nil {
		return err
	}
	return c.show("hook", p)
}

func updateHook(c *call) error {
	h, err := c.hook()
	if err != nil {
		return err
	}
	p, err := c.hookPage(&h)
	if err != nil {
		return err
	}
	_, err = c.door.o.Hooks.Update(c.ctx(), c.actor, c.place(), h.ID, c.sentHook(p, h.Events))
	if err != nil {
		return c.again(err, "hook", p)
	}
	return c.done("Saved the webhook.", c.hookHref(h.ID))
}

func pingHook(c *call) error {
	h, err := c.hook()
	if err != nil {
		return err
	}
	if err := c.door.o.Hooks.Ping(c.ctx(), c.actor, c.hooksOf(), h.ID); err != nil {
		return err
	}
	return c.done("A ping is on its way. Look again in a moment.", c.hookHref(h.ID))
}

func deleteHookForm(c *call) error {
	h, err := c.hook()
	if err != nil {
		return err
	}
	return c.show("confirm", &confirmPage{Frame: Frame{Title: "Delete a webhook", Crumbs: []Link{{Text: c.place().Name, Href: "/" + c.place().Name}, {Text: "Webhooks", Href: c.hooksHref()}}},
		Heading: "Delete the webhook to " + line(h.URL) + "?", Action: c.hookHref(h.ID) + "/delete", Button: "Delete this webhook", Back: c.hookHref(h.ID),
		Consequences: []string{"It is told nothing any more, and what it was told is forgotten here."}})
}

func deleteHook(c *call) error {
	n, err := pathID[id.Hook](c, "hook")
	if err != nil {
		return err
	}
	text := "Deleted the webhook."
	err = c.door.o.Hooks.Delete(c.ctx(), c.actor, c.place(), n)
	if problem.Is(err, problem.NotFound) {
		text, err = "There is no such webhook any more.", nil // sent twice, or somebody was quicker
	}
	if err != nil {
		return err
	}
	return c.done(text, c.hooksHref())
}

// exchange is the delivery that the address names, of this hook alone.
func (c *call) exchange() (hook.Hook, hook.Exchange, error) {
	h, err := c.hook()
	if err != nil {
		return h, hook.Exchange{}, err
	}
	n, err := pathID[id.Delivery](c, "delivery")
	if err != nil {
		return h, hook.Exchange{}, err
	}
	x, err := c.door.o.Hooks.Exchange(c.ctx(), c.door.o.DB, h.ID, n)
	if problem.Is(err, problem.NotFound) {
		err = errMissing()
	}
	return h, x, err
}

func showDelivery(c *call) error {
	h, x, err := c.exchange()
	if err != nil {
		return err
	}
	p := &deliveryPage{HookFrame: c.hookFrame("Delivery of " + x.Event), Row: c.deliveryRow(&x.Delivery), URL: line(x.URL), Hook: c.hookHref(h.ID),
		Took: x.Took, Asked: headLines(x.Asked), Answered: headLines(x.Answered)}
	var pretty bytes.Buffer
	if json.Indent(&pretty, x.Payload, "", "  ") == nil {
		p.Payload, p.Cut = cutText(pretty.String())
	}
	p.Answer, _ = cutText(string(x.Answer))
	return c.show("delivery", p)
}

// cutText makes text of any origin fit for a page.
func cutText(s string) (string, bool) {
	cut := len(s) > shownPayload
	if cut {
		s = s[:shownPayload]
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return s, cut
}

func headLines(list []hook.Header) []headLine {
	var out []headLine
	for _, h := range list {
		out = append(out, headLine{line(h.Name), line(h.Value)})
	}
	return out
}

func redeliver(c *call) error {
	h, x, err := c.exchange()
	if err != nil {
		return err
	}
	if err := c.door.o.Hooks.Redeliver(c.ctx(), h.ID, x.ID); err != nil {
		return err
	}
	return c.done("It is sent again. Look in a moment.", c.hookHref(h.ID))
}
