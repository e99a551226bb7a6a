package verify

import (
	"fmt"
	"strings"
	"time"

	"fairlead/aggregator/attribute"
	"fairlead/aggregator/attribution"
)

// decidingParts is in how many parts the progress of deciding everything is told.
const decidingParts = 10

// looked is how many blocks of decisions are looked at one decision at a time.
const looked = 256

// attributions decides every report anew and compares what stands. What differs is looked at again after what is new
// was attributed once more.
func (r *run) attributions() error {
	r.attribute()
	c, err := r.Attribute.Recount(r.ctx, r.scope.Since)
	if err != nil {
		return err
	}
	told := 0
	tell := func(done, total int) {
		for ; told < decidingParts && done*decidingParts >= told*total; told++ {
			r.next(fmt.Sprintf("attributions, %d %%", told*100/decidingParts))
		}
	}
	tell(0, 1)
	doubtful, compared, err := c.Doubtful(tell)
	if err != nil {
		return err
	}
	tell(1, 1)
	r.report.Attributions = compared
	if len(doubtful) > looked {
		if c, doubtful, err = r.manyDoubtful(doubtful); err != nil {
			return err
		}
	}
	return r.look(c, doubtful)
}

// manyDoubtful compares everything once more and lists the blocks that differ again, but for the first ones, which it
// answers: they are looked at.
func (r *run) manyDoubtful(before []attribute.Block) (*attribute.Recount, []attribute.Block, error) {
	r.wait()
	r.attribute()
	c, err := r.Attribute.Recount(r.ctx, r.scope.Since)
	if err != nil {
		return nil, nil, err
	}
	doubtful, _, err := c.Doubtful(nil)
	if err != nil {
		return nil, nil, err
	}
	settled, err := c.Settled()
	if err != nil {
		return nil, nil, err
	}
	known := map[attribute.Block]bool{}
	for _, b := range before {
		known[b] = true
	}
	open := 0
	for _, b := range doubtful[min(looked, len(doubtful)):] {
		if !settled || !known[b] || !c.Decided(b) {
			open++
			continue
		}
		r.differ(Attributions, blockName(b), "the decisions that follow from the facts", "others, or some too many or too few")
	}
	if open > 0 {
		r.leaveOpen(Attributions, "", fmt.Sprintf("%d blocks of decisions were being decided while they were compared", open))
	}
	return c, doubtful[:min(looked, len(doubtful))], nil
}

// look compares the decisions of blocks one by one, as often as it takes to tell what is wrong from what is under way.
func (r *run) look(c *attribute.Recount, doubtful []attribute.Block) error {
	for attempt := 1; len(doubtful) > 0; attempt++ {
		again := doubtful[:0:0]
		wrong, open := map[attribute.Block][]attribute.Wrong{}, map[attribute.Block]int{}
		for _, b := range doubtful {
			found, undecided, err := c.Look(b)
			if err != nil {
				return err
			}
			if len(found)+undecided > 0 {
				wrong[b], open[b] = found, undecided
				again = append(again, b)
			}
		}
		settled, err := c.Settled()
		if err != nil {
			return err
		}
		if attempt == attempts {
			r.judgeDecisions(again, wrong, open, settled)
			return nil
		}
		if doubtful = again; len(doubtful) == 0 {
			return nil
		}
		r.wait()
		r.attribute()
		if c, err = r.Attribute.Recount(r.ctx, r.scope.Since); err != nil {
			return err
		}
	}
	return nil
}

// judgeDecisions lists what still differed when it was looked at last.
func (r *run) judgeDecisions(blocks []attribute.Block, wrong map[attribute.Block][]attribute.Wrong, open map[attribute.Block]int, settled bool) {
	for _, b := range blocks {
		if n := open[b]; n > 0 {
			r.leaveOpen(Attributions, blockName(b), fmt.Sprintf("%d reports belong together with others that have landed and are not decided yet", n))
		}
		if n := len(wrong[b]); n > 0 && !settled {
			r.leaveOpen(Attributions, blockName(b), fmt.Sprintf("settings or rates changed while %d decisions were compared", n))
			continue
		}
		for _, w := range wrong[b] {
			r.wrongDecision(w)
		}
	}
}

func blockName(b attribute.Block) string {
	return fmt.Sprintf("node %s, month %d, seq %d to %d", b.Node, b.Month, b.First(), b.Last())
}

func (r *run) wrongDecision(w attribute.Wrong) {
	const none = "no decision"
	switch {
	case w.Got == nil:
		r.differ(Attributions, decisionName(w.Want), outcome(w.Want), none)
	case w.Want == nil:
		r.differ(Attributions, decisionName(w.Got), none+": there is no such report", outcome(w.Got))
	default:
		want, got := contrast(w.Want, w.Got)
		r.differ(Attributions, decisionName(w.Want), want, got)
	}
}

func decisionName(d *attribution.Decision) string {
	return fmt.Sprintf("node %s, seq %d, %s", d.Node, d.Seq, d.Kind)
}

// outcome says in short what was decided.
func outcome(d *attribution.Decision) string {
	return fmt.Sprintf("%s: %s, partner %d, amount %d %s", d.State, d.Reason, d.Partner, d.Amount, d.Currency)
}

// contrast lists the fields in which two decisions on a report differ. Who the customer is stays in the table.
func contrast(want, got *attribution.Decision) (string, string) {
	var wants, gots []string
	field := func(name string, w, g any) {
		if w != g {
			wants, gots = append(wants, fmt.Sprintf("%s %v", name, w)), append(gots, fmt.Sprintf("%s %v", name, g))
		}
	}
	field("kind", want.Kind, got.Kind)
	field("test", want.Test, got.Test)
	field("conversion", want.ID, got.ID)
	if want.Customer != got.Customer {
		wants, gots = append(wants, "the customer"), append(gots, "another customer")
	}
	field("received", moment(want.ReceivedAt), moment(got.ReceivedAt))
	field("occurred", moment(want.OccurredAt), moment(got.OccurredAt))
	field("state", want.State, got.State)
	field("reason", want.Reason, got.Reason)
	field("partner", want.Partner, got.Partner)
	field("link", want.Link, got.Link)
	field("click", want.Click, got.Click)
	field("clicked", moment(want.ClickedAt), moment(got.ClickedAt))
	field("coupon", want.Coupon, got.Coupon)
	field("claim", want.Claim, got.Claim)
	field("sale", want.Sale, got.Sale)
	field("referred", want.Binds, got.Binds)
	field("amount", want.Amount, got.Amount)
	field("currency", want.Currency, got.Currency)
	field("rate", want.Rate, got.Rate)
	return strings.Join(wants, ", "), strings.Join(gots, ", ")
}

func moment(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

// attribute brings the attributions up to what has been shipped, so that what is pending is no difference.
func (r *run) attribute() {
	for range attempts {
		report, err := r.Attribute.Run(r.ctx)
		if err != nil {
			r.Logger.Warn("verify could not attribute what is pending, and judges the attributions as they are", "err", err)
			return
		}
		if !report.Skipped {
			return
		}
		r.wait() // another is at it: that will do, once it is through
	}
}
