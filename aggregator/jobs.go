package aggregator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"fairlead/aggregator/attribute"
	"fairlead/aggregator/courier"
	"fairlead/aggregator/live"
	"fairlead/aggregator/lock"
	"fairlead/aggregator/rollup"
	"fairlead/aggregator/verify"
)

// result is what a job says it did; nil: another process was at it.
type result any

// rollUp is the job rollup.
func rollUp(r *rollup.Rollup) func(context.Context) (result, error) {
	return func(ctx context.Context) (result, error) {
		report, err := r.Run(ctx)
		if report.Skipped {
			return nil, err
		}
		return report, err
	}
}

// credit is the job attribute.
func credit(a *attribute.Attribute) func(context.Context) (result, error) {
	return func(ctx context.Context) (result, error) {
		report, err := a.Run(ctx)
		if report.Skipped {
			return nil, err
		}
		return report, err
	}
}

// deliver is the job deliver.
func deliver(c *courier.Courier) func(context.Context) (result, error) {
	return func(ctx context.Context) (result, error) {
		report, err := c.Run(ctx)
		if report.Skipped {
			return nil, err
		}
		return report, err
	}
}

// healed is what the job heal did.
type healed struct {
	Directory int         `json:"directory"` // entries sent to Redis
	Live      live.Report `json:"live"`
}

// heal is the job heal. The one half runs though the other fails.
func heal(directory func(context.Context) (int, error), counters *live.Live) func(context.Context) (result, error) {
	return func(ctx context.Context) (result, error) {
		var did healed
		var err, failed error
		if directory != nil {
			if did.Directory, err = directory(ctx); err != nil {
				failed = fmt.Errorf("heal the directory in Redis: %w", err)
			}
		}
		did.Live, err = counters.Check(ctx)
		if failed = errors.Join(failed, err); failed == nil && did.Live.Skipped {
			return nil, nil
		}
		return did, failed
	}
}

// verify is the job verify. It keeps the report for whoever shows it.
func (a *Aggregator) verify(v *verify.Verify) func(context.Context) (result, error) {
	return func(ctx context.Context) (result, error) {
		l, err := lock.Acquire(ctx, a.opt.Redis, a.opt.Keys, JobVerify, time.Minute)
		if errors.Is(err, lock.ErrHeld) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		defer l.Release()
		report, err := v.Run(l.Context(), verify.Scope{})
		if err != nil {
			return report, err
		}
		if !report.OK {
			a.opt.Logger.Error("verify found differences: run `fairlead verify` for the whole list",
				"gaps", report.Gaps, "doubles", report.Doubles, "differences", len(report.Differences)+report.Unlisted, "first", first(report))
		}
		text, err := json.Marshal(report)
		if err != nil {
			return report, fmt.Errorf("write the report of verify: %w", err)
		}
		if err := a.opt.Redis.Set(ctx, a.opt.Keys.Verified(), text, 0).Err(); err != nil {
			return report, fmt.Errorf("keep the report of verify: %w", err)
		}
		// The list may be long, and stands there.
		report.Differences, report.NotCompared = nil, nil
		return report, nil
	}
}

func first(report verify.Report) string {
	if len(report.Differences) == 0 {
		return ""
	}
	d := report.Differences[0]
	return fmt.Sprintf("%s, %s: want %s, got %s", d.What, d.Key, d.Want, d.Got)
}
