// Package markdown turns a README into HTML that is safe to stand in one of our
// pages: GitHub's flavour of Markdown with the HTML that GitHub allows in it.
// The result has no script, no style, no form but ticked boxes, never makes the
// reader's browser ask another host for anything, and closes what it opens.
// The package does no I/O and must never trust a byte of its input.
package markdown

import (
	"bytes"
	"fmt"
	"html/template"
	"sync"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"

	"jeton/internal/problem"
)

// MaxSize is the largest source that is rendered.
const MaxSize = 512 << 10

// Prefix stands before every id in the result, so that a README cannot take the
// place of an element of the page around it.
const Prefix = "user-content-"

// Options say where relative links and images lead. Both functions are given
// the path inside the repository, decoded and clean, without a slash before it
// ("" is the top), and return the path of a URL on this host, escaped, which
// begins with one slash.
type Options struct {
	Dir   string                   // the folder that the source lies in; empty is the top
	Link  func(path string) string // the page of a file or folder; nil makes relative links plain text
	Image func(path string) string // the bytes of an image; nil makes relative images plain text
}

// Render returns the HTML for src. It fails with problem.TooLarge when src is
// larger than MaxSize or nested too deeply; the caller then shows the source.
func Render(src []byte, o Options) (template.HTML, error) {
	if len(src) > MaxSize || tangled(src) {
		return "", tooLarge()
	}
	src = bytes.ToValidUTF8(src, []byte("\uFFFD"))
	var raw bytes.Buffer
	raw.Grow(2 * len(src))
	if err := converter().Convert(src, &raw); err != nil {
		return "", fmt.Errorf("render markdown: %w", err)
	}
	if raw.Len() > 4*MaxSize {
		return "", tooLarge()
	}
	tidy, err := o.rewrite(&raw)
	if err != nil {
		return "", err
	}
	// The sanitiser has the last word: whatever the steps before it let
	// through, only what newPolicy names comes out. The gate of html/template
	// is opened here and nowhere else in the package.
	return template.HTML(policy().SanitizeReader(tidy).String()), nil
}

func tooLarge() error {
	return problem.New(problem.TooLarge, "This file is too large or too deeply nested to be shown formatted.", "Its source can be read instead.")
}

// Both are made once, when first needed, and never changed; they may be used
// from several goroutines.
var (
	converter = sync.OnceValue(newConverter)
	policy    = sync.OnceValue(newPolicy)
)

func newConverter() goldmark.Markdown {
	return goldmark.New(
		goldmark.WithExtensions(
			// An alignment is an attribute: inline styles are not allowed.
			extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)),
			extension.Strikethrough, extension.Linkify, extension.TaskList,
		),
		// HTML passes, since READMEs are full of it; the sanitiser follows.
		goldmark.WithRendererOptions(html.WithUnsafe()),
	)
}
