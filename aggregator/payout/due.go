package payout

import (
	"context"
	"fmt"
	"time"

	"fairlead/schema"
)

// RunDue is Run at the program's last payout day, as a clock does it. A payout day or a time zone that was changed makes no second
// payday of a month: after one, the next is in another month, whoever ran it. People may Run at any cut-off.
func (r *Runner) RunDue(ctx context.Context, actor string) (Report, error) {
	program, err := r.opt.Program(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("payouts: %w", err)
	}
	cutOff := CutOff(program, r.opt.Now())
	return r.run(ctx, cutOff, actor, func(w *work) (bool, error) {
		newest, err := w.Store.NewestRan(w.ctx)
		return err == nil && !newest.IsZero() && !follows(cutOff, newest, program.Location()), err
	})
}

// zonesApart is how much later a day may begin in another time zone, nearly: 23 hours after the last payout day of February
// began, it is February still.
const zonesApart = 23 * time.Hour

// follows reports whether a cut-off is in a later month than another. The other may be of another time zone: in doubt it is in the
// month in which it ends.
func follows(cutOff, other time.Time, zone *time.Location) bool {
	return cutOff.After(other) && schema.MonthOf(cutOff, zone) != schema.MonthOf(other.Add(zonesApart), zone)
}

// NewestRan is the latest cut-off at which all was drafted; zero: there is none.
func (d Database) NewestRan(ctx context.Context) (time.Time, error) {
	var at time.Time
	err := d.ClickHouse.QueryRow(d.asking(ctx, "newest cut-off", nil), "SELECT max(cut_off) FROM fairlead.payout_cut_offs FINAL").Scan(&at)
	if err != nil {
		return at, fmt.Errorf("ask for the newest cut-off of payouts: %w", err)
	}
	return unlessNever(at), nil
}
