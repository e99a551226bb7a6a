// Package live makes the live counters in Redis anew from the facts, when they are missing, belong to
// another time zone, or were asked for.
//
// # What is promised
//
// After a rebuild each of the hashes holds, for every partner and program-day of the window, the valid
// clicks up to the position that the same hash names for each node: exactly those whose shipment and all
// shipments before it have landed in ClickHouse. The redirectors go on from these positions, so that
// no click is counted twice or left out, whether they were behind or ahead of ClickHouse when the
// counters went away.
//
// # How
//
// The mark of whole counters (Keys.LiveComplete) is taken away first: from then on the redirectors hold.
// Each hash is made beside the old one and put in its place by RENAME, with its positions and the new
// epoch in it. A command that was still on its way meets a hash of another epoch and changes nothing.
// The mark is written last. A rebuild that dies in between leaves no mark, and the next check begins
// again; what it had prepared expires.
//
// # Limits
//
// The window is today and schema.LiveDays days before it. Clicks are counted by ClickHouse day by day,
// and a hash is held whole in Redis twice while it is swapped.
package live

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/redis/go-redis/v9"

	"fairlead/aggregator/lock"
	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

// Options are what a Live works with.
type Options struct {
	ClickHouse driver.Conn
	Redis      redis.UniversalClient
	Keys       schema.Keys
	Logger     *slog.Logger
	Now        func() time.Time // time.Now when nil
	LockLife   time.Duration    // after which a dead rebuild's lock expires; 30 s when 0
}

// Live keeps the live counters whole. It is safe for concurrent use.
type Live struct {
	opt Options

	mu      sync.Mutex
	trimmed schema.Day // the last day on which old days were taken out

	// step, when set by a test, is called after each step of a rebuild; an error ends it there as a
	// crash would.
	step func(name string) error
}

// New returns a Live.
func New(opt Options) *Live {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.LockLife == 0 {
		opt.LockLife = 30 * time.Second
	}
	return &Live{opt: opt}
}

// Report says what a check or a rebuild did.
type Report struct {
	Skipped  bool          `json:"skipped,omitempty"` // another process was at it
	Why      string        `json:"why,omitempty"`     // the reason for a rebuild; empty: there was none
	Counters int           `json:"counters"`          // written
	Clicks   uint64        `json:"clicks"`            // in them
	Nodes    int           `json:"nodes"`             // whose positions were written
	Trimmed  int           `json:"trimmed"`           // counters of days before the window that were taken out
	Took     time.Duration `json:"took_ns"`
}

// Check rebuilds the counters when they are not whole, and otherwise takes out, once a day, the days
// that have left the window.
func (l *Live) Check(ctx context.Context) (Report, error) {
	zone, err := clickhouse.ProgramZone(ctx, l.opt.ClickHouse)
	if err != nil {
		return Report{}, fmt.Errorf("check the live counters: %w", err)
	}
	why, err := l.wrong(ctx, zone)
	if err != nil {
		return Report{}, fmt.Errorf("check the live counters: %w", err)
	}
	if why != "" {
		return l.rebuild(ctx, why)
	}
	n, err := l.trim(ctx, zone)
	if err != nil {
		return Report{}, fmt.Errorf("take old days out of the live counters: %w", err)
	}
	return Report{Trimmed: n}, nil
}

// Rebuild makes all counters anew. While another process does the answer is lock.ErrHeld.
func (l *Live) Rebuild(ctx context.Context) (Report, error) {
	report, err := l.rebuild(ctx, "asked for")
	if err == nil && report.Skipped {
		return report, fmt.Errorf("rebuild the live counters: %w", lock.ErrHeld)
	}
	return report, err
}

// wrong tells why the counters have to be rebuilt; empty: they are whole.
func (l *Live) wrong(ctx context.Context, zone *time.Location) (why string, err error) {
	pipe := l.opt.Redis.Pipeline()
	mark := pipe.Get(ctx, l.opt.Keys.LiveComplete())
	var epochs [schema.LiveShards]*redis.StringCmd
	for i := range epochs {
		epochs[i] = pipe.HGet(ctx, l.opt.Keys.Live(i), schema.LiveEpoch)
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return "", err
	}
	if mark.Val() == "" {
		return "they are not there, or not whole", nil
	}
	if _, name, _ := strings.Cut(mark.Val(), ":"); name != zone.String() {
		return fmt.Sprintf("the program's time zone has changed from %s to %s", name, zone), nil
	}
	for i, e := range epochs {
		if e.Val() != mark.Val() {
			return fmt.Sprintf("the hash %s is gone or of another rebuild", l.opt.Keys.Live(i)), nil
		}
	}
	return "", nil
}

func (l *Live) rebuild(ctx context.Context, why string) (Report, error) {
	began := time.Now()
	held, err := lock.Acquire(ctx, l.opt.Redis, l.opt.Keys, "live", l.opt.LockLife)
	if errors.Is(err, lock.ErrHeld) {
		return Report{Skipped: true}, nil
	}
	if err != nil {
		return Report{}, fmt.Errorf("rebuild the live counters: %w", err)
	}
	defer held.Release()
	r := &rebuild{Options: l.opt, ctx: held.Context(), lock: held, report: Report{Why: why}, step: l.step, id: rand.Text()}
	err = r.run()
	r.report.Took = time.Since(began)
	if err != nil {
		if cause := context.Cause(r.ctx); cause != nil && ctx.Err() == nil {
			err = fmt.Errorf("%w (%w)", err, cause)
		}
		return r.report, fmt.Errorf("rebuild the live counters: %w", err)
	}
	l.opt.Logger.Info("live counters made anew from ClickHouse", "why", why, "clicks", r.report.Clicks,
		"counters", r.report.Counters, "nodes", r.report.Nodes, "took", r.report.Took)
	return r.report, nil
}
