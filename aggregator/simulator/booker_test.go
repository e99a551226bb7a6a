package simulator

import (
	"slices"

	"fairlead/aggregator/attribution"
	"fairlead/aggregator/reward"
	"fairlead/schema"
)

// decided is what was decided of all that was told: the inputs of each customer's rewards, and last that of what is by hand.
type decided struct {
	changes int // of the world, when it was decided
	inputs  []reward.Input
	of      map[string]int // the input of a conversion
}

// decide decides what changed.
func (w *world) decide() decided {
	if w.decided.inputs == nil || w.decided.changes != w.changes {
		w.decided = w.decideOf(&w.facts, w.told, w.rules, w.entries)
	}
	return w.decided
}

// decideOf makes the inputs of facts, in the order in which they are given.
func (w *world) decideOf(facts *attribution.World, told []attribution.Report, rules []schema.Rule, entries []reward.Entry) decided {
	out := decided{changes: w.changes, of: map[string]int{}}
	common := reward.Input{Groups: w.groups, Programs: facts.Programs, Rules: schema.NewRules(rules)}
	var reversals []reward.Entry
	for _, e := range entries {
		if e.Reverses != (schema.RewardID{}) {
			reversals = append(reversals, e)
		}
	}
	for _, reports := range attribution.Customers(told) {
		in := common
		in.Decisions, in.Entries = attribution.Decide(facts, reports), reversals
		for _, d := range in.Decisions {
			out.of[d.ID] = len(out.inputs)
		}
		out.inputs = append(out.inputs, in)
	}
	byHand := common
	byHand.Entries, byHand.Openings = entries, w.openings
	out.of[""] = len(out.inputs)
	out.inputs = append(out.inputs, byHand)
	return out
}

// booked are the ledger's rows of an input.
func (w *world) booked(of map[string]int, n int) []schema.Transfer {
	var out []schema.Transfer
	for _, t := range w.books.all() {
		if i, known := of[t.Conversion]; known && i == n {
			out = append(out, t)
		}
	}
	return out
}

// booker is a run of the job that books rewards: input by input it reads what is booked, reckons what is wanted, looks whether
// it still has the lock, and writes.
type booker struct {
	token   uint64
	decided decided
	next    int
	rows    []schema.Transfer // reckoned, and not written yet
	pending bool
}

// reckon prepares the rows of the next input; false: there is none, or the lock is lost.
func (b *booker) reckon(w *world) bool {
	if b.next == len(b.decided.inputs) || w.booking.holder != b.token {
		return false
	}
	in := b.decided.inputs[b.next]
	in.Booked, in.Now = w.booked(b.decided.of, b.next), at(w.now)
	b.rows, b.pending = w.with.wanted(in), true
	return true
}

// write books the rows that were prepared.
func (b *booker) write(w *world) {
	w.books.append(b.rows, b.token)
	w.tally["rows of rewards"] += len(b.rows)
	for _, line := range lines(b.rows) {
		w.say("	%s", line)
	}
	b.rows, b.pending = nil, false
	b.next++
}

// start begins a run; nil: another one has the lock.
func (w *world) start() *booker {
	token := w.booking.take()
	if token == 0 {
		w.say("the rewards are being booked already")
		return nil
	}
	return &booker{token: token, decided: w.decide()}
}

// book is a run that nothing gets in the way of.
func (w *world) book(dice) {
	b := w.start()
	if b == nil {
		return
	}
	w.say("rewards are booked (token %d)", b.token)
	for b.reckon(w) {
		b.write(w)
	}
	w.booking.drop(b.token)
	w.settled()
}

// crash is a run that is killed, before or after it has written something.
func (w *world) crash(d dice) {
	b := w.start()
	if b == nil {
		return
	}
	w.say("rewards are booked (token %d), until the run is killed", b.token)
	for range d.IntN(len(b.decided.inputs) + 1) {
		if b.reckon(w) {
			b.write(w)
		}
	}
	w.booking.drop(b.token)
}

// pause is a run that stops before it writes something: while it still has the lock, or so long that it loses it.
func (w *world) pause(d dice) {
	b := w.start()
	if b == nil {
		return
	}
	w.say("rewards are booked (token %d), slowly", b.token)
	for range d.IntN(len(b.decided.inputs)) {
		b.reckon(w)
		b.write(w)
	}
	b.reckon(w)
	if d.one(2) {
		w.say("the run is stopped, and its lock expires")
		w.booking.drop(b.token)
	}
	w.asleep = append(w.asleep, b)
}

// wake lets a run go on that was stopped or is slow. What it has reckoned it writes, whoever has the lock now.
func (w *world) wake(d dice) {
	if len(w.asleep) == 0 {
		return
	}
	i := d.IntN(len(w.asleep))
	b := w.asleep[i]
	w.asleep = slices.Delete(w.asleep, i, i+1)
	w.say("the run with token %d goes on", b.token)
	if w.tally["runs that wrote late"]++; w.booking.holder != b.token {
		w.tally["runs that wrote without the lock"]++
	}
	if b.pending {
		b.write(w)
	}
	for b.reckon(w) {
		b.write(w)
	}
	w.booking.drop(b.token)
}
