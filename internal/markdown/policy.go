package markdown

import (
	"regexp"

	"github.com/microcosm-cc/bluemonday"
)

// elements are those that may be in the result. They are what GitHub allows,
// without the ones that fetch something or take input.
var elements = []string{
	"h1", "h2", "h3", "h4", "h5", "h6", "br", "b", "i", "strong", "em", "a", "pre", "code", "img", "tt", "div", "ins",
	"del", "sup", "sub", "p", "ol", "ul", "li", "table", "thead", "tbody", "tfoot", "tr", "td", "th", "caption",
	"blockquote", "dl", "dt", "dd", "kbd", "q", "samp", "var", "hr", "ruby", "rt", "rp", "s", "strike", "summary",
	"details", "figure", "figcaption", "abbr", "cite", "dfn", "mark", "small", "span", "time", "wbr",
	"center", "input",
}

const (
	relText     = "nofollow noopener"
	remoteClass = "remote-image"
)

// newPolicy returns the sanitiser. What it lets through for src, rel, id and
// input is exactly what rewrite writes there.
func newPolicy() *bluemonday.Policy {
	number := regexp.MustCompile(`^[0-9]{1,4}%?$`)
	short := regexp.MustCompile(`^[^\x00-\x1f]{0,200}$`)
	p := bluemonday.NewPolicy()
	p.AllowElements(elements...)
	// An element without attributes stays, so that every end tag keeps its
	// start tag.
	p.AllowNoAttrs().OnElements(elements...)

	p.RequireParseableURLs(true)
	p.AllowRelativeURLs(true)
	p.AllowURLSchemes("http", "https", "mailto")
	p.AllowAttrs("href").OnElements("a")
	p.AllowAttrs("rel").Matching(regexp.MustCompile(`^` + relText + `$`)).OnElements("a")
	p.AllowAttrs("src").Matching(regexp.MustCompile(`^/[^/\\\x00-\x20][^\\\x00-\x20]*$`)).OnElements("img")
	p.AllowAttrs("alt").OnElements("img")
	p.AllowAttrs("width", "height").Matching(number).OnElements("img", "td", "th", "table")

	p.AllowAttrs("id").Matching(regexp.MustCompile(`^` + Prefix + `[^\x00-\x20]{1,200}$`)).Globally()
	p.AllowAttrs("align").Matching(regexp.MustCompile(`(?i)^(left|right|center|justify|middle|top|bottom)$`)).Globally()
	p.AllowAttrs("title").Matching(short).Globally()
	p.AllowAttrs("lang").Matching(regexp.MustCompile(`^[A-Za-z0-9-]{1,35}$`)).Globally()
	p.AllowAttrs("dir").Matching(regexp.MustCompile(`(?i)^(ltr|rtl|auto)$`)).Globally()

	p.AllowAttrs("class").Matching(regexp.MustCompile(`^language-[A-Za-z0-9_+#.-]{1,40}$`)).OnElements("code")
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^`+remoteClass+`$`)).OnElements("a", "span")
	p.AllowAttrs("open").Matching(regexp.MustCompile(`^$`)).OnElements("details")
	p.AllowAttrs("start", "value").Matching(regexp.MustCompile(`^-?[0-9]{1,9}$`)).OnElements("ol", "li")
	p.AllowAttrs("colspan", "rowspan").Matching(regexp.MustCompile(`^[0-9]{1,3}$`)).OnElements("td", "th")
	p.AllowAttrs("scope").Matching(regexp.MustCompile(`^(row|col|rowgroup|colgroup)$`)).OnElements("th")
	p.AllowAttrs("datetime").Matching(short).OnElements("time", "ins", "del")

	p.AllowAttrs("type").Matching(regexp.MustCompile(`^checkbox$`)).OnElements("input")
	p.AllowAttrs("disabled", "checked").Matching(regexp.MustCompile(`^$`)).OnElements("input")
	p.AllowAttrs("aria-label").Matching(regexp.MustCompile(`^(Completed|Incomplete) task$`)).OnElements("input")
	return p
}
