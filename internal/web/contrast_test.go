package web

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestContrast holds the colours to WCAG 2.2 AA, in every look: 4.5:1 for text,
// 3:1 for the borders of controls.
func TestContrast(t *testing.T) {
	t.Parallel()
	light, lightMore := colours(t, "css/10-base.css")
	dark, darkMore := colours(t, "css/dark.css")
	text := map[string][]string{
		"fg":        {"bg", "bg-inset", "bg-hover", "accent-quiet", "success-quiet", "attention-quiet", "danger-quiet", "line-added", "line-removed", "line-target"},
		"fg-muted":  {"bg", "bg-inset", "success-quiet", "attention-quiet", "line-target"},
		"accent":    {"bg", "bg-inset", "success-quiet", "attention-quiet"},
		"success":   {"bg", "bg-inset"},
		"attention": {"bg", "bg-inset", "success-quiet"},
		"danger":    {"bg", "bg-inset", "success-quiet"},
		"on-strong": {"success-strong", "success-hover", "danger-strong", "danger-hover"},
	}
	for name, look := range map[string]map[string]string{"light": light, "dark": over(light, dark), "light, more contrast": over(light, lightMore), "dark, more contrast": over(over(light, dark), darkMore)} {
		for fg, bgs := range text {
			for _, bg := range bgs {
				if c := contrast(t, look[fg], look[bg]); c < 4.5 {
					t.Errorf("%s: --%s on --%s is %.2f:1", name, fg, bg, c)
				}
			}
		}
		for _, bg := range []string{"bg", "bg-inset"} {
			if c := contrast(t, look["border-control"], look[bg]); c < 3 {
				t.Errorf("%s: --border-control on --%s is %.2f:1", name, bg, c)
			}
		}
	}
}

var property = regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`)

// colours reads the table of a style sheet, and the one for more contrast.
func colours(t *testing.T, file string) (usual, more map[string]string) {
	t.Helper()
	src, err := assetFiles.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	first, rest, ok := strings.Cut(string(src), "prefers-contrast: more")
	if !ok {
		t.Fatalf("%s has no look with more contrast", file)
	}
	read := func(s string) map[string]string {
		m := map[string]string{}
		for _, p := range property.FindAllStringSubmatch(s, -1) {
			m[p[1]] = p[2]
		}
		return m
	}
	return read(first), read(rest)
}

func over(base, top map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range base {
		out[k] = v
	}
	for k, v := range top {
		out[k] = v
	}
	return out
}

// contrast is WCAG's ratio of relative luminances.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(strings.TrimPrefix(hex, "#"), 16, 32)
	if err != nil || hex == "" {
		t.Fatalf("no colour: %q", hex)
	}
	channel := func(v uint64) float64 {
		c := float64(v&255) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*channel(n>>16) + 0.7152*channel(n>>8) + 0.0722*channel(n)
}
