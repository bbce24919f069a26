package markdown

import (
	"bytes"
	"fmt"
	"io"
	"net/url"
	"path"
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxSlug bounds the id that is made from a heading, in bytes.
const maxSlug = 120

// rewrite reads HTML as a browser would, changes links, images, ids and boxes
// to what we want, and writes it again, each element closed.
func (o *Options) rewrite(raw io.Reader) (*bytes.Buffer, error) {
	in := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div}
	nodes, err := html.ParseFragment(raw, in)
	if err != nil {
		// The parser's own bound on nesting; there is no other error to have
		// from memory.
		return nil, tooLarge()
	}
	w := rewriter{o: o, slugs: map[string]int{}}
	root := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div}
	for _, n := range nodes {
		root.AppendChild(n)
	}
	w.children(root, false)
	var out bytes.Buffer
	for n := range root.ChildNodes() {
		if err := html.Render(&out, n); err != nil {
			return nil, fmt.Errorf("render markdown: %w", err)
		}
	}
	return &out, nil
}

type rewriter struct {
	o     *Options
	slugs map[string]int // how often each heading's text was seen
}

// children rewrites what is in parent; inLink says that it is inside a link.
// The parser bounds the depth, so recursion is safe.
func (w *rewriter) children(parent *html.Node, inLink bool) {
	for n := parent.FirstChild; n != nil; {
		next := n.NextSibling
		switch {
		case n.Type == html.ElementNode && dropped(n):
			parent.RemoveChild(n)
		case n.Type == html.ElementNode:
			w.element(n, inLink)
		}
		n = next
	}
}

// dropped reports whether n goes with all that is in it: what is no text for a
// reader, and what makes html.Render or the sanitiser read the rest in another
// way than the parser did (after <plaintext>, for one, no tag is closed).
func dropped(n *html.Node) bool {
	if n.Namespace != "" {
		return true
	}
	switch n.DataAtom {
	case atom.Script, atom.Style, atom.Plaintext, atom.Xmp, atom.Iframe, atom.Noembed, atom.Noframes, atom.Noscript,
		atom.Template, atom.Textarea, atom.Title, atom.Svg, atom.Math, atom.Select, atom.Object, atom.Embed:
		return true
	}
	return false
}

func (w *rewriter) element(n *html.Node, inLink bool) {
	setID(n)
	switch n.DataAtom {
	case atom.A:
		w.link(n)
		inLink = true
	case atom.Img:
		w.image(n, inLink)
		return
	case atom.Input:
		box(n)
		return
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		w.heading(n)
	}
	w.children(n, inLink)
}

// setID moves ids (and the old way to name a place in a page) behind Prefix.
func setID(n *html.Node) {
	id := attr(n, "id")
	if id == "" && n.DataAtom == atom.A {
		id = attr(n, "name")
	}
	remove(n, "name")
	if id != "" {
		set(n, "id", prefixed(id))
	}
}

func prefixed(id string) string {
	if strings.HasPrefix(id, Prefix) {
		return id
	}
	return Prefix + id
}

// heading gives a heading the id that GitHub would give it.
func (w *rewriter) heading(n *html.Node) {
	if attr(n, "id") != "" {
		return
	}
	var text strings.Builder
	gather(n, &text)
	slug := slugOf(text.String())
	seen := w.slugs[slug]
	w.slugs[slug] = seen + 1
	if seen > 0 {
		slug = fmt.Sprintf("%s-%d", slug, seen)
	}
	if slug != "" {
		set(n, "id", Prefix+slug)
	}
}

func gather(n *html.Node, into *strings.Builder) {
	for c := range n.ChildNodes() {
		if into.Len() > 4*maxSlug {
			return
		}
		if c.Type == html.TextNode {
			into.WriteString(c.Data)
		}
		gather(c, into)
	}
}

func slugOf(text string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(strings.TrimSpace(text)) {
		switch {
		case r == ' ' || r == '-':
			b.WriteByte('-')
		case r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r):
			b.WriteRune(r)
		}
		if b.Len() >= maxSlug {
			break
		}
	}
	return b.String()
}

// link decides where a link leads. One that may not be is left as text.
func (w *rewriter) link(n *html.Node) {
	href := attr(n, "href")
	remove(n, "href")
	remove(n, "rel")
	remove(n, "target")
	if to, ok := w.target(href); ok {
		set(n, "href", to)
		set(n, "rel", relText)
	}
}

