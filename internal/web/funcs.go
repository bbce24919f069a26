package web

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

type clock func() time.Time

// funcs are what templates may call beside the methods of their data.
func funcs(a *assets, now clock) template.FuncMap {
	return template.FuncMap{
		"asset": a.url,
		"ago":   func(t time.Time) template.HTML { return timeTag(t, ago(now().Sub(t)), true) },
		"moment": func(t time.Time) template.HTML {
			return timeTag(t, t.UTC().Format("2 January 2006, 15:04:05 UTC"), false)
		},
		"day":    func(t time.Time) template.HTML { return timeTag(t, day(t), false) },
		"size":   size,
		"plural": plural[int],
		"face":   newFace,
		"line":   func(id, text, what string) copyLine { return copyLine{id, text, what} },
	}
}

// copyLine is a line of text with a button that copies it.
type copyLine struct{ ID, Text, What string }

// timeTag holds only what time.Format made, so that it needs no escaping.
func timeTag(t time.Time, words string, relative bool) template.HTML {
	t = t.UTC()
	attr := ""
	if relative {
		attr = " data-ago"
	}
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s"%s>%s</time>`,
		t.Format(time.RFC3339), t.Format("Monday, 2 January 2006, 15:04:05 UTC"), attr, words))
}

func day(t time.Time) string { return t.UTC().Format("Monday, 2 January 2006") }

// ago puts a past moment into words. The script time.js says the same.
func ago(d time.Duration) string {
	n := int64(d / time.Second)
	if n < 60 {
		return "just now"
	}
	days := n / 86400
	switch {
	case n < 3600:
		return plural(n/60, "minute", "minutes") + " ago"
	case days < 1:
		return plural(n/3600, "hour", "hours") + " ago"
	case days < 31:
		return plural(days, "day", "days") + " ago"
	case days < 366:
		return plural(int64(float64(days)/30.44), "month", "months") + " ago"
	}
	return plural(int64(float64(days)/365.25), "year", "years") + " ago"
}

// used says in GitHub's buckets when a token was last used: the exact time
// stands on the token's own page.
func used(at, now time.Time) string {
	if at.IsZero() {
		return "Never used"
	}
	switch weeks := int64(now.Sub(at) / (7 * 24 * time.Hour)); {
	case weeks < 1:
		return "Last used within the last week"
	case weeks < 5:
		return fmt.Sprintf("Last used within the last %d weeks", weeks+1)
	case weeks < 52:
		return fmt.Sprintf("Last used within the last %d months", int64(float64(weeks)*7/30.44)+1)
	}
	return "Last used more than a year ago"
}

// size prints bytes as git does.
func size(n int64) string {
	switch {
	case n < 1<<10:
		return plural(n, "byte", "bytes")
	case n < 1<<20:
		return fmt.Sprintf("%.2f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.2f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30))
}

func plural[N int | int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.FormatInt(int64(n), 10) + " " + many
}

// face is the round picture of an account: the first letter of its login in one
// of eight colours, drawn by the page itself.
type face struct {
	Letter    string
	Hue, Size int
}

func newFace(login string, size int) face {
	sum := 0
	for _, c := range []byte(strings.ToLower(login)) {
		sum = (sum*31 + int(c)) & 0xffff
	}
	r, _ := utf8.DecodeRuneInString(login)
	if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
		r = '?'
	}
	return face{Letter: strings.ToUpper(string(r)), Hue: sum % 8, Size: size}
}
