package journal

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestAFullFileSystemIsNoSIGBUS(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("journal", dir, "tmpfs", 0, "size=400k"); err != nil {
		t.Skipf("needs the right to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(dir, "journal")
	l := open(t, path)
	hog := filepath.Join(dir, "hog")
	if err := os.WriteFile(hog, make([]byte, 100<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	gap := fill(t, l, ReasonDiskFull, 1000)
	mustSync(t, l)
	if err := l.Advance("a", 1); err != nil { // cursors have their room
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, path)
	if err := os.Remove(hog); err != nil {
		t.Fatal(err)
	}
	segmentMade(l)
	add(t, l, 10)
	mustSync(t, l)
	wantGap(t, l, gap, gap.To+10)
	if err := l.Close(); err != nil { // the mount must not be in use
		t.Fatal(err)
	}
}
