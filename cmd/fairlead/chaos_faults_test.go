package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"fairlead/redirector/journal"
)

// killAtVariable makes the program that the test binary runs as kill itself: "start 3 before sync segment"
// when it is about to sync a segment for the third time. See failPoint for the other phases.
const killAtVariable = "TEST_KILL_AT"

// plantedFaults reads what the environment asks for.
func plantedFaults() faults {
	var phase string
	var n int64
	text := os.Getenv(killAtVariable)
	if text == "" {
		return faults{}
	}
	if _, err := fmt.Sscan(text, &phase, &n); err != nil {
		panic(err)
	}
	point := strings.SplitN(text, " ", 3)[2]
	armed := armedIn(phase)
	var left atomic.Int64
	left.Store(n)
	reach := func(p string) error {
		if p == point && armed() && left.Add(-1) == 0 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // nothing happens after it
		}
		return nil
	}
	return faults{
		journal: func(ev journal.Event) error { return reach(journalPoint(ev)) },
		ship:    reach,
	}
}

// The phases of a redirector's life from which on a fail point counts.
const (
	fromStart = "start"
	onceOld   = "old"  // after the time for which the journal keeps what Redis has counted, 10 s
	onStop    = "stop" // after SIGTERM
)

func armedIn(phase string) func() bool {
	began := time.Now()
	var stopping atomic.Bool
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	go func() {
		<-signals
		stopping.Store(true)
	}()
	return func() bool {
		return phase == fromStart || phase == onceOld && time.Since(began) > 9*time.Second || phase == onStop && stopping.Load()
	}
}

var journalOps = map[journal.Op]string{
	journal.OpAppend: "append", journal.OpCreate: "create", journal.OpWrite: "write", journal.OpSync: "sync",
	journal.OpSyncDir: "sync", journal.OpRename: "rename", journal.OpLink: "link", journal.OpTruncate: "truncate",
	journal.OpUnlink: "unlink",
}

// journalPoint is the name of an operation on the journal's files, and of the time before or after it.
func journalPoint(ev journal.Event) string {
	when, what := "before", ev.Name
	if ev.Done {
		when = "after"
	}
	switch {
	case ev.Op == journal.OpSyncDir:
		what = "folder"
	case filepath.Ext(ev.Name) == ".seg":
		what = "segment"
	}
	return fmt.Sprintf("%s %s %s", when, journalOps[ev.Op], what)
}

// failPoint is where a redirector can be made to kill itself.
type failPoint struct {
	name   string
	phase  string
	within int // in a life under load it is reached at least so often
}

// env makes a redirector kill itself there, the n-th time.
func (p failPoint) env(n int) []string {
	return []string{fmt.Sprintf("%s=%s %d %s", killAtVariable, p.phase, n, p.name)}
}

// failPoints are those around write, sync, send, cursor and unlink. What a start unlinks was made in advance by the
// life before; later it is what both sinks have passed; at the end, what this life had made in advance.
var failPoints = []failPoint{
	{"before append segment", fromStart, 1000},
	{"after append segment", fromStart, 1000},
	{"before create segment", fromStart, 2},
	{"after create segment", fromStart, 2},
	{"before sync folder", fromStart, 2},
	{"after sync folder", fromStart, 2},
	{"before sync segment", fromStart, 20},
	{"after sync segment", fromStart, 20},
	{"before write state", fromStart, 1},
	{"after write state", fromStart, 1},
	{"before sync state", fromStart, 1},
	{"after sync state", fromStart, 1},
	{"killed", fromStart, 1},
	{"asking", fromStart, 1},
	{"insert", fromStart, 3},
	{"inserted 0", fromStart, 3},
	{"gaps", fromStart, 3},
	{"shipped", fromStart, 3},
	{"before write cursors", fromStart, 3},
	{"after write cursors", fromStart, 3},
	{"before sync cursors", fromStart, 3},
	{"after sync cursors", fromStart, 3},
	{"advanced", fromStart, 3},
	{"count", fromStart, 8},
	{"counted", fromStart, 8},
	{"before unlink segment", fromStart, 1},
	{"after unlink segment", fromStart, 1},
	{"before unlink segment", onceOld, 1},
	{"after unlink segment", onceOld, 1},
	{"before truncate segment", onStop, 1},
	{"after truncate segment", onStop, 1},
	{"after unlink segment", onStop, 1},
}
