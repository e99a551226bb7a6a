package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/redis/go-redis/v9"

	"fairlead/aggregator/rollup"
	"fairlead/cmd/stores"
	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

const (
	nodesOfYear = 4
	chunkRows   = 2_000_000 // of one INSERT; a multiple of nodesOfYear
)

// firstOfYear is when the clicks begin: with a year that is over, and no leap year.
var firstOfYear = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

var (
	//go:embed scale/clicks.sql
	scaleClicksSQL string
	//go:embed scale/shipments.sql
	scaleShipmentsSQL string
	//go:embed scale/figures.sql
	scaleFiguresSQL string
)

// year is a ClickHouse and a Redis with the clicks of a year, as far as they have been generated.
type year struct {
	rows       uint64 // of the whole year
	partners   int
	days       int
	done       uint64 // generated so far
	clickHouse *stores.ClickHouse
	redis      *stores.Redis
	ch         driver.Conn
	rdb        *redis.Client
	rollup     *rollup.Rollup
	progress   io.Writer
}

// startYear starts empty stores in dir and brings the schema up.
func startYear(ctx context.Context, dir string, o scaleOptions, progress io.Writer) (_ *year, err error) {
	y := &year{rows: o.rows, partners: o.partners, days: o.days, progress: progress}
	defer func() {
		if err != nil {
			err = errors.Join(err, y.stop())
		}
	}()
	var ports [3]int
	for i := range ports {
		if ports[i], err = freePort(); err != nil {
			return nil, err
		}
	}
	y.clickHouse, err = stores.StartClickHouse(ctx, stores.ClickHouseOptions{Dir: filepath.Join(dir, "clickhouse"), NativePort: ports[0], HTTPPort: ports[1]})
	if err != nil {
		return nil, err
	}
	if y.redis, err = stores.StartRedis(ctx, stores.RedisOptions{Dir: filepath.Join(dir, "redis"), Port: ports[2]}); err != nil {
		return nil, err
	}
	if y.ch, err = y.clickHouse.Open(); err != nil {
		return nil, err
	}
	y.rdb = y.redis.Open()
	if err := clickhouse.Apply(ctx, y.ch, clickhouse.Options{}); err != nil {
		return nil, err
	}
	y.rollup = rollup.New(rollup.Options{ClickHouse: y.ch, Redis: y.rdb, Keys: schema.DefaultKeys, Logger: slog.New(slog.DiscardHandler)})
	return y, nil
}

