package apptest

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Mutant is the program with one check taken out, or with a mistake put in: a
// test that still passes against it guards nothing.
type Mutant struct {
	File     string   // below the module's root
	Old, New string   // the check, which stands once in the file, and what to write in its place
	Also     []Mutant // what must change with it, where one thing is checked in two places
}

// moduleRoot is the folder of go.mod above the package under test.
func moduleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above this package")
		}
		dir = up
	}
}

// Present fails the test when the check does not stand in the source once: then
// the mutant is of no program any more and must be written anew.
func (m Mutant) Present(t testing.TB) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(moduleRoot(t), filepath.FromSlash(m.File)))
	if err != nil {
		t.Error(err)
		return
	}
	if n := strings.Count(string(text), m.Old); n != 1 {
		t.Errorf("%s holds the check %q %d times, want once", m.File, m.Old, n)
	}
	for _, also := range m.Also {
		also.Present(t)
	}
}

// MustFail runs the tests that match run in pkg against the mutant, and fails
// unless they fail.
func (m Mutant) MustFail(t testing.TB, pkg, run string) {
	t.Helper()
	root := moduleRoot(t)
	dir := t.TempDir()
	replaced := map[string]string{}
	for i, one := range append([]Mutant{m}, m.Also...) {
		path := filepath.Join(root, filepath.FromSlash(one.File))
		from := path
		if before, ok := replaced[path]; ok {
			from = before
		}
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		replaced[path] = filepath.Join(dir, "mutant"+strconv.Itoa(i)+".go")
		if err := os.WriteFile(replaced[path], []byte(strings.Replace(string(text), one.Old, one.New, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	overlay := filepath.Join(dir, "overlay.json")
	list, err := json.Marshal(map[string]map[string]string{"Replace": replaced})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overlay, list, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "test", "-vet=off", "-count=1", "-overlay", overlay, "-run", run, pkg)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "JETON_LONG=", "GOFLAGS=-buildvcs=false")
	out, err := cmd.CombinedOutput()
	switch _, exited := errors.AsType[*exec.ExitError](err); {
	case err == nil:
		t.Errorf("%s passes without the check %q of %s", run, m.Old, m.File)
	case !exited || !strings.Contains(string(out), "--- FAIL"):
		t.Errorf("the mutant without %q of %s was not tested: %v\n%.2000s", m.Old, m.File, err, out)
	}
}
