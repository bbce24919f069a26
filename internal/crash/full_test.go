package crash

import (
	"crypto/rand"
	"errors"
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
	disk := smallDisk(t)
	h := newHost(t, filepath.Join(disk, "data"))
	h.start(t)
	h.commit(t, "README.md", "# Hello\n")
	h.must(t, h.clone, "push", "-q", h.url, "main")
	before := h.refs(t)

	ballast := filepath.Join(disk, "ballast")
	filled := 0
	// push pushes with so many bytes left, and reports whether it went through.
	push := func(left int, args ...string) bool {
		fill(t, disk, ballast, left)
		out, err := h.git(t, h.clone, append([]string{"push", "--atomic", h.url}, args...)...)
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		now := h.refs(t)
		head := h.must(t, h.clone, "rev-parse", "HEAD")
		for _, arg := range args {
			_, name, _ := strings.Cut(arg, ":")
			switch {
			case err == nil && now[name] != head:
				t.Errorf("with %d bytes left a push was acknowledged that is not there: %v", left, now)
			case err != nil && now[name] != before[name]:
				t.Errorf("with %d bytes left a refused push moved %s", left, name)
			}
		}
		if err != nil {
			filled++
			if !strings.Contains(out, "disk is full") || strings.Contains(out, "internal server error") {
				t.Errorf("with %d bytes left: %s", left, out)
			}
		}
		before = now
		h.whole(t)
		if t.Failed() {
			t.FailNow()
		}
		return err == nil
	}
	// A small push, which ends anywhere between its pack and the database. One
	// page at a time, since that is what the disk deals in.
	for page := range 24 {
		h.commit(t, "small", fmt.Sprintf("%d\n", page))
		args := []string{"HEAD:refs/heads/main"}
		for i := range page % 3 * 20 {
			args = append(args, fmt.Sprintf("HEAD:refs/heads/new/%d/%d", page, i))
		}
		push(page<<12, args...)
	}
	// A large one: from nearly no room to nearly enough.
	h.commit(t, "large", random(t, 6<<20))
	for left := 16 << 10; left < 14<<20 && !push(left, "HEAD:refs/heads/main"); left = left*3/2 + 4<<10 {
	}
	h.must(t, h.clone, "push", "-q", h.url, "main")
	h.whole(t)
	if filled < 8 {
		t.Errorf("the disk was full %d times only", filled)
	}
	t.Logf("%d pushes found the disk full", filled)
}

// smallDisk mounts a disk of 24 MiB.
func smallDisk(t *testing.T) string {
	t.Helper()
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=24m,mode=700"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	return disk
}

// runApart runs the test again where it may mount a disk of its own.
func runApart(t *testing.T) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "unshare", "--mount", "--map-root-user", "true").CombinedOutput(); err != nil {
		t.Skipf("no mount namespaces here: %s", out)
	}
	cmd := exec.CommandContext(t.Context(), "unshare", "--mount", "--map-root-user", os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), apartEnv+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()+" ") {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
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
	// The server may write something of its own in between.
	if err := os.WriteFile(ballast, make([]byte, max(0, n)), 0o600); err != nil && !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}