func freePort() (int, error) {
	addr, err := freeAddr()
	if err != nil {
		return 0, err
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(port)
}

// stop ends the stores; what is in them is not needed any more.
func (y *year) stop() error {
	var errs []error
	if y.ch != nil {
		errs = append(errs, y.ch.Close())
	}
	if y.rdb != nil {
		errs = append(errs, y.rdb.Close())
	}
	if y.clickHouse != nil {
		y.clickHouse.Kill()
	}
	if y.redis != nil {
		y.redis.Kill()
	}
	return errors.Join(errs...)
}

// tenth returns after how many of the days a tenth of the clicks is there.
func tenth(days int) int { return int(0.1514*float64(days) + 0.5) }

// rowsUpTo returns how many clicks there are up to the end of a day of the year, counted from 1: the inverse of the
// moment that clicks.sql gives a click.
func (y *year) rowsUpTo(days int) uint64 {
	grown := 0.6 + 0.8*float64(days)/float64(y.days)
	return whole4(float64(y.rows) * (grown*grown - 0.36) / 1.6)
}

// minuteAt returns how many clicks a minute of such a day has in the mean.
func (y *year) minuteAt(days int) uint64 {
	return max(nodesOfYear, whole4(float64(y.rowsUpTo(days)-y.rowsUpTo(days-1))/(24*60)))
}

// whole4 rounds to as many clicks of every node.
func whole4(rows float64) uint64 { return uint64(rows/nodesOfYear+0.5) * nodesOfYear }

// generate stores clicks, and what redirectors would say of them, until there are so many.
func (y *year) generate(ctx context.Context, until uint64) (time.Duration, error) {
	began := time.Now()
	for y.done < until {
		count := min(chunkRows, until-y.done)
		err := y.exec(ctx, "generate clicks", scaleClicksSQL, map[string]string{
			"rows": strconv.FormatUint(y.rows, 10), "first": strconv.FormatUint(y.done, 10), "count": strconv.FormatUint(count, 10),
			"from": firstOfYear.Format(time.DateTime), "partners": strconv.Itoa(y.partners), "nodes": strconv.Itoa(nodesOfYear), "days": strconv.Itoa(y.days),
		})
		if err != nil {
			return 0, err
		}
		err = y.exec(ctx, "ship clicks", scaleShipmentsSQL, map[string]string{
			"first": strconv.FormatUint(y.done/nodesOfYear+1, 10), "last": strconv.FormatUint((y.done+count)/nodesOfYear, 10),
		})
		if err != nil {
			return 0, err
		}
		y.done += count
		fmt.Fprintf(y.progress, "%d of %d clicks generated, %.0f s\n", y.done, y.rows, time.Since(began).Seconds())
	}
	return time.Since(began), nil
}

// rebuild counts all figures anew once ClickHouse has merged what it will.
func (y *year) rebuild(ctx context.Context) (time.Duration, error) {
	if err := y.merged(ctx); err != nil {
		return 0, err
	}
	began := time.Now()
	_, err := y.rollup.Rebuild(ctx, func(done, total int) {
		fmt.Fprintf(y.progress, "%d of %d months counted, %.0f s\n", done, total, time.Since(began).Seconds())
	})
	return time.Since(began), err
}

// takeUp stores the clicks of a minute and lets the aggregator take them up. The first run of a process compares all
// shipments; it is not the one that is measured.
func (y *year) takeUp(ctx context.Context, until uint64) (time.Duration, error) {
	if _, err := y.rollup.Run(ctx); err != nil {
		return 0, err
	}
	want := until - y.done
	if _, err := y.generate(ctx, until); err != nil {
		return 0, err
	}
	if err := y.merged(ctx); err != nil {
		return 0, err
	}
	report, err := y.rollup.Run(ctx)
	if err != nil {
		return 0, err
	}
	if report.Hits != want {
		return 0, fmt.Errorf("the aggregator took %d clicks up, want the %d that are new: %+v", report.Hits, want, report)
	}
	return report.Took, nil
}

// compare is an error if the figures are not those that the facts have.
func (y *year) compare(ctx context.Context) error {
	var f struct {
		Facts     uint64  `ch:"facts"`
		Days      uint64  `ch:"partner_days"`
		Months    uint64  `ch:"partner_months"`
		Links     uint64  `ch:"link_days"`
		Breakdown float64 `ch:"breakdown_days"`
	}
	if err := y.ch.QueryRow(clickhouse.Named(ctx, "bench: figures", nil), scaleFiguresSQL).ScanStruct(&f); err != nil {
		return fmt.Errorf("compare the figures with the facts: %w", err)
	}
	if f.Facts == 0 || f.Days != f.Facts || f.Months != f.Facts || f.Links != f.Facts || f.Breakdown != float64(f.Facts) {
		return fmt.Errorf("the figures are not those of the facts: %+v", f)
	}
	return nil
}

// mergeTime is how long ClickHouse may take to merge what was inserted.
const mergeTime = 5 * time.Minute

// merged waits until ClickHouse has merged what it will.
func (y *year) merged(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, mergeTime)
	defer cancel()
	for quiet := 0; quiet < 3; {
		var merges uint64
		if err := y.ch.QueryRow(ctx, "SELECT count() FROM system.merges").Scan(&merges); err != nil {
			return fmt.Errorf("wait for ClickHouse to merge: %w", err)
		}
		if quiet++; merges > 0 {
			quiet = 0
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for ClickHouse to merge: %w", ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

func (y *year) exec(ctx context.Context, what, sql string, values map[string]string) error {
	if err := y.ch.Exec(clickhouse.Named(ctx, "bench: "+what, values), sql); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
