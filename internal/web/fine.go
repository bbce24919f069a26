package web

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"jeton/internal/account"
	"jeton/internal/gate"
	"jeton/internal/id"
	"jeton/internal/policy"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/token"
)

// filled is with what the form for a fine-grained token was filled in, by a person
// or by a link: the names of the fields are the parameters of GitHub's links.
type filled struct {
	name, description, owner string
	reason                   string // for the organization's owners
	access                   string
	repos                    []string // "owner/name"
	find                     string
	permissions              right.Fine
	unknown                  []string // permissions that are not offered, or not so
}

// reposListed is how many repositories the form lists; the others are found by name.
const reposListed = repo.MaxPerPage

// ownFields are those of the form's fields that are no permissions.
var ownFields = [...]string{"name", "description", "target_name", "expires", "expires_at", "expires_time", "expires_in", "access", "repositories", "find", "again", "reason"}

// readFilled reads the fields, from a form that was sent or from an address.
func readFilled(v url.Values) filled {
	f := filled{name: v.Get("name"), description: v.Get("description"), owner: strings.TrimSpace(v.Get("target_name")), access: v.Get("access"),
		reason: cut(v.Get("reason"), 2048), repos: v["repositories"], find: strings.TrimSpace(cut(v.Get("find"), 100))}
	slices.Sort(f.repos)
	f.repos = slices.Compact(f.repos)
	f.repos = f.repos[:min(len(f.repos), token.MaxRepos+1)] // one too many is refused, and said to be
	for _, name := range slices.Sorted(maps.Keys(v)) {
		level, ok := right.ParseLevel(v.Get(name))
		if ok && !slices.Contains(ownFields[:], name) && f.permissions.Set(name, level) != nil {
			f.unknown = append(f.unknown, line(cut(name, 40))+": "+level.String())
		}
	}
	return f
}

// drop takes out the permissions that mean nothing for what of owns, and says
// which they were.
func (f *filled) drop(of gate.Resource, self bool) (dropped []string) {
	for _, info := range right.Fines() {
		if level := f.permissions.Level(info.Name); level != right.None && !fits(info.Group, of, self) {
			dropped = append(dropped, info.Name+": "+level.String())
			_ = f.permissions.Set(info.Name, right.None) // nothing can always be given
		}
	}
	return dropped
}

// ofRepos reports whether a permission for repositories was asked for.
func (f *filled) ofRepos() bool {
	asked := f.permissions.Only(right.RepositoryGroup)
	delete(asked, "metadata")
	return len(asked) > 0
}

// listFine shows the fine-grained tokens, and once the secret of one that was just
// made.
func listFine(c *call) error {
	h := c.homeOf(token.FineGrained)
	list, err := c.door.o.Tokens.List(c.ctx(), c.holder().Account, h.kind)
	if err != nil {
		return err
	}
	p := &tokensPage{Frame: h.frame("Fine-grained personal access tokens")}
	if p.Tokens, err = c.fineRows(h, list); err != nil {
		return err
	}
	return c.showTokens(h, p, list)
}