func (w *rewriter) target(href string) (string, bool) {
	u, local, ok := parse(href)
	switch {
	case !ok:
		return "", false
	case !local:
		return u.String(), true
	case u.Path == "" && u.Fragment != "":
		return "#" + (&url.URL{Fragment: prefixed(u.Fragment)}).EscapedFragment(), true
	case w.o.Link == nil:
		return "", false
	}
	inside := w.o.resolve(u.Path)
	to := w.o.Link(inside)
	if !onThisHost(to) {
		return "", false
	}
	if u.RawQuery != "" {
		to += "?" + u.RawQuery
	}
	if u.Fragment != "" {
		fragment := u.Fragment
		if rendered(inside) {
			fragment = prefixed(fragment)
		}
		to += "#" + (&url.URL{Fragment: fragment}).EscapedFragment()
	}
	return to, true
}

// parse reads the address of a link or an image. It reports whether it is a
// path inside the repository, and false for ok when it may not be followed.
func parse(address string) (u *url.URL, local, ok bool) {
	address = strings.TrimSpace(address)
	// A browser reads a backslash as a slash and drops tabs and line ends, so
	// that "/\host" and "java\nscript:" are not what they seem.
	if address == "" || strings.ContainsFunc(address, func(r rune) bool { return r == '\\' || unicode.IsControl(r) }) {
		return nil, false, false
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, false, false
	}
	switch u.Scheme {
	case "http", "https":
		return u, false, u.Host != ""
	case "mailto":
		return u, false, true
	case "":
		if u.Host != "" || strings.HasPrefix(address, "//") {
			u.Scheme = "https"
			return u, false, u.Host != ""
		}
		return u, true, u.Opaque == ""
	}
	return nil, false, false
}

// resolve turns a path as the source has it into one from the repository's top,
// which it cannot leave.
func (o *Options) resolve(p string) string {
	if !strings.HasPrefix(p, "/") {
		p = path.Join("/", o.Dir, p)
	}
	return strings.TrimPrefix(path.Clean("/"+p), "/")
}

// rendered reports whether the page of that file has our ids in it.
func rendered(p string) bool {
	switch strings.ToLower(path.Ext(p)) {
	case ".md", ".markdown":
		return true
	}
	return false
}

func onThisHost(u string) bool {
	return strings.HasPrefix(u, "/") && !strings.HasPrefix(u, "//") && !strings.HasPrefix(u, `/\`)
}

// image keeps an image of the repository. One from elsewhere becomes a link to
// it, so that opening a page tells no other host about the reader.
func (w *rewriter) image(n *html.Node, inLink bool) {
	u, local, ok := parse(attr(n, "src"))
	alt := attr(n, "alt")
	remove(n, "srcset")
	if ok && local && u.Path != "" && w.o.Image != nil {
		if src := w.o.Image(w.o.resolve(u.Path)); onThisHost(src) {
			set(n, "src", src)
			set(n, "alt", alt)
			return
		}
	}
	if alt == "" {
		alt = "image"
	}
	text := &html.Node{Type: html.ElementNode, Data: "span", DataAtom: atom.Span}
	set(text, "class", remoteClass)
	// A link cannot be inside a link: then the text alone stands for the image.
	if ok && !local && u.Scheme != "mailto" && !inLink {
		text.Data, text.DataAtom = "a", atom.A
		set(text, "href", u.String())
		set(text, "rel", relText)
	}
	text.AppendChild(&html.Node{Type: html.TextNode, Data: alt})
	n.Parent.InsertBefore(text, n)
	n.Parent.RemoveChild(n)
}

// box keeps a task's box, which nobody can tick here; other fields go.
func box(n *html.Node) {
	if !strings.EqualFold(attr(n, "type"), "checkbox") {
		n.Parent.RemoveChild(n)
		return
	}
	_, ticked := find(n, "checked")
	n.Attr = nil
	set(n, "type", "checkbox")
	set(n, "disabled", "")
	label := "Incomplete task"
	if ticked {
		set(n, "checked", "")
		label = "Completed task"
	}
	set(n, "aria-label", label)
}

func find(n *html.Node, key string) (string, bool) {
	for _, a := range n.Attr {
		if a.Namespace == "" && a.Key == key {
			return a.Val, true
		}
	}
	return "", false
}

func attr(n *html.Node, key string) string {
	v, _ := find(n, key)
	return v
}

func remove(n *html.Node, key string) {
	kept := n.Attr[:0]
	for _, a := range n.Attr {
		if a.Key != key {
			kept = append(kept, a)
		}
	}
	n.Attr = kept
}

func set(n *html.Node, key, val string) {
	remove(n, key)
	n.Attr = append(n.Attr, html.Attribute{Key: key, Val: val})
}
