package markdown

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// links are the functions that a page would give.
func links() Options {
	escape := func(prefix string) func(string) string {
		return func(p string) string { return (&url.URL{Path: prefix + p}).EscapedPath() }
	}
	return Options{Dir: "docs", Link: escape("/o/r/blob/main/"), Image: escape("/o/r/raw/main/")}
}

// check holds a result against what the package promises, with a parser of its
// own: nothing that runs, nothing that is fetched from elsewhere, nothing that
// takes input, and nothing that reaches out of the place it is put in.
func check(t *testing.T, src, out string) {
	t.Helper()
	page := `<!DOCTYPE html><html><body><main><article>` + out + `</article><i id="after"></i></main></body></html>`
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatalf("source %q: result %q: %v", src, out, err)
	}
	contained := false
	var walk func(n *html.Node, inside bool)
	walk = func(n *html.Node, inside bool) {
		if n.Type == html.CommentNode && inside {
			t.Errorf("source %q: result %q has a comment", src, out)
		}
		if n.Type == html.ElementNode {
			if inside {
				checkElement(t, src, out, n)
			}
			if id := attr(n, "id"); id == "after" {
				contained = !inside && n.Parent != nil && n.Parent.Data == "main"
			}
			inside = inside || n.Data == "article"
		}
		for c := range n.ChildNodes() {
			walk(c, inside)
		}
	}
	walk(doc, false)
	if !contained {
		t.Errorf("source %q: result %q reaches out of its place", src, out)
	}
}

func checkElement(t *testing.T, src, out string, n *html.Node) {
	t.Helper()
	wrong := func(what string) { t.Errorf("source %q: result %q: <%s> has %s", src, out, n.Data, what) }
	if !slices.Contains(elements, n.Data) || n.Namespace != "" {
		wrong("no right to be there")
	}
	if _, disabled := find(n, "disabled"); n.Data == "input" && (!disabled || attr(n, "type") != "checkbox") {
		wrong("a use")
	}
	for _, a := range n.Attr {
		switch {
		case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "srcset", a.Key == "action", a.Key == "target":
			wrong("attribute " + a.Key)
		case a.Key == "src" && (n.Data != "img" || !onThisHost(a.Val) || strings.ContainsAny(a.Val, "\\\t\r\n")):
			wrong("a remote source")
		case a.Key == "id" && !strings.HasPrefix(a.Val, Prefix):
			wrong("an id of ours")
		case a.Key == "href":
			u, err := url.Parse(a.Val)
			if err != nil || n.Data != "a" || !slices.Contains([]string{"", "http", "https", "mailto"}, u.Scheme) ||
				strings.ContainsAny(a.Val, "\\\t\r\n") || strings.HasPrefix(a.Val, "//") {
				wrong("a bad address")
			}
			if attr(n, "rel") != relText {
				wrong("no rel")
			}
		}
	}
}

// hostile are sources that other renderers or sanitisers have let through.
var hostile = []string{
	"<script>alert(1)</script>", "<SCRIPT SRC=//x></SCRIPT>", "<scr<script>ipt>alert(1)</script>",
	"<img src=x onerror=alert(1)>", "<img src=\"//x/y.png\">", "<img src=/\\x/y>", "<img src=\"\\\\x\\y\">", "![a](//x/y.png)", "![a](https://x/y.png)",
	"![a](data:image/svg+xml;base64,AAAA)", "[a](javascript:alert(1))", "[a](JaVaScRiPt:alert(1))", "[a](java&#10;script:alert(1))",
	"<a href=\"java\tscript:alert(1)\">a</a>", "<a href=\" javascript:alert(1)\">a</a>", "[a](vbscript:x)", "[a](data:text/html,x)",
	"<javascript:alert(1)>", "[a](//host/x)", "[a](/\\host)", "[a]: javascript:alert(1)\n\n[a]", "<a href=\"&#x6A;avascript:alert(1)\">a</a>",
	"<iframe src=https://x></iframe>", "<object data=x></object>", "<embed src=x>", "<form action=x><input name=a><button>b</button></form>",
	"<input type=text>", "<input type=checkbox name=a form=f>", "<input type=image src=//x>", "<style>*{}</style>", "<p style=\"x\">a", "<link rel=stylesheet href=x>",
	"<meta http-equiv=refresh content=0>", "<base href=//x>", "<svg><script>alert(1)</script></svg>", "<svg><style><img src=x onerror=alert(1)></style></svg>",
	"<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
	"<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>", "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
	"<textarea></textarea><img src=x onerror=alert(1)>", "<title><img src=x></title>", "<template><script>x</script></template>", "<xmp><script>x</script></xmp>",
	"<plaintext>", "</div></article></main>", "<div><div>", "</p></td></table>", "<table><tr><td></article>", "<!-- a --> <!-->", "<![CDATA[<script>]]>", "<?php ?>",
	"<a href=x><a href=y><img src=https://z/p.png></a></a>", "[![a](https://z/p.png)](https://y)", "<picture><source srcset=//x><img src=//y></picture>",
	"<video src=//x poster=//y></video>", "<audio src=//x>", "<body onload=x>", "<html><head>", "<select><option>a</select>", "<details open ontoggle=x>a</details>",
	"<h1 id=login>a</h1>", "<a name=x>a</a>", "# a\n# a\n# a", "<img src=a.png srcset=\"//x 2x\">", "![a](../../../../etc/passwd)", "[a](%2e%2e/%2e%2e/x)", "[a](a%00b)",
	"<table background=//x><tr><td background=//y>a", "- [x] a\n- [ ] b", "a<b>c<i>d</b>e", "\x00", "\xff\xfe", "&#0;&#x110000;", "<a href=\"http://[::1\">a</a>", "http://%zz", "[a](http:x)", "[a](https:////x)",
	"<img src=\"/a\" src=\"//b\">", "<a href=x href=javascript:y>a</a>", "<img/src=x/onerror=y>", "<a\nhref=x\nonclick=y>a</a>", "<q cite=javascript:x>a</q>", "<blockquote cite=//x>a</blockquote>",
}

func FuzzRender(f *testing.F) {
	for _, s := range hostile {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		for _, o := range []Options{links(), {}} {
			out, err := Render(src, o)
			if err != nil {
				return
			}
			check(t, string(src), string(out))
		}
	})
}

// TestRender_hostileTogether joins the sources in pairs: a state that one of
// them leaves behind is met by the other.
func TestRender_hostileTogether(t *testing.T) {
	t.Parallel()
	for _, a := range hostile {
		for _, b := range hostile {
			for _, between := range []string{"", "\n\n"} {
				src := a + between + b
				out, err := Render([]byte(src), links())
				if err != nil {
					t.Fatalf("source %q: %v", src, err)
				}
				check(t, src, string(out))
			}
		}
	}
}