// fineRows are the tokens in a list.
func (c *call) fineRows(h tokenHome, list []token.Token) (rows []tokenRow, err error) {
	now, logins := c.door.o.Now(), map[id.Account]string{c.actor.Account: c.actor.Login}
	for i := range list {
		t := &list[i]
		login, known := logins[t.Owner]
		if !known {
			if login, err = c.loginOf(t.Owner); err != nil {
				return nil, err
			}
			logins[t.Owner] = login
		}
		row := h.row(t, gives(t), now)
		row.Reaches = reaches(t, login)
		if row.Blocked, err = c.blocked(t, []gate.Resource{{ID: t.Owner, Login: login, Org: true}}); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// newFineForm is the form, which a link may fill in as GitHub's can be. Its own
// buttons "Choose" and "Search" load it again in the same way.
func newFineForm(c *call) error {
	q := c.r.URL.Query()
	f := readFilled(q)
	f.name, f.description = line(cut(f.name, 160)), cut(f.description, 1024)
	p := c.fineNew()
	p.Kept = q.Has("again")
	p.FromLink = !p.Kept && len(q) > 0
	if !p.Kept {
		f.access, f.repos, f.find = "", nil, "" // as on GitHub, no link chooses these
	}
	of, missing := c.resourceOf(f.owner)
	if missing != nil && !problem.Is(missing, problem.Invalid) {
		return missing
	}
	if missing != nil {
		p.Problem = &Wrongs{Field: "target_name", Public: "Cannot find the specified resource owner: " + line(cut(f.owner, 40)), Remedy: "Choose from the list."}
	}
	if f.access == "" && f.ofRepos() {
		f.access = accessSelected
	}
	unknown := append(f.unknown, f.drop(of, of.ID == c.holder().Account)...)
	var ok bool
	if p.Expiry, ok = expiresIn(q.Get("expires_in"), c.door.o.Now()); !ok {
		unknown = append(unknown, "expires_in: "+line(cut(q.Get("expires_in"), 40)))
	}
	if q.Has("expires") {
		p.Expiry = newExpiryField(q.Get("expires"), strings.TrimSpace(q.Get("expires_at")+" "+q.Get("expires_time")), c.door.o.Now())
	}
	if err := c.limitExpiry(&p.Expiry, of.ID); err != nil {
		return err
	}
	p.Unknown = strings.Join(unknown[:min(len(unknown), 50)], ", ")
	if err := c.fillNew(p, of, &f); err != nil {
		return err
	}
	return c.show("fine-new", p)
}

// expiresIn is the expiration that a link asks for: GitHub's are 1 to 366 days, or
// none.
func expiresIn(asked string, now time.Time) (expiryField, bool) {
	if asked == "" || asked == "none" {
		return newExpiryField(asked, "", now), true
	}
	days, err := strconv.Atoi(asked)
	switch {
	case err != nil || days < 1 || days > 366:
		return newExpiryField("", "", now), false
	case slices.Contains(presets[:], days):
		return newExpiryField(strconv.Itoa(days), "", now), true
	}
	return newExpiryField("custom", inDays(now, days).Format(time.DateOnly), now), true
}

func (c *call) fineNew() *fineNew {
	h := c.homeOf(token.FineGrained)
	return &fineNew{fineForm: fineForm{Frame: h.frame("New "+h.noun, "expiry.js", "fine.js"), Action: h.path, Again: h.path + "/new", List: h.list, Who: c.whoHas(), Machine: c.of != nil}}
}

// resourceOf finds whose things a token shall reach; nobody means the person. With
// an error it is the person, for the form that is shown again.
func (c *call) resourceOf(login string) (gate.Resource, error) {
	all, err := c.resources()
	if err != nil {
		return gate.Resource{ID: c.holder().Account, Login: c.holder().Login}, err
	}
	if login == "" {
		return all[0], nil
	}
	if i := slices.IndexFunc(all, func(r gate.Resource) bool { return strings.EqualFold(r.Login, login) }); i >= 0 {
		return all[i], nil
	}
	text := "Choose yourself, an organization that you belong to, or somebody who shares a repository with you"
	if c.of != nil {
		text = "Choose " + c.of.manager.Login + ", or somebody who shares a repository with " + c.of.who.Login
	}
	return all[0], problem.Field("target_name", text)
}

// approves reports whether the person answers for what tokens of an organization may
// do, so that nobody else is asked.
func (c *call) approves(of gate.Resource) (bool, error) {
	if !of.Org {
		return false, nil
	}
	o, err := c.door.o.Gate.Org(c.ctx(), &c.actor, right.OrgBrowse, of.Login)
	if err != nil {
		return false, err
	}
	return c.door.o.Gate.AllowsOrg(&c.actor, right.OrgRequestsDecide, &o), nil
}

// fillNew puts into the form what was filled in, and what can be chosen.
func (c *call) fillNew(p *fineNew, of gate.Resource, f *filled) error {
	all, err := c.resources()
	if err != nil {
		return err
	}
	for _, r := range all {
		p.Owners = append(p.Owners, resourceOption{Login: r.Login, Org: r.Org, Selected: r.ID == of.ID})
	}
	return c.fillFine(&p.fineForm, of, f)
}

func (c *call) fillFine(p *fineForm, of gate.Resource, f *filled) error {
	p.Name, p.Description, p.Owner, p.Access, p.Find, p.Max = f.name, f.description, of.Login, f.access, f.find, token.MaxRepos
	if p.Access == "" {
		p.Access = accessNone
	}
	approves, err := c.approves(of)
	if err != nil {
		return err
	}
	rules, err := c.door.o.Policies.Of(c.ctx(), c.door.o.DB, of.ID)
	if err != nil && !policy.Unreadable(err) { // then nothing is made, and the form stays as it is until something can be
		return err
	}
	if rules.Approve && !approves {
		p.Asks, p.Reason = true, f.reason
	}
	p.Groups = groupsFor(of, of.ID == c.holder().Account, f.permissions)
	if p.Gone {
		return nil
	}
	return c.listRepos(p, of, f.repos)
}

// listRepos lists the repositories that can be chosen, those that are first.
func (c *call) listRepos(p *fineForm, of gate.Resource, chosen []string) error {
	on := map[string]bool{}
	add := func(r *repo.Repo, ticked bool) {
		p.Repos = append(p.Repos, repoChoice{ID: id.Text(r.ID), Name: r.FullName(), Description: line(r.Description), Private: r.Private, On: ticked})
	}
	for _, full := range chosen {
		name, ok := nameWithin(of, full)
		if !ok {
			continue
		}
		r, err := c.door.o.Gate.Repo(c.ctx(), c.holder(), right.RepoRead, of.Login, name)
		switch {
		case problem.Is(err, problem.NotFound) || err == nil && r.Owner != of.ID:
			p.Lost++
		case err != nil:
			return err
		case !on[r.FullName()]:
			on[r.FullName()] = true
			add(&r.Repo, true)
		}
	}
	found, total, err := c.door.o.Repos.ListVisible(c.ctx(), c.door.o.DB, c.holder(), repo.Query{Owner: of.ID, Name: p.Find,
		Sort: repo.SortPushed, Descending: true, PerPage: reposListed, Closed: c.door.o.Gate.Closed()})
	if err != nil {
		return err
	}
	for i := range found {
		if r := &found[i].Repo; !on[r.FullName()] {
			add(r, false)
		}
	}
	p.More = total - len(found)
	return nil
}

// nameWithin is the name of a repository without its owner, if that is of.
func nameWithin(of gate.Resource, full string) (string, bool) {
	owner, name, ok := strings.Cut(full, "/")
	return name, ok && strings.EqualFold(owner, of.Login)
}

// seen finds the repositories of owner by their numbers, and says how many the
// person may not see any more.
func (c *call) seen(owner id.Account, repos []id.Repo) (out []repoRow, lost int, err error) {
	for _, n := range repos {
		r, err := c.door.o.Gate.RepoByID(c.ctx(), c.holder(), right.RepoRead, n)
		switch {
		case problem.Is(err, problem.NotFound) || err == nil && r.Owner != owner:
			lost++
		case err != nil:
			return nil, 0, err
		default:
			out = append(out, repoRow{Name: r.FullName()})
		}
	}
	return out, lost, nil
}

// made is what the form that was sent asks for, within what of owns.
func (c *call) made(f *filled, of gate.Resource) (token.NewFine, error) {
	n := token.NewFine{Name: f.name, Description: f.description, Owner: of.ID, OwnerIsOrg: of.Org, Permissions: f.permissions, Reason: strings.TrimSpace(f.reason)}
	var err error
	if n.Approved, err = c.approves(of); err != nil {
		return n, err
	}
	switch f.access {
	case accessNone:
		n.Access = token.PublicOnly
	case accessAll:
		n.Access = token.AllOf
	case accessSelected:
		n.Access = token.Selected
		names := make([]string, len(f.repos))
		for i, full := range f.repos {
			names[i] = full // which is no name, and not found, if it is not of this owner
			if name, ok := nameWithin(of, full); ok {
				names[i] = name
			}
		}
		if n.Repos, err = c.door.o.Gate.Reachable(c.ctx(), c.holder(), of, "repositories", names); err != nil {
			return n, err
		}
	}
	return n, nil
}

// sentFine reads the form that was sent. What it asks for and what no form offers
// comes from no form of ours.
func (c *call) sentFine() (filled, error) {
	f := readFilled(c.r.PostForm)
	if len(f.unknown) > 0 {
		return f, problem.New(problem.Invalid, "The form asked for a permission that is not offered here.", "Go back and choose from the list.")
	}
	return f, nil
}

func createFine(c *call) error {
	f, err := c.sentFine()
	if err != nil {
		return err
	}
	p := c.fineNew()
	of, wrong := c.resourceOf(f.owner)
	if err := c.fillNew(p, of, &f); err != nil {
		return err
	}
	until, err := c.expiry(&p.Expiry, of.ID)
	var n token.NewFine
	if wrong == nil {
		if wrong = err; wrong == nil {
			n, wrong = c.made(&f, of)
		}
	}
	if wrong != nil {
		return c.again(wrong, "fine-new", p)
	}
	n.ExpiresAt = until
	t, plain, err := c.door.o.Tokens.CreateFine(c.ctx(), c.actor, c.holder().Account, n)
	if err != nil {
		return c.again(err, "fine-new", p)
	}
	return c.reveal(t, plain, false)
}

// resource is whose things t reaches. gone reports that this shares nothing any more
// with the person.
func (c *call) resource(t *token.Token) (of gate.Resource, gone bool, err error) {
	all, err := c.resources()
	if err != nil {
		return gate.Resource{}, false, err
	}
	if i := slices.IndexFunc(all, func(r gate.Resource) bool { return r.ID == t.Owner }); i >= 0 {
		return all[i], false, nil
	}
	a, err := c.door.o.Accounts.ByID(c.ctx(), c.door.o.DB, t.Owner)
	if problem.Is(err, problem.NotFound) {
		return gate.Resource{ID: t.Owner, Login: "a deleted account"}, true, nil
	}
	return gate.Resource{ID: a.ID, Login: a.Login, Org: a.Kind == account.KindOrg}, true, err
}

// finePage is the page of t, with the form filled in by f.
func (c *call) finePage(t *token.Token, of gate.Resource, gone bool, f *filled) (*finePage, error) {
	h := c.homeOf(token.FineGrained)
	use, err := c.useOf(t)
	if err != nil {
		return nil, err
	}
	p := &finePage{fineForm: fineForm{Frame: h.frame("Edit "+h.noun, "fine.js"), Action: h.of(t.ID, ""), Again: h.of(t.ID, ""), List: h.list, Who: c.whoHas(), Machine: c.of != nil, Gone: gone},
		tokenUse: use, Expiry: newExpiry(t.ExpiresAt, c.door.o.Now())}
	return p, c.fillFine(&p.fineForm, of, f)
}

// stored is the form as it stands for t.
func (c *call) stored(t *token.Token) (f filled, lost int, err error) {
	f = filled{name: t.Note, description: t.Description, permissions: t.Permissions,
		access: map[token.Access]string{token.AllOf: accessAll, token.Selected: accessSelected}[t.Access]}
	seen, lost, err := c.seen(t.Owner, t.Repos)
	for _, r := range seen {
		f.repos = append(f.repos, r.Name)
	}
	return f, lost, err
}

func showFine(c *call) error {
	t, err := c.ownToken(token.FineGrained)
	if err != nil {
		return err
	}
	of, gone, err := c.resource(&t)
	if err != nil {
		return err
	}
	f, lost, err := c.stored(&t)
	if err != nil {
		return err
	}
	again := c.r.URL.Query().Has("again")
	if again {
		f = readFilled(c.r.URL.Query())
		f.name, f.description = line(cut(f.name, 160)), cut(f.description, 1024)
	}
	p, err := c.finePage(&t, of, gone, &f)
	if err != nil {
		return err
	}
	p.Kept, p.Lost = again, lost
	if p.Narrowed, err = c.narrowedOf(&t); err != nil {
		return err
	}
	if p.Ledger, err = c.tokenLedger(&t); err != nil {
		return err
	}
	return c.show("fine-edit", p)
}

func updateFine(c *call) error {
	t, err := c.ownToken(token.FineGrained)
	if err != nil {
		return err
	}
	f, err := c.sentFine()
	if err != nil {
		return err
	}
	of, gone, err := c.resource(&t)
	if err != nil {
		return err
	}
	n, wrong := c.made(&f, of)
	if wrong == nil {
		_, wrong = c.door.o.Tokens.UpdateFine(c.ctx(), c.actor, c.holder().Account, t.ID, n)
	}
	if wrong != nil {
		p, err := c.finePage(&t, of, gone, &f)
		if err != nil {
			return err
		}
		return c.again(wrong, "fine-edit", p)
	}
	return c.done("Updated the token "+line(strings.TrimSpace(n.Name))+".", c.homeOf(t.Kind).list)
}
