package crash

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// apartEnv says that the test runs in a mount namespace of its own.
const apartEnv = "JETON_TEST_APART"

// TestFull: a push that fills the disk is refused in words, leaves nothing
// behind and harms nothing; with room again the same push goes through.
func TestFull(t *testing.T) {
	t.Parallel()
	if os.Getenv(apartEnv) == "" {
		runApart(t)
		return
	}
	disk := t.TempDir()
	const size = 24 << 20
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", size)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	h := newHost(t, filepath.Join(disk, "data"))
	h.start(t)
	h.commit(t, "README.md", "# Hello\n")
	h.must(t, h.clone, "push", "-q", h.url, "main")
	before := h.refs(t)

	h.commit(t, "large", random(t, 6<<20))
	ballast := filepath.Join(disk, "ballast")
	filled := 0
	// From nearly no room to nearly enough, so that it ends at many places.
	for left := 16 << 10; left < 14<<20; left = left*3/2 + 4<<10 {
		fill(t, disk, ballast, left)
		out, err := h.git(t, h.clone, "push", h.url, "main")
		if err == nil {
			break
		}
		filled++
		if !strings.Contains(out, "disk is full") && !strings.Contains(out, "internal server error") && !strings.Contains(out, "HTTP 5") {
			t.Errorf("with %d bytes left: %s", left, out)
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		if now := h.refs(t); now["refs/heads/main"] != before["refs/heads/main"] {
			t.Fatalf("with %d bytes left a refused push moved a ref: %v", left, now)
		}
		h.whole(t)
		if t.Failed() {
			return
		}
	}
	_ = os.Remove(ballast)
	h.must(t, h.clone, "push", "-q", h.url, "main")
	h.whole(t)
	if filled < 4 {
		t.Errorf("the disk was full %d times only", filled)
	}
}

// runApart runs the test again where it may mount a disk of its own.
func runApart(t *testing.T) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "unshare", "--mount", "--map-root-user", "true").CombinedOutput(); err != nil {
		t.Skipf("no mount namespaces here: %s", out)
	}
	cmd := exec.CommandContext(t.Context(), "unshare", "--mount", "--map-root-user", os.Args[0], "-test.run=^TestFull$", "-test.v")
	cmd.Env = append(os.Environ(), apartEnv+"=1")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestFull") {
		t.Errorf("%v\n%s", err, out)
	}
}

func random(t *testing.T, n int) string {
	t.Helper()
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// fill leaves so many bytes on the disk.
func fill(t *testing.T, disk, ballast string, left int) {
	t.Helper()
	var fs syscall.Statfs_t
	if err := syscall.Statfs(disk, &fs); err != nil {
		t.Fatal(err)
	}
	n := int64(fs.Bavail)*fs.Bsize - int64(left)
	if err := os.WriteFile(ballast, make([]byte, max(0, n)), 0o600); err != nil {
		t.Fatal(err)
	}
}
