package journal

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"fairlead/cmd/chaostest"
)

// An account is what a journal's users were told: what may never be taken back.
type account struct {
	answered map[uint64]string // by Append
	durable  map[uint64]string // by AppendSync, or shown to a reader
	cursor   uint64
	shown    uint64 // the highest number that a reader was shown
}

func newAccount() *account {
	return &account{answered: make(map[uint64]string), durable: make(map[uint64]string)}
}

// life uses the journal as a redirector and its shippers do, until the end or until the power goes, and keeps account.
func (a *account) life(t *testing.T, l *Log, which int) {
	t.Helper()
	for round := range 6 {
		for i := range 12 {
			rec := fmt.Sprintf("life %d round %d record %d %0*d", which, round, i, 40*i, 0)
			var seq uint64
			var err error
			if i == 5 {
				seq, err = l.AppendSync(context.Background(), []byte(rec))
			} else {
				seq, err = l.Append([]byte(rec))
			}
			if seq > 0 && seq <= a.shown {
				t.Fatalf("life %d: number %d once more, readers were shown up to %d", which, seq, a.shown)
			}
			if err != nil {
				continue
			}
			a.answered[seq] = rec
			if i == 5 {
				a.durable[seq] = rec
			}
		}
		if round == 5 || l.Sync() != nil {
			continue
		}
		a.read(t, l)
		if l.Advance("a", a.shown-min(a.shown, 20)) == nil {
			a.cursor = a.shown - min(a.shown, 20)
		}
	}
}

// read notes what a shipper is shown. What it was shown before must be the same.
func (a *account) read(t *testing.T, l *Log) {
	t.Helper()
	for _, e := range read(t, l, l.Cursor("a")+1) {
		if e.gap != (Gap{}) {
			for n := e.gap.From; n <= e.gap.To; n++ {
				if rec, ok := a.durable[n]; ok {
					t.Fatalf("number %d is lost as %s and was %.30q", n, e.gap.Reason, rec)
				}
			}
		} else {
			if was, ok := a.durable[e.seq]; ok && was != e.record {
				t.Fatalf("number %d is %.30q and was %.30q", e.seq, e.record, was)
			}
			if was, ok := a.answered[e.seq]; ok && was != e.record {
				t.Fatalf("number %d is %.30q and was answered for %.30q", e.seq, e.record, was)
			}
			a.durable[e.seq] = e.record
		}
		a.shown = max(a.shown, e.seq)
	}
}

// TestThePowerGoesAtEveryOperation takes the power at each operation on the files of two lives of a journal, of which the first may end
// by SIGKILL, and with the power what was not synced: pages, sectors, lengths, names.
func TestThePowerGoesAtEveryOperation(t *testing.T) {
	seeds := 1
	if chaostest.Full() {
		seeds = 20
	}
	for seed := range seeds {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			at := 1
			for powerGoesAt(t, at, newRand(uint64(seed)<<32|uint64(at))) {
				at++
			}
			chaostest.Report(t, "the power went at each of %d operations; nothing that was synced is lost", at-1)
		})
	}
}

// powerGoesAt takes the power before the operation of that number, or after it. It returns false if there were not so many.
func powerGoesAt(t *testing.T, at int, rnd *rand.Rand) bool {
	t.Helper()
	r, a := newRig(t), newAccount()
	done, left := rnd.IntN(2) == 0, at
	r.die = func(ev Event) bool {
		if ev.Done == done && ev.Op != OpAppend {
			left--
		}
		return left <= 0
	}
	for which := range 2 {
		l, err := Open(r.dir, quietly(r))
		if err != nil {
			if !errors.Is(err, errDead) {
				t.Fatalf("operation %d: open: %v", at, err)
			}
			break
		}
		a.life(t, l, which)
		if which == 0 && rnd.IntN(2) == 0 {
			l.crash(t) // what it left in the page cache is for the next life to sync
		} else if err := l.Close(); err != nil && !errors.Is(err, errDead) {
			t.Fatalf("operation %d: close: %v", at, err)
		}
	}
	died := r.dead
	r.powerLoss(t, rnd)

	l, err := Open(r.dir, quietly(r))
	if err != nil {
		t.Fatalf("operation %d: open after it: %v", at, err)
	}
	defer func() { _ = l.Close() }()
	if got := l.Cursor("a"); got < a.cursor {
		t.Fatalf("operation %d: cursor %d, was %d", at, got, a.cursor)
	}
	for seq := range a.durable {
		if seq > l.Appended() {
			t.Fatalf("operation %d: goes on after %d, %d was on disk", at, l.Appended(), seq)
		}
	}
	a.covers(t, l)
	a.life(t, l, 2)
	if c := l.Corruptions(); len(c) > 0 {
		t.Fatalf("operation %d: what the power took is reported as damage: %v", at, c)
	}
	if err := l.Close(); err != nil {
		t.Fatalf("operation %d: close after it: %v", at, err)
	}
	_ = os.RemoveAll(r.dir)
	return died
}

