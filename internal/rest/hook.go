package rest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
)

func (d *Door) hookRoutes() []route {
	const hooks, one = "/repos/{owner}/{repo}/hooks", "/repos/{owner}/{repo}/hooks/{hook_id}"
	return []route{
		{get, hooks, right.HookRead, d.listHooks, "List repository webhooks", doc{query: "page per_page", out: []hookAnswer{}}},
		{post, hooks, right.HookEdit, d.createHook, "Create a repository webhook", doc{in: hookInput{}, out: hookAnswer{}, code: http.StatusCreated}},
		{get, one, right.HookRead, d.getHook, "Get a repository webhook", doc{out: hookAnswer{}}},
		{patch, one, right.HookEdit, d.patchHook, "Update a repository webhook", doc{in: hookPatch{}, out: hookAnswer{}}},
		{del, one, right.HookDelete, d.deleteHook, "Delete a repository webhook", doc{}},
		{get, one + "/config", right.HookRead, d.getHookConfig, "Get a webhook configuration for a repository", doc{out: hookConfig{}}},
		{patch, one + "/config", right.HookEdit, d.patchHookConfig, "Update a webhook configuration for a repository", doc{in: configInput{}, out: hookConfig{}}},
		{post, one + "/pings", right.HookRead, d.pingHook, "Ping a repository webhook", doc{}},
		{post, one + "/tests", right.HookRead, d.testHook, "Test the push repository webhook", doc{}},
		{get, one + "/deliveries", right.HookRead, d.listDeliveries, "List deliveries for a repository webhook", doc{query: "per_page cursor status", out: []deliveryItem{}}},
		{get, one + "/deliveries/{delivery_id}", right.HookRead, d.getDelivery, "Get a delivery for a repository webhook", doc{out: deliveryAnswer{}}},
		{post, one + "/deliveries/{delivery_id}/attempts", right.HookEdit, d.redeliver, "Redeliver a delivery for a repository webhook", doc{out: struct{}{}, code: http.StatusAccepted}},
	}
}

// hookAnswer is GitHub's "hook".
type hookAnswer struct {
	Type          string       `json:"type"`
	ID            int64        `json:"id"`
	Name          string       `json:"name"`
	Active        bool         `json:"active"`
	Events        []string     `json:"events"`
	Config        hookConfig   `json:"config"`
	UpdatedAt     *string      `json:"updated_at"`
	CreatedAt     *string      `json:"created_at"`
	URL           string       `json:"url"`
	TestURL       string       `json:"test_url"`
	PingURL       string       `json:"ping_url"`
	DeliveriesURL string       `json:"deliveries_url"`
	LastResponse  lastResponse `json:"last_response"`
}

// hookConfig is GitHub's "webhook-config". A secret is told to be there and no more.
type hookConfig struct {
	ContentType string `json:"content_type"`
	InsecureSSL string `json:"insecure_ssl"`
	Secret      string `json:"secret,omitempty"`
	URL         string `json:"url"`
}

type lastResponse struct {
	Code    *int    `json:"code"`
	Status  *string `json:"status"`
	Message *string `json:"message"`
}

const hiddenSecret = "********"

func configOf(h *hook.Hook) hookConfig {
	out := hookConfig{ContentType: h.ContentType, InsecureSSL: "0", URL: h.URL}
	if h.HasSecret {
		out.Secret = hiddenSecret
	}
	return out
}

func (c *call) hookAnswer(h *hook.Hook) hookAnswer {
	u := c.url("/repos/" + c.repo.FullName() + "/hooks/" + strconv.FormatInt(int64(h.ID), 10))
	out := hookAnswer{Type: "Repository", ID: int64(h.ID), Name: "web", Active: h.Active, Events: h.Events, Config: configOf(h), UpdatedAt: stamp(h.UpdatedAt),
		CreatedAt: stamp(h.CreatedAt), URL: u, TestURL: u + "/test", PingURL: u + "/pings", DeliveriesURL: u + "/deliveries"}
	unused := "unused"
	out.LastResponse.Status = &unused
	if h.LastStatus != "" {
		state := "active"
		out.LastResponse = lastResponse{Code: &h.LastCode, Status: &state, Message: &h.LastStatus}
	}
	return out
}

