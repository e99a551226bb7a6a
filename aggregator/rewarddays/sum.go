package rewarddays

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

var (
	//go:embed queries/much.sql
	muchSQL string
	//go:embed queries/touched.sql
	touchedSQL string
	//go:embed queries/days.sql
	daysSQL string
	//go:embed queries/known_months.sql
	knownMonthsSQL string
)

// partnerDay is what is summed anew.
type partnerDay struct {
	partner schema.PartnerID
	day     schema.Day
}

// much is how many new rows are looked up one by one; where there are more, every month is summed anew.
const much = 1_000_000

// mostDays is how many days of partners ClickHouse is told of; where more of a month are touched, all of it is summed anew.
const mostDays = 10_000

// sum sums anew what is beyond the state; every month where nothing was summed yet, or the program's time zone has changed.
func (r *run) sum(now marks) error {
	moved, err := r.zoneMoved()
	if err != nil {
		return err
	}
	if moved {
		r.Logger.Info("the program's time zone has changed: summing every month of rewards anew", "zone", r.zone.String())
	}
	if moved || r.state.Token == 0 {
		return r.sumAll(nil)
	}
	if now == r.state.marks {
		return nil
	}
	values := map[string]string{
		"booked":       strconv.FormatUint(r.since.Booked.Token, 10),
		"paid":         strconv.FormatUint(r.since.Paid.Token, 10),
		"attributions": strconv.FormatUint(r.since.Attributions, 10),
	}
	var rows uint64
	if err := r.ClickHouse.QueryRow(r.named("how much is new", values), muchSQL).Scan(&rows); err != nil {
		return fmt.Errorf("count what is new in the ledger: %w", err)
	}
	if rows > r.much {
		return r.sumAll(nil)
	}
	touched, err := r.touched(values)
	if err != nil {
		return err
	}
	for _, m := range slices.Sorted(maps.Keys(touched)) {
		if err := r.sumMonth(m, touched[m], len(touched[m]) > mostDays); err != nil {
			return err
		}
	}
	return nil
}

// touched returns the days of partners on which the rewards were earned that something new is known of, by month.
func (r *run) touched(values map[string]string) (map[schema.Month][]partnerDay, error) {
	var found []struct {
		Partner uint32 `ch:"partner_id"`
		Quarter uint64 `ch:"quarter"`
	}
	if err := r.ClickHouse.Select(r.named("days that are touched", values), &found, touchedSQL); err != nil {
		return nil, fmt.Errorf("look for the days that are touched: %w", err)
	}
	seen := map[partnerDay]bool{}
	out := map[schema.Month][]partnerDay{}
	for _, f := range found {
		d := partnerDay{schema.PartnerID(f.Partner), schema.DayOf(time.Unix(int64(f.Quarter), 0), r.zone)}
		if !seen[d] {
			seen[d] = true
			out[d.day.Month()] = append(out[d.day.Month()], d)
		}
	}
	return out, nil
}

// sumAll sums every month anew, each whole.
func (r *run) sumAll(progress func(done, total int)) error {
	var known []struct {
		Month   uint32 `ch:"month"`
		Booked  bool   `ch:"booked"`
		Figures bool   `ch:"figures"`
	}
	if err := r.ClickHouse.Select(r.named("known months", nil), &known, knownMonthsSQL); err != nil {
		return fmt.Errorf("look for the months with rewards: %w", err)
	}
	months := map[schema.Month]bool{}
	for _, k := range known {
		m := schema.Month(k.Month)
		if k.Booked { // a month of UTC
			months[schema.MonthOf(m.FirstDay().Time(), r.zone)] = true
			months[schema.MonthOf(m.Add(1).FirstDay().Time().Add(-time.Second), r.zone)] = true
		}
		if k.Figures {
			months[m] = true
		}
	}
	for i, m := range slices.Sorted(maps.Keys(months)) {
		if err := r.sumMonth(m, nil, true); err != nil {
			return err
		}
		if progress != nil {
			progress(i+1, len(months))
		}
	}
	return nil
}

// zoneMoved reports whether figures stand that were cut in another zone than the program's.
func (r *run) zoneMoved() (bool, error) {
	var n uint64
	ctx := r.named("zones of the months", map[string]string{"zone": r.zone.String()})
	if err := r.ClickHouse.QueryRow(ctx, "SELECT count() FROM fairlead.reward_months FINAL WHERE zone != {zone:String}").Scan(&n); err != nil {
		return false, fmt.Errorf("read the months of the rewards: %w", err)
	}
	return n > 0, nil
}

// sumMonth sums days of partners in a month from the ledger and swaps the month in. All others keep their figures; with
// whole there are no others.
func (r *run) sumMonth(month schema.Month, touched []partnerDay, whole bool) error {
	if whole {
		touched = nil
	}
	stage := r.staging.Name("reward_days")
	if err := r.staging.Create(stage); err != nil {
		return err
	}
	days := month.Days()
	texts, starts := make([]string, len(days)), make([]string, len(days))
	for i, d := range days {
		texts[i], starts[i] = date(d), clickhouse.Quote(clickhouse.Instant(d.Period(r.zone).From))
	}
	pairs, partners := make([]string, len(touched)), map[string]bool{}
	for i, t := range touched {
		pairs[i] = "(" + t.partner.String() + "," + date(t.day) + ")"
		partners[t.partner.String()] = true
	}
	err := r.staging.Fill(stage, "days of rewards", daysSQL, map[string]string{
		"token":    strconv.FormatUint(r.lock.Token(), 10),
		"month":    strconv.FormatUint(uint64(month), 10),
		"whole":    strconv.FormatBool(whole),
		"touched":  list(pairs),
		"partners": list(slices.Sorted(maps.Keys(partners))),
		"days":     list(texts),
		"starts":   list(starts),
		"from":     clickhouse.Instant(days[0].Period(r.zone).From),
		"to":       clickhouse.Instant(days[len(days)-1].Period(r.zone).To),
	})
	if err != nil {
		return fmt.Errorf("month %d: %w", month, err)
	}
	if err := r.staging.Swap(stage, strconv.FormatUint(uint64(month), 10)); err != nil {
		return err
	}
	err = r.ClickHouse.Exec(r.named("month done", nil), "INSERT INTO fairlead.reward_months (month, zone, token) VALUES (?, ?, ?)",
		uint32(month), r.zone.String(), r.lock.Token())
	if err != nil {
		return fmt.Errorf("record month %d as done: %w", month, err)
	}
	if err := r.after("month"); err != nil {
		return err
	}
	r.report.Days += len(touched)
	r.report.Months = append(r.report.Months, month)
	return r.staging.Drop(stage.Name)
}

func date(d schema.Day) string { return clickhouse.Quote(d.Time().Format(time.DateOnly)) }

// list writes an array in ClickHouse's text form.
func list(texts []string) string { return "[" + strings.Join(texts, ",") + "]" }
