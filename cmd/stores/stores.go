// Package stores runs ClickHouse and Redis as child processes of this machine.
//
// The promise: a store that Start… returned answers on loopback with its password and with nothing
// else; it ends with this process, however this process ends (on Linux also by SIGKILL); what it has
// written is there again after a start, whatever ended it. The limits: Redis confirms before it writes
// to its log, and while the disk is slow it may lose its last two seconds to SIGKILL; ClickHouse writes
// before it confirms, and syncs, against the loss of power, only the tables that ask for it.
//
// A folder belongs to one process at a time: take it with Lock before starting anything in it.
package stores

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Loopback is the only address that stores listen on.
const Loopback = "127.0.0.1"

// secret returns the content of a file that only its owner reads, making it with a new password at
// the first call.
func secret(name string) (string, error) {
	data, err := os.ReadFile(name)
	if err == nil && len(strings.TrimSpace(string(data))) >= 32 {
		return strings.TrimSpace(string(data)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the password in %s: %w", name, err)
	}
	password := newPassword()
	if err := writeFile(name, []byte(password+"\n")); err != nil {
		return "", err
	}
	return password, nil
}

// newPassword returns 160 random bits.
func newPassword() string {
	var b [20]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// writeFile puts a file in place, whole or not at all, readable by its owner only.
func writeFile(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// makeDir makes a folder that only its owner enters.
func makeDir(dir string) error {
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		return nil
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("the folder %s cannot be made by this user: choose another one with --dir", dir)
	}
	return fmt.Errorf("make the folder %s: %w", dir, err)
}
