package stores

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// LibraryVariable is the environment variable that names the engine's library.
const LibraryVariable = "FAIRLEAD_CLICKHOUSE_LIBRARY"

// ErrNoEngine says that there is neither the engine's library nor a clickhouse program.
var ErrNoEngine = errors.New("there is no ClickHouse engine on this machine: `make build` installs its library beside the program; " +
	"or name a library with clickhouse.library, a clickhouse program with clickhouse.binary, or a server with clickhouse.addrs")

// findEngine chooses what to run: what the options name, else the library, else a program on PATH.
func findEngine(opt ClickHouseOptions) (library, binary string, err error) {
	switch {
	case opt.Binary != "":
		if binary, err = exec.LookPath(opt.Binary); err != nil {
			return "", "", fmt.Errorf("there is no clickhouse program %s (clickhouse.binary): %w", opt.Binary, err)
		}
		return "", binary, nil
	case opt.Library != "":
		if _, err := os.Stat(opt.Library); err != nil {
			return "", "", fmt.Errorf("there is no ClickHouse library at clickhouse.library: %w; `make build` installs one beside the program", err)
		}
		return opt.Library, "", nil
	}
	if library, err = FindLibrary(); err == nil {
		return library, "", nil
	}
	for _, name := range []string{"clickhouse", "clickhouse-server"} {
		if binary, lookErr := exec.LookPath(name); lookErr == nil {
			return "", binary, nil
		}
	}
	return "", "", err
}

// FindLibrary returns the engine's library: the one that the environment names, else the one that the
// build put beside the program.
func FindLibrary() (string, error) {
	if name := os.Getenv(LibraryVariable); name != "" {
		if _, err := os.Stat(name); err != nil {
			return "", fmt.Errorf("there is no ClickHouse library at %s: %w", LibraryVariable, err)
		}
		return name, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	if self, err = filepath.EvalSymlinks(self); err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	return LibraryIn(filepath.Dir(self))
}

// LibraryIn returns the engine's library below bin, the folder that the build fills.
func LibraryIn(bin string) (string, error) {
	for _, name := range []string{"libchdb.so", "libchdb.dylib"} {
		file := filepath.Join(bin, "lib", name)
		if _, err := os.Stat(file); err == nil {
			return file, nil
		}
	}
	return "", ErrNoEngine
}
