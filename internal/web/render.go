package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"unicode"
	"unicode/utf8"

	"jeton/internal/printable"
)

//go:embed templates/*.html
var templateFiles embed.FS

// pages are the parsed templates, with the assets that they link.
type pages struct {
	t      *template.Template
	assets *assets
	clock  clock
}

func newPages(c clock) (*pages, error) {
	a, err := newAssets()
	if err != nil {
		return nil, err
	}
	t, err := template.New("").Funcs(funcs(a, c)).ParseFS(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("parse templates: %w", err)
	}
	return &pages{t: t, assets: a, clock: c}, nil
}

// render makes the whole page before anything is sent, so that a failure can
// still become an error page.
func (p *pages) render(name string, data any) ([]byte, error) {
	var b bytes.Buffer
	if err := p.t.ExecuteTemplate(&b, name, data); err != nil {
		return nil, fmt.Errorf("render %s: %w", name, err)
	}
	return visible(b.Bytes()), nil
}

// visible writes control characters and those that reorder text as escapes, in
// the finished page: wherever a user's text was put in, it cannot show itself
// as something else. Only line ends and tabs pass; markup has no others.
func visible(page []byte) []byte {
	for i := 0; i < len(page); {
		if !suspect(page[i:]) {
			i++
			continue
		}
		out := append(make([]byte, 0, len(page)+64), page[:i]...)
		for i < len(page) {
			r, n := utf8.DecodeRune(page[i:])
			if suspect(page[i:]) {
				out = append(out, printable.Line(string(r), 64)...)
			} else {
				out = append(out, page[i:i+n]...)
			}
			i += n
		}
		return out
	}
	return page
}

// suspect reports whether b begins with a control character or one that turns
// the reading direction. Joiners and variation selectors pass: a README's emoji
// need them. Single lines of users' text go through printable.Line besides.
func suspect(b []byte) bool {
	switch c := b[0]; {
	case c == '\n', c == '\t':
		return false
	case c < ' ', c == 0x7f:
		return true
	case c == 0xc2, c == 0xd8, c == 0xe2:
		r, _ := utf8.DecodeRune(b)
		return r >= 0x80 && r <= 0x9f || unicode.Is(unicode.Bidi_Control, r)
	}
	return false
}

// line makes one line of a user's text fit for a page.
func line(s string) string { return printable.Line(s, 0) }
