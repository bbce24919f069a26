package web

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"path"
	"strings"

	"jeton/internal/event"
	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/id"
	"jeton/internal/limit"
	"jeton/internal/markdown"
	"jeton/internal/right"
)

// enterGate takes one of a gate's places: few for one person or address, more
// for all together. It is given back before the answer is written, or by leave.
func (c *call) enterGate(g *limit.Gate) (leave func(), err error) {
	key := "account " + id.Text(c.actor.Account)
	if c.actor.IsAnonymous() {
		key = "address " + network(event.From(c.ctx()).Address)
	}
	return g.Enter(key)
}

// network is whom an address counts for: a home or a company has a /64 of IPv6.
func network(a netip.Addr) string {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// heavy gives a page that walks a repository a place and a deadline. The work
// stops when the reader goes away.
func heavy(h handler) handler {
	return func(c *call) error {
		leave, err := c.enterGate(c.door.heavy)
		if err != nil {
			return err
		}
		c.hold(leave)
		ctx, cancel := context.WithTimeout(c.ctx(), heavyFor)
		defer cancel()
		c.r = c.r.WithContext(ctx)
		return h(c)
	}
}

// repoFrame is what every page of the loaded repository has.
func (c *call) repoFrame(title, tab string) RepoFrame {
	r := &c.repo
	home := "/" + r.FullName()
	f := RepoFrame{Frame: Frame{Title: title}, InContent: true, Repo: repoHead{Owner: r.OwnerLogin, Name: r.Name, Href: home, Description: line(r.Description),
		Private: r.Private, Archived: r.Archived, ForkedFrom: c.forkedFrom(), Size: r.Size << 10, Pushed: r.PushedAt,
		Homepage: r.Homepage, Topics: r.TopicList(), OfOrg: r.OwnerIsOrg, Template: r.Template}}
	f.Tabs = []Link{{Text: "Code", Href: home, Current: tab == "code"}, {Text: "Commits", Href: home + "/commits", Current: tab == "commits"}, {Text: "Tags", Href: home + "/tags", Current: tab == "tags"}, {Text: "Releases", Href: home + "/releases", Current: tab == "releases"}}
	if c.may(right.AlertRead) {
		f.Tabs = append(f.Tabs, Link{Text: "Security", Href: home + "/security/secret-scanning", Current: tab == "security"})
	}
	if c.may(right.RepoAccess) {
		f.Tabs = append(f.Tabs, Link{Text: "Settings", Href: home + "/settings", Current: tab == "settings"})
	}
	return f
}

func (c *call) cloneBox() cloneBox {
	return cloneBox{URL: c.door.o.Gate.URL("/" + c.repo.FullName() + ".git"), Login: c.actor.Login, Public: !c.repo.Private && !c.door.o.Gate.Closed(), TokenHref: newTokenHref("Git for " + c.repo.FullName()), Trust: c.door.trust()}
}

// place is a point of a repository's history as URLs name it.
type place struct {
	home string // "/owner/name"
	rev  string // as it stands in URLs
	text string // as people read it
}

func (c *call) placeOf(v *gitstore.View) place {
	p := place{home: "/" + c.repo.FullName(), rev: string(v.Commit.ID), text: v.Commit.ID.Short()}
	switch ref, _ := v.Refs.Get(v.Ref); {
	case v.Ref == "":
	case strings.HasPrefix(v.Ref, "refs/heads/"):
		p.rev, p.text = ref.Short(), ref.Short()
	case strings.HasPrefix(v.Ref, "refs/tags/"):
		p.rev, p.text = ref.Short(), ref.Short()
		if _, both := v.Refs.Get("refs/heads/" + p.rev); both {
			p.rev = v.Ref
		}
	default:
		p.rev, p.text = v.Ref, v.Ref
	}
	p.text = line(p.text)
	return p
}

// to is the URL of a path at this place; kind is tree, blob, raw or commits.
func (p place) to(kind, file string) string {
	if file != "" {
		file = "/" + file
	}
	return href("%s/%s/%s%s", p.home, kind, p.rev, file)
}

// maxRefs is how many branches and tags a menu lists.
const maxRefs = 100

// refMenu lists the branches and tags, each leading to the same kind of page.
func (p place) refMenu(v *gitstore.View, kind string) refMenu {
	m := refMenu{Ref: p.text, Shown: maxRefs}
	add := func(to *[]Link, refs []gitstore.Ref) {
		for i, r := range refs {
			if i == maxRefs {
				m.More = true
				return
			}
			at := place{home: p.home, rev: r.Short()}
			*to = append(*to, Link{Text: line(r.Short()), Href: at.to(kind, ""), Current: r.Name == v.Ref})
		}
	}
	add(&m.Branches, v.Refs.Branches())
	add(&m.Tags, v.Refs.Tags())
	return m
}

// pathNav is the path of a file, each folder of it a link.
func (p place) pathNav(name, file string) pathNav {
	n := pathNav{Root: p.to("tree", ""), Name: name}
	parts := strings.Split(file, "/")
	for i, part := range parts {
		if part == "" {
			continue
		}
		l := Link{Text: line(part)}
		if i < len(parts)-1 {
			l.Href = p.to("tree", strings.Join(parts[:i+1], "/"))
		}
		n.Parts = append(n.Parts, l)
	}
	return n
}

// maxEntries is how many entries of a folder a page lists.
const maxEntries = 1000

func (p place) listing(v *gitstore.View, dir string) (listing, []object.Entry, error) {
	tree, err := v.Tree(dir, maxEntries)
	if err != nil {
		return listing{}, nil, err
	}
	l := listing{Rest: tree.Total - len(tree.Entries)}
	row := p.commitRow(&v.Commit)
	l.Latest = &row
	if dir != "" {
		up := path.Dir(dir)
		if up == "." {
			up = ""
		}
		l.Up = p.to("tree", up)
	}
	// Folders first, as people look for them.
	for _, folders := range []bool{true, false} {
		for _, e := range tree.Entries {
			if e.Mode.IsDir() == folders {
				l.Files = append(l.Files, p.fileRow(dir, e))
			}
		}
	}
	return l, tree.Entries, nil
}

func (p place) fileRow(dir string, e object.Entry) fileRow {
	file := path.Join(dir, e.Name)
	f := fileRow{Name: line(e.Name), Folder: e.Mode.IsDir()}
	switch {
	case e.Mode.IsDir():
		f.Href = p.to("tree", file)
	case e.Mode.IsSubmodule():
		f.Kind = "Submodule at " + e.ID.Short()
	case e.Mode.IsSymlink():
		f.Kind, f.Href = "Symbolic link", p.to("blob", file)
	default:
		f.Href = p.to("blob", file)
	}
	return f
}

// showRepo is the repository's first page.
func showRepo(c *call) error {
	page := &repoPage{RepoFrame: c.repoFrame(c.repo.FullName(), "code"), MayPush: c.may(right.RepoPush), SHA256: c.repo.Format == "sha256", Clone: c.cloneBox()}
	page.InContent = false
	if c.may(right.RepoFork) {
		page.ForkHref = c.repoPath("/fork")
		if c.repo.Template {
			page.TemplateHref = c.repoPath("/generate")
		}
	}
	v, err := c.firstView()
	if errors.Is(err, gitstore.ErrEmpty) {
		page.Empty = true
		return c.show("repo", page)
	}
	if err != nil {
		return err
	}
	c.hold(v.Close)
	at := c.placeOf(v)
	entries, err := page.fillFrom(v, at)
	if err != nil {
		return err
	}
	if page.Readme, err = c.readme(v, at, "", entries); err != nil {
		return err
	}
	if err := c.markLatest(&page.Listing, &v.Commit); err != nil {
		return err
	}
	return c.show("repo", page)
}

func (page *repoPage) fillFrom(v *gitstore.View, at place) (entries []object.Entry, err error) {
	page.Refs, page.CommitsHref = at.refMenu(v, "tree"), at.to("commits", "")
	page.Listing, entries, err = at.listing(v, "")
	return entries, err
}

// firstView opens the default branch, or any other when that does not exist.
func (c *call) firstView() (*gitstore.View, error) {
	store := c.door.o.Git.Repo(c.repo.ID)
	v, err := store.View(c.ctx(), "")
	if !errors.Is(err, gitstore.ErrEmpty) {
		return v, err
	}
	refs, refsErr := store.Refs(c.ctx())
	if refsErr != nil {
		return nil, refsErr
	}
	if b := refs.Branches(); len(b) > 0 {
		return store.View(c.ctx(), b[0].Name)
	}
	return nil, err
}

// readme finds a folder's README and renders it.
func (c *call) readme(v *gitstore.View, at place, dir string, entries []object.Entry) (*readme, error) {
	name := gitstore.ReadmeOf(entries)
	if name == "" {
		return nil, nil
	}
	file := path.Join(dir, name)
	b, err := v.Blob(file)
	if err != nil || b.Size > markdown.MaxSize {
		return nil, err
	}
	src, err := v.Read(b, markdown.MaxSize)
	if err != nil {
		return nil, err
	}
	if isBinary(src) {
		return nil, nil
	}
	out := &readme{Name: line(name), Text: string(src)}
	if isMarkdown(name) {
		if html, err := markdown.Render(src, at.markdown(dir)); err == nil {
			out.HTML = html
		}
	}
	return out, nil
}

// markdown says where the relative links of a text lead.
func (p place) markdown(dir string) markdown.Options {
	return markdown.Options{Dir: dir,
		Link:  func(file string) string { return p.to("blob", file) },
		Image: func(file string) string { return p.to("raw", file) }}
}

func isMarkdown(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".md", ".markdown":
		return true
	}
	return false
}