// place is the loaded repository, as the room of webhooks wants it.
func (c *call) place() hook.Place {
	return hook.Place{Repo: c.repo.ID, Owner: c.repo.Owner, Name: c.repo.FullName()}
}

// hook loads the one that the path names, of this repository alone.
func (c *call) hook() (hook.Hook, error) {
	n, ok := id.Parse[id.Hook](c.r.PathValue("hook_id"))
	if !ok {
		return hook.Hook{}, errNotFound
	}
	h, err := c.door.o.Hooks.ByID(c.r.Context(), c.door.o.DB, c.repo.ID, n)
	return h, orMissing(err)
}

// orMissing gives what is not there GitHub's one answer.
func orMissing(err error) error {
	if problem.Is(err, problem.NotFound) {
		return errNotFound
	}
	return err
}

func (d *Door) listHooks(c *call) (any, error) {
	all, err := d.o.Hooks.List(c.r.Context(), d.o.DB, c.repo.ID)
	if err != nil {
		return nil, err
	}
	page, perPage := c.page()
	c.link(page, perPage, len(all))
	out := []hookAnswer{}
	from := min((page-1)*perPage, len(all)) // there are twenty of each event at most
	for i := range all[from:min(from+perPage, len(all))] {
		out = append(out, c.hookAnswer(&all[from+i]))
	}
	return out, nil
}

// configInput is GitHub's configuration of a hook, as it is sent.
type configInput struct {
	URL         *string `json:"url"`
	ContentType *string `json:"content_type"`
	Secret      *string `json:"secret"`
	InsecureSSL any     `json:"insecure_ssl"` // "0" or 0
}

// apply puts what was sent into the patch.
func (in *configInput) apply(p *hook.Patch) error {
	switch v := in.InsecureSSL.(type) {
	case nil:
	case string:
		if v != "0" && v != "" {
			return errInsecure()
		}
	case float64:
		if v != 0 {
			return errInsecure()
		}
	default:
		return errInsecure()
	}
	p.URL, p.ContentType = in.URL, in.ContentType
	if in.Secret != nil && *in.Secret != hiddenSecret { // what we said ourselves is no secret: it stays
		s := secret.New(*in.Secret)
		p.Secret = &s
	}
	return nil
}

func errInsecure() error {
	return problem.Field("insecure_ssl", "insecure_ssl must be 0: certificates are always verified here. An administrator can have the authority of a receiver trusted (webhook-ca).")
}

// hookInput is GitHub's body for a new hook.
type hookInput struct {
	Name   *string      `json:"name"`
	Config *configInput `json:"config"`
	Events []string     `json:"events"`
	Active *bool        `json:"active"`
}

func (d *Door) createHook(c *call) (any, error) {
	var in hookInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.Name != nil && *in.Name != "web" {
		return nil, problem.Field("name", "name must be web")
	}
	if in.Config == nil || in.Config.URL == nil {
		return nil, problem.Field("url", "config must be supplied, with a url")
	}
	p := hook.Patch{Events: in.Events, Active: in.Active}
	if len(in.Events) == 0 {
		p.Events = nil // push alone
	}
	if err := in.Config.apply(&p); err != nil {
		return nil, err
	}
	h, err := d.o.Hooks.Create(c.r.Context(), c.actor, c.place(), p)
	if err != nil {
		return nil, err
	}
	out := c.hookAnswer(&h)
	c.w.Header().Set("Location", out.URL)
	return out, nil
}

func (d *Door) getHook(c *call) (any, error) {
	h, err := c.hook()
	if err != nil {
		return nil, err
	}
	if h.LastStatus == "" { // when it was last answered is noted nowhere
		c.changed(h.UpdatedAt)
	}
	return c.hookAnswer(&h), nil
}

