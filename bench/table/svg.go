package table

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strings"
)

// The picture's measures, in pixels.
const (
	svgWidth  = 960
	svgLeft   = 340 // where the axis begins
	svgRight  = 770
	svgTop    = 84
	svgRow    = 28
	svgBottom = 40
)

// style has the pages' colours, in both of their schemes.
const style = `
text { font: 14px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
.muted { fill: #59636e; font-size: 12px; }
.title { font-size: 16px; font-weight: 600; }
.bg { fill: #ffffff; }
.grid { stroke: #d1d9e0; stroke-width: 1; }
.range { stroke: #818b98; stroke-width: 2; }
.ours { fill: #0969da; }
.git { fill: #ffffff; stroke: #59636e; stroke-width: 2; }
.bare { fill: #ffffff; stroke: #59636e; stroke-width: 2; }
.holds { fill: #1a7f37; }
.misses { fill: #d1242f; font-weight: 600; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; }
  .muted { fill: #9198a1; }
  .bg { fill: #0d1117; }
  .grid { stroke: #3d444d; }
  .range { stroke: #656c76; }
  .ours { fill: #4493f8; }
  .git { fill: #0d1117; stroke: #9198a1; }
  .bare { fill: #0d1117; stroke: #9198a1; }
  .holds { fill: #3fb950; }
  .misses { fill: #f85149; }
}
`

// kind is how the picture draws a side: by its name.
func kind(name string) string {
	switch {
	case strings.HasPrefix(name, "Jeton"):
		return "ours"
	case strings.HasPrefix(name, "git"):
		return "git"
	}
	return "bare"
}

// SVG draws the processor time of each row's sides on one logarithmic axis, and
// writes beside it whether the row's targets hold.
func (r *Report) SVG(w io.Writer) error {
	var rows []Row
	low, high := math.Inf(1), 0.0
	for _, row := range r.Rows {
		drawn := false
		for _, s := range row.Sides {
			if v := s.CPU.Median(); v > 0 {
				low, high, drawn = min(low, v), max(high, v), true
			}
		}
		if drawn {
			rows = append(rows, row)
		}
	}
	if len(rows) == 0 {
		low, high = 1, 10
	}
	from, to := math.Floor(math.Log10(low)), math.Ceil(math.Log10(high))
	to = max(to, from+1)
	x := func(v float64) float64 {
		return svgLeft + (math.Log10(v)-from)/(to-from)*(svgRight-svgLeft)
	}
	height := svgTop + svgRow*len(rows) + svgBottom
	p := &pen{}
	p.add(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-labelledby="t d">`, svgWidth, height, svgWidth, height)
	p.add(`<title id="t">The server's processor time for one operation</title>`)
	p.add(`<desc id="d">%s</desc>`, escape(describe(rows)))
	p.add("<style>%s</style>", style)
	p.add(`<rect class="bg" width="%d" height="%d" rx="6"/>`, svgWidth, height)
	p.add(`<text class="title" x="16" y="28">The server's processor time for one operation, with all of its processes</text>`)
	p.legend()
	for e := from; e <= to; e++ {
		at := x(math.Pow(10, e))
		p.add(`<line class="grid" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`, at, svgTop-6, at, height-svgBottom+4)
		p.add(`<text class="muted" text-anchor="middle" x="%.1f" y="%d">%s</text>`, at, height-svgBottom+22, axis(e))
	}
	for i, row := range rows {
		p.row(row, svgTop+svgRow*i+svgRow/2, x)
	}
	p.add("</svg>")
	_, err := io.WriteString(w, p.String())
	return err
}

// pen collects the picture's lines.
type pen struct{ strings.Builder }

func (p *pen) add(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *pen) legend() {
	const y = 52
	at := 16
	for _, l := range []struct{ kind, text string }{{"ours", "Jeton"}, {"git", "git http-backend"}, {"bare", "bare Go handler, same bytes"}} {
		p.mark(l.kind, float64(at+6), y)
		p.add(`<text class="muted" x="%d" y="%d">%s</text>`, at+18, y+4, l.text)
		at += 46 + 7*len(l.text)
	}
	p.add(`<text class="muted" x="%d" y="%d">further left is cheaper</text>`, at, y+4)
}

// mark draws a side: circle, square and diamond tell them apart without colour.
func (p *pen) mark(kind string, x float64, y int) {
	switch kind {
	case "ours":
		p.add(`<circle class="ours" cx="%.1f" cy="%d" r="6"/>`, x, y)
	case "git":
		p.add(`<rect class="git" x="%.1f" y="%d" width="10" height="10"/>`, x-5, y-5)
	default:
		p.add(`<path class="bare" d="M%.1f %d l6 6 l-6 6 l-6 -6 z"/>`, x, y-6)
	}
}

func (p *pen) row(row Row, y int, x func(float64) float64) {
	p.add(`<text x="16" y="%d">%s</text>`, y+5, escape(row.Name))
	var low, high float64
	for _, s := range row.Sides {
		if v := s.CPU.Median(); v > 0 {
			if low == 0 {
				low = v
			}
			low, high = min(low, v), max(high, v)
		}
	}
	p.add(`<line class="range" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`, x(low), y, x(high), y)
	for i := len(row.Sides) - 1; i >= 0; i-- { // ours, the first, lies on top
		if v := row.Sides[i].CPU.Median(); v > 0 {
			p.mark(kind(row.Sides[i].Name), x(v), y)
		}
	}
	word, class := "", "muted"
	for _, c := range row.Checks {
		switch {
		case c.Verdict == Misses || c.Verdict == Failed:
			word, class = verdict("misses", c.Got), "misses"
		case c.Verdict == Holds && word == "":
			word, class = verdict("holds", c.Got), "holds"
		}
	}
	p.add(`<text class="%s" x="%d" y="%d">%s</text>`, class, svgRight+16, y+5, escape(word))
}

// axis names a power of ten of milliseconds.
func axis(e float64) string {
	switch {
	case e < 0:
		return Count(power(e+3)) + " µs"
	case e < 3:
		return Count(power(e)) + " ms"
	}
	return Count(power(e-3)) + " s"
}

func power(e float64) int64 { return int64(math.Round(math.Pow(10, e))) }

// describe is the picture for those who do not see it.
func describe(rows []Row) string {
	var out []string
	for _, row := range rows {
		var sides []string
		for _, s := range row.Sides {
			if v := s.CPU.Median(); v > 0 {
				sides = append(sides, fmt.Sprintf("%s %s ms", s.Name, Number(v)))
			}
		}
		out = append(out, row.Name+": "+strings.Join(sides, ", "))
	}
	return strings.Join(out, "; ") + "."
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

// verdict is a word with the figure that it rests on, if there is room for it.
func verdict(word, got string) string {
	const room = 14 // characters between the graph and the edge
	if len(got) > room {
		return word
	}
	return word + ": " + got
}
