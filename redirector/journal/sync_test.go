package journal

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestASyncThatFailsIsToldAndMadeGood(t *testing.T) {
	r := newRig(t)
	l := open(t, r.dir, r.options)
	add(t, l, 10)
	mustSync(t, l)
	r.set(false, true)
	seq, err := l.AppendSync(context.Background(), record(11))
	if seq != 11 || !errors.Is(err, syscall.EIO) {
		t.Fatalf("append sync: got %d, %v, want 11 and the disk's error", seq, err)
	}
	if err := l.Sync(); !errors.Is(err, syscall.EIO) || l.Synced() != 10 {
		t.Fatalf("sync: got %v, watermark %d", err, l.Synced())
	}
	if err := l.Stats().SyncError; !errors.Is(err, syscall.EIO) {
		t.Errorf("stats: got %v", err)
	}
	if err := l.Ready(); err != nil {
		t.Errorf("ready: %v: appends still go to the page cache", err)
	}
	add(t, l, 25) // over the end of a segment
	if got := read(t, l, 1); len(got) != 10 {
		t.Errorf("readers see %d entries, want the 10 that are on disk", len(got))
	}
	r.set(false, false)
	mustSync(t, l)
	wantRecords(t, l, 1, 36)
	if err := l.Stats().SyncError; err != nil {
		t.Errorf("stats: got %v", err)
	}
}

// TestAFailedSyncIsTriedAgain needs nobody to ask for it.
func TestAFailedSyncIsTriedAgain(t *testing.T) {
	r := newRig(t)
	l := open(t, r.dir, r.options, func(o *Options) { o.SyncEvery = time.Millisecond })
	r.set(false, true)
	add(t, l, 3)
	if err := l.Sync(); err == nil {
		t.Fatal("synced on a broken disk")
	}
	r.set(false, false)
	if synced, err := l.WaitSynced(context.Background(), 2); err != nil || synced != 3 {
		t.Errorf("got %d, %v, want 3", synced, err)
	}
}

func TestTheTimerSyncsWithoutBeingAsked(t *testing.T) {
	l := open(t, ramDir(t), func(o *Options) { o.SyncEvery = time.Millisecond })
	for n := range uint64(5) {
		add(t, l, 1)
		if synced, err := l.WaitSynced(context.Background(), n); err != nil || synced != n+1 {
			t.Fatalf("got %d, %v, want %d", synced, err, n+1)
		}
	}
}

func TestWaitingEnds(t *testing.T) {
	r := newRig(t)
	l := open(t, r.dir, r.options, func(o *Options) { o.SyncEvery = time.Hour })
	add(t, l, 2)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := l.WaitSynced(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("wait: got %v", err)
	}
	r.set(false, true)
	if _, err := l.AppendSync(ctx, record(3)); !errors.Is(err, context.Canceled) && !errors.Is(err, syscall.EIO) {
		t.Errorf("append sync: got %v", err)
	}
	r.set(false, false)

	var wg sync.WaitGroup
	got := make([]uint64, 2)
	errs := make([]error, 2)
	for i, after := range []uint64{2, 3} {
		wg.Go(func() { got[i], errs[i] = l.WaitSynced(context.Background(), after) })
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if errs[0] != nil || got[0] != 3 {
		t.Errorf("closing syncs: got %d, %v, want 3", got[0], errs[0])
	}
	if !errors.Is(errs[1], ErrClosed) {
		t.Errorf("nothing more comes: got %v, want ErrClosed", errs[1])
	}
}

// TestCloseOnABrokenDiskSaysSo and leaves an end that the next Open understands.
func TestCloseOnABrokenDiskSaysSo(t *testing.T) {
	r := newRig(t)
	l := open(t, r.dir, r.options)
	add(t, l, 3)
	r.set(false, true)
	if err := l.Close(); !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v, want the disk's error", err)
	}
	r.set(false, false)
	l = open(t, r.dir, r.options)
	wantRecords(t, l, 1, 3)
}

// TestTheReservationOutrunsABurst appends far more than is reserved between two rounds, and loses the power.
func TestTheReservationOutrunsABurst(t *testing.T) {
	r := newRig(t)
	l := open(t, r.dir, r.options, func(o *Options) { o.SegmentBytes = 8 << 20 })
	for range 20 * minReserve {
		if _, err := l.Append(nil); err != nil {
			t.Fatal(err)
		}
	}
	mustSync(t, l)
	synced, appended := l.Synced(), l.Appended()
	l.crash(t)
	r.powerLoss(t, newRand(3))
	l = open(t, r.dir, r.options)
	if got := l.Appended(); got < appended || got > appended+8*20*minReserve {
		t.Errorf("goes on after %d, %d was handed out", got, appended)
	}
	for _, e := range read(t, l, 1) {
		if e.gap != (Gap{}) && e.gap.From <= synced {
			t.Errorf("gap %+v, synced was %d", e.gap, synced)
		}
	}
}
