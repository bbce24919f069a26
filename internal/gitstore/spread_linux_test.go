package gitstore

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"jeton/internal/gitstore/disk"
)

// TestSpread: where the file system is an ext4, the store tells it that its
// repositories lie apart; elsewhere nothing happens.
func TestSpread(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	f, err := os.Open(s.tempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &fs); err != nil {
		t.Fatal(err)
	}
	if fs.Type != unix.EXT4_SUPER_MAGIC {
		t.Skip("not on ext4")
	}
	const topDir = 0x00020000 // FS_TOPDIR_FL
	flags, err := unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	if err != nil || flags&topDir == 0 {
		t.Errorf("the flags are %x, %v", flags, err)
	}
	disk.Spread("/nowhere")
}
