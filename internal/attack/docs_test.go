package attack

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// groups are the rows of the collection of cases, and P, Q, R, S and W, which are ours: how many
// each group has.
var groups = map[string]int{"A": 24, "B": 17, "C": 10, "D": 9, "E": 8, "F": 10, "G": 8, "H": 9, "I": 8, "J": 9, "K": 8, "L": 9, "M": 6, "N": 7, "O": 2, "P": 7, "Q": 4, "R": 5, "S": 7, "W": 8}

var (
	tableRow = regexp.MustCompile(`(?m)^\| ([A-SW]\d+) \| (.+) \| (.+) \|$`)
	testName = regexp.MustCompile("`(?:(\\w+)\\.)?(Test\\w+)`")
	testFunc = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
)

// TestDocs holds docs/security.md to what there is: every case has one row,
// every test that a row names exists, and every attack here is in the table.
func TestDocs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	exists := testFuncs(t)
	rows, named := map[string]bool{}, map[string]bool{}
	for _, m := range tableRow.FindAllStringSubmatch(string(text), -1) {
		if rows[m[1]] {
			t.Errorf("%s stands in the table twice", m[1])
		}
		rows[m[1]] = true
		tests := testName.FindAllStringSubmatch(m[3], -1)
		if len(tests) == 0 && !strings.Contains(m[3], "waits for") && !strings.Contains(m[3], "by construction") {
			t.Errorf("%s names no test and does not say what it waits for: %s", m[1], m[3])
		}
		for _, one := range tests {
			pkg := one[1]
			if pkg == "" {
				pkg = "attack"
			}
			named[pkg+"."+one[2]] = true
			if !exists[pkg+"."+one[2]] {
				t.Errorf("%s names %s.%s, which does not exist", m[1], pkg, one[2])
			}
		}
	}
	for group, n := range groups {
		for i := range n {
			if row := group + strconv.Itoa(i+1); !rows[row] {
				t.Errorf("%s is not in the table", row)
			}
		}
	}
	if want := 144 + groups["P"] + groups["Q"] + groups["R"] + groups["S"] + groups["W"]; len(rows) != want {
		t.Errorf("the table has %d rows, want %d", len(rows), want)
	}
	for _, name := range slices.Sorted(maps.Keys(exists)) {
		if ours, ok := strings.CutPrefix(name, "attack."); ok && regexp.MustCompile(`^Test[A-SW]\d+_`).MatchString(ours) && !named[name] {
			t.Errorf("%s is in no row", ours)
		}
	}
}

// testFuncs are the tests of the module, as "package.TestName".
func testFuncs(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, root := range []string{"..", filepath.Join("..", "..", "cmd")} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			src, err := os.ReadFile(path)
			for _, m := range testFunc.FindAllStringSubmatch(string(src), -1) {
				out[filepath.Base(filepath.Dir(path))+"."+m[1]] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}
