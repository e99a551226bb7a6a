package journal

import (
	"context"
	"fmt"
	"time"
)

const (
	maxReserve = 1 << 20
	minWarm    = 256 << 10
)

// Synced returns the watermark: every number up to it is on disk, as a record or as an explained gap.
func (l *Log) Synced() uint64 { return l.synced.Load() }

// Sync returns when everything that stands in the log at the time of the call is on disk.
func (l *Log) Sync() error {
	fails := l.failCount()
	l.mu.Lock()
	closed, seq := l.closed, l.recordedLocked()
	l.mu.Unlock()
	if closed {
		return ErrClosed
	}
	return l.waitSync(context.Background(), seq, fails)
}

// WaitSynced blocks until Synced is above after, and returns it. It ends with ctx's error, or with ErrClosed
// when the log is closed and nothing above after will come.
func (l *Log) WaitSynced(ctx context.Context, after uint64) (uint64, error) {
	for {
		l.smu.Lock()
		notify := l.notify
		l.smu.Unlock()
		if synced := l.Synced(); synced > after {
			return synced, nil
		}
		select {
		case <-notify:
		case <-ctx.Done():
			return l.Synced(), ctx.Err()
		case <-l.done:
			if synced := l.Synced(); synced > after {
				return synced, nil
			}
			return l.Synced(), ErrClosed
		}
	}
}

// waitSync asks for a round of syncing and returns when seq is on disk, or when one round more than fails has failed.
func (l *Log) waitSync(ctx context.Context, seq, fails uint64) error {
	for {
		l.smu.Lock()
		notify, failed, err := l.notify, l.syncFails > fails, l.syncErr
		l.smu.Unlock()
		if l.Synced() >= seq {
			return nil
		}
		if failed && err != nil {
			return err
		}
		poke(l.urgent)
		select {
		case <-notify:
		case <-ctx.Done():
			return ctx.Err()
		case <-l.done:
			if l.Synced() >= seq {
				return nil
			}
			return ErrClosed
		}
	}
}

func (l *Log) failCount() uint64 {
	l.smu.Lock()
	defer l.smu.Unlock()
	return l.syncFails
}

// runSyncer syncs in rounds: SyncEvery after the first append since the last round, or at once when somebody waits.
// A log that is not appended to does not wake up.
func (l *Log) runSyncer() {
	l.wg.Go(func() {
		timer := time.NewTimer(l.opt.SyncEvery)
		failed := false
		for {
			select {
			case <-l.stop:
				return
			case <-l.urgent:
			case <-l.wake:
				timer.Reset(l.untilDue(failed))
				select {
				case <-l.stop:
					return
				case <-l.urgent:
				case <-timer.C:
				}
			}
			err := l.syncRound()
			l.endRound(err)
			if failed = err != nil; failed {
				poke(l.wake)
			}
		}
	})
}

// untilDue is how long the next round of syncing may wait: SyncEvery from the first append on, which may have
// been while the round before still ran.
func (l *Log) untilDue(failed bool) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if failed || !l.dirty {
		return l.opt.SyncEvery
	}
	return l.opt.SyncEvery - time.Since(l.dirtyAt)
}

// syncRound brings to disk what was appended before it began, and moves the watermark.
func (l *Log) syncRound() error {
	l.mu.Lock()
	full, active, off := l.full, l.active, l.off
	seq, recorded, num := l.seq, l.recordedLocked(), l.lastNum
	l.dirty = false
	l.mu.Unlock()

	if err := l.reserveAhead(seq); err != nil {
		return err
	}
	synced := int64(0)
	for _, s := range full {
		n, err := l.syncSegment(s, s.end)
		if err != nil {
			return err
		}
		synced += n
	}
	to := mark{seq: recorded, seg: num + 1}
	if active != nil {
		n, err := l.syncSegment(active, off)
		if err != nil {
			return err
		}
		synced += n
		to.seg, to.off = active.num, off
	}
	l.mark.Store(&to)
	l.synced.Store(recorded)
	l.live.setSynced(recorded)

	for _, s := range full {
		if err := s.unmap(); err != nil {
			return fmt.Errorf("unmap segment %s: %w", s.name(), err)
		}
	}
	l.mu.Lock()
	l.full = l.full[len(full):]
	l.nudgeSeq = l.reserved - l.reserve/2
	l.pace = max(synced, l.pace/2)
	ahead := max(minWarm, 16*l.pace)
	l.mu.Unlock()
	if active != nil {
		active.warmed = off // the sync took away the right to write without a fault
		active.warmTo(off + ahead)
	}
	return nil
}

// syncSegment brings the segment's bytes below end to disk and returns how many were new.
func (l *Log) syncSegment(s *segment, end int64) (int64, error) {
	from := s.synced
	if from >= end {
		return 0, nil
	}
	if err := l.disk.syncMapped(s.mem, s.name(), from, end); err != nil {
		redirty(s.mem, from, end)
		return 0, fmt.Errorf("sync segment %s from %d to %d: %w", s.name(), from, end, err)
	}
	s.synced = end
	return end - from, nil
}

// reserveAhead keeps the reservation on disk ahead of seq.
func (l *Log) reserveAhead(seq uint64) error {
	l.reserve = min(max(8*(seq-l.lastSeq), l.reserve/2, minReserve), maxReserve)
	l.lastSeq = seq
	if l.reserved >= seq+l.reserve/2 {
		return nil
	}
	to := seq + l.reserve
	if err := l.stateFile.write(state{reserved: to, synced: l.Synced()}.encode()); err != nil {
		return err
	}
	l.reserved = to
	return nil
}

// endRound tells those who wait how a round went.
func (l *Log) endRound(err error) {
	l.smu.Lock()
	first := err != nil && l.syncErr == nil
	healed := err == nil && l.syncErr != nil
	l.syncErr = err
	if err != nil {
		l.syncFails++
	}
	close(l.notify)
	l.notify = make(chan struct{})
	l.smu.Unlock()
	if first {
		l.log.Error("journal cannot sync: records are safe from a crash of the program only, and are not shipped", "dir", l.disk.dir, "err", err)
	}
	if healed {
		l.log.Info("journal syncs again", "dir", l.disk.dir)
	}
}
