package aggregator

import (
	"context"
	"fmt"
	"time"

	"fairlead/aggregator/payout"
)

// paid is what the job payout did.
type paid struct {
	CutOff   time.Time `json:"cut_off"`
	Drafted  int       `json:"drafted"`
	Changed  int       `json:"changed"`
	Carried  int       `json:"carried"`
	Held     int       `json:"held"`     // approved, and not to be sent by a provider now
	Problems int       `json:"problems"` // of which nobody knows the outcome
	Warnings int       `json:"warnings"` // completed, and whether they were returned since is not known
	Waits    bool      `json:"waits,omitempty"`
}

// payOut is the job payout. It fails while nobody knows what became of a payout: the next run asks again, and somebody should know.
func payOut(pay func(context.Context) (payout.Report, error)) func(context.Context) (result, error) {
	return func(ctx context.Context) (result, error) {
		r, err := pay(ctx)
		if r.Skipped {
			return nil, err
		}
		did := paid{r.CutOff, len(r.Drafted), len(r.Changed), len(r.Carried), len(r.Held), len(r.Problems), len(r.Warnings), r.Waits}
		if err == nil && len(r.Problems) > 0 {
			err = fmt.Errorf("nobody knows yet what became of %d payouts; the first is %s: %s", len(r.Problems), r.Problems[0].Payout.ID, r.Problems[0].Text)
		}
		return told{did, uint64(did.Drafted + did.Changed), fmt.Sprintf("%d payouts drafted, %d changed, %d balances carried over", did.Drafted, did.Changed, did.Carried)}, err
	}
}
