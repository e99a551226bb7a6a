package book

import (
	"errors"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/ext"

	"fairlead/aggregator/attribution"
	"fairlead/aggregator/reward"
	"fairlead/schema"
)

// whole reckons everything and books what is missing.
func (r *run) whole(now state, progress func(done, total int)) error {
	r.report.Whole = true
	if err := r.inputs.open(); err != nil {
		return err
	}
	err := r.each(0, func(b *batch, done, total int) error {
		if progress != nil {
			progress(done, total)
		}
		return r.book(b)
	})
	if err != nil {
		return err
	}
	if err := r.eachByHand(r.byHand); err != nil {
		return err
	}
	return r.finish(now, true)
}

// inputs of the customers of a batch, each by itself, but of those whose decisions are being written.
func (r *run) split(b *batch, yield func(customer, reward.Input) error) error {
	of := map[string][]schema.Transfer{}
	for _, t := range b.booked {
		of[t.Conversion] = append(of[t.Conversion], t)
	}
	begin := 0
	for _, c := range b.customers {
		decisions := b.decisions[begin:c.end]
		begin = c.end
		if c.moving {
			r.report.Deferred++
			continue
		}
		r.report.Decisions += len(decisions)
		var booked []schema.Transfer
		seen := map[string]bool{}
		var entries []reward.Entry
		for _, d := range decisions {
			if d.Kind != schema.Sale && d.Kind != schema.Lead || seen[d.ID] {
				continue
			}
			seen[d.ID] = true
			booked = append(booked, of[d.ID]...)
		}
		if len(r.inputs.entries) > 0 {
			entries = r.reversals(decisions)
		}
		in := r.inputs.input(decisions, booked)
		in.Entries = entries
		if err := yield(c.customer, in); err != nil {
			return err
		}
	}
	return nil
}

// reversals are the entries that take from rewards for what was decided.
func (r *run) reversals(decisions []attribution.Decision) (out []reward.Entry) {
	for _, d := range decisions {
		if d.Partner != 0 && (d.Kind == schema.Sale || d.Kind == schema.Lead) {
			out = append(out, r.inputs.entries[schema.NewRewardID(d.Partner, schema.CauseEarned, d.ID, d.Currency)]...)
		}
	}
	return out
}

// book reckons the customers of a batch and books what is missing.
func (r *run) book(b *batch) error {
	var holds []reward.Hold
	err := r.split(b, func(_ customer, in reward.Input) error {
		rows, moved := reward.Reckon(in)
		r.rows, holds = append(r.rows, rows...), append(holds, moved...)
		return nil
	})
	if err != nil {
		return err
	}
	return r.write(holds)
}

// hand is rewards that are for no conversion: added by hand, or opening balances.
type hand struct {
	entries  []reward.Entry // what adds them, and what takes from them
	openings map[schema.PartnerID]schema.OpeningBalance
	rewards  map[schema.RewardID]schema.PartnerID
}

func newHand() *hand {
	return &hand{openings: map[schema.PartnerID]schema.OpeningBalance{}, rewards: map[schema.RewardID]schema.PartnerID{}}
}

// add takes up a reward that an entry adds.
func (h *hand) add(i *inputs, id schema.RewardID) {
	if _, known := h.rewards[id]; known || !i.adds(id) {
		return
	}
	h.rewards[id] = i.entries[id][0].Partner
	h.entries = append(h.entries, i.entries[id]...)
}

// open takes up a partner's opening balance.
func (h *hand) open(i *inputs, p schema.Partner) {
	if p.OpeningBalance == (schema.OpeningBalance{}) {
		return
	}
	id := schema.NewRewardID(p.ID, schema.CauseOpening, p.ID.String(), p.OpeningBalance.Currency)
	if _, known := h.rewards[id]; known {
		return
	}
	h.rewards[id], h.openings[p.ID] = p.ID, p.OpeningBalance
	h.entries = append(h.entries, i.entries[id]...)
}

// input reads what is booked of rewards by hand.
func (r *run) handInput(h *hand) (reward.Input, error) {
	wanted, err := ext.NewTable("wanted", ext.Column("partner", "UInt32"), ext.Column("reward", "FixedString(16)"))
	if err != nil {
		return reward.Input{}, fmt.Errorf("BUG: the table of rewards: %w", err)
	}
	for id, p := range h.rewards {
		if err := wanted.Append(uint32(p), string(id[:])); err != nil {
			return reward.Input{}, fmt.Errorf("BUG: the table of rewards: %w", err)
		}
	}
	booked, err := r.ledger.Where(r.ctx, "rows of rewards by hand", "(partner_id, reward_id) IN (SELECT partner, reward FROM wanted)", nil, wanted)
	in := r.inputs.input(nil, booked)
	in.Entries, in.Openings = h.entries, h.openings
	return in, err
}

// byHand reckons rewards by hand and books what is missing.
func (r *run) byHand(h *hand) error {
	if len(h.rewards) == 0 {
		return nil
	}
	in, err := r.handInput(h)
	if err != nil {
		return err
	}
	rows, holds := reward.Reckon(in)
	r.rows = append(r.rows, rows...)
	return r.write(holds)
}

// eachByHand calls yield with all rewards that are for no conversion, some at a time.
func (r *run) eachByHand(yield func(*hand) error) error {
	h := newHand()
	full := func() error {
		if len(h.rewards) < mostCustomers {
			return nil
		}
		did := h
		h = newHand()
		return yield(did)
	}
	for id := range r.inputs.entries {
		h.add(r.inputs, id)
		if err := full(); err != nil {
			return err
		}
	}
	err := entriesOf(r, schema.KindPartner, func(p schema.Partner) error {
		h.open(r.inputs, p)
		return full()
	})
	return errors.Join(err, yield(h))
}
