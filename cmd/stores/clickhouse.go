package stores

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// ClickHouseUser is the user that has every right; its password is in the deployment's folder.
const ClickHouseUser = "fairlead"

// ClickHouseOptions say where and how ClickHouse runs.
type ClickHouseOptions struct {
	Dir                  string // a folder for it alone; made when missing
	Library              string // libchdb.so; empty: FindLibrary
	Binary               string // a clickhouse program to run instead of the library
	NativePort, HTTPPort int
	MaxMemory            int64        // bytes; 0: a quarter of the machine's, at least 1 GiB
	Logger               *slog.Logger // nil: silent
}

// ClickHouse is a ClickHouse server on this machine, embodied by the engine's library or by a
// clickhouse program.
type ClickHouse struct {
	*Process
	opt      ClickHouseOptions
	library  string // empty: the binary is used
	binary   string
	password string

	mu       sync.Mutex
	analysts []Analyst // whom the latest start made known
}

// StartClickHouse starts a server and returns once it answers on both ports. Nobody gets anything
// from it over the network without the password of a user: the engine's own `default`, which cannot
// have one, may open no session beside the engine's own.
func StartClickHouse(ctx context.Context, opt ClickHouseOptions) (*ClickHouse, error) {
	dir, err := filepath.Abs(opt.Dir)
	if err != nil {
		return nil, fmt.Errorf("find the folder of ClickHouse: %w", err)
	}
	opt.Dir = dir
	if opt.MaxMemory == 0 {
		opt.MaxMemory = max(totalMemory()/4, 1<<30)
	}
	c := &ClickHouse{opt: opt}
	if c.library, c.binary, err = findEngine(opt); err != nil {
		return nil, err
	}
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	if c.password, err = secret(c.file("password")); err != nil {
		return nil, err
	}
	quit := (*run).endInput
	if c.library == "" {
		quit = (*run).terminate
	}
	c.Process = newProcess(spec{
		name:    "ClickHouse",
		logFile: c.file("output.log"),
		lock:    c.file("lock"),
		prepare: c.prepare,
		ready:   c.ping,
		quit:    quit,
	}, opt.Logger)
	if err := c.Start(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// Dir is the folder.
func (c *ClickHouse) Dir() string { return c.opt.Dir }

// Addr is the address of the native protocol.
func (c *ClickHouse) Addr() string { return address(c.opt.NativePort) }

// URL is the address of the HTTP interface.
func (c *ClickHouse) URL() string { return "http://" + address(c.opt.HTTPPort) }

// Password is ClickHouseUser's.
func (c *ClickHouse) Password() string { return c.password }

// prepare makes everything ready for a start, and the command that is it.
func (c *ClickHouse) prepare() (*exec.Cmd, error) {
	for _, p := range []struct {
		port       int
		flag, what string
	}{
		{c.opt.NativePort, "--clickhouse-port", "ClickHouse"},
		{c.opt.HTTPPort, "--clickhouse-http-port", "ClickHouse's HTTP interface"},
	} {
		if err := checkPort(p.port, p.flag, p.what); err != nil {
			return nil, err
		}
	}
	// Tables in `system` keep their data and not their definition: the log of queries would fail at
	// every flush after the first start.
	if err := os.RemoveAll(filepath.Join(c.opt.Dir, "data", "data", "system")); err != nil {
		return nil, fmt.Errorf("clear the query log: %w", err)
	}
	analysts, err := Analysts(c.opt.Dir)
	if err != nil {
		return nil, err
	}
	if err := c.writeConfig(analysts); err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.analysts = analysts
	c.mu.Unlock()
	if c.library == "" {
		return c.serverCommand(), nil
	}
	return engineCommand(c.library, []string{
		"--path=" + filepath.Join(c.opt.Dir, "data"),
		"--config-file=" + c.file("config.xml"),
		"--log-level=warning", // the one in the file is ignored
		"--multiquery",
		"--query=" + strings.Join(engineQueries, "; "),
	})
}

// engineQueries make the engine serve others. It ends in good order when its queries have: the last
// one lasts as long as standard input, whose other end this process holds.
var engineQueries = []string{
	"SYSTEM START LISTEN TCP",
	"SYSTEM START LISTEN HTTP",
	"SELECT * FROM file('/dev/stdin', 'LineAsString', 'line String') FORMAT Null",
}

// serverCommand runs the clickhouse program. Its watchdog is left out, because it would be the child
// that ends with this process, and the server would not.
func (c *ClickHouse) serverCommand() *exec.Cmd {
	args := []string{"server", "--config-file=" + c.file("config.xml")}
	if strings.HasSuffix(filepath.Base(c.binary), "clickhouse-server") {
		args = args[1:]
	}
	cmd := exec.Command(c.binary, args...)
	cmd.Dir = c.opt.Dir
	cmd.Env = append(os.Environ(), "CLICKHOUSE_WATCHDOG_ENABLE=0")
	return cmd
}

// ping is nil once both interfaces answer, the native one to our password.
func (c *ClickHouse) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := c.Open()
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.Ping(ctx); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL()+"/ping", nil)
	if err != nil {
		return err
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

// Open prepares a small pool of connections as ClickHouseUser; the caller closes it.
func (c *ClickHouse) Open() (driver.Conn, error) {
	conn, err := clickhouse.Open(&clickhouse.Options{
		Addr:        []string{c.Addr()},
		Auth:        clickhouse.Auth{Username: ClickHouseUser, Password: c.password},
		DialTimeout: 5 * time.Second,
	})
	if err != nil {
		return nil, fmt.Errorf("open ClickHouse at %s: %w", c.Addr(), err)
	}
	return conn, nil
}
