//go:build !linux

package journal

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func allocate(f *os.File, n int64) error { return writeZeros(f, n) }

func datasync(f *os.File) error { return f.Sync() }

func warm([]byte) {}

func bootID() string { return "" }

func freeBytes(string) (int64, error) { return 0, errors.ErrUnsupported }

func originOf(path string) (origin, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return origin{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return origin{inode: st.Ino}, nil
}
