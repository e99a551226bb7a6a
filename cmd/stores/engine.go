package stores

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"
)

// engineChild is the environment variable that makes a program the engine: the library's path.
const engineChild = "FAIRLEAD_ENGINE_CHILD"

// MaybeEngine turns this process into the ClickHouse engine if it was started as one, and then never
// returns. Call it first thing in main, and in TestMain by way of storestest.Main.
func MaybeEngine() {
	lib, ok := os.LookupEnv(engineChild)
	if !ok {
		return
	}
	os.Unsetenv(engineChild)
	os.Exit(EngineMain(lib, os.Args[1:]))
}

// engineCommand is a command that runs this very program as the engine.
func engineCommand(lib string, args []string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program for the engine's process: %w", err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), engineChild+"="+lib)
	return cmd, nil
}

// EngineMain runs the ClickHouse engine in the library with the arguments of clickhouse-local until its
// queries are over, and returns the exit code.
func EngineMain(lib string, args []string) int {
	runtime.LockOSThread()
	if err := queryCommandLine(lib, args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// queryCommandLine calls chdb_query_cmdline(argc, argv), which returns when the query in the
// arguments is over.
func queryCommandLine(lib string, args []string) error {
	handle, err := purego.Dlopen(lib, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return fmt.Errorf("load the ClickHouse engine: %w", err)
	}
	var query func(argc int32, argv unsafe.Pointer) unsafe.Pointer
	var failure func(result unsafe.Pointer) string
	symbol, err := purego.Dlsym(handle, "chdb_query_cmdline")
	if err != nil {
		return fmt.Errorf("load the ClickHouse engine: %w", err)
	}
	purego.RegisterFunc(&query, symbol)
	purego.RegisterLibFunc(&failure, handle, "chdb_result_error")
	if err := outliveConnections(lib, symbol); err != nil {
		fmt.Fprintf(os.Stderr, "a connection that fails may end the ClickHouse engine: %v\n", err)
	}
	argv := make([]*byte, 0, len(args)+2)
	for _, arg := range append([]string{"clickhouse"}, args...) {
		argv = append(argv, unsafe.StringData(strings.Clone(arg+"\x00")))
	}
	argv = append(argv, nil)
	result := query(int32(len(argv)-1), unsafe.Pointer(&argv[0]))
	runtime.KeepAlive(argv)
	if result == nil {
		return errors.New("the ClickHouse engine gave no result")
	}
	if text := failure(result); text != "" {
		return errors.New(text)
	}
	return nil
}
