// Package table shows the figures of a run: as text, as Markdown and as a
// picture. It must never leave a figure out because it is a bad one.
package table

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Series is one figure of several runs.
type Series []float64

// Median is the middle one, 0 of none.
func (s Series) Median() float64 {
	if len(s) == 0 {
		return 0
	}
	o := slices.Sorted(slices.Values(s))
	if n := len(o); n%2 == 0 {
		return (o[n/2-1] + o[n/2]) / 2
	}
	return o[len(o)/2]
}

// Min is the smallest one, 0 of none.
func (s Series) Min() float64 {
	if len(s) == 0 {
		return 0
	}
	return slices.Min(s)
}

// Max is the largest one, 0 of none.
func (s Series) Max() float64 {
	if len(s) == 0 {
		return 0
	}
	return slices.Max(s)
}

// Verdict says what became of a target.
type Verdict int

// The verdicts. A figure without a target has none.
const (
	None Verdict = iota
	Holds
	Misses
	Failed // it could not be measured
)

func (v Verdict) String() string { return [...]string{"", "holds", "misses", "failed"}[v] }

// Side is what one of the compared servers took.
type Side struct {
	Name    string
	Wall    Series // milliseconds an operation
	CPU     Series // milliseconds of the server an operation; empty: not measured
	Rate    Series // operations a second; empty: the wall time says it
	Peak    int64  // bytes of anonymous memory, 0: not looked at
	Started string // processes that the server started, an operation; "" not looked at
}

// Check is one target of a row, and what it came to.
type Check struct {
	Target  string // "at most 2.5 times the bare handler's CPU"
	Got     string // "1.9 times"
	Verdict Verdict
	Share   float64 // of what is allowed is used: 1 is the limit; 0: not a number
}

// Row is one piece of work.
type Row struct {
	Name   string
	Note   string // in one sentence what else must be known, such as a failure
	Sides  []Side
	Checks []Check
}

// Report is a whole run.
type Report struct {
	About []string // lines about the machine and the repositories
	Rows  []Row
}

// Add puts the outcome of a comparison into r: got may be limit at most.
func (r *Row) Add(target string, got, limit float64, unit string) {
	c := Check{Target: target, Got: Number(got) + unit, Verdict: Holds}
	if limit > 0 {
		c.Share = got / limit
	}
	if got > limit || math.IsNaN(got) || math.IsInf(got, 0) {
		c.Verdict = Misses
	}
	r.Checks = append(r.Checks, c)
}

// Number prints x with as many digits as mean something.
func Number(x float64) string {
	switch a := math.Abs(x); {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return "no figure"
	case a == 0:
		return "0"
	case a < 0.1:
		return fmt.Sprintf("%.3f", x)
	case a < 10:
		return fmt.Sprintf("%.2f", x)
	case a < 100:
		return fmt.Sprintf("%.1f", x)
	}
	return Count(int64(math.Round(x)))
}

// Count prints a whole number.
func Count(n int64) string {
	whole := strconv.FormatInt(n, 10)
	for i := len(whole) - 3; i > 0 && whole[i-1] != '-'; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return whole
}

func spread(s Series) string {
	switch {
	case len(s) == 0:
		return "–"
	case len(s) == 1 || Number(s.Min()) == Number(s.Max()):
		return Number(s.Median())
	}
	return fmt.Sprintf("%s (%s–%s)", Number(s.Median()), Number(s.Min()), Number(s.Max()))
}

func size(n int64) string {
	if n == 0 {
		return "–"
	}
	return Number(float64(n)/(1<<20)) + " MiB"
}

var head = []string{"work", "server", "wall ms", "server CPU ms", "operations/s", "memory", "processes"}

func (s Side) cells() []string {
	started := s.Started
	if started == "" {
		started = "–"
	}
	return []string{s.Name, spread(s.Wall), spread(s.CPU), spread(s.Rate), size(s.Peak), started}
}

// Text writes r for a terminal.
func (r *Report) Text(w io.Writer) error {
	lines := [][]string{head}
	var below []string // after the line of the same number
	for _, row := range r.Rows {
		for i, s := range row.Sides {
			name := ""
			if i == 0 {
				name = row.Name
			}
			lines = append(lines, append([]string{name}, s.cells()...))
			below = append(below, "")
		}
		if len(row.Sides) == 0 {
			lines, below = append(lines, []string{row.Name}), append(below, "")
		}
		var notes strings.Builder
		for _, c := range row.Checks {
			fmt.Fprintf(&notes, "    %-6s %s: %s\n", c.Verdict, c.Target, c.Got)
		}
		if row.Note != "" {
			fmt.Fprintf(&notes, "    %s\n", row.Note)
		}
		below[len(below)-1] = notes.String()
	}
	wide := make([]int, len(head))
	for _, l := range lines {
		for i, c := range l {
			wide[i] = max(wide[i], utf8.RuneCountInString(c))
		}
	}
	var out strings.Builder
	for _, a := range r.About {
		out.WriteString(a + "\n")
	}
	out.WriteString("\n")
	for i, l := range lines {
		var line strings.Builder
		for j, c := range l {
			pad := strings.Repeat(" ", wide[j]-utf8.RuneCountInString(c))
			if j < 2 {
				line.WriteString(c + pad + "  ")
			} else {
				line.WriteString(pad + c + "  ")
			}
		}
		out.WriteString(strings.TrimRight(line.String(), " ") + "\n")
		if i > 0 {
			out.WriteString(below[i-1])
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// Markdown writes r for a document.
func (r *Report) Markdown(w io.Writer) error {
	var out strings.Builder
	for _, a := range r.About {
		out.WriteString(a + "  \n")
	}
	out.WriteString("\n| " + strings.Join(head, " | ") + " |\n|---|---|--:|--:|--:|--:|--:|\n")
	for _, row := range r.Rows {
		for i, s := range row.Sides {
			name := ""
			if i == 0 {
				name = row.Name
			}
			out.WriteString("| " + strings.Join(append([]string{name}, s.cells()...), " | ") + " |\n")
		}
	}
	out.WriteString("\n| work | target | measured | |\n|---|---|---|---|\n")
	for _, row := range r.Rows {
		for _, c := range row.Checks {
			verdict := c.Verdict.String()
			if c.Verdict != Holds {
				verdict = "**" + verdict + "**"
			}
			fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", row.Name, c.Target, c.Got, verdict)
		}
	}
	for _, row := range r.Rows {
		if row.Note != "" {
			fmt.Fprintf(&out, "\n%s: %s\n", row.Name, row.Note)
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// Milliseconds is d as the tables have it.
func Milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
