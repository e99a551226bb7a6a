package verify

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"time"

	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

var (
	//go:embed queries/reward_months.sql
	rewardMonthsSQL string
	//go:embed queries/reward_days.sql
	rewardDaysSQL string
	//go:embed queries/payouts.sql
	payoutsSQL string
)

// More of what a Difference or an Open is about.
const (
	RewardDays = "reward_days"
	Ledger     = "ledger"
	Payouts    = "payouts"
)

// rewardNames are the figures of rewards in the order of the question's arrays. Amounts are in minor units.
var rewardNames = [...]string{"paid", "holding", "payable", "processing", "review", "rewards"}

// reckoningParts is in how many parts the progress of reckoning every reward is told.
const reckoningParts = 10

// moneyParts is how many parts of the progress are about money, beside the months of rewards.
const moneyParts = reckoningParts + 2

// rewardMonths returns the program-months in which rewards were earned, or have figures.
func (r *run) rewardMonths() ([]schema.Month, error) {
	var known []struct {
		Month   uint32 `ch:"month"`
		Booked  bool   `ch:"booked"`
		Figures bool   `ch:"figures"`
	}
	if err := r.ClickHouse.Select(r.named("months of rewards", nil), &known, rewardMonthsSQL); err != nil {
		return nil, fmt.Errorf("look for the months with rewards: %w", err)
	}
	found := map[schema.Month]bool{}
	for _, k := range known {
		r.programMonths(found, schema.Month(k.Month), k.Booked, k.Figures)
	}
	return r.inScope(found), nil
}

// money reckons the ledger, looks it over, holds payouts against it, and then the days of rewards.
func (r *run) money(months []schema.Month) error {
	if err := r.earned(); err != nil {
		return err
	}
	r.next("ledger")
	if err := r.again(r.ledgerDoubts); err != nil {
		return err
	}
	r.next("payouts")
	if err := r.again(r.payoutDoubts); err != nil {
		return err
	}
	r.sumRewards()
	for _, m := range months {
		r.next(fmt.Sprintf("rewards of %d", m))
		if err := r.again(func() ([]doubt, error) { return r.rewardDoubts(m) }); err != nil {
			return err
		}
	}
	return nil
}

// again looks for doubts as often as it takes to tell what is wrong from what is under way.
func (r *run) again(look func() ([]doubt, error)) error {
	var before []doubt
	for attempt := 1; ; attempt++ {
		doubts, err := look()
		if err != nil || len(doubts) == 0 {
			return err
		}
		if attempt == attempts {
			r.judge(before, doubts)
			return nil
		}
		before = doubts
		r.wait()
		r.sumRewards()
	}
}

// payoutDoubts are payouts whose rows in the ledger are not what their list and their status say.
func (r *run) payoutDoubts() ([]doubt, error) {
	var found []struct {
		Payout     string `ch:"payout"`
		Status     string `ch:"state"`
		Amount     int64  `ch:"sum_amount"`
		Listed     int64  `ch:"sum_listed"`
		Processing int64  `ch:"sum_processing"`
		Paid       int64  `ch:"sum_paid"`
		Others     int64  `ch:"others"`
	}
	if err := r.ClickHouse.Select(r.named("payouts", nil), &found, payoutsSQL); err != nil {
		return nil, fmt.Errorf("hold the payouts against the ledger: %w", err)
	}
	var doubts []doubt
	for _, f := range found {
		key := "payout " + f.Payout
		if f.Status == "" {
			doubts = append(doubts, doubt{what: Payouts, key: key, want: "no rows in the ledger: there is no such payout", got: standing(f.Processing, f.Paid)})
			continue
		}
		if f.Listed != f.Amount {
			doubts = append(doubts, doubt{what: Payouts, key: key + ", its list", want: fmt.Sprint(f.Amount), got: fmt.Sprint(f.Listed)})
		}
		if f.Others > 0 {
			doubts = append(doubts, doubt{what: Payouts, key: key + ", whose", want: "rows of its partner and currency", got: fmt.Sprintf("%d of others", f.Others)})
		}
		var processing, paid int64
		switch f.Status {
		case "draft", "approved", "processing", "sent":
			processing = f.Amount
		case "completed":
			paid = f.Amount
		}
		if f.Processing != processing || f.Paid != paid {
			doubts = append(doubts, doubt{what: Payouts, key: key + ", " + f.Status, want: standing(processing, paid), got: standing(f.Processing, f.Paid)})
		}
	}
	return doubts, nil
}

func standing(processing, paid int64) string {
	return fmt.Sprintf("%d processing, %d paid", processing, paid)
}

// rewardDoubts sums a month of rewards from the view of them. While the ledger goes beyond what was summed, what differs is open.
func (r *run) rewardDoubts(month schema.Month) ([]doubt, error) {
	days := month.Days()
	dates, starts := make([]string, len(days)), make([]string, len(days))
	for i, d := range days {
		dates[i] = clickhouse.Quote(d.Time().Format(time.DateOnly))
		starts[i] = clickhouse.Quote(clickhouse.Instant(d.Period(r.zone).From))
	}
	var found []struct {
		Partner  uint32    `ch:"partner_id"`
		Link     uint32    `ch:"link_id"`
		Day      time.Time `ch:"day"`
		Currency string    `ch:"currency"`
		Stored   []int64   `ch:"stored"`
		Counted  []int64   `ch:"counted"`
	}
	ctx := r.named("days of rewards", map[string]string{
		"month":  strconv.FormatUint(uint64(month), 10),
		"days":   "[" + strings.Join(dates, ",") + "]",
		"starts": "[" + strings.Join(starts, ",") + "]",
		"from":   clickhouse.Instant(days[0].Period(r.zone).From),
		"to":     clickhouse.Instant(days[len(days)-1].Period(r.zone).To),
	})
	if err := r.ClickHouse.Select(ctx, &found, rewardDaysSQL); err != nil {
		return nil, fmt.Errorf("sum the rewards of %d: %w", month, err)
	}
	if len(found) == 0 {
		return nil, nil
	}
	behind, err := r.RewardDays.Behind(r.ctx)
	if err != nil {
		return nil, err
	}
	var doubts []doubt
	for _, f := range found {
		day := schema.DayOf(f.Day, time.UTC)
		doubts = append(doubts, doubt{
			what: RewardDays, key: fmt.Sprintf("partner %d, link %d on %d, %s", f.Partner, f.Link, day, f.Currency), day: day,
			want: rewardFigures(f.Counted), got: rewardFigures(f.Stored), open: behind,
		})
	}
	return doubts, nil
}

// rewardFigures writes the figures that are not 0: "4900 paid, 1 rewards".
func rewardFigures(f []int64) string {
	var parts []string
	for i, n := range f {
		if n != 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, rewardNames[i]))
		}
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

// sumRewards brings the days of rewards up to the ledger, so that what is pending is no difference.
func (r *run) sumRewards() {
	for range attempts {
		report, err := r.RewardDays.Run(r.ctx)
		if err != nil {
			r.Logger.Warn("verify could not sum the rewards that are new, and judges the days of rewards as they are", "err", err)
			return
		}
		if !report.Skipped {
			return
		}
		r.wait() // another is at it: that will do, once it is through
	}
}
