package markdown

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"jeton/internal/problem"
)

func TestRender(t *testing.T) {
	t.Parallel()
	rel := ` rel="nofollow noopener"`
	for _, c := range []struct{ name, src, want string }{
		{"heading", "# Hello, World!", `<h1 id="user-content-hello-world">Hello, World!</h1>`},
		{"same heading twice", "## a b\n## a b", "<h2 id=\"user-content-a-b\">a b</h2>\n<h2 id=\"user-content-a-b-1\">a b</h2>"},
		{"heading in another script", "# Größe 大小", `<h1 id="user-content-größe-大小">Größe 大小</h1>`},
		{"link to a file", "[a](b.md)", `<p><a href="/o/r/blob/main/docs/b.md"` + rel + `>a</a></p>`},
		{"link to a place in a file", "[a](b.md#c-d)", `<p><a href="/o/r/blob/main/docs/b.md#user-content-c-d"` + rel + `>a</a></p>`},
		{"link to a line of code", "[a](b.go#L3)", `<p><a href="/o/r/blob/main/docs/b.go#L3"` + rel + `>a</a></p>`},
		{"link up", "[a](../b)", `<p><a href="/o/r/blob/main/b"` + rel + `>a</a></p>`},
		{"link out of the repository", "[a](../../../../b)", `<p><a href="/o/r/blob/main/b"` + rel + `>a</a></p>`},
		{"link from the top", "[a](/b)", `<p><a href="/o/r/blob/main/b"` + rel + `>a</a></p>`},
		{"link with odd characters", "[a](<b c?d%23.md>)", `<p><a href="/o/r/blob/main/docs/b%20c?d%23.md"` + rel + `>a</a></p>`},
		{"link in the page", "[a](#b)", `<p><a href="#user-content-b"` + rel + `>a</a></p>`},
		{"link elsewhere", "[a](https://example.com/b?c=d&e=f#g)", `<p><a href="https://example.com/b?c=d&amp;e=f#g"` + rel + `>a</a></p>`},
		{"bare address", "see https://example.com.", `<p>see <a href="https://example.com"` + rel + `>https://example.com</a>.</p>`},
		{"link without a scheme", "[a](//example.com/b)", `<p><a href="https://example.com/b"` + rel + `>a</a></p>`},
		{"script link", "[a](javascript:alert(1))", `<p><a>a</a></p>`},
		{"data link", "[a](data:text/html,b)", `<p><a>a</a></p>`},
		{"image", "![a](i/b.png)", `<p><img src="/o/r/raw/main/docs/i/b.png" alt="a"/></p>`},
		{"image with a query", "![a](b.png?raw=true)", `<p><img src="/o/r/raw/main/docs/b.png" alt="a"/></p>`},
		{"remote image", "![a](https://example.com/b.png)", `<p><a class="remote-image" href="https://example.com/b.png"` + rel + `>a</a></p>`},
		{"remote image without words", "<img src=https://example.com/b.png>", `<a class="remote-image" href="https://example.com/b.png"` + rel + `>image</a>`},
		{
			"badge", "[![a](https://example.com/b.png)](https://example.com/c)",
			`<p><a href="https://example.com/c"` + rel + `><span class="remote-image">a</span></a></p>`,
		},
		{"data image", "![a](data:image/png;base64,AAAA)", `<p><span class="remote-image">a</span></p>`},
		{
			"tasks", "- [x] a\n- [ ] b",
			"<ul>\n<li><input type=\"checkbox\" disabled=\"\" checked=\"\" aria-label=\"Completed task\"/> a</li>\n" +
				"<li><input type=\"checkbox\" disabled=\"\" aria-label=\"Incomplete task\"/> b</li>\n</ul>",
		},
		{
			"table", "a|b\n:-:|-\n1|2",
			"<table>\n<thead>\n<tr>\n<th align=\"center\">a</th>\n<th>b</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td align=\"center\">1</td>\n<td>2</td>\n</tr>\n</tbody>\n</table>",
		},
		{"strikethrough", "~~a~~", `<p><del>a</del></p>`},
		{"code", "```go\na < b\n```", "<pre><code class=\"language-go\">a &lt; b\n</code></pre>"},
		{"centred picture", "<p align=\"center\"><img src=\"b.png\" width=\"50%\" onload=\"x\"></p>", `<p align="center"><img width="50%" src="/o/r/raw/main/docs/b.png" alt=""/></p>`},
		{"details", "<details><summary>a</summary>b</details>", `<details><summary>a</summary>b</details>`},
		{"script", "a <script>alert(1)</script> b", `<p>a  b</p>`},
		{"end tags without a start", "a</p></div></main>", `<p>a</p><p></p>`},
		{"own id", "<h2 id=\"x\">a</h2>", `<h2 id="user-content-x">a</h2>`},
		{"place by name", "<a name=\"x\"></a>", `<p><a id="user-content-x"></a></p>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out, err := Render([]byte(c.src), links())
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimSpace(string(out)); got != c.want {
				t.Errorf("source %q:\n got %s\nwant %s", c.src, got, c.want)
			}
			check(t, c.src, string(out))
		})
	}
}

func TestRender_withoutLinks(t *testing.T) {
	t.Parallel()
	out, err := Render([]byte("[a](b) ![c](d.png)"), Options{})
	if want := `<p><a>a</a> <span class="remote-image">c</span></p>`; err != nil || strings.TrimSpace(string(out)) != want {
		t.Errorf("got %q, %v; want %q", out, err, want)
	}
}

func TestRender_tooLarge(t *testing.T) {
	t.Parallel()
	if _, err := Render(bytes.Repeat([]byte("a"), MaxSize), Options{}); err != nil {
		t.Errorf("the largest source: %v", err)
	}
	if _, err := Render(bytes.Repeat([]byte("a"), MaxSize+1), Options{}); !problem.Is(err, problem.TooLarge) {
		t.Errorf("one byte more: %v", err)
	}
}

func repeat(unit string, size int) string { return strings.Repeat(unit, size/len(unit)) }

// TestTangled holds the bounds against sources that would take from seconds to
// hours: what is asserted is that they are refused, since a busy machine makes
// any measured time wrong.
func TestTangled(t *testing.T) {
	t.Parallel()
	half := func(a, between, b string) string {
		return repeat(a, MaxSize/2-100) + between + repeat(b, MaxSize/2-100)
	}
	var stairs strings.Builder
	for i := 0; stairs.Len() < MaxSize-2000; i++ {
		stairs.WriteString(strings.Repeat(" ", 2*i) + "- a\n")
	}
	for name, src := range map[string]string{
		"stairs": stairs.String(), "brackets": half("[", "", "]"), "links": half("[", "a", "](b)"), "stars": half("*", "a", "*"),
		"open links": repeat("[a](", MaxSize), "images": repeat("![", MaxSize), "emphasis": repeat("*a_ ", MaxSize), "strikes": repeat("~~a ", MaxSize),
		"quotes": repeat(">", MaxSize), "spaced quotes": repeat("> ", MaxSize), "numbers": repeat("1. ", MaxSize),
		"short lists": repeat(strings.Repeat("- ", 50)+"a\n", MaxSize), "short quotes": repeat(strings.Repeat("> ", 20)+"a\n", MaxSize),
		"wide table": half("|", "\n", "|-"),
		"long table": strings.Repeat("|", 100) + "\n" + strings.Repeat("|-", 100) + "\n" + strings.Repeat("|a\n", 100_000),
	} {
		if _, err := Render([]byte(src), links()); !problem.Is(err, problem.TooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRender_time renders what the bounds let through. The limit is very wide,
// for a busy machine; each takes some tenths of a second.
func TestRender_time(t *testing.T) {
	t.Parallel()
	var ticks strings.Builder
	for i := 1; ticks.Len() < MaxSize/8; i++ {
		ticks.WriteString(strings.Repeat("`", i) + " ")
	}
	sources := []string{ticks.String(), repeat(strings.Repeat("[", 2000)+"\n\n", MaxSize/8), repeat(strings.Repeat("*a_ ", 1000)+"\n\n", MaxSize/8)}
	for _, unit := range []string{"<b>", "<a>", "<i><a>", "<table>", "<div>", "`a", "- a\n\n", "<font><p>", "[a]: b\n[a]\n", "<!--", "<a href='", "&", "- [ ] a\n", "# a\n", "www.a "} {
		sources = append(sources, repeat(unit, MaxSize/8))
	}
	for _, src := range sources {
		start := time.Now()
		out, err := Render([]byte(src), links())
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("source %.20q… of %d bytes took %v (%d bytes, %v)", src, len(src), took, len(out), err)
		}
	}
}

func TestTangled_people(t *testing.T) {
	t.Parallel()
	var list, table strings.Builder
	table.WriteString("name|link|about\n-|-|-\n")
	for i := range 3000 {
		fmt.Fprintf(&list, "- [entry %d](https://example.com/%d) - *good*\n", i, i)
		if i < 1500 {
			fmt.Fprintf(&table, "%d|[link](https://example.com/%d)|**good**\n", i, i)
		}
	}
	for name, src := range map[string]string{
		"long list": list.String(), "long table": table.String(),
		"rules":  strings.Repeat("a\n\n"+strings.Repeat("- ", 40)+"\n\n", 50),
		"quotes": strings.Repeat("> ", 10) + "a",
	} {
		if tangled([]byte(src)) {
			t.Errorf("%s is refused", name)
		}
	}
}

func BenchmarkRender(b *testing.B) {
	src := []byte(strings.Repeat("## Title\n\nSome *text* with a [link](b.md) and `code`.\n\n- one\n- two\n\n```go\nfunc main() {}\n```\n\n", 290))
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		if _, err := Render(src, links()); err != nil {
			b.Fatal(err)
		}
	}
}
