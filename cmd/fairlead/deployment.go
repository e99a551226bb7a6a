package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/redis/go-redis/v9"

	"fairlead/configs"
	"fairlead/schema"
	"fairlead/schema/directory"
)

// deployment is what a command or a component works on: the open stores and the directory in them.
type deployment struct {
	CH            driver.Conn
	Redis         redis.UniversalClient
	Keys          schema.Keys
	Directory     *directory.Directory
	RedirectorURL string // without a slash at its end, as is the next
	DashboardURL  string
	Config        configs.Config // with the stores' addresses filled in
	Addresses     addresses      // zero where the configuration names the stores
}

// Close closes the connections.
func (d *deployment) Close() error { return errors.Join(d.CH.Close(), d.Redis.Close()) }

// opener opens the deployment that the flags and the configuration name.
type opener func(ctx context.Context) (*deployment, error)

// errNoDeployment says that a command found nothing to work on.
var errNoDeployment = errors.New("there is no deployment here")

// locate completes the configuration with the stores of the `fairlead up` that runs on the same
// folder, unless it names stores itself.
func locate(c configs.Config) (configs.Config, addresses, error) {
	if len(c.ClickHouse.Addrs) > 0 && len(c.Redis.Addrs) > 0 {
		return c, addresses{}, nil
	}
	a, err := readAddresses(c.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return c, a, fmt.Errorf("%w: %s holds no %s; start `fairlead up --dir %s`, name another folder with --dir, or name the stores with clickhouse.addrs and redis.addrs",
			errNoDeployment, c.Dir, addressFile, c.Dir)
	}
	if err != nil {
		return c, a, err
	}
	a.configure(&c)
	return c, a, nil
}

// openDeployment opens the deployment that the configuration names and makes sure that it answers.
func openDeployment(ctx context.Context, c configs.Config, log *slog.Logger) (*deployment, error) {
	c, a, err := locate(c)
	if err != nil {
		return nil, err
	}
	if a.Redirector != "" {
		c.Redirector.PublicURL, c.Dashboard.PublicURL = a.Redirector, a.Dashboard
	}
	d, err := connect(ctx, c, log)
	if err != nil {
		return nil, err
	}
	d.Addresses = a
	return d, nil
}

// connect opens the stores and makes sure that both answer.
func connect(ctx context.Context, c configs.Config, log *slog.Logger) (*deployment, error) {
	d, err := dial(c, log)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := d.CH.Ping(ctx); err != nil {
		return nil, errors.Join(silent("ClickHouse", c.ClickHouse.Addrs, c.Dir, err), d.Close())
	}
	if err := d.Redis.Ping(ctx).Err(); err != nil {
		return nil, errors.Join(silent("Redis", c.Redis.Addrs, c.Dir, err), d.Close())
	}
	return d, nil
}

// silent says that a store does not answer, and what to do.
func silent(store string, addrs []string, dir string, err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err // without the address a second time
	}
	return fmt.Errorf("%s at %s does not answer (%w): start it, with `fairlead up --dir %s` where that is what runs it", store, strings.Join(addrs, ", "), err, dir)
}

// dial prepares the connections without asking whether anybody is there: a redirector starts without
// its stores.
func dial(c configs.Config, log *slog.Logger) (*deployment, error) {
	key, err := payoutKey(c)
	if err != nil {
		return nil, err
	}
	ch, err := openClickHouse(c.ClickHouse)
	if err != nil {
		return nil, err
	}
	d := &deployment{
		CH:            ch,
		Redis:         openRedis(c.Redis),
		Keys:          schema.Keys{Prefix: c.Redis.Prefix},
		RedirectorURL: c.Redirector.URL(),
		DashboardURL:  c.Dashboard.URL(),
		Config:        c,
	}
	d.Directory = directory.New(d.CH, d.Redis, directory.Options{
		Keys:          d.Keys,
		AllowLoopback: !configs.IsPublic(c.Redirector.Listen),
		Edge:          d.RedirectorURL,
		Quorum:        c.ClickHouse.Cluster != "",
		Logger:        log,
		PayoutKey:     key,

		LoopbackEndpoints: c.Deliveries.AllowLoopback,
	})
	return d, nil
}

// openClickHouse prepares a pool of connections. They are opened in the order of the addresses, so that
// what one process does meets one server while that one is there.
func openClickHouse(c configs.ClickHouse) (driver.Conn, error) {
	opt := &clickhouse.Options{
		Addr:             c.Addrs,
		Auth:             clickhouse.Auth{Username: c.User, Password: c.Password},
		DialTimeout:      3 * time.Second,
		ReadTimeout:      5 * time.Minute,
		MaxOpenConns:     16,
		MaxIdleConns:     8,
		ConnOpenStrategy: clickhouse.ConnOpenInOrder,
		Compression:      &clickhouse.Compression{Method: clickhouse.CompressionLZ4},
	}
	if c.Secure {
		opt.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	conn, err := clickhouse.Open(opt)
	if err != nil {
		return nil, fmt.Errorf("open ClickHouse at %v: %w", c.Addrs, err)
	}
	return conn, nil
}

// openRedis prepares a client that never repeats a command by itself: a script may have run although
// its answer was lost, and only its caller knows how to find out
// (https://github.com/redis/go-redis/issues/2339).
func openRedis(c configs.Redis) redis.UniversalClient {
	opt := &redis.UniversalOptions{
		Addrs:           c.Addrs,
		MasterName:      c.MasterName,
		Username:        c.User,
		Password:        c.Password,
		DB:              c.DB,
		ClientName:      "fairlead",
		MaxRetries:      -1,
		DialTimeout:     3 * time.Second,
		ReadTimeout:     10 * time.Second,
		WriteTimeout:    10 * time.Second,
		DisableIdentity: true,
		// A question is over when its context is, not when the time-outs above are.
		ContextTimeoutEnabled: true,
	}
	if c.Secure {
		opt.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return redis.NewUniversalClient(opt)
}
