package web

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"jeton/internal/narrow"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/token"
)

// listedNodes is how many narrowed tokens a token's page lists.
const listedNodes = 200

// narrowedPart is what a token's page says of its limits and of what was narrowed
// from it.
type narrowedPart struct {
	Href   string // of the token
	Limits []string
	Nodes  []nodeRow
	More   int // narrowed tokens that are not listed
}

// nodeRow is a narrowed token in the tree.
type nodeRow struct {
	Node, Name, Indent string
	Above              string // the name of the one from which it was made; empty: the token itself
	Limits             []string
	Created, Used      time.Time
	Address, Client    string
	Minted             bool
	State              string
	Live, Full         bool // Full: what more is made from it is not listed
}

func (c *call) narrowedOf(t *token.Token) (*narrowedPart, error) {
	nodes, err := c.door.o.Tokens.Nodes(c.ctx(), c.holder().Account, t.ID)
	if err != nil {
		return nil, err
	}
	p := &narrowedPart{Href: c.homeOf(t.Kind).of(t.ID, ""), Limits: limitWords(t.Limits), More: max(0, len(nodes)-listedNodes)}
	below, names := map[string]int{}, map[string]string{}
	for i := range nodes {
		below[nodes[i].Top]++
		names[nodes[i].Node] = nodeName(&nodes[i])
	}
	now := c.door.o.Now()
	for _, n := range nodes[:min(len(nodes), listedNodes)] {
		r := nodeRow{Node: n.Node, Name: names[n.Node], Above: names[n.Parent], Limits: limitWords(n.Limits), Created: n.CreatedAt, Used: n.Used, Address: n.Address, Client: line(n.Client),
			Minted: n.Minted, Full: n.Parent == "" && below[n.Top] >= token.MaxBelow}
		if n.Depth > 0 {
			r.Indent = strings.Repeat("\u2003", n.Depth-1) + "↳ "
		}
		switch {
		case !n.RevokedAt.IsZero():
			r.State = "Revoked"
		case n.Ended:
			r.State = "Ended with " + r.Above
		case !n.ExpiresAt.IsZero() && !now.Before(n.ExpiresAt), t.Expired(now):
			r.State = "Over"
		default:
			r.State, r.Live = "Live", true
		}
		p.Nodes = append(p.Nodes, r)
	}
	return p, nil
}

// nodeName is what a narrowed token is called: by its note, or by how its number
// begins.
func nodeName(n *token.Node) string {
	if n.Note != "" {
		return line(n.Note)
	}
	return n.Node[:8]
}

func limitWords(limits []right.Limit) []string {
	out := make([]string, len(limits))
	for i, l := range limits {
		out[i] = line(l.Words())
	}
	return out
}

func revokeNode(k token.Kind) handler {
	return func(c *call) error {
		t, err := c.ownToken(k)
		if err != nil {
			return err
		}
		nodes, err := c.door.o.Tokens.Nodes(c.ctx(), c.holder().Account, t.ID)
		if err != nil {
			return err
		}
		n := token.Node{Node: c.r.PathValue("node")}
		if _, ok := narrow.ParseNode(n.Node); !ok {
			return errMissing()
		}
		if i := slices.IndexFunc(nodes, func(one token.Node) bool { return one.Node == n.Node }); i >= 0 {
			n = nodes[i]
		}
		if err := c.door.o.Tokens.RevokeNode(c.ctx(), c.actor, c.holder().Account, t.ID, n.Node); err != nil {
			return err
		}
		return c.done("Revoked "+nodeName(&n)+", and what was made from it.", c.homeOf(k).of(t.ID, "#narrowed"))
	}
}

// limitsPage is the form of a token's limits.
type limitsPage struct {
	Frame
	Href, Note            string
	Fields                []limitField
	Read, Forward, Create bool
	Uses, Megabytes       string
}

// limitField is a limit of which several values can be given, one on each line.
type limitField struct{ Name, Label, Hint, Text string }

const megabyte = 1_000_000

