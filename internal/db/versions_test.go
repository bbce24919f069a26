package db_test

import (
	"go/build"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestLibcIsTheOneThatSQLiteWasMadeWith: modernc.org/sqlite is translated for
// one version of modernc.org/libc, and a newer one breaks it without a word.
func TestLibcIsTheOneThatSQLiteWasMadeWith(t *testing.T) {
	t.Parallel()
	version := func(file, module string) string {
		t.Helper()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(`(?m)^(?:require)?\s+` + regexp.QuoteMeta(module) + ` (v\S+)`).FindSubmatch(text)
		if m == nil {
			t.Fatalf("no %s in %s", module, filepath.Base(filepath.Dir(file)))
		}
		return string(m[1])
	}
	ours := filepath.Join("..", "..", "go.mod")
	cache := os.Getenv("GOMODCACHE")
	if cache == "" {
		cache = filepath.Join(filepath.SplitList(build.Default.GOPATH)[0], "pkg", "mod")
	}
	theirs := filepath.Join(cache, "modernc.org", "sqlite@"+version(ours, "modernc.org/sqlite"), "go.mod")
	if a, b := version(ours, "modernc.org/libc"), version(theirs, "modernc.org/libc"); a != b {
		t.Errorf("go.mod has modernc.org/libc %s, but modernc.org/sqlite needs exactly %s", a, b)
	}
}
