package web_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"jeton/internal/app/apptest"
)

// person is somebody with a browser: cookies, forms, links; no script.
type person struct {
	t      *testing.T
	s      *apptest.Server
	client *http.Client
}

// page is an answer, read.
type page struct {
	*http.Response
	body string
	doc  *html.Node
}

func visitor(t *testing.T, s *apptest.Server) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &person{t, s, &http.Client{Transport: s.Client.Transport, Jar: jar, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func signedIn(t *testing.T, s *apptest.Server, login string) *person {
	t.Helper()
	p := visitor(t, s)
	if got := p.post("/login", "login", login, "password", apptest.Password); got.StatusCode != http.StatusSeeOther {
		t.Fatalf("sign in as %s: %s\n%s", login, got.Status, got.body)
	}
	return p
}

func (p *person) do(r *http.Request) page {
	p.t.Helper()
	resp, err := p.client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	doc, err := html.Parse(strings.NewReader(string(b)))
	if err != nil {
		p.t.Fatal(err)
	}
	return page{resp, string(b), doc}
}

func (p *person) request(method, path, body string, headers ...string) *http.Request {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.s.URL()+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func (p *person) get(path string, headers ...string) page {
	p.t.Helper()
	return p.do(p.request(http.MethodGet, path, "", headers...))
}

func (p *person) post(path string, fields ...string) page {
	p.t.Helper()
	v := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		v.Add(fields[i], fields[i+1])
	}
	return p.do(p.request(http.MethodPost, path, v.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin"))
}

// follow opens the page that a form led to.
func (p *person) follow(from page) page {
	p.t.Helper()
	if from.StatusCode != http.StatusSeeOther {
		p.t.Fatalf("%s %s answered %s, want 303\n%s", from.Request.Method, from.Request.URL.Path, from.Status, from.text())
	}
	return p.get(from.Header.Get("Location"))
}

func (g page) find(tag string, match ...string) *html.Node {
	for n := range g.doc.Descendants() {
		if n.Type != html.ElementNode || n.Data != tag {
			continue
		}
		ok := true
		for i := 0; i < len(match); i += 2 {
			ok = ok && attr(n, match[i]) == match[i+1]
		}
		if ok {
			return n
		}
	}
	return nil
}

func attr(n *html.Node, key string) string {
	if n == nil {
		return ""
	}
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, key string) bool {
	if n == nil {
		return false
	}
	for _, a := range n.Attr {
		if a.Key == key {
			return true
		}
	}
	return false
}

func text(n *html.Node) string {
	if n == nil {
		return ""
	}
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func (g page) text() string { return text(g.find("main")) }

func (g page) want(t *testing.T, status int, parts ...string) page {
	t.Helper()
	if g.StatusCode != status {
		t.Errorf("%s %s: %s, want %d", g.Request.Method, g.Request.URL.Path, g.Status, status)
	}
	for _, part := range parts {
		if !strings.Contains(g.text(), part) {
			t.Errorf("%s %s does not say %q:\n%s", g.Request.Method, g.Request.URL.Path, part, g.text())
		}
	}
	return g
}
