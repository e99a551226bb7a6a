package stores

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// FolderVersion is the layout of a deployment's folder that this program writes. It reads older ones.
const FolderVersion = 1

// Folder is a deployment's folder, held by this process alone.
type Folder struct {
	Dir  string // absolute
	lock *os.File
}

// Lock makes the folder if it is missing and takes it for this process. The error is one sentence:
// the folder cannot be written, is in use by another process, or belongs to a newer version.
func Lock(dir string) (*Folder, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find the folder %s: %w", dir, err)
	}
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "up.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, notWritable(dir, err)
	}
	f := &Folder{Dir: dir, lock: lock}
	if err := f.take(); err != nil {
		lock.Close()
		return nil, err
	}
	return f, nil
}

// Close gives the folder back. The end of the process does, too.
func (f *Folder) Close() error { return f.lock.Close() }

func (f *Folder) take() error {
	err := syscall.Flock(int(f.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		holder := "another process"
		if pid, err := os.ReadFile(f.lock.Name()); err == nil && len(pid) > 0 {
			holder = "process " + strings.TrimSpace(string(pid))
		}
		return fmt.Errorf("the folder %s is in use by %s: stop that one, or choose another folder with --dir", f.Dir, holder)
	}
	if err != nil {
		return fmt.Errorf("lock the folder %s: %w", f.Dir, err)
	}
	if err := f.checkVersion(); err != nil {
		return err
	}
	if err := f.lock.Truncate(0); err != nil {
		return notWritable(f.Dir, err)
	}
	if _, err := f.lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return notWritable(f.Dir, err)
	}
	return nil
}

// checkVersion refuses a folder of a newer version, and marks a new or older one as ours.
func (f *Folder) checkVersion() error {
	name := filepath.Join(f.Dir, "version")
	data, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("read the version of the folder %s: %w", f.Dir, err)
	default:
		version, err := strconv.Atoi(strings.TrimSpace(string(data)))
		if err != nil {
			return fmt.Errorf("%s does not hold a version but %q: the folder is not one of this program's, choose another one with --dir", name, data)
		}
		if version > FolderVersion {
			return fmt.Errorf("the folder %s belongs to a newer version (%d, this program knows up to %d): use that version, or choose another folder with --dir", f.Dir, version, FolderVersion)
		}
		if version == FolderVersion {
			return nil
		}
	}
	if err := writeFile(name, []byte(strconv.Itoa(FolderVersion)+"\n")); err != nil {
		return notWritable(f.Dir, err)
	}
	return nil
}

// notWritable is the error for a folder that this user may not write to.
func notWritable(dir string, err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("the folder %s is not writable for this user: change its owner, or choose another one with --dir", dir)
	}
	return fmt.Errorf("write to the folder %s: %w", dir, err)
}

// takeLock locks a file that a child will hold as long as it lives, waiting a moment for one that is
// still dying.
func takeLock(ctx context.Context, name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, notWritable(filepath.Dir(name), err)
	}
	for until := time.Now().Add(dyingTime); ; {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(until) || !sleep(ctx, pollPause) {
			f.Close()
			return nil, fmt.Errorf("the folder %s is still in use by another process: stop that one first (%w)", filepath.Dir(name), err)
		}
	}
}

// Patience with what a killed parent's children still hold.
const (
	dyingTime = 5 * time.Second
	pollPause = 20 * time.Millisecond
)

// sleep pauses; false when ctx is done first.
func sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
