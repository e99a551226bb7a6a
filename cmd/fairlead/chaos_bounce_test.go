package main

import (
	"context"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"fairlead/cmd/chaostest"
	"fairlead/cmd/stores"
)

// fault is something that can happen to one part, and how to undo it.
type fault struct {
	part, what string
	happen     func() (undo func())
}

// TestEveryPartIsBouncedUnderLoad sends numbered clicks while redirector, aggregator, Redis and ClickHouse are each
// stopped and killed, and the network between them is cut, slowed, reset and swallowed, one or several at a time, and
// somebody reads the reports. What was answered is what is stored.
func TestEveryPartIsBouncedUnderLoad(t *testing.T) {
	t.Parallel()
	rnd, seed := chaostest.Rand(t)
	r := newRig(t)
	toClickHouse, toRedis := newWire(t, "ClickHouse", r.ch.Addr()), newWire(t, "Redis", r.redis.Addr())
	wired := r.settings("wired", toClickHouse.addr(), toRedis.addr(), time.Second)
	edge, clockwork := r.redirector(wired), r.aggregator(wired)
	edge.start()
	clockwork.start()
	load := r.click(edge.flag("--listen"), 16, time.Duration(chaostest.Times(20, 12))*time.Millisecond, int64(chaostest.Times(3_000, 100_000)))
	d := r.open()
	reports := r.readReports(d, load)
	load.until(200)

	faults := slices.Concat(
		processFaults("redirector", edge),
		storeFaults(t, "Redis", r.redis.Process),
		storeFaults(t, "ClickHouse", r.ch.Process),
		wireFaults("wire to Redis", toRedis),
		wireFaults("wire to ClickHouse", toClickHouse),
	)
	if chaostest.Full() { // its lock on the rollups lives for half a minute after it
		faults = append(faults, processFaults("aggregator", clockwork)...)
	}
	happened := 0
	for round := 0; round < chaostest.Times(1, 4) || !load.done(); round++ {
		happened += bounce(rnd, faults)
	}
	edge.awaitReady()
	load.stop()
	edge.awaitShipped()
	stopped := time.Now().Truncate(time.Millisecond) // as it is stored
	edge.stop()
	reports.awaitComplete(stopped)
	reports.stop()
	clockwork.stop()
	if reports.reads < happened {
		t.Errorf("the reports were read %d times: too few to mean something; the last refusal: %v", reports.reads, reports.refusal)
	}
	a := r.settle(d, load)
	chaostest.Report(t, "%d faults of %d kinds (every part by SIGTERM and SIGKILL, its network cut, slowed, narrowed, reset, swallowed) under load; %v; "+
		"reports read %d times (refused %d times), never wrong and never back, \"complete up to\" moved %d times; seed %d",
		happened, len(faults), a, reports.reads, reports.refused, reports.moved, seed)
}

// bounce lets every fault happen once, in random order, each for a moment, some of them at the same time.
func bounce(rnd *rand.Rand, faults []fault) (happened int) {
	undo := map[string]func(){}
	settle := func() {
		for _, mend := range undo {
			mend()
		}
		clear(undo)
	}
	defer settle()
	for _, i := range rnd.Perm(len(faults)) {
		f := faults[i]
		if _, broken := undo[f.part]; broken || len(undo) == 3 || rnd.IntN(3) > 0 {
			settle()
			time.Sleep(time.Duration(rnd.IntN(500)) * time.Millisecond)
		}
		undo[f.part] = f.happen()
		time.Sleep(time.Duration(rnd.IntN(700)) * time.Millisecond)
		happened++
	}
	return happened
}

func processFaults(part string, m *machine) []fault {
	return []fault{
		{part, "SIGTERM", func() func() {
			eventually(m.t, time.Minute, part+" has come far enough to be told to stop", m.answers)
			m.stop()
			return m.launch
		}},
		{part, "SIGKILL", func() func() { m.kill(); return m.launch }},
	}
}

func storeFaults(t testing.TB, part string, p *stores.Process) []fault {
	start := func() {
		if err := p.Start(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("start %s again: %v", part, err)
		}
	}
	return []fault{
		{part, "SIGTERM", func() func() {
			if err := syscall.Kill(p.PID(), syscall.SIGTERM); err != nil {
				t.Errorf("stop %s: %v", part, err)
			}
			<-p.Done()
			return start
		}},
		{part, "SIGKILL", func() func() { p.Kill(); return start }},
	}
}

func wireFaults(part string, w *wire) []fault {
	return []fault{
		{part, "cut", w.cut},
		{part, "slow", w.slow},
		{part, "narrow", w.narrow},
		{part, "reset", w.reset},
		{part, "swallow", w.swallow},
	}
}