// hookPatch is GitHub's body for changing a hook.
type hookPatch struct {
	Config *configInput `json:"config"`
	Events []string     `json:"events"`
	Add    []string     `json:"add_events"`
	Remove []string     `json:"remove_events"`
	Active *bool        `json:"active"`
}

// events are those that the hook shall have after the patch; nil: as before.
func (in *hookPatch) events(h *hook.Hook) []string {
	if in.Events == nil && in.Add == nil && in.Remove == nil {
		return nil
	}
	out := in.Events
	if out == nil {
		out = append([]string{}, h.Events...)
	}
	out = append(out, in.Add...)
	kept := []string{}
	for _, e := range out {
		if !contains(in.Remove, e) {
			kept = append(kept, e)
		}
	}
	return kept
}

func contains(list []string, s string) bool {
	for _, one := range list {
		if one == s {
			return true
		}
	}
	return false
}

func (d *Door) patchHook(c *call) (any, error) {
	h, err := c.hook()
	if err != nil {
		return nil, err
	}
	var in hookPatch
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	p := hook.Patch{Events: in.events(&h), Active: in.Active}
	if in.Config != nil {
		if err := in.Config.apply(&p); err != nil {
			return nil, err
		}
		if in.Config.Secret == nil { // on GitHub, too, a configuration without a secret takes it away
			p.Secret = &secret.Value{}
		}
	}
	if h, err = d.o.Hooks.Update(c.r.Context(), c.actor, c.place(), h.ID, p); err != nil {
		return nil, orMissing(err)
	}
	return c.hookAnswer(&h), nil
}

func (d *Door) deleteHook(c *call) (any, error) {
	h, err := c.hook()
	if err != nil {
		return nil, err
	}
	return nil, orMissing(d.o.Hooks.Delete(c.r.Context(), c.actor, c.place(), h.ID))
}

func (d *Door) getHookConfig(c *call) (any, error) {
	h, err := c.hook()
	if err != nil {
		return nil, err
	}
	return configOf(&h), nil
}

func (d *Door) patchHookConfig(c *call) (any, error) {
	h, err := c.hook()
	if err != nil {
		return nil, err
	}
	var in configInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var p hook.Patch
	if err := in.apply(&p); err != nil {
		return nil, err
	}
	if h, err = d.o.Hooks.Update(c.r.Context(), c.actor, c.place(), h.ID, p); err != nil {
		return nil, orMissing(err)
	}
	return configOf(&h), nil
}

func (d *Door) pingHook(c *call) (any, error) {
	h, err := c.hook()
	if err != nil {
		return nil, err
	}
	return nil, orMissing(d.o.Hooks.Ping(c.r.Context(), c.actor, c.repo.ID, h.ID))
}

func (d *Door) testHook(c *call) (any, error) {
	h, err := c.hook()
	if err != nil {
		return nil, err
	}
	return nil, d.o.Deliver.Test(c.r.Context(), c.actor, &c.repo.Repo, &h)
}

// deliveryItem is GitHub's "hook-delivery-item".
type deliveryItem struct {
	ID             int64   `json:"id"`
	GUID           string  `json:"guid"`
	DeliveredAt    *string `json:"delivered_at"`
	Redelivery     bool    `json:"redelivery"`
	Duration       float64 `json:"duration"` // seconds
	Status         string  `json:"status"`
	StatusCode     int     `json:"status_code"`
	Event          string  `json:"event"`
	Action         *string `json:"action"`
	InstallationID *int64  `json:"installation_id"`
	RepositoryID   *int64  `json:"repository_id"`
	ThrottledAt    *string `json:"throttled_at"`
}

// deliveryAnswer is GitHub's "hook-delivery".
type deliveryAnswer struct {
	deliveryItem
	URL      string           `json:"url"`
	Request  deliveryRequest  `json:"request"`
	Response deliveryResponse `json:"response"`
}

