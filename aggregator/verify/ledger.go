package verify

import (
	_ "embed"
	"fmt"
	"strings"

	"fairlead/aggregator/book"
)

var (
	//go:embed queries/ledger.sql
	ledgerSQL string
	//go:embed queries/ledger_strays.sql
	ledgerStraysSQL string
)

// earned reckons every reward anew and compares what the ledger has of it. What looks wrong is looked at again by the recount
// itself; what need not be booked yet is booked, and everything reckoned once more.
func (r *run) earned() error {
	for attempt := 1; ; attempt++ {
		r.book()
		told := 0
		tell := func(done, total int) {
			for ; told < reckoningParts && done*reckoningParts >= told*total; told++ {
				if attempt == 1 {
					r.next(fmt.Sprintf("rewards, %d %%", told*100/reckoningParts))
				}
			}
		}
		var wrong []book.Difference
		found, err := r.Book.Recount(r.ctx, r.scope.Since, tell, func(d book.Difference) error {
			wrong = append(wrong, d)
			return nil
		})
		if err != nil {
			return err
		}
		tell(1, 1)
		if found.Open > 0 && attempt < attempts {
			r.wait()
			continue
		}
		r.report.Rewards = found.Rewards
		for _, d := range wrong {
			r.wrongReward(d)
		}
		if found.Open > 0 {
			r.leaveOpen(Ledger, "", fmt.Sprintf("what %d customers or entries by hand earn was being booked while it was reckoned", found.Open))
		}
		return nil
	}
}

// wrongReward tells of a reward. Those that are paid beyond what was given are ledgerDoubts', which looks at all of them.
func (r *run) wrongReward(d book.Difference) {
	key := fmt.Sprintf("reward %s of partner %d", d.Reward, d.Partner)
	switch d.Wrong {
	case book.WrongAmount:
		r.differ(Ledger, key+", "+string(d.Account), fmt.Sprintf("%d %s", d.Want, d.Currency), fmt.Sprintf("%d %s", d.Got, d.Currency))
	case book.WrongRow:
		r.differ(Ledger, key+", row "+d.Row.String(), "no such row", fmt.Sprintf("%d %s", d.Got, d.Currency))
	}
}

// ledgerDoubts are rewards whose rows cannot all be, whatever is reckoned: of two partners or two currencies, paid beyond what
// was given, or for nothing that there is.
func (r *run) ledgerDoubts() ([]doubt, error) {
	var found []struct {
		Reward     string   `ch:"reward"`
		Partners   []uint32 `ch:"partners"`
		Currencies []string `ch:"currencies"`
		Given      int64    `ch:"given"`
		Out        int64    `ch:"out"`
	}
	if err := r.ClickHouse.Select(r.named("ledger", nil), &found, ledgerSQL); err != nil {
		return nil, fmt.Errorf("look the ledger over: %w", err)
	}
	var doubts []doubt
	for _, f := range found {
		d := doubt{what: Ledger, key: "reward " + f.Reward}
		switch {
		case len(f.Partners) > 1:
			d.want, d.got = "one partner", fmt.Sprintf("partners %d", f.Partners)
		case len(f.Currencies) > 1:
			d.want, d.got = "one currency", strings.Join(f.Currencies, ", ")
		default:
			d.want, d.got = fmt.Sprintf("0 to %d paid and processing: what was ever given", f.Given), fmt.Sprint(f.Out)
		}
		doubts = append(doubts, d)
	}
	strays, err := r.ledgerStrays()
	return append(doubts, strays...), err
}

// ledgerStrays are rewards that are for nothing that there is, so that nothing reckons them.
func (r *run) ledgerStrays() ([]doubt, error) {
	var found []struct {
		Reward     string `ch:"reward"`
		Partner    uint32 `ch:"partner"`
		Conversion string `ch:"conversion"`
		Rows       uint64 `ch:"found"`
	}
	if err := r.ClickHouse.Select(r.named("ledger, what is for nothing", nil), &found, ledgerStraysSQL); err != nil {
		return nil, fmt.Errorf("look for rewards that are for nothing: %w", err)
	}
	var doubts []doubt
	for _, f := range found {
		want := "an entry by hand or an opening balance that it is for"
		if f.Conversion != "" {
			want = "a decision on the conversion " + f.Conversion
		}
		doubts = append(doubts, doubt{what: Ledger, key: fmt.Sprintf("reward %s of partner %d, for nothing", f.Reward, f.Partner), want: want, got: fmt.Sprintf("%d rows without it", f.Rows)})
	}
	return doubts, nil
}

// book brings the ledger up to what was decided, so that what is pending is no difference.
func (r *run) book() {
	for range attempts {
		report, err := r.Book.Run(r.ctx)
		if err != nil {
			r.Logger.Warn("verify could not book the rewards that are new, and judges the ledger as it is", "err", err)
			return
		}
		if !report.Skipped {
			return
		}
		r.wait() // another is at it: that will do, once it is through
	}
}