// covers fails unless everything above the cursor is there as it was, or told as a gap.
func (a *account) covers(t *testing.T, l *Log) {
	t.Helper()
	a.read(t, l)
	next := l.Cursor("a") + 1
	for _, e := range read(t, l, next) {
		from := e.seq
		if e.gap != (Gap{}) {
			from = e.gap.From
			if e.gap.Reason != ReasonPowerLoss {
				t.Fatalf("gap %+v, want the power loss", e.gap)
			}
		}
		if from > next {
			t.Fatalf("entry %d follows %d", from, next-1)
		}
		next = e.seq + 1
	}
	if synced := l.Synced(); next <= synced {
		t.Fatalf("ends at %d, synced is %d", next-1, synced)
	}
}

func quietly(r *rig) Options {
	opt := Options{SegmentBytes: 4 << 10, Logger: quiet(), Sinks: []string{"a"}, SyncEvery: time.Hour}
	r.options(&opt)
	return opt
}

// TestAPowerLossCostsAtMostTheWindow appends at any moments, on a disk that takes any time up to slow to sync, and takes
// the power at any moment, in time that is simulated. Every record that was older than SyncEvery and one round of syncing is there.
func TestAPowerLossCostsAtMostTheWindow(t *testing.T) {
	losses := 40
	if chaostest.Full() {
		losses = 1500
	}
	const window = 100 * time.Millisecond
	for _, slow := range []time.Duration{0, 5 * time.Millisecond, 40 * time.Millisecond} {
		t.Run(fmt.Sprint("a disk that syncs in ", slow), func(t *testing.T) {
			t.Parallel()
			worst := time.Duration(0)
			for seed := range losses {
				rnd := newRand(uint64(seed))
				r := newRig(t)
				synctest.Test(t, func(t *testing.T) {
					worst = max(worst, oldestLost(t, r, rnd, window, slow))
				})
				if t.Failed() {
					t.Fatalf("with seed %d", seed)
				}
				_ = os.RemoveAll(r.dir)
			}
			// A round syncs up to two segments and a reservation.
			if limit := window + 3*slow; worst > limit {
				t.Errorf("a record was lost that was %v old, want at most %v", worst, limit)
			}
			chaostest.Report(t, "%d power losses at any moment, with a window of %v; the oldest record lost was %v old", losses, window, worst)
		})
	}
}

// oldestLost returns how old the oldest record was that a power loss at some moment took.
func oldestLost(t *testing.T, r *rig, rnd *rand.Rand, window, slow time.Duration) (age time.Duration) {
	opt := Options{SegmentBytes: 16 << 10, SyncEvery: window, Logger: quiet(), Sinks: []string{"a"}}
	r.options(&opt)
	watch := opt.Faults
	opt.Faults = func(ev Event) error {
		if ev.Op == OpSync && !ev.Done && slow > 0 {
			time.Sleep(slow)
		}
		return watch(ev)
	}
	l, err := Open(r.dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	appended := make(map[uint64]time.Time)
	for range 20 + rnd.IntN(60) {
		seq, err := l.Append(record(l.Appended() + 1))
		if err != nil {
			t.Fatal(err)
		}
		appended[seq] = time.Now()
		if rnd.IntN(4) > 0 {
			time.Sleep(time.Duration(rnd.Int64N(int64(80 * time.Millisecond))))
		}
	}
	now := time.Now()
	r.mu.Lock()
	r.dead = true
	r.mu.Unlock()
	l.crash(t)
	r.powerLoss(t, rnd)

	opt.Faults = watch
	if l, err = Open(r.dir, opt); err != nil {
		t.Fatal(err)
	}
	for _, e := range read(t, l, 1) {
		if e.gap == (Gap{}) {
			delete(appended, e.seq)
		}
	}
	for _, at := range appended {
		age = max(age, now.Sub(at))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return age
}