func (c *call) limitsPage(t *token.Token) *limitsPage {
	h := c.homeOf(t.Kind)
	return &limitsPage{Frame: h.frame("Limits of " + line(t.Note)), Href: h.of(t.ID, ""), Note: line(t.Note), Fields: []limitField{
		{Name: right.LimitNetworks, Label: "Networks", Hint: "The token is refused from everywhere else. As 192.0.2.0/24, 2001:db8::/32, or one address. One on each line; any of them will do."},
		{Name: right.LimitRepos, Label: "Repositories", Hint: "The token is for these repositories and nothing else, what is public included. As OWNER/NAME. One on each line; any of them will do."},
		{Name: right.LimitPermissions, Label: "Permissions", Hint: "Not more than these, by the names of fine-grained tokens. As contents=read. One on each line."},
		{Name: right.LimitRefs, Label: "Branches and tags", Hint: "Others are not there for the token. As refs/heads/main or refs/heads/**. One on each line; any of them will do."},
		{Name: right.LimitPush, Label: "Branches and tags to push to", Hint: "Others are seen, and not moved. As refs/heads/ci/*. One on each line; any of them will do."},
		{Name: right.LimitPaths, Label: "Files to push", Hint: "Pushes change no other files. This limits pushes only: all files can be read. As docs/** or README.md. One on each line; any of them will do."},
	}}
}

// stand fills the form in with the limits that there are.
func (p *limitsPage) stand(limits []right.Limit) {
	for _, l := range limits {
		switch l.Name {
		case right.LimitRead:
			p.Read = true
		case right.LimitForward:
			p.Forward = true
		case right.LimitCreate:
			p.Create = true
		case right.LimitUses:
			p.Uses = strings.Join(l.Values, "")
		case right.LimitBytes:
			if n, err := strconv.ParseInt(strings.Join(l.Values, ""), 10, 64); err == nil {
				p.Megabytes = strconv.FormatInt((n+megabyte-1)/megabyte, 10)
			}
		}
		for i := range p.Fields {
			if p.Fields[i].Name == l.Name {
				p.Fields[i].Text = strings.Join(l.Values, "\n")
			}
		}
	}
}

// sentLimits reads the form into p and into limits. The error names the field that
// is wrong.
func (c *call) sentLimits(p *limitsPage) (out []right.Limit, err error) {
	p.Read, p.Forward, p.Create = c.field(right.LimitRead) != "", c.field(right.LimitForward) != "", c.field(right.LimitCreate) != ""
	p.Uses, p.Megabytes = c.field(right.LimitUses), c.field(right.LimitBytes)
	add := func(name string, values ...string) {
		l := right.Limit{Name: name, Values: values}
		if _, wrong := right.NewLimits([]right.Limit{l}); wrong != nil && err == nil {
			err = problem.Field(name, wrong.Error())
		}
		out = append(out, l)
	}
	for name, on := range map[string]bool{right.LimitRead: p.Read, right.LimitForward: p.Forward, right.LimitCreate: p.Create} {
		if on {
			add(name)
		}
	}
	slices.SortFunc(out, func(a, b right.Limit) int { return strings.Compare(a.Name, b.Name) })
	for i := range p.Fields {
		f := &p.Fields[i]
		f.Text = strings.ReplaceAll(c.field(f.Name), "\r\n", "\n")
		if values := strings.FieldsFunc(f.Text, func(r rune) bool { return r == '\n' || r == '\r' }); len(values) > 0 {
			for i := range values {
				values[i] = strings.TrimSpace(values[i])
			}
			add(f.Name, slices.DeleteFunc(values, func(v string) bool { return v == "" })...)
		}
	}
	if p.Uses != "" {
		add(right.LimitUses, p.Uses)
	}
	if p.Megabytes != "" {
		n, wrong := strconv.ParseInt(p.Megabytes, 10, 64)
		if wrong != nil || n <= 0 || n > 1<<40 {
			n = 0
			if err == nil {
				err = problem.Field(right.LimitBytes, fmt.Sprintf("%q is not a number of megabytes above zero", cut(p.Megabytes, 40)))
			}
		}
		if n > 0 {
			add(right.LimitBytes, strconv.FormatInt(n*megabyte, 10))
		}
	}
	return out, err
}

func limitsForm(k token.Kind) handler {
	return func(c *call) error {
		t, err := c.ownToken(k)
		if err != nil {
			return err
		}
		p := c.limitsPage(&t)
		p.stand(t.Limits)
		return c.show("token-limits", p)
	}
}

func setLimits(k token.Kind) handler {
	return func(c *call) error {
		t, err := c.ownToken(k)
		if err != nil {
			return err
		}
		p := c.limitsPage(&t)
		limits, err := c.sentLimits(p)
		if err == nil {
			_, err = c.door.o.Tokens.SetLimits(c.ctx(), c.actor, c.holder().Account, t.ID, limits)
		}
		if err != nil {
			return c.again(err, "token-limits", p)
		}
		text := "Saved the limits of " + p.Note + "."
		if len(limits) == 0 {
			text = "The token " + p.Note + " has no limits now."
		}
		return c.done(text, p.Href)
	}
}
