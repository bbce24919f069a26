package rest

import (
	"net/http"
	"slices"

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

// orgHookRoutes are those of organisations. They are answered as those of
// repositories are: whose webhooks are meant is what the gate loaded.
func (d *Door) orgHookRoutes() []route {
	const hooks, one = "/orgs/{org}/hooks", "/orgs/{org}/hooks/{hook_id}"
	return []route{
		{get, hooks, right.OrgHookRead, d.listHooks, "List organization webhooks", doc{query: "page per_page", out: []orgHookAnswer{}}},
		{post, hooks, right.OrgHookEdit, d.createHook, "Create an organization webhook", doc{in: hookInput{}, out: orgHookAnswer{}, code: http.StatusCreated}},
		{get, one, right.OrgHookRead, d.getHook, "Get an organization webhook", doc{out: orgHookAnswer{}}},
		{patch, one, right.OrgHookEdit, d.patchHook, "Update an organization webhook", doc{in: hookPatch{}, out: orgHookAnswer{}}},
		{del, one, right.OrgHookDelete, d.deleteHook, "Delete an organization webhook", doc{}},
		{get, one + "/config", right.OrgHookRead, d.getHookConfig, "Get a webhook configuration for an organization", doc{out: hookConfig{}}},
		{patch, one + "/config", right.OrgHookEdit, d.patchHookConfig, "Update a webhook configuration for an organization", doc{in: configInput{}, out: hookConfig{}}},
		{post, one + "/pings", right.OrgHookRead, d.pingHook, "Ping an organization webhook", doc{}},
		{get, one + "/deliveries", right.OrgHookRead, d.listDeliveries, "List deliveries for an organization webhook", doc{query: "per_page cursor status", out: []deliveryItem{}}},
		{get, one + "/deliveries/{delivery_id}", right.OrgHookRead, d.getDelivery, "Get a webhook delivery for an organization webhook", doc{out: deliveryAnswer{}}},
		{post, one + "/deliveries/{delivery_id}/attempts", right.OrgHookEdit, d.redeliver, "Redeliver a delivery for an organization webhook", doc{out: struct{}{}, code: http.StatusAccepted}},
	}
}

// orgHookAnswer is GitHub's "org hook".
type orgHookAnswer struct {
	Type          string     `json:"type"`
	ID            int64      `json:"id"`
	Name          string     `json:"name"`
	Active        bool       `json:"active"`
	Events        []string   `json:"events"`
	Config        hookConfig `json:"config"`
	UpdatedAt     *string    `json:"updated_at"`
	CreatedAt     *string    `json:"created_at"`
	URL           string     `json:"url"`
	PingURL       string     `json:"ping_url"`
	DeliveriesURL string     `json:"deliveries_url"`
}

// hookAnswer is GitHub's "hook", of a repository.
type hookAnswer struct {
	orgHookAnswer
	TestURL      string       `json:"test_url"`
	LastResponse lastResponse `json:"last_response"`
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

func (c *call) hookURL(h *hook.Hook) string {
	in := "/repos/"
	if h.Org != 0 {
		in = "/orgs/"
	}
	return c.url(in + c.place().Name + "/hooks/" + id.Text(h.ID))
}

// hookAnswer is the hook in the form that GitHub has for what it is of.
func (c *call) hookAnswer(h *hook.Hook) any {
	kind, u := "Repository", c.hookURL(h)
	if h.Org != 0 {
		kind = "Organization"
	}
	of := orgHookAnswer{Type: kind, ID: int64(h.ID), Name: "web", Active: h.Active, Events: h.Events, Config: configOf(h), UpdatedAt: stamp(h.UpdatedAt),
		CreatedAt: stamp(h.CreatedAt), URL: u, PingURL: u + "/pings", DeliveriesURL: u + "/deliveries"}
	if h.Org != 0 {
		return of
	}
	out := hookAnswer{orgHookAnswer: of, TestURL: u + "/test"}
	unused := "unused"
	out.LastResponse.Status = &unused
	if h.LastStatus != "" {
		state := "active"
		out.LastResponse = lastResponse{Code: &h.LastCode, Status: &state, Message: &h.LastStatus}
	}
	return out
}

// place is the loaded repository or organisation, as the room of webhooks wants it.
func (c *call) place() hook.Place {
	if c.org.ID != 0 {
		return hook.Place{Owner: c.org.ID, Name: c.org.Login}
	}
	return hook.Place{Repo: c.repo.ID, Owner: c.repo.Owner, Name: c.repo.FullName()}
}

func (c *call) hooksOf() hook.Of {
	at := c.place()
	return at.Of()
}

// hook loads the one that the path names, of this place alone.
func (c *call) hook() (hook.Hook, error) {
	n, ok := id.Parse[id.Hook](c.r.PathValue("hook_id"))
	if !ok {
		return hook.Hook{}, errNotFound
	}
	h, err := c.door.o.Hooks.ByID(c.r.Context(), c.door.o.DB, c.hooksOf(), n)
	if err == nil && !h.For(&c.actor) {
		return hook.Hook{}, errNotFound
	}
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
	all, err := d.o.Hooks.List(c.r.Context(), d.o.DB, c.hooksOf())
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(h hook.Hook) bool { return !h.For(&c.actor) })
	page, perPage := c.page()
	c.link(page, perPage, len(all))
	out := []any{}
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
	c.w.Header().Set("Location", c.hookURL(&h))
	return c.hookAnswer(&h), nil
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
	return nil, orMissing(d.o.Hooks.Ping(c.r.Context(), c.actor, c.hooksOf(), h.ID))
}

func (d *Door) testHook(c *call) (any, error) {
	h, err := c.hook()
	if err != nil {
		return nil, err
	}
	return nil, d.o.Deliver.Test(c.r.Context(), c.actor, &c.repo.Repo, &h)
}
