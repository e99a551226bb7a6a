package journal

import (
	"bytes"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// allocate gives f n bytes that the disk really has. A file system that cannot promise them gets them written.
func allocate(f *os.File, n int64) error {
	for {
		err := unix.Fallocate(int(f.Fd()), 0, 0, n)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EOPNOTSUPP):
			return writeZeros(f, n)
		}
		return err
	}
}

func datasync(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// madvPopulateWrite is MADV_POPULATE_WRITE, Linux 5.14 and later.
const madvPopulateWrite = 23

// warm makes the pages of mem writable without a fault, so that the append that reaches them does not
// wait for the file system. Bytes are left as they are, also those that somebody writes meanwhile.
func warm(mem []byte) {
	const step = 1 << 20
	for len(mem) > 0 {
		part := mem[:min(step, len(mem))]
		if err := unix.Madvise(part, madvPopulateWrite); err != nil {
			return // an older kernel, or a full disk: Append takes the fault itself and survives it
		}
		mem = mem[len(part):]
	}
}

// bootID names the run of the machine. Without it, every unclean end counts as a power loss.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(b))
}

// freeBytes is what a disk still has for users other than root.
func freeBytes(path string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: path, Err: err}
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// originOf tells a file from every copy of it.
func originOf(path string) (origin, error) {
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_INO|unix.STATX_BTIME, &st); err != nil {
		return origin{}, &os.PathError{Op: "statx", Path: path, Err: err}
	}
	o := origin{inode: st.Ino}
	if st.Mask&unix.STATX_BTIME != 0 {
		o.birth = st.Btime.Sec*1e9 + int64(st.Btime.Nsec)
	}
	return o, nil
}
