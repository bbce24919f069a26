package gitstore

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestLowPriority: what maintenance starts comes after everything else.
func TestLowPriority(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	for low, want := range map[bool]string{false: "0", true: "19"} {
		p, err := s.start(t.Context(), s.dir, command{name: "version", flags: []flag{"--build-options"}, low: low})
		if err != nil {
			t.Fatal(err)
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
		p.stop()
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		if nice := strings.Fields(rest)[16]; nice != want {
			t.Errorf("low %v: nice %s, want %s", low, nice, want)
		}
	}
}
