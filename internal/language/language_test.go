package language_test

import (
	"testing"

	"jeton/internal/language"
)

func TestOf(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"main.go": "Go", "a/b/c.PY": "Python", "Makefile": "Makefile", "web/app.tsx": "TypeScript", "x.h": "C",
		"README.md": "", "data.json": "", "go.sum": "", "vendor/x/y.go": "", "web/node_modules/a/b.js": "", "a.min.js": "",
		"noext": "", ".gitignore": "", "": "", "api.pb.go": "", "script.sh": "Shell",
	} {
		if got := language.Of(file); got != want {
			t.Errorf("Of(%q) is %q, want %q", file, got, want)
		}
	}
}
