package stores_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"fairlead/cmd/stores"
)

func TestAFolderBelongsToOneAtATime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	f, err := stores.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stores.Lock(dir); err == nil || !contains(err.Error(), fmt.Sprintf("in use by process %d", os.Getpid())) || !contains(err.Error(), "--dir") {
		t.Errorf("the second gets %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := stores.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

func TestAFolderOfANewerVersionIsLeftAlone(t *testing.T) {
	for version, want := range map[string]string{
		"2\n":                                "belongs to a newer version (2",
		"x":                                  "does not hold a version",
		fmt.Sprintln(stores.FolderVersion):   "",
		fmt.Sprint(stores.FolderVersion - 1): "",
	} {
		dir := t.TempDir()
		name := filepath.Join(dir, "version")
		if err := os.WriteFile(name, []byte(version), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := stores.Lock(dir)
		left, readErr := os.ReadFile(name)
		switch {
		case readErr != nil:
			t.Fatal(readErr)
		case want == "" && (err != nil || string(left) != fmt.Sprintln(stores.FolderVersion)):
			t.Errorf("version %q: %v, now %q", version, err, left)
		case want != "" && (err == nil || !contains(err.Error(), want) || string(left) != version):
			t.Errorf("version %q: error %v, want one with %q; now %q", version, err, want, left)
		}
		if err == nil {
			f.Close()
		}
	}
}

func TestAFolderThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := stores.Lock(filepath.Join(file, "sub")); err == nil || !contains(err.Error(), "make the folder") {
		t.Errorf("below a file: %v", err)
	}
	for name, c := range map[string]struct{ dir, want string }{
		"cannot be made":  {filepath.Join(dir, "closed", "sub"), "cannot be made by this user"},
		"is not writable": {filepath.Join(dir, "closed"), "is not writable for this user"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.MkdirAll(filepath.Join(dir, "closed"), 0o500); err != nil {
				t.Fatal(err)
			}
			err := asNobody(t, dir, func() error {
				_, err := stores.Lock(c.dir)
				return err
			})
			if err == nil || !contains(err.Error(), c.want) || !contains(err.Error(), "--dir") {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// asNobody does something without the rights of root, who may write everywhere.
func asNobody(t *testing.T, dir string, do func() error) error {
	t.Helper()
	if os.Geteuid() != 0 {
		return do()
	}
	for d := dir; strings.HasPrefix(d, os.TempDir()) && d != os.TempDir(); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const nobody = 65534
	if err := syscall.Setegid(nobody); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Seteuid(nobody); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Seteuid(0); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Setegid(0); err != nil {
			t.Fatal(err)
		}
	}()
	return do()
}
