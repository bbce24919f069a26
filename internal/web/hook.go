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
}

const (
	shownDeliveries = 30
	shownPayload    = 256 << 10 // bytes
)

func (c *call) place() hook.Place {
	return hook.Place{Repo: c.repo.ID, Owner: c.repo.Owner, Name: c.repo.FullName()}
}

func (c *call) hookHref(h id.Hook) string { return href(c.repoPath("/settings/hooks/%d"), h) }

func listHooks(c *call) error {
	all, err := c.door.o.Hooks.List(c.ctx(), c.door.o.DB, c.repo.ID)
	if err != nil {
		return err
	}
	p := &hooksPage{RepoFrame: c.repoFrame("Webhooks of "+c.repo.FullName(), "settings")}
	p.Here = "hooks"
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
	return c.show("repo-hooks", p)
}

// hookPage is the form as h is.
func (c *call) hookPage(h *hook.Hook) (*hookPage, error) {
	title := "New webhook"
	if h.ID != 0 {
		title = "Webhook of " + c.repo.FullName()
	}
	p := &hookPage{RepoFrame: c.repoFrame(title, "settings"), URL: h.URL, ContentType: h.ContentType, HasSecret: h.HasSecret, Active: h.Active,
		Action: c.repoPath("/settings/hooks/new")}
	p.Here = "hooks"
	p.choose(h.Events)
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
func (p *hookPage) choose(events []string) {
	p.Which = "some"
	switch {
	case slices.Equal(events, []string{"push"}):
		p.Which = "push"
	case slices.Contains(events, "*"):
		p.Which = "all"
	}
	p.Events = nil
	var others []string
	for _, name := range hook.Happen() {
		p.Events = append(p.Events, hookEvent{Name: name, Text: eventTexts[name], On: slices.Contains(events, name)})
	}
	for _, name := range events {
		if name != "*" && !slices.Contains(hook.Happen(), name) {
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
	return deliveryRow{Href: href(c.repoPath("/settings/hooks/%d/deliveries/%d"), d.Hook, d.ID), GUID: d.GUID, Event: name, Says: says, At: d.At, OK: d.OK(), Again: d.Redelivery}
}

func newHookForm(c *call) error {
	p, err := c.hookPage(&hook.Hook{ContentType: hook.JSON, Events: []string{"push"}, Active: true})
	if err != nil {
		return err
	}
	return c.show("repo-hook", p)
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
			if name != "*" && !slices.Contains(hook.Happen(), name) {
				out.Events = append(out.Events, name)
			}
		}
	}
	p.choose(out.Events)
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
		return c.again(err, "repo-hook", p)
	}
	return c.done("Added the webhook. It was sent a ping: look below at what it answered.", c.hookHref(h.ID))
}

// hook is the one that the address names, of this repository alone.
func (c *call) hook() (hook.Hook, error) {
	n, err := pathID[id.Hook](c, "hook")
	if err != nil {
		return hook.Hook{}, err
	}
	h, err := c.door.o.Hooks.ByID(c.ctx(), c.door.o.DB, c.repo.ID, n)
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
	return c.show("repo-hook", p)
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
		return c.again(err, "repo-hook", p)
	}
	return c.done("Saved the webhook.", c.hookHref(h.ID))
}

func pingHook(c *call) error {
	h, err := c.hook()
	if err != nil {
		return err
	}
	if err := c.door.o.Hooks.Ping(c.ctx(), c.actor, c.repo.ID, h.ID); err != nil {
		return err
	}
	return c.done("A ping is on its way. Look again in a moment.", c.hookHref(h.ID))
}

func deleteHookForm(c *call) error {
	h, err := c.hook()
	if err != nil {
		return err
	}
	p := c.confirmRepo(fmt.Sprintf("hooks/%d/delete", int64(h.ID)), "Delete the webhook to "+line(h.URL)+"?", "Delete this webhook",
		"It is told nothing any more, and what it was told is forgotten here.")
	p.Back = c.hookHref(h.ID)
	return c.show("confirm", p)
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
	return c.done(text, c.repoPath("/settings/hooks"))
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
	p := &deliveryPage{RepoFrame: c.repoFrame("Delivery of "+x.Event, "settings"), Row: c.deliveryRow(&x.Delivery), URL: line(x.URL), Hook: c.hookHref(h.ID),
		Took: x.Took, Asked: headLines(x.Asked), Answered: headLines(x.Answered)}
	p.Here = "hooks"
	var pretty bytes.Buffer
	if json.Indent(&pretty, x.Payload, "", "  ") == nil {
		p.Payload, p.Cut = cutText(pretty.String())
	}
	p.Answer, _ = cutText(string(x.Answer))
	return c.show("repo-delivery", p)
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
