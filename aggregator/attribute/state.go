package attribute

import (
	"fmt"
	"strconv"
	"time"

	"fairlead/schema"
)

// state is where attribution stands: the last row of attribution_state.
type state struct {
	Token   uint64 // of the last run that finished; sale_days contains the decisions up to it
	Version uint64 // of directory_log that decisions take account of
	RatesTo time.Time
}

// readState reads the state, and the highest token that stands anywhere.
func (r *run) readState() (highest uint64, err error) {
	err = r.ClickHouse.QueryRow(r.named("state", nil),
		"SELECT max(token), argMax(directory_version, token), argMax(rates_to, token) FROM fairlead.attribution_state").
		Scan(&r.state.Token, &r.state.Version, &r.state.RatesTo)
	if err != nil {
		return 0, fmt.Errorf("read where attribution stands: %w", err)
	}
	values := map[string]string{"done": strconv.FormatUint(r.state.Token, 10)}
	err = r.ClickHouse.QueryRow(r.named("newest token", values),
		"SELECT greatest({done:UInt64}, (SELECT max(token) FROM fairlead.attributions WHERE token > {done:UInt64}), (SELECT max(token) FROM fairlead.sale_months))").
		Scan(&highest)
	if err != nil {
		return 0, fmt.Errorf("read the newest token: %w", err)
	}
	return highest, nil
}

// finish records what the decisions now take account of, if the run changed anything or took account of anything new.
func (r *run) finish(now state) error {
	if r.report.Changed > 0 || r.report.Days > 0 {
		r.report.Generation = r.lock.Token()
	} else if now == r.state {
		return nil
	}
	if err := r.lock.Check(); err != nil {
		return err
	}
	err := r.ClickHouse.Exec(r.named("done", nil), "INSERT INTO fairlead.attribution_state (token, directory_version, rates_to) VALUES (?, ?, fromUnixTimestamp64Milli(?))",
		r.lock.Token(), now.Version, now.RatesTo.UnixMilli())
	if err != nil {
		return fmt.Errorf("record where attribution stands: %w", err)
	}
	return r.after("state")
}

// publish tells the readers of Redis which figures stand now.
func (r *run) publish() error {
	if err := r.lock.Check(); err != nil {
		return err
	}
	err := r.Redis.HSet(r.ctx, r.Keys.Rollup(),
		schema.SalesGeneration, r.report.Generation,
		schema.SalesCompleteTo, max(0, r.report.CompleteTo.UnixMilli()),
	).Err()
	if err != nil {
		return fmt.Errorf("tell Redis which figures stand: %w", err)
	}
	return r.after("publish")
}
