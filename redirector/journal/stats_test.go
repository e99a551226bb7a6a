package journal

import "testing"

func TestTheRoomIsWhatTheBoundOrTheDiskLeaves(t *testing.T) {
	l := open(t, ramDir(t), func(o *Options) { o.MaxBytes = 4 * o.SegmentBytes })
	segmentMade(l)
	if s := l.Stats(); s.Bytes != 2*minSegment || s.Room != 2*minSegment {
		t.Errorf("%d bytes, room for %d, want %d and %d", s.Bytes, s.Room, 2*minSegment, 2*minSegment)
	}
	fill(t, l, ReasonBoundReached, 1)
	if s := l.Stats(); s.Room != 0 {
		t.Errorf("full, and room for %d bytes", s.Room)
	}
	disk := open(t, ramDir(t))
	free, err := freeBytes(disk.disk.dir)
	if err != nil {
		t.Fatal(err)
	}
	// Others write to the same disk meanwhile.
	if got := disk.Stats().Room; got <= 0 || got > 2*free || free > 2*got {
		t.Errorf("without a bound there is room for %d bytes, and the disk has %d", got, free)
	}
	bounded := open(t, ramDir(t), func(o *Options) { o.MaxBytes = 1 << 62 })
	if got := bounded.Stats().Room; got > 2*free {
		t.Errorf("with a bound far away there is room for %d bytes, and the disk has %d", got, free)
	}
}
