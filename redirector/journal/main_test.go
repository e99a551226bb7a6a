package journal

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The test binary runs itself again, as the process that holds a journal or is killed.
const (
	childEnv = "JOURNAL_TEST_CHILD" // what to do
	dirEnv   = "JOURNAL_TEST_DIR"
	killEnv  = "JOURNAL_TEST_KILL" // before which operation to die; empty: not by itself
)

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "hold":
		hold(os.Getenv(dirEnv))
	case "append":
		appendUntilKilled(os.Getenv(dirEnv))
	default:
		goleak.VerifyTestMain(m)
	}
}

// hold opens the journal, says so, and waits for the end of its input.
func hold(dir string) {
	l, err := Open(dir, Options{SegmentBytes: minSegment, Logger: quiet()})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("open")
	var b [1]byte
	_, _ = os.Stdin.Read(b[:])
	if err := l.Close(); err != nil {
		os.Exit(1)
	}
}

// appendUntilKilled appends from several goroutines and prints each number that Append has answered. A sink
// follows, so that segments go.
func appendUntilKilled(dir string) {
	opt := Options{SegmentBytes: 64 << 10, SyncEvery: time.Millisecond, Logger: quiet(), Sinks: []string{"a"}}
	if at, err := strconv.ParseInt(os.Getenv(killEnv), 10, 64); err == nil {
		left := atomic.Int64{}
		left.Store(at)
		opt.Faults = func(Event) error {
			if left.Add(-1) == 0 {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
			return nil
		}
	}
	l, err := Open(dir, opt)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for at := uint64(0); ; {
			synced, err := l.WaitSynced(context.Background(), at)
			if err == nil {
				err = l.Advance("a", synced-synced/4)
			}
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			at = synced
		}
	})
	for worker := range 4 {
		wg.Go(func() {
			for i := uint64(0); ; i++ {
				payload := fmt.Appendf(nil, "worker %d record %d of process %d", worker, i, os.Getpid())
				seq, err := l.Append(payload)
				if err != nil {
					continue
				}
				line := binary.LittleEndian.AppendUint64(nil, seq)
				line = append(append(line, byte(len(payload))), payload...)
				if _, err := os.Stdout.Write(line); err != nil {
					os.Exit(1)
				}
			}
		})
	}
	wg.Wait()
}
