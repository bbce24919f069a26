package web

import (
	"html/template"
	"io"
	"strings"

	"jeton/internal/audit"
	"jeton/internal/id"
	"jeton/internal/inventory"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/token"
)

const (
	inventoryPerPage = 50
	inventoryShown   = 20 // of those about which is asked
)

// inventoryHome is where a list of tokens stands, and whose it is.
type inventoryHome struct {
	view        inventory.View
	path, title string
}

func (c *call) inventoryHome() inventoryHome {
	if c.org.ID == 0 {
		return inventoryHome{view: inventory.Site(), path: "/admin/tokens", title: "Tokens"}
	}
	return inventoryHome{view: inventory.View{Org: c.org.ID, Login: c.org.Login}, path: c.orgSettingsPath("/tokens"), title: "Tokens that reach " + c.org.Login}
}

func (c *call) inventoryFrame(h inventoryHome, title string) OrgFrame {
	if h.view.Org != 0 {
		return c.orgFrame(title, "settings")
	}
	f := adminFrame(title)
	f.Here = h.path
	return OrgFrame{Frame: f}
}

// inventoryPage fills the list. Where the filter is wrong it is empty.
func (c *call) inventoryPage() (*inventoryPage, error) {
	h, in := c.inventoryHome(), c.r.URL.Query()
	f, org := inventory.ReadFilter(in), c.org.ID != 0
	p := &inventoryPage{OrgFrame: c.inventoryFrame(h, h.title), Path: h.path, Filter: f, Choices: choices(&f, org), Chips: chips(f, h.path, org), Chosen: in.Get("chosen") == "page"}
	for _, s := range right.Scopes() {
		p.Known = append(p.Known, string(s.Name))
	}
	for _, one := range right.Fines() {
		p.Known = append(p.Known, one.Name)
	}
	p.Kept = kept(&f)
	if q := f.Query().Encode(); q != "" {
		p.Query = template.URL("&" + q) // encoded, so that it needs no escaping
	}
	after := cut(in.Get("after"), 200)
	page, err := c.door.o.Inventory.List(c.ctx(), h.view, f, after, inventoryPerPage)
	if err != nil {
		return p, err
	}
	p.Rows, p.Order, p.Looked = c.inventoryRows(page.Lines, h), page.Order, page.Looked
	at := f.Query()
	if after != "" {
		p.First = h.path + "?" + at.Encode()
		at.Set("after", after)
	}
	at.Set("chosen", "page")
	p.Choose = h.path + "?" + at.Encode()
	if page.Next != "" {
		at.Del("chosen")
		at.Set("after", page.Next)
		p.Next = h.path + "?" + at.Encode()
	}
	return p, nil
}

func listInventory(c *call) error {
	p, err := c.inventoryPage()
	if err != nil {
		return c.again(err, "inventory", p)
	}
	return c.show("inventory", p)
}

var kindWords = [token.Kinds]string{token.Personal: "Classic", token.FineGrained: "Fine-grained", token.OAuth: "Application", token.Deploy: "Deploy token", token.Exchanged: "Exchanged"}

func (c *call) inventoryRows(lines []inventory.Line, h inventoryHome) []inventoryRow {
	out := make([]inventoryRow, len(lines))
	for i := range lines {
		l := &lines[i]
		out[i] = inventoryRow{ID: l.ID, Login: l.Login, Kind: kindWords[l.Kind], Name: line(l.Name), LastEight: l.LastEight, Gives: l.Scopes.String(), Created: l.CreatedAt, Used: l.UsedAt,
			Address: l.Address, Client: line(l.Client), Expiry: newExpiry(l.ExpiresAt, c.door.o.Now()), Frozen: l.Frozen, Barred: l.Barred}
		if l.Kind.Fine() {
			out[i].Gives = permissionWords(l.Permissions)
		}
		if !l.UsedAt.IsZero() && !l.Ends {
			out[i].UsedDay = day(l.UsedAt)
		}
		if l.Access != token.Anywhere || l.Kind.Fine() {
			out[i].Reaches = reachWords(l)
		}
	}
	return out
}

func reachWords(l *inventory.Line) string {
	switch l.Access {
	case token.AllOf:
		return "all repositories of " + l.Reaches
	case token.Selected:
		return plural(l.Repos, "repository", "repositories") + " of " + l.Reaches
	case token.PublicOnly:
		return "public repositories only"
	}
	return ""
}

func exportInventory(c *call) error {
	h, f := c.inventoryHome(), inventory.ReadFilter(c.r.URL.Query())
	if err := c.door.o.Inventory.Check(c.ctx(), h.view, f); err != nil {
		return err
	}
	return c.export("tokens", func(w io.Writer, format audit.Format) error {
		return c.door.o.Inventory.Export(c.ctx(), w, h.view, format, f)
	})
}

// deed is what is done to many tokens at once.
type deed struct {
	path, verb, button string
	let                bool
}

func (c *call) deed(let bool) deed {
	switch {
	case let:
		return deed{path: "/let_in", verb: "Let in", button: "Let them in again", let: true}
	case c.org.ID != 0:
		return deed{path: "/revoke", verb: "Revoke", button: "I understand, revoke access"}
	}
	return deed{path: "/revoke", verb: "Revoke", button: "I understand, end these tokens"}
}

