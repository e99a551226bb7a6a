package main

import (
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"fairlead/cmd/chaostest"
)

// inOrder fails unless the texts stand in the log one after the other.
func (m *machine) inOrder(texts ...string) {
	m.t.Helper()
	rest := m.log.String()
	for _, text := range texts {
		_, after, ok := strings.Cut(rest, text)
		if !ok {
			m.t.Errorf("%q is not in the log of %s, or not in this order:\n%s", text, m.name(), m.log.tail(20_000))
			return
		}
		rest = after
	}
}

// ended waits until the process has ended by itself and returns its exit code.
func (m *machine) ended(within time.Duration) int {
	m.t.Helper()
	select {
	case <-m.exit:
	case <-time.After(within):
		m.t.Fatalf("%s did not end within %v\n%s", m.name(), within, m.log.tail(20_000))
	}
	code := m.cmd.ProcessState.ExitCode()
	m.cmd = nil
	return code
}

// leaving waits until a process that was told to stop says that it is not ready, and finds it answering clicks.
func (m *machine) leaving(load *clickLoad) {
	m.t.Helper()
	eventually(m.t, time.Minute, "it says that it is not ready", func() bool {
		status, _ := m.readiness()
		return status == http.StatusServiceUnavailable
	})
	load.until(100)
	if status, _ := m.readiness(); status != http.StatusServiceUnavailable {
		m.t.Errorf("while it leaves, /readyz answers %d", status)
	}
}

// TestAStopUnderLoadStoresEveryAnsweredClick sends SIGTERM while clicks come: not ready first and answering on, then no more
// requests, and at its end everything that was answered is in the stores, without another start.
func TestAStopUnderLoadStoresEveryAnsweredClick(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	edge := r.redirector(r.config)
	edge.env = []string{"FAIRLEAD_REDIRECTOR_LEAVE=1s"}
	edge.start()
	load := r.click(edge.flag("--listen"), 16, 4*time.Millisecond, math.MaxInt64)
	load.until(500)
	edge.signal(syscall.SIGTERM)
	edge.leaving(load)
	if code := edge.ended(90 * time.Second); code != 0 {
		t.Errorf("it ended with status %d", code)
	}
	load.stop()
	edge.inOrder("the redirector answers", "is not ready any more and answers on", "the redirector takes no more requests")
	a := r.settle(r.open(), load)
	if a.stored != a.answered {
		t.Errorf("%d clicks are stored, %d were answered", a.stored, a.answered)
	}
	chaostest.Report(t, "SIGTERM under load; %v", a)
}

// TestASecondSignalEndsAtOnce has a stop take longer than anybody would wait; what was answered is there after the next
// start.
func TestASecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	edge := r.redirector(r.config)
	edge.env = []string{"FAIRLEAD_REDIRECTOR_LEAVE=10m"}
	edge.start()
	load := r.click(edge.flag("--listen"), 16, 4*time.Millisecond, math.MaxInt64)
	load.until(500)
	edge.signal(syscall.SIGTERM)
	edge.leaving(load)
	edge.signal(syscall.SIGTERM)
	if code := edge.ended(time.Minute); code != exitFailed {
		t.Errorf("it ended with status %d, want %d", code, exitFailed)
	}
	edge.inOrder("answers on until load balancers know", "second signal, ending at once")
	edge.env = nil
	edge.start()
	load.until(200)
	load.stop()
	edge.stop()
	a := r.settle(r.open(), load)
	chaostest.Report(t, "a second SIGTERM under load; %v", a)
}

// TestUpStopsUnderLoad does the same to a whole deployment, whose stores end with it.
func TestUpStopsUnderLoad(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.env = []string{"FAIRLEAD_REDIRECTOR_LEAVE=1s"}
	m.start()
	r := &rig{t: t, config: filepath.Join(t.TempDir(), "settings.yaml")}
	if err := os.WriteFile(r.config, []byte("dir: "+m.dir+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.addPartners()
	load := r.click(m.flag("--listen"), 16, 4*time.Millisecond, math.MaxInt64)

	load.until(500)
	m.signal(syscall.SIGTERM)
	m.leaving(load)
	if code := m.ended(90 * time.Second); code != 0 {
		t.Errorf("it ended with status %d", code)
	}
	m.inOrder("ready in", "stopping: pages, clockwork, redirector once its journal is shipped, stores", "answers on until load balancers know",
		"the redirector takes no more requests", "stopped")
	if strings.Contains(m.log.String(), "is not empty") {
		t.Errorf("not everything was shipped before the stores ended:\n%s", m.log.tail(20_000))
	}
	if left := processesOf(m.dir); len(left) != 0 {
		t.Errorf("processes left behind: %v", left)
	}

	m.env = []string{"FAIRLEAD_REDIRECTOR_LEAVE=10m"}
	m.start()
	load.until(500)
	m.signal(syscall.SIGINT)
	m.leaving(load)
	m.signal(syscall.SIGTERM)
	if code := m.ended(time.Minute); code != exitFailed {
		t.Errorf("after a second signal it ended with status %d, want %d", code, exitFailed)
	}
	m.inOrder("answers on until load balancers know", "second signal, ending at once")
	eventually(t, time.Minute, "its stores end with it", func() bool { return len(processesOf(m.dir)) == 0 })

	m.env = nil
	m.start()
	load.until(200)
	load.stop()
	m.awaitShipped()
	a := r.settle(r.open(), load)
	chaostest.Report(t, "SIGTERM, and SIGINT with a second signal, to a whole deployment under load; %v", a)
}
