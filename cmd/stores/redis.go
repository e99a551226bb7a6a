package stores

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/redis/go-redis/v9"
)

// RedisOptions say where and how Redis runs.
type RedisOptions struct {
	Dir    string // a folder for it alone; made when missing
	Binary string // empty: redis-server
	Port   int
	Logger *slog.Logger // nil: silent
}

// Redis is a Redis server on this machine.
type Redis struct {
	*Process
	opt      RedisOptions
	password string
}

//go:embed redis.conf.tmpl
var redisTemplate string

var redisConfig = template.Must(template.New("redis.conf").
	Funcs(template.FuncMap{"quote": quoteRedis}).
	Parse(redisTemplate))

// StartRedis starts a server with a password and a log on disk, and returns once it has loaded that
// and answers.
func StartRedis(ctx context.Context, opt RedisOptions) (*Redis, error) {
	if opt.Binary == "" {
		opt.Binary = "redis-server"
	}
	binary, err := exec.LookPath(opt.Binary)
	if err != nil {
		return nil, fmt.Errorf("there is no %s on this machine (%w): `make deps` installs it, or name a program with redis.binary, or a server with redis.addrs", opt.Binary, err)
	}
	opt.Binary = binary
	if opt.Dir, err = filepath.Abs(opt.Dir); err != nil {
		return nil, fmt.Errorf("find the folder of Redis: %w", err)
	}
	r := &Redis{opt: opt}
	if err := makeDir(opt.Dir); err != nil {
		return nil, err
	}
	if r.password, err = secret(r.file("password")); err != nil {
		return nil, err
	}
	r.Process = newProcess(spec{
		name:    "Redis",
		logFile: r.file("redis.log"),
		lock:    r.file("lock"),
		prepare: r.prepare,
		ready:   r.ping,
		quit:    (*run).terminate,
	}, opt.Logger)
	if err := r.Start(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// Dir is the folder.
func (r *Redis) Dir() string { return r.opt.Dir }

// Addr is the server's address.
func (r *Redis) Addr() string { return address(r.opt.Port) }

// Password is what the server wants to hear.
func (r *Redis) Password() string { return r.password }

// prepare makes everything ready for a start, and the command that is it. The password stands in a
// file, where the list of processes does not show it.
func (r *Redis) prepare() (*exec.Cmd, error) {
	if err := checkPort(r.opt.Port, "--redis-port", "Redis"); err != nil {
		return nil, err
	}
	var config bytes.Buffer
	err := redisConfig.Execute(&config, map[string]any{"Port": r.opt.Port, "Password": r.password, "Dir": r.opt.Dir})
	if err != nil {
		return nil, fmt.Errorf("make redis.conf: %w", err)
	}
	if err := writeFile(r.file("redis.conf"), config.Bytes()); err != nil {
		return nil, err
	}
	cmd := exec.Command(r.opt.Binary, r.file("redis.conf"))
	cmd.Dir = r.opt.Dir
	return cmd, nil
}

func (r *Redis) ping(ctx context.Context) error {
	client := r.Open()
	defer client.Close()
	return client.Ping(ctx).Err()
}

// Open prepares a client; the caller closes it.
func (r *Redis) Open() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: r.Addr(), Password: r.password, MaxRetries: -1, DialerRetries: 1, DisableIdentity: true})
}

// quoteRedis writes a value as the configuration file wants it.
func quoteRedis(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(value) + `"`
}

func (r *Redis) file(name string) string { return filepath.Join(r.opt.Dir, name) }