// endTokensForm asks about the tokens that were ticked, or about all that match.
func endTokensForm(let bool) handler {
	return func(c *call) error {
		in := c.r.URL.Query()
		f := inventory.ReadFilter(in)
		var ids []id.Token
		for _, text := range in["token"] {
			if n, ok := id.Parse[id.Token](text); ok {
				ids = append(ids, n)
			}
		}
		if len(ids) == 0 && in.Get("all") != "yes" {
			p, err := c.inventoryPage()
			if err == nil {
				err = problem.New(problem.Invalid, "No token is chosen.", "Tick the boxes of those that you mean.")
			}
			return c.again(err, "inventory", p)
		}
		p, err := c.endTokensPage(f, ids, let)
		if err != nil {
			return err
		}
		return c.show("inventory-end", p)
	}
}

func (c *call) endTokensPage(f inventory.Filter, ids []id.Token, let bool) (*endTokensPage, error) {
	h, d := c.inventoryHome(), c.deed(let)
	if let {
		f.Barred = "yes"
	}
	lines, more, err := c.door.o.Inventory.Choose(c.ctx(), h.view, f, ids)
	if err != nil {
		return nil, err
	}
	if len(lines) == 0 {
		return nil, problem.New(problem.Conflict, "None of these tokens is left.", "They ended meanwhile, or do not match the filter any more.")
	}
	p := &endTokensPage{OrgFrame: c.inventoryFrame(h, d.verb+" tokens"), Path: h.path + "?" + f.Query().Encode(), Heading: d.verb + " " + plural(len(lines), "token", "tokens") + "?",
		Action: h.path + d.path, Button: d.button, Chips: chips(f, h.path, h.view.Org != 0), Rows: c.inventoryRows(lines[:min(len(lines), inventoryShown)], h)}
	p.More = len(lines) - len(p.Rows)
	if ids == nil && more {
		p.Consequences = append(p.Consequences, "These are the first that match the filter. Others match too, or were not looked at: come back for them afterwards.")
	}
	switch {
	case let:
		p.Consequences = append(p.Consequences, "They reach what is "+c.org.Login+"’s again, as far as their owners and their rights do. A fine-grained token that was denied waits for approval once more, if owners approve such tokens.")
	case h.view.Org != 0:
		p.Consequences = append(p.Consequences, "Tokens that are for "+c.org.Login+" alone end for good. The others are shut out of what is "+c.org.Login+"’s, and stay good for everything else; they can be let in again.")
	default:
		p.Consequences = append(p.Consequences, "Every program and computer that uses one of them loses access at once. This cannot be undone.")
	}
	numbers := make([]string, len(lines))
	for i := range lines {
		numbers[i] = id.Text(lines[i].ID)
	}
	p.Hidden = append(p.Hidden, hiddenField{"ids", strings.Join(numbers, ",")})
	p.Hidden = append(p.Hidden, kept(&f)...)
	return p, nil
}

// kept is a filter in hidden fields.
func kept(f *inventory.Filter) []hiddenField {
	var out []hiddenField
	for _, one := range f.Fields() {
		if *one.Value != "" {
			out = append(out, hiddenField{one.Name, *one.Value})
		}
	}
	return out
}

// endTokens does to the tokens that the form names, and that are still what was
// asked for, what the page said.
func endTokens(let bool) handler {
	return func(c *call) error {
		h, f := c.inventoryHome(), inventory.ReadFilter(c.r.PostForm)
		ids := []id.Token{}
		for text := range strings.SplitSeq(c.field("ids"), ",") {
			if n, ok := id.Parse[id.Token](text); ok {
				ids = append(ids, n)
			}
		}
		reason := c.field("reason")
		var done inventory.Done
		var err error
		switch {
		case reason == "":
			err = problem.Field("reason", "Write why: the owners of the tokens read it.")
		case let:
			done, err = c.door.o.Inventory.LetIn(c.ctx(), c.actor, h.view, ids, reason)
		default:
			done, err = c.door.o.Inventory.End(c.ctx(), c.actor, h.view, f, ids, reason)
		}
		if err != nil {
			p, broken := c.endTokensPage(f, ids, let)
			if broken != nil {
				return err // of the two, this says what was wrong with the form
			}
			p.Reason = reason
			return c.again(err, "inventory-end", p)
		}
		return c.done(doneWords(done, c.org.Login), h.path+"?"+f.Query().Encode())
	}
}

func doneWords(d inventory.Done, org string) string {
	var out []string
	if d.Ended > 0 {
		out = append(out, "Ended "+plural(d.Ended, "token", "tokens")+".")
	}
	if d.Barred > 0 {
		out = append(out, "Shut "+plural(d.Barred, "token", "tokens")+" out of what is "+org+"’s.")
	}
	if d.LetIn > 0 {
		out = append(out, "Let "+plural(d.LetIn, "token", "tokens")+" in again.")
	}
	if d.Gone > 0 {
		out = append(out, plural(d.Gone, "other was", "others were")+" left alone: ended meanwhile, or not as the filter asks any more.")
	}
	return strings.Join(out, " ")
}
