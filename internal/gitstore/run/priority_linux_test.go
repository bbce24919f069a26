package run

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestLowPriority: what maintenance starts comes after everything else.
func TestLowPriority(t *testing.T) {
	t.Parallel()
	g, err := Find("")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	g.SetHome(dir)
	for low, want := range map[bool]string{false: "0", true: "19"} {
		p, err := g.Start(t.Context(), dir, Command{Name: "version", Flags: []Flag{"--build-options"}, Low: low})
		if err != nil {
			t.Fatal(err)
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
		p.Stop()
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		if nice := strings.Fields(rest)[16]; nice != want {
			t.Errorf("low %v: nice %s, want %s", low, nice, want)
		}
	}
}