type deliveryRequest struct {
	Headers map[string]string `json:"headers"`
	Payload any               `json:"payload"` // the object that was sent
}

type deliveryResponse struct {
	Headers map[string]string `json:"headers"`
	Payload *string           `json:"payload"`
}

func itemOf(x *hook.Delivery) deliveryItem {
	in := int64(x.Repo)
	return deliveryItem{ID: int64(x.ID), GUID: x.GUID, DeliveredAt: stamp(x.At), Redelivery: x.Redelivery, Duration: x.Took.Seconds(), Status: x.Status,
		StatusCode: x.Code, Event: x.Event, Action: optional(x.Action), RepositoryID: &in}
}

func (d *Door) listDeliveries(c *call) (any, error) {
	h, err := c.hook()
	if err != nil {
		return nil, err
	}
	q := c.r.URL.Query()
	var failed *bool
	switch word := q.Get("status"); word {
	case "":
	case "success", "failure":
		is := word == "failure"
		failed = &is
	default:
		return nil, problem.Field("status", "status must be success or failure")
	}
	// GitHub's cursors are opaque; ours have a letter so that nobody takes them
	// for a page.
	var before id.Delivery
	if cursor := q.Get("cursor"); cursor != "" {
		rest, ok := strings.CutPrefix(cursor, "v1_")
		if before, _ = id.Parse[id.Delivery](rest); !ok || before == 0 {
			return nil, problem.Field("cursor", "cursor is none that the header Link gave")
		}
	}
	_, perPage := c.page()
	list, err := d.o.Hooks.Deliveries(c.r.Context(), d.o.DB, h.ID, before, perPage+1, failed)
	if err != nil {
		return nil, err
	}
	if len(list) > perPage {
		list = list[:perPage]
		q.Set("cursor", "v1_"+strconv.FormatInt(int64(list[perPage-1].ID), 10))
		c.w.Header().Set("Link", "<"+d.o.Gate.URL(c.r.URL.EscapedPath())+"?"+q.Encode()+`>; rel="next"`)
	}
	out := make([]deliveryItem, len(list))
	for i := range list {
		out[i] = itemOf(&list[i])
	}
	return out, nil
}

// delivery loads the hook and the delivery that the path names.
func (c *call) delivery() (hook.Exchange, error) {
	h, err := c.hook()
	if err != nil {
		return hook.Exchange{}, err
	}
	n, ok := id.Parse[id.Delivery](c.r.PathValue("delivery_id"))
	if !ok {
		return hook.Exchange{}, errNotFound
	}
	x, err := c.door.o.Hooks.Exchange(c.r.Context(), c.door.o.DB, h.ID, n)
	return x, orMissing(err)
}

func (d *Door) getDelivery(c *call) (any, error) {
	x, err := c.delivery()
	if err != nil {
		return nil, err
	}
	out := deliveryAnswer{deliveryItem: itemOf(&x.Delivery), URL: x.URL, Request: deliveryRequest{headersOf(x.Asked), nil}, Response: deliveryResponse{headersOf(x.Answered), nil}}
	if x.Payload != nil {
		out.Request.Payload = json.RawMessage(x.Payload)
	}
	if x.Answer != nil {
		text := strings.ToValidUTF8(string(x.Answer), "\uFFFD")
		out.Response.Payload = &text
	}
	return out, nil
}

func headersOf(list []hook.Header) map[string]string {
	out := map[string]string{}
	for _, h := range list {
		if was, ok := out[h.Name]; ok {
			h.Value = was + ", " + h.Value
		}
		out[h.Name] = h.Value
	}
	return out
}

func (d *Door) redeliver(c *call) (any, error) {
	x, err := c.delivery()
	if err != nil {
		return nil, err
	}
	return struct{}{}, orMissing(d.o.Hooks.Redeliver(c.r.Context(), x.Hook, x.ID))
}
