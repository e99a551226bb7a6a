package simulator

import (
	"errors"

	"fairlead/aggregator/payout"
)

// errKilled is what a run that was killed sees of the world: nothing it does has any effect any more.
var errKilled = errors.New("killed")

// process is something that works with payouts, and that may be killed or stopped before or after anything it does. One runs
// at a time: the world goes on when it is stopped or done.
type process struct {
	killAt, stopAt int // so many things it does before; below zero: never
	losesLock      bool
	dead           bool
	late           int64 // when it goes on at the latest; 0: whenever
	stopped        chan bool
	goOn           chan struct{}
	done           func() // looks at what came of it
}

// at is where it may end or be stopped: before or after what point names.
func (p *process) at(w *world, point string) error {
	if p.dead {
		return errKilled
	}
	p.killAt--
	p.stopAt--
	switch {
	case p.killAt == -1:
		w.say("	killed %s", point)
		w.tally["payout runs killed"]++
		p.dead = true
		return errKilled
	case p.stopAt == -1:
		w.say("	stopped %s; its lock expires: %t", point, p.losesLock)
		w.tally["payout runs stopped"]++
		if p.losesLock {
			w.locks.Lose()
		}
		// Providers forget their keys: see the limits of package payout.
		if point == "before send" {
			p.late = w.now + 20*hour
		}
		p.stopped <- true
		<-p.goOn
		if p.dead {
			return errKilled
		}
	}
	return nil
}

// work lets a process do something, until it is done or stopped.
func (w *world) work(d dice, name string, whole bool, do func(*payout.Runner) error, done func(error)) {
	p := &process{killAt: -1 << 40, stopAt: -1 << 40, stopped: make(chan bool), goOn: make(chan struct{})}
	switch fate := d.IntN(10); {
	case whole:
	case fate < 2:
		p.killAt = d.IntN(12)
	case fate < 4:
		p.stopAt, p.losesLock = d.IntN(12), d.one(2)
	}
	w.say("%s", name)
	runner := payout.New(w.options(p))
	var err error
	p.done = func() { done(err) }
	go func() {
		err = do(runner)
		p.stopped <- false
	}()
	w.await(p)
}

// await lets the world stand still while a process runs.
func (w *world) await(p *process) {
	if <-p.stopped {
		w.stopped = append(w.stopped, p)
	} else if w.books.changes++; !p.dead {
		p.done()
	}
}

// goOn lets a process go on that was stopped.
func (w *world) goOn(i int) {
	p := w.stopped[i]
	w.stopped = append(w.stopped[:i:i], w.stopped[i+1:]...)
	w.say("what was stopped goes on")
	p.killAt, p.stopAt = -1<<40, -1<<40
	p.done = func() {} // others were at work meanwhile
	p.goOn <- struct{}{}
	w.await(p)
}

// close kills what is stopped.
func (w *world) close() {
	for _, p := range w.stopped {
		p.dead = true
		p.goOn <- struct{}{}
		<-p.stopped
	}
	w.stopped = nil
}
