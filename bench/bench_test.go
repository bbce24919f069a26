package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"jeton/bench/peer"
	"jeton/bench/table"
)

// TestMain lets the tests' own program be the bare handler, as bench itself is.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == peer.FloorCommand {
		fail(peer.ServeFloor(os.Args[2]))
	}
	os.Exit(m.Run())
}

// TestRun measures the two smallest rows from end to end: what it says is not
// the point, that it says it is. nginx takes part where it is installed.
func TestRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := filepath.Join(dir, "jeton")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", program, "../cmd/jeton").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, out)
	}
	temp := filepath.Join(dir, "temp")
	if err := os.Mkdir(temp, 0o700); err != nil {
		t.Fatal(err)
	}
	args := []string{"-quick", "-jeton", program, "-temp", temp, "-shapes", filepath.Join(dir, "shapes"), "-markdown", filepath.Join(dir, "out.md"), "-svg", filepath.Join(dir, "out.svg"),
		"-run", "^(ls-refs of R1, 8 clients|ls-remote of R1, real git)$"}
	names := []string{"Jeton", "bare Go handler", "git http-backend"}
	if err := peer.Installed(); err != nil {
		t.Logf("without git http-backend: %v", err)
		args, names = append(args, "-backend=false"), names[:2]
	}
	var out, progress strings.Builder
	if err := run(t.Context(), args, &out, &progress); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	markdown, err := os.ReadFile(filepath.Join(dir, "out.md"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), table.Failed.String()) {
		t.Errorf("a row failed:\n%s", out.String())
	}
	for _, name := range names {
		if !strings.Contains(out.String(), name) || !strings.Contains(string(markdown), "| "+name+" | ") {
			t.Errorf("nothing about %s in\n%s\n%s", name, out.String(), markdown)
		}
	}
	if !strings.Contains(out.String(), "R1: 10 commits, 49 objects, 1 ref,") {
		t.Errorf("nothing about R1 in\n%s", out.String())
	}
	if picture, err := os.ReadFile(filepath.Join(dir, "out.svg")); err != nil || !strings.HasPrefix(string(picture), "<svg ") {
		t.Errorf("the picture: %v, %.40q", err, picture)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestRows_names(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range rows(true) {
		if r.name == "" || seen[r.name] {
			t.Errorf("the name %q is there twice", r.name)
		}
		seen[r.name] = true
	}
}

// TestRun_wrong: what cannot be done is said before anything is started.
func TestRun_wrong(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-run", "("}, {"-jeton", "no/such/program", "-backend=false"}, {"rows"}, {"-nothing"}} {
		var out, progress strings.Builder
		if err := run(t.Context(), args, &out, &progress); err == nil {
			t.Errorf("bench %v: no error", args)
		}
	}
}
