package web

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"jeton/internal/gitstore"
)

func TestReturnTo(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                   "/",
		"/":                                  "/",
		"/settings/tokens/new?a=b&c=":        "/settings/tokens/new?a=b&c=",
		"/ada/engine/tree/main/a%20b":        "/ada/engine/tree/main/a%20b",
		"settings":                           "/",
		"//evil.example/":                    "/",
		"///evil.example/":                   "/",
		"https://evil.example/":              "/",
		"https:evil":                         "/",
		`/\evil.example`:                     "/",
		"/%5c/evil.example":                  "/",
		"/\tevil":                            "/",
		" /x":                                "/",
		"/x\n":                               "/",
		"javascript:alert(1)":                "/",
		"/%2f/evil.example":                  "/",
		"/login?return_to=/":                 "/",
		"/sessions/sudo":                     "/",
		"/x#fragment":                        "/x",
		"/" + strings.Repeat("a", maxReturn): "/",
	} {
		if got := returnTo(in); got != want {
			t.Errorf("returnTo(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzReturnTo(f *testing.F) {
	for _, s := range []string{"/", "//x", `/\x`, "/a?b#c", "http://x", "/%2e%2e//x", "/;/x"} {
		f.Add(s)
	}
	base, err := url.Parse("https://jeton.example/login")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := returnTo(s)
		u, err := base.Parse(got)
		if err != nil || u.Host != base.Host || u.Scheme != base.Scheme || strings.HasPrefix(got, "//") || strings.ContainsAny(got, "\\\n\r\t ") {
			t.Errorf("returnTo(%q) = %q leads to %v, %v", s, got, u, err)
		}
	})
}

func TestVisible(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain\n\ttext":         "plain\n\ttext",
		"a\x1b[31mb":            `a\u{001B}[31mb`,
		"a\u202eb":              `a\u{202E}b`,
		"a\u2066b\u2069c":       `a\u{2066}b\u{2069}c`,
		"a\u0085b\u009bc":       `a\u{0085}b\u{009B}c`,
		"del\x7f":               `del\u{007F}`,
		"é ü 日本 ❤️ e\u0301 “q”": "é ü 日本 ❤️ e\u0301 “q”",
		"a\rb\x00":              `a\u{000D}b\u{0000}`,
		"\u061cx":               `\u{061C}x`,
	} {
		if got := string(visible([]byte(in))); got != want {
			t.Errorf("visible(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestWriteCode(t *testing.T) {
	t.Parallel()
	code, lines, cut := writeCode([]byte("<a>\r\n&\xff\n"))
	if lines != 2 || cut || !strings.Contains(string(code), `<td class="t">&lt;a&gt;</td>`) || !strings.Contains(string(code), "&amp;\ufffd") {
		t.Errorf("%d lines, cut %v: %s", lines, cut, code)
	}
	if _, lines, cut := writeCode([]byte(strings.Repeat("x\n", maxLines+5))); !cut || lines != maxLines+5 {
		t.Errorf("a long file: %d lines, cut %v", lines, cut)
	}
	code, _, cut = writeCode([]byte(strings.Repeat("y", maxShown)))
	if !cut || len(code) > maxLineShown+1000 {
		t.Errorf("a long line: cut %v, %d bytes of page", cut, len(code))
	}
}

func TestWriteDiff(t *testing.T) {
	t.Parallel()
	f := gitstore.FileDiff{Truncated: true, Hunks: []gitstore.Hunk{{OldStart: 7, NewStart: 7, Section: "<f>", Lines: []gitstore.Line{{Op: ' ', Text: "same"}, {Op: '-', Text: "<old>"}, {Op: '+', Text: "new"}}}}}
	got := string(writeDiff(&f))
	for _, want := range []string{"&lt;f&gt;", `<td class="n">7</td><td class="n">7</td>`, `<td class="n">8</td><td class="n"></td>`, "&lt;old&gt;", `<span class="sr">added</span>`, "not shown"} {
		if !strings.Contains(got, want) {
			t.Errorf("the difference lacks %q: %s", want, got)
		}
	}
}

func TestRawKind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		head, name, kind string
		attach           bool
	}{
		{"<html><script>", "x.html", "text/plain; charset=utf-8", false},
		{"<svg onload=x>", "x.svg", "text/plain; charset=utf-8", false},
		{"\x89PNG\r\n\x1a\nrest", "x.html", "image/png", true},
		{"a\x00b", "x.txt", "application/octet-stream", true},
		{"%PDF-1.7", "x.pdf", "text/plain; charset=utf-8", true},
	} {
		if kind, attach := rawKind([]byte(c.head), c.name); kind != c.kind || attach != c.attach {
			t.Errorf("rawKind(%q, %s) = %s, %v", c.head, c.name, kind, attach)
		}
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	for d, want := range map[time.Duration]string{0: "just now", 90 * time.Second: "1 minute ago", 3 * time.Hour: "3 hours ago", 30 * day: "30 days ago", 70 * day: "2 months ago", 800 * day: "2 years ago", -time.Hour: "just now"} {
		if got := ago(d); got != want {
			t.Errorf("ago(%v) = %q, want %q", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{time.Hour: "Last used within the last week", 10 * day: "Last used within the last 2 weeks", 60 * day: "Last used within the last 2 months", 500 * day: "Last used more than a year ago"} {
		if got := used(sampleNow.Add(-d), sampleNow); got != want {
			t.Errorf("used(%v ago) = %q, want %q", d, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 bytes", 1: "1 byte", 1023: "1023 bytes", 1536: "1.50 KiB", 3 << 20: "3.00 MiB"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
	for in, want := range map[string]string{"": "", "there is no such thing": "There is no such thing.", "Done.": "Done.", "make one at https://x.example/y": "Make one at https://x.example/y",
		"Username is a reserved word": "User name is a reserved word.", "Incorrect username or password.": "Incorrect user name or password.", "usernames": "Usernames."} {
		if got := sentence(in); got != want {
			t.Errorf("sentence(%q) = %q, want %q", in, got, want)
		}
	}
}