// view opens what the path names as REF/PATH.
func (c *call) view() (*gitstore.View, string, place, error) {
	v, file, err := c.door.o.Git.Repo(c.repo.ID).ViewPath(c.ctx(), c.r.PathValue("rest"))
	if err != nil {
		return nil, "", place{}, err
	}
	return v, file, c.placeOf(v), nil
}

func showTree(c *call) error {
	v, file, at, err := c.view()
	if err != nil {
		return err
	}
	c.hold(v.Close)
	e, err := v.Entry(file)
	if err != nil {
		return err
	}
	if !e.Mode.IsDir() {
		return c.moved(at.to("blob", file))
	}
	page := &treePage{RepoFrame: c.repoFrame(c.fileTitle(file, at), "code"), Refs: at.refMenu(v, "tree"), Where: at.pathNav(c.repo.Name, file), CommitsHref: at.to("commits", file)}
	page.Heading = page.Title
	var entries []object.Entry
	if page.Listing, entries, err = at.listing(v, file); err != nil {
		return err
	}
	if page.Readme, err = c.readme(v, at, file, entries); err != nil {
		return err
	}
	if err := c.markLatest(&page.Listing, &v.Commit); err != nil {
		return err
	}
	return c.show("tree", page)
}

func (c *call) fileTitle(file string, at place) string {
	if file == "" {
		return c.repo.FullName() + " at " + at.text
	}
	return line(file) + " at " + at.text
}

// moved leads to the page that shows a path as what it is.
func (c *call) moved(to string) error {
	c.w.Header().Set("Location", to)
	c.w.WriteHeader(http.StatusFound)
	return nil
}
