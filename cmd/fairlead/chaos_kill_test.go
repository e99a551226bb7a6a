package main

import (
	"math"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"fairlead/cmd/chaostest"
)

// TestSIGKILLsOfTheRedirectorLoseAndDoubleNothing kills a redirector under load, again and again over one
// journal: at random moments from its start on, and at fail points around write, sync, send, cursor and unlink.
func TestSIGKILLsOfTheRedirectorLoseAndDoubleNothing(t *testing.T) {
	t.Parallel()
	rnd, seed := chaostest.Rand(t)
	r := newRig(t)
	edge := r.redirector(r.config)
	edge.start()
	load := r.click(edge.flag("--listen"), 16, 4*time.Millisecond, math.MaxInt64)
	load.until(200)
	edge.kill()

	kills := chaostest.Times(14, 200)
	points := drawPoints(rnd, kills/2)
	reached := map[failPoint]bool{}
	for i := range kills {
		if i%2 == 0 {
			edge.env = nil
			edge.launch()
			killAtRandom(rnd, edge, load)
			continue
		}
		p := points[i/2]
		reached[p] = true
		edge.env = p.env(1 + rnd.IntN(p.within))
		edge.launch()
		if p.phase == onStop {
			edge.awaitReady()
			load.until(50)
			edge.signal(syscall.SIGTERM)
		}
		edge.awaitDeath(t, p)
	}

	edge.env = nil
	edge.start()
	load.until(200)
	load.stop()
	edge.stop()
	a := r.settle(r.open(), load)
	chaostest.Report(t, "%d SIGKILLs of the redirector under load, %d at random moments, %d at %d fail points; %v; seed %d",
		kills, kills-len(points), len(points), len(reached), a, seed)
}

// drawPoints returns n fail points in random order, each about as often as any other. Those that take long to come to
// are for full length.
func drawPoints(rnd *rand.Rand, n int) []failPoint {
	var out []failPoint
	for len(out) < n {
		for _, i := range rnd.Perm(len(failPoints)) {
			if p := failPoints[i]; p.phase != onceOld || chaostest.Full() {
				out = append(out, p)
			}
		}
	}
	return out[:n]
}

// killAtRandom kills a redirector that was just started: after some time, however far it is, or after some
// answers.
func killAtRandom(rnd *rand.Rand, edge *machine, load *clickLoad) {
	if rnd.IntN(2) == 0 {
		time.Sleep(time.Duration(rnd.IntN(1500)) * time.Millisecond)
	} else {
		load.until(1 + rnd.IntN(2000))
	}
	edge.kill()
}

// awaitDeath waits for a process to kill itself.
func (m *machine) awaitDeath(t testing.TB, p failPoint) {
	t.Helper()
	select {
	case <-m.exit:
	case <-time.After(time.Minute):
		t.Fatalf("the redirector was not killed %s within a minute", p.name)
	}
	status := m.cmd.ProcessState.Sys().(syscall.WaitStatus)
	m.cmd = nil
	if !status.Signaled() || status.Signal() != syscall.SIGKILL {
		t.Fatalf("the redirector ended with status %d before it could be killed %s\n%s", status, p.name, m.log.tail(20_000))
	}
}

// signal sends a signal to the process.
func (m *machine) signal(s syscall.Signal) {
	m.t.Helper()
	if err := m.cmd.Process.Signal(s); err != nil {
		m.t.Fatal(err)
	}
}
