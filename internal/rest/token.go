package rest

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"jeton/internal/gate"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/token"
)

// tokenRoutes are about the token that is presented. GitHub has none of them.
func (d *Door) tokenRoutes() []route {
	return []route{
		{get, "/user/token", right.SelfToken, d.getToken, "Get the token that is presented", doc{out: tokenAnswer{}}},
		{post, "/user/token/narrow", right.SelfToken, d.narrowToken, "Make a narrower token", doc{in: narrowInput{}, out: narrowedAnswer{}, code: http.StatusCreated}},
		{del, "/user/token/nodes/{node}", right.SelfToken, d.endNode, "Revoke a narrowed token", doc{}},
	}
}

// limitAnswer is a limit, by its name and values and in words.
type limitAnswer struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
	Text   string   `json:"text"`
}

func limitsAnswer(limits []right.Limit) []limitAnswer {
	out := []limitAnswer{}
	for _, l := range limits {
		out = append(out, limitAnswer{l.Name, append([]string{}, l.Values...), l.Words()})
	}
	return out
}

// stepAnswer is one narrowing.
type stepAnswer struct {
	Node string `json:"node"`
	Note string `json:"note"`
}

// tokenAnswer is what a token is.
type tokenAnswer struct {
	ID          int64             `json:"id"` // of the token, or of the one from which it was narrowed
	Kind        string            `json:"kind"`
	Note        string            `json:"note"`
	Scopes      []string          `json:"scopes"`
	Permissions map[string]string `json:"permissions"` // null: the scopes say it
	Access      string            `json:"access"`
	Limits      []limitAnswer     `json:"limits"` // its own and those of what it was narrowed from
	CreatedAt   string            `json:"created_at"`
	ExpiresAt   *string           `json:"expires_at"`
	Node        *string           `json:"node"` // null: it was not narrowed
	Narrowed    []stepAnswer      `json:"narrowed"`
	User        string            `json:"user"`
}

func (d *Door) getToken(c *call) (any, error) {
	t, err := d.o.Tokens.AnyByID(c.r.Context(), c.actor.Account, c.actor.Token)
	if err != nil {
		return nil, err
	}
	out := tokenAnswer{ID: int64(t.ID), Kind: t.Kind.String(), Note: t.Note,
		Scopes: t.Scopes.Names(), Access: t.Access.String(), Limits: limitsAnswer(nil), CreatedAt: t.CreatedAt.UTC().Format(time.RFC3339), Narrowed: []stepAnswer{}, User: c.actor.Login}
	if t.Access != token.Anywhere {
		out.Permissions = map[string]string{}
		for _, group := range []right.Group{right.RepositoryGroup, right.OrganizationGroup, right.AccountGroup} {
			maps.Copy(out.Permissions, t.Permissions.Only(group))
		}
	}
	if l := c.actor.Grant.Limits; l != nil {
		out.Limits = limitsAnswer(l.All)
	}
	if !c.actor.Until.IsZero() {
		out.ExpiresAt = new(c.actor.Until.UTC().Format(time.RFC3339))
	}
	for _, n := range token.Lineage(c.actor.Links) {
		out.Narrowed = append(out.Narrowed, stepAnswer{n.Node, n.Note})
		out.Node = new(n.Node)
	}
	return out, nil
}

// narrowInput is by what a token becomes weaker, as the flags of "jeton token
// narrow" have it.
type narrowInput struct {
	Note         string            `json:"note"`
	Repositories []string          `json:"repositories"`
	Read         bool              `json:"read"`
	Permissions  map[string]string `json:"permissions"`
	ExpiresIn    int64             `json:"expires_in"` // seconds
	ExpiresAt    *string           `json:"expires_at"`
	Networks     []string          `json:"networks"`
	Refs         []string          `json:"refs"`
	PushRefs     []string          `json:"push_refs"`
	FastForward  bool              `json:"fast_forward"`
	CreateOnly   bool              `json:"create_only"`
	Paths        []string          `json:"paths"`
	Uses         int64             `json:"uses"`
	Bytes        int64             `json:"bytes"`
}

// limits are those that were asked for. The error names the field.
func (in *narrowInput) limits(now time.Time) (out []right.Limit, err error) {
	add := func(field, name string, given bool, values ...string) {
		if !given || err != nil {
			return
		}
		l := right.Limit{Name: name, Values: values}
		if _, wrong := right.NewLimits([]right.Limit{l}); wrong != nil {
			err = problem.Field(field, wrong.Error())
		}
		out = append(out, l)
	}
	var permissions []string
	for _, name := range slices.Sorted(maps.Keys(in.Permissions)) {
		permissions = append(permissions, name+"="+in.Permissions[name])
	}
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	add("read", right.LimitRead, in.Read)
	add("repositories", right.LimitRepos, in.Repositories != nil, in.Repositories...)
	add("permissions", right.LimitPermissions, in.Permissions != nil, permissions...)
	if in.ExpiresAt != nil {
		at, wrong := time.Parse(time.RFC3339, *in.ExpiresAt)
		if wrong != nil {
			return nil, problem.Field("expires_at", "expires_at is a time as 2031-01-31T12:00:00Z")
		}
		add("expires_at", right.LimitUntil, true, number(at.Unix()))
	}
	if in.ExpiresIn < 0 || in.ExpiresIn > 10*366*24*3600 {
		return nil, problem.Field("expires_in", "expires_in is a number of seconds, of ten years at most")
	}
	add("expires_in", right.LimitUntil, in.ExpiresIn > 0, number(now.Unix()+in.ExpiresIn))
	add("networks", right.LimitNetworks, in.Networks != nil, in.Networks...)
	add("refs", right.LimitRefs, in.Refs != nil, in.Refs...)
	add("push_refs", right.LimitPush, in.PushRefs != nil, in.PushRefs...)
	add("fast_forward", right.LimitForward, in.FastForward)
	add("create_only", right.LimitCreate, in.CreateOnly)
	add("paths", right.LimitPaths, in.Paths != nil, in.Paths...)
	add("uses", right.LimitUses, in.Uses != 0, number(in.Uses))
	add("bytes", right.LimitBytes, in.Bytes != 0, number(in.Bytes))
	return out, err
}

// narrowedAnswer is a token that was just made, with its secret.
type narrowedAnswer struct {
	Token     string        `json:"token"`
	Node      string        `json:"node"`
	Note      string        `json:"note"`
	ExpiresAt *string       `json:"expires_at"` // null: with the token from which it was made
	Limits    []limitAnswer `json:"limits"`
}

func (d *Door) narrowToken(c *call) (any, error) {
	var in narrowInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	limits, err := in.limits(d.o.Now())
	if err != nil {
		return nil, err
	}
	plain := gate.ParseAuthorization(c.r.Header.Values("Authorization")).Plain()
	made, n, err := d.o.Tokens.Mint(c.r.Context(), c.actor, plain, in.Note, limits)
	if err != nil {
		return nil, err
	}
	c.w.Header().Set("Cache-Control", "no-store")
	out := narrowedAnswer{Token: made.Reveal(), Node: n.Node, Note: n.Note, Limits: limitsAnswer(n.Limits)}
	if !n.ExpiresAt.IsZero() {
		out.ExpiresAt = new(n.ExpiresAt.UTC().Format(time.RFC3339))
	}
	return out, nil
}

func (d *Door) endNode(c *call) (any, error) {
	return nil, d.o.Tokens.RevokeNode(c.r.Context(), c.actor, c.actor.Account, c.actor.Token, c.r.PathValue("node"))
}
