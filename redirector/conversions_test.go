package redirector

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"fairlead/cmd/stores/storestest"
	"fairlead/redirector/journal"
)

func TestLinksRedirectWhileNoConversionCanBeRecorded(t *testing.T) {
	rdb := storestest.Redis(t).Fresh(t).Client(t)
	fillRedis(t, rdb)
	opt := nodeOptions(t.TempDir())
	opt.Conversions.SegmentBytes, opt.Conversions.MaxBytes = 4<<10, 12<<10
	set := metrics.NewSet()
	opt.Server.Metrics = set
	n := run(t, opt, rdb)
	n.ready()
	state := func() (bool, string) {
		ok, detail := n.Server.Readiness()
		return ok, detail.(readiness).Conversions
	}
	if ok, said := state(); !ok || said != "ok" {
		t.Errorf("at first: ready %v, conversions %q", ok, said)
	}
	var full *journal.FullError
	accepted := uint64(0)
	for rec := make([]byte, 1000); full == nil; {
		seq, err := n.Conversions.AppendSync(t.Context(), rec)
		if err != nil && !errors.As(err, &full) {
			t.Fatal(err)
		}
		if err == nil {
			accepted = seq
		}
	}
	if ok, said := state(); !ok || said == "ok" {
		t.Errorf("full: ready %v, conversions %q: want ready, and what is wrong", ok, said)
	}
	if got := n.visit("/ada?n=1"); !strings.HasPrefix(got, "https://shop.example/?n=1&fl_click=") {
		t.Errorf("the link leads to %s", got)
	}
	var out bytes.Buffer
	set.WritePrometheus(&out)
	for _, want := range []string{"fairlead_redirector_ready 1", "fairlead_conversions_journal_segments 3", "fairlead_journal_appended_total 1"} {
		if !strings.Contains(out.String(), want+"\n") {
			t.Errorf("there is no line %s in:\n%s", want, out.String())
		}
	}

	if err := n.Conversions.Advance("test", accepted); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(2 * time.Millisecond) {
		if _, err := n.Conversions.AppendSync(t.Context(), []byte("again")); err == nil {
			break
		} else if !errors.As(err, &full) || time.Now().After(end) {
			t.Fatalf("with room again: %v", err)
		}
	}
	if ok, said := state(); !ok || said != "ok" {
		t.Errorf("with room again: ready %v, conversions %q", ok, said)
	}
}

// takesAll is a shipper of conversions that looks at how they stand when it is told to stop.
type takesAll struct {
	n      *Node
	synced chan bool
}

func (s *takesAll) Run(ctx context.Context) error {
	<-ctx.Done()
	s.synced <- s.n.Conversions.Appended() == 1 && s.n.Conversions.Synced() == 1
	return ctx.Err()
}

func (s *takesAll) Drain(context.Context) error { return s.n.Conversions.Advance("test", 1) }

func TestConversionsAreSyncedThenShippedThenClosed(t *testing.T) {
	rdb := storestest.Redis(t).Fresh(t).Client(t)
	fillRedis(t, rdb)
	opt := nodeOptions(t.TempDir())
	opt.Conversions.SyncEvery = 10 * time.Second // nothing is synced but by the stop
	s := &takesAll{synced: make(chan bool, 1)}
	n, err := OpenNode(opt)
	if err != nil {
		t.Fatal(err)
	}
	s.n = n
	listeners, err := Listen("127.0.0.1:0", 1)
	if err != nil {
		t.Fatal(errors.Join(err, n.Close()))
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx, rdb, listeners, s) }()
	if _, err := n.Conversions.Append([]byte("a report")); err != nil {
		t.Error(err)
	}
	cancel()
	if !<-s.synced {
		t.Error("shipping stops before the journal of conversions is synced")
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if at := n.Conversions.Cursor("test"); at != 1 {
		t.Errorf("shipped up to %d, want 1", at)
	}
	if err := n.Conversions.Ready(); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("afterwards the journal of conversions is %v", err)
	}
}
