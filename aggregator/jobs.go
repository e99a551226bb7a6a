package aggregator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"fairlead/aggregator/attribute"
	"fairlead/aggregator/book"
	"fairlead/aggregator/courier"
	"fairlead/aggregator/live"
	"fairlead/aggregator/rewarddays"
	"fairlead/aggregator/rollup"
	"fairlead/aggregator/verify"
)

// result is what a job says it did; nil: another process was at it. A told says it for people, too.
type result any

// told is what a job did, for programs and for people.
type told struct {
	report any
	rows   uint64 // that it took up or wrote
	what   string
}

// rollUp is the job rollup.
func rollUp(r *rollup.Rollup) func(context.Context) (result, error) {
	return func(ctx context.Context) (result, error) {
		report, err := r.Run(ctx)
		if report.Skipped {
			return nil, err
		}
		return told{report, report.Hits, fmt.Sprintf("%d shipments rolled up, %d days counted", report.Shipments, report.Days)}, err
	}
}

// credit is the job attribute.
func credit(a *attribute.Attribute) func(context.Context) (result, error) {
	return func(ctx context.Context) (result, error) {
		report, err := a.Run(ctx)
		if report.Skipped {
			return nil, err
		}
		return told{report, uint64(report.Reports), fmt.Sprintf("%d reports decided, %d changed, %d days summed", report.Reports, report.Changed, report.Days)}, err
	}
}

// rewarded is what the job reward did.
type rewarded struct {
	Booked  book.Report       `json:"booked"`
	Figures rewarddays.Report `json:"figures"`
}

// bookRewards is the job reward. The figures are summed though booking failed, or another process is at it:
// payouts change them, too.
func bookRewards(b *book.Book, days *rewarddays.RewardDays) func(context.Context) (result, error) {
	return func(ctx context.Context) (result, error) {
		var did rewarded
		var failed error
		did.Booked, failed = b.Run(ctx)
		figures, err := days.Run(ctx)
		if did.Figures = figures; errors.Join(failed, err) != nil {
			return did, errors.Join(failed, err)
		}
		if did.Booked.Skipped && did.Figures.Skipped {
			return nil, nil
		}
		return told{did, uint64(did.Booked.Rows), fmt.Sprintf("%d decisions reckoned with, %d rows booked, %d days of partners summed",
			did.Booked.Decisions, did.Booked.Rows, did.Figures.Days)}, nil
	}
}

// deliver is the job deliver.
func deliver(c *courier.Courier) func(context.Context) (result, error) {
	return func(ctx context.Context) (result, error) {
		report, err := c.Run(ctx)
		if report.Skipped {
			return nil, err
		}
		return told{report, uint64(report.Delivered), fmt.Sprintf("%d found, %d delivered, %d to be tried again, %d given up",
			report.Notices, report.Delivered, report.Retry, report.Failed)}, err
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
		what := fmt.Sprintf("%d entries of the directory sent", did.Directory)
		if did.Live.Why != "" {
			what += fmt.Sprintf(", live counters made anew (%d)", did.Live.Counters)
		}
		return told{did, uint64(did.Directory + did.Live.Counters), what}, failed
	}
}

// verify is the job verify. It keeps the report for whoever shows it.
func (a *Aggregator) verify(v *verify.Verify) func(context.Context) (result, error) {
	return func(ctx context.Context) (result, error) {
		report, err := v.Run(ctx, verify.Scope{})
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
		found := len(report.Differences) + report.Unlisted
		report.Differences, report.NotCompared = nil, nil
		return told{report, report.Clicks + report.Conversions, fmt.Sprintf("%d months recounted: %d gaps, %d doubles, %d differences",
			len(report.Months), report.Gaps, report.Doubles, found)}, nil
	}
}

func first(report verify.Report) string {
	if len(report.Differences) == 0 {
		return ""
	}
	d := report.Differences[0]
	return fmt.Sprintf("%s, %s: want %s, got %s", d.What, d.Key, d.Want, d.Got)
}
