package simulator

import (
	"slices"

	"fairlead/aggregator/payout"
)

// step is something that may happen.
type step struct {
	weight int
	do     func(*world, dice)
}

// steps are what happens, and how often.
var steps = []step{
	{20, (*world).buy},
	{8, (*world).signUp},
	{12, (*world).giveBack},
	{3, (*world).restore},
	{2, (*world).claim},
	{3, (*world).review},
	{3, (*world).changePartner},
	{3, (*world).changeProgram},
	{3, func(w *world, d dice) { w.addRule(d, w.now+pick(d, d.between(-40, 0), 0, d.between(0, 20))*day) }},
	{2, (*world).endRule},
	{4, (*world).enter},
	{20, (*world).book},
	{4, (*world).crash},
	{4, (*world).pause},
	{6, (*world).wake},
	{3, func(w *world, d dice) { w.pass(d, d.between(2, 9)*day) }},
	{14, (*world).pay},
	{12, (*world).approve},
	{6, func(w *world, d dice) { w.hand(d, true, payout.Draft, payout.Approved) }},
	{8, (*world).happens},
	{3, (*world).changeMethod},
	{5, (*world).resume},
}

// pass lets time pass: what was stopped as it was about to send money goes on within a key's life, reports arrive, and payouts are run
// often enough to see what was returned.
func (w *world) pass(d dice, ms int64) {
	until := w.now + ms
	for {
		i := slices.IndexFunc(w.stopped, func(p *process) bool { return p.late != 0 && p.late <= until })
		if i < 0 {
			break
		}
		w.now = max(w.now, w.stopped[i].late)
		w.goOn(i)
	}
	w.now = until
	w.deliver(d)
	if w.now-w.paidAt > 8*day && w.err == nil {
		for len(w.stopped) > 0 {
			w.goOn(0)
		}
		w.run(d, w.time(), true)
	}
}

// length is how many steps a world has.
const length = 90

// play plays a world's steps, those with the numbers that are given, until something does not hold.
func play(seed uint64, numbers []int, with variant) *world {
	w := newWorld(newDice(seed, 0), with)
	defer w.close()
	total := 0
	for _, s := range steps {
		total += s.weight
	}
	for i, n := range numbers {
		d := newDice(seed, n+1)
		w.pass(d, d.between(0, 36*60)*minute)
		chance := d.IntN(total)
		for _, s := range steps {
			if chance -= s.weight; chance < 0 {
				s.do(w, d)
				break
			}
		}
		if w.check(); w.err != nil {
			w.failedAt = i
			return w
		}
	}
	w.failedAt = len(numbers) - 1
	w.rest(newDice(seed, length+1))
	return w
}

// all are the numbers of a whole world's steps.
func all() []int {
	out := make([]int, length)
	for i := range out {
		out[i] = i
	}
	return out
}

// shrink leaves steps out of a world that does not hold, as long as it does not hold in the same respect, and plays what is left.
func shrink(seed uint64, bad *world, numbers []int, with variant) *world {
	numbers = numbers[:bad.failedAt+1]
	for size := max(1, len(numbers)/2); size > 0; size /= 2 {
		for from := 0; from+size <= len(numbers); {
			fewer := append(append([]int(nil), numbers[:from]...), numbers[from+size:]...)
			if w := play(seed, fewer, with); w.err != nil && w.err.what == bad.err.what {
				bad, numbers = w, fewer[:w.failedAt+1]
			} else {
				from += size
			}
		}
	}
	return bad
}
