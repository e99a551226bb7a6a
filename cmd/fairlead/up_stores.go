package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"fairlead/cmd/stores"
	"fairlead/schema/clickhouse"
)

// openStores starts ClickHouse and Redis, unless the configuration names servers, brings the schema up
// to date, and writes down how to reach everything.
func (u *up) openStores(ctx context.Context) (*deployment, error) {
	if err := makePayoutKey(u.config); err != nil {
		return nil, err
	}
	if len(u.config.ClickHouse.Addrs) == 0 {
		if err := u.startClickHouse(ctx); err != nil {
			return nil, err
		}
	}
	if len(u.config.Redis.Addrs) == 0 {
		if err := u.startRedis(ctx); err != nil {
			return nil, err
		}
	}
	d, err := connect(ctx, u.config, u.log)
	if err != nil {
		return nil, err
	}
	u.closing(d.Close)
	began, applied := time.Now(), 0
	err = clickhouse.Apply(ctx, d.CH, clickhouse.Options{
		Cluster:  u.config.ClickHouse.Cluster,
		Progress: func(done, _ int, _ string) { applied = done },
	})
	if err != nil {
		return nil, err
	}
	u.announce("schema", migrated(applied), began)
	d.Addresses = addresses{
		Redirector: d.RedirectorURL, Dashboard: d.DashboardURL, Ops: "http://" + u.config.Ops.Listen,
		ClickHouse: clickHouseAddress{Native: u.config.ClickHouse.Addrs[0], HTTP: u.config.ClickHouse.HTTPURL, User: u.config.ClickHouse.User, Password: u.config.ClickHouse.Password},
		Redis:      redisAddress{Addr: u.config.Redis.Addrs[0], Password: u.config.Redis.Password},
	}
	return d, d.Addresses.write(u.config.Dir)
}

// startClickHouse starts the engine as a child and enters it into the configuration.
func (u *up) startClickHouse(ctx context.Context) error {
	began := time.Now()
	ch, err := stores.StartClickHouse(ctx, stores.ClickHouseOptions{
		Dir:        filepath.Join(u.config.Dir, "clickhouse"),
		Library:    u.config.ClickHouse.Library,
		Binary:     u.config.ClickHouse.Binary,
		NativePort: u.config.ClickHouse.Port,
		HTTPPort:   u.config.ClickHouse.HTTPPort,
		Logger:     u.log,
	})
	if err != nil {
		return err
	}
	u.keep(ch.Keep, ch.Stop)
	c := &u.config.ClickHouse
	c.Addrs, c.HTTPURL, c.User, c.Password = []string{ch.Addr()}, ch.URL(), stores.ClickHouseUser, ch.Password()
	u.announce("ClickHouse", ch.Addr()+" and "+ch.URL(), began)
	return nil
}

// startRedis starts redis-server as a child and enters it into the configuration.
func (u *up) startRedis(ctx context.Context) error {
	began := time.Now()
	r, err := stores.StartRedis(ctx, stores.RedisOptions{
		Dir:    filepath.Join(u.config.Dir, "redis"),
		Binary: u.config.Redis.Binary,
		Port:   u.config.Redis.Port,
		Logger: u.log,
	})
	if err != nil {
		return err
	}
	u.keep(r.Keep, r.Stop)
	c := &u.config.Redis
	c.Addrs, c.User, c.Password = []string{r.Addr()}, "", r.Password()
	u.announce("Redis", r.Addr(), began)
	return nil
}

// keep restarts a store that dies until the deployment stops.
func (u *up) keep(keep func(context.Context, func(error)), stop func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		keep(ctx, nil)
	}()
	u.closing(func() error {
		cancel()
		<-done
		stop(context.Background())
		return nil
	})
}

// migrated says what a migration did.
func migrated(applied int) string {
	if applied == 0 {
		return "up to date"
	}
	return fmt.Sprintf("%d migrations applied", applied)
}
