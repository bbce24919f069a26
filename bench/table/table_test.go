package table

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
)

func sample() *Report {
	fast := Row{Name: "advertisement of R1 <8>", Sides: []Side{
		{Name: "Jeton", Wall: Series{0.3, 0.1, 0.2}, CPU: Series{0.02}, Rate: Series{12345}, Peak: 30 << 20, Started: "0"},
		{Name: "bare Go handler", Wall: Series{0.1}, CPU: Series{0.01}},
	}}
	fast.Add("at most 3 times", 2, 3, " times")
	slow := Row{Name: "push", Note: "one of 40 failed", Sides: []Side{{Name: "Jeton", Wall: Series{20}, CPU: Series{18}}, {Name: "git http-backend", Wall: Series{21}, CPU: Series{17}}}}
	slow.Add("at most a quarter", 18.0/17, 0.25, " times")
	slow.Add("no process", math.NaN(), 0, "")
	return &Report{About: []string{"a machine"}, Rows: []Row{fast, slow}}
}

func TestText(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := sample().Text(&out); err != nil {
		t.Fatal(err)
	}
	want := `a machine

work                     server                   wall ms  server CPU ms  operations/s    memory  processes
advertisement of R1 <8>  Jeton            0.20 (0.10–0.30)          0.020        12,345  30.0 MiB          0
                         bare Go handler             0.10          0.010             –         –          –
    holds  at most 3 times: 2.00 times
push                     Jeton                       20.0           18.0             –         –          –
                         git http-backend            21.0           17.0             –         –          –
    misses at most a quarter: 1.06 times
    misses no process: no figure
    one of 40 failed
`
	if strings.Join(strings.Fields(out.String()), " ") != strings.Join(strings.Fields(want), " ") {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := sample().Markdown(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| push | Jeton | 20.0 | 18.0 | – | – | – |\n",
		"|  | git http-backend | 21.0 | 17.0 | – | – | – |\n",
		"| push | at most a quarter | 1.06 times | **misses** |\n",
		"| advertisement of R1 <8> | at most 3 times | 2.00 times | holds |\n",
		"push: one of 40 failed\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

func TestSVG(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]*Report{"sample": sample(), "empty": {}} {
		var out strings.Builder
		if err := r.SVG(&out); err != nil {
			t.Fatal(err)
		}
		d := xml.NewDecoder(strings.NewReader(out.String()))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v in\n%s", name, err, out.String())
			}
		}
		if strings.Contains(out.String(), "NaN\"") || strings.Contains(out.String(), "Inf") {
			t.Errorf("%s: a coordinate is no number:\n%s", name, out.String())
		}
		if name == "sample" && (strings.Count(out.String(), "<circle") != 3 || !strings.Contains(out.String(), "misses: ") || !strings.Contains(out.String(), "prefers-color-scheme: dark")) {
			t.Errorf("sample:\n%s", out.String())
		}
	}
}

func TestSeries(t *testing.T) {
	t.Parallel()
	if got := (Series{4, 1, 3, 2}).Median(); got != 2.5 {
		t.Errorf("Median of four = %v", got)
	}
	for x, want := range map[float64]string{0: "0", 0.0123: "0.012", 1.234: "1.23", 45.67: "45.7", 999: "999", 1234567: "1,234,567", -1234: "-1,234"} {
		if got := Number(x); got != want {
			t.Errorf("Number(%v) = %q, want %q", x, got, want)
		}
	}
}
