package ship

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/VictoriaMetrics/metrics"

	"fairlead/redirector/enrich"
	"fairlead/redirector/journal"
)

// ClickHouseOptions say what a ClickHouse sink ships, and how. Source must be there, and Enrich where it ships clicks.
type ClickHouseOptions struct {
	Source Source
	Enrich *enrich.Data
	// Dir keeps the range of the batch in flight, and records that cannot be read. Only a source that cuts
	// alike every time, and holds what this program wrote, can do without.
	Dir string
	// Cluster is the name of the ClickHouse cluster, whose servers are all asked and written to; empty: one server.
	Cluster string
	// Closed marks a source that ends: it never holds back what is complete.
	Closed bool

	FlushEvery    time.Duration // how long a record waits for others, from the moment it was made, 1 s; conversions 100 ms
	MaxRows       int           // of a batch, 500,000
	MaxBytes      int           // of a batch's records, 64 MiB: the sink takes about six times that while it is far behind
	InsertTimeout time.Duration // after which an insert counts as lost, 75 s; ClickHouse gives up after four fifths of it
	Heartbeat     time.Duration // between two words of life when there is nothing to ship, 10 s
	StopGrace     time.Duration // for the insert in flight when Run is told to stop, 5 s
	Pause         time.Duration // after a first failure, 100 ms; it grows to fifty times that
	GiveUp        int           // after so many failures in a row; 0: never

	Now     func() time.Time
	Logger  *slog.Logger
	Metrics *metrics.Set

	// Faults is for tests: it is told of every step before or after which a crash would matter, and an error
	// from it is a crash there.
	Faults func(point string) error
}

func (o *ClickHouseOptions) fillIn() {
	def(&o.FlushEvery, time.Second)
	def(&o.Pause, firstPause)
	def(&o.MaxRows, 500_000)
	def(&o.MaxBytes, 64<<20)
	def(&o.InsertTimeout, 75*time.Second)
	def(&o.Heartbeat, 10*time.Second)
	def(&o.StopGrace, 5*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Faults == nil {
		o.Faults = func(string) error { return nil }
	}
}

func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// ClickHouse ships a source into the tables gaps and shipments and that of its records. Run and Drain are for one goroutine; Lag is
// for any.
type ClickHouse struct {
	conn    driver.Conn
	opt     ClickHouseOptions
	table   *table
	m       *sinkMetrics
	log     *slog.Logger
	cut     cutter
	batch   batch
	fixed   bool // the batch's range is written down and does not change until it has landed
	opened  time.Time
	intent  intent
	scratch scratch
	unsure  bool              // something may be under way or have landed that was not confirmed
	asks    map[string]uint64 // by node: up to which seq the store is asked before anything is sent
	beat    heartbeat
	sent    uint64
}

// NewClickHouse returns a sink for clicks that goes on from the source's cursor.
func NewClickHouse(conn driver.Conn, opt ClickHouseOptions) *ClickHouse {
	return newSink(conn, opt, newClicks(opt.Enrich))
}

func newSink(conn driver.Conn, opt ClickHouseOptions, f fact) *ClickHouse {
	opt.fillIn()
	t := f.table()
	s := &ClickHouse{
		conn:  conn,
		opt:   opt,
		table: t,
		m:     newSinkMetrics(opt.Metrics, t.sink, opt.Source, opt.Now),
		log:   opt.Logger.With("sink", t.sink),
		asks:  make(map[string]uint64),
	}
	s.cut = cutter{
		tail:    tail{source: opt.Source},
		fact:    f,
		maxRows: opt.MaxRows,
		maxSize: opt.MaxBytes,
		at:      opt.Source.Cursor(t.sink),
	}
	for _, reason := range append(journal.Reasons(), reasonUndecodable, reasonMissing) {
		s.m.gaps(t.gaps, reason)
	}
	if opt.Dir != "" {
		s.intent.path = filepath.Join(opt.Dir, t.flight)
		s.cut.aside.dir = filepath.Join(opt.Dir, "undecodable")
	}
	if was := s.intent.read(); was.First == s.cut.at+1 {
		s.cut.limit = was.Last
	}
	s.unsure = true
	s.measure()
	return s
}

// Lag tells how far the sink is behind.
func (s *ClickHouse) Lag() Lag { return Lag{Records: s.m.lag(), Time: s.m.lagTime(s.opt.Now())} }

// Sent is how many records were sent by this sink, those not counted that had landed before. It is for the goroutine that runs
// the sink.
func (s *ClickHouse) Sent() uint64 { return s.sent }

// Position is the seq up to which everything has landed. It is for the goroutine that runs the sink.
func (s *ClickHouse) Position() uint64 { return s.opt.Source.Cursor(s.table.sink) }

// Run ships until ctx is done. What fails is logged and tried again with growing pauses: the journal keeps
// what is not confirmed. The error is nil, unless GiveUp is set.
func (s *ClickHouse) Run(ctx context.Context) error {
	defer s.cut.close()
	if err := s.loop().until(ctx, false, never); ctx.Err() == nil {
		return err
	}
	return nil
}

// Drain ships what is synced now, says that the node has stopped, and returns. It must not run beside Run, and nothing may be
// appended any more.
func (s *ClickHouse) Drain(ctx context.Context) error {
	defer s.cut.close()
	target := s.opt.Source.Synced()
	if err := s.loop().until(ctx, true, func() bool { return s.Position() >= target }); err != nil {
		return fmt.Errorf("ship to ClickHouse: %d records are left in the journal, and the next start ships them: %w", target-s.Position(), err)
	}
	s.beat.end(s.opt.Now(), s.opt.Source.Appended(), s.Position())
	if err := s.lastWord(ctx); err != nil {
		return fmt.Errorf("tell ClickHouse that this node has stopped: %w", err)
	}
	return nil
}

func (s *ClickHouse) loop() loop {
	return loop{step: s.step, failed: s.failed, giveUp: s.opt.GiveUp, pause: s.opt.Pause}
}

func (s *ClickHouse) failed(err error, attempt int) {
	s.m.failed()
	s.log.Warn(s.table.name+" wait in the journal: shipping to ClickHouse failed and will be tried again",
		"err", err, "attempt", attempt, "lag_records", s.m.lag(), "position", s.Position())
}

// step does one thing: wait, gather, or deliver.
func (s *ClickHouse) step(ctx context.Context, drain bool) error {
	s.beat.look(s.opt.Now(), s.opt.Source.Appended(), s.Position())
	s.measure()
	if !s.fixed {
		was := s.batch.empty()
		full, err := s.cut.fill(&s.batch)
		if err != nil {
			return err
		}
		if s.batch.empty() {
			return s.idle(ctx, drain)
		}
		if was {
			s.opened = time.Now()
			s.measure()
		}
		if wait := s.opt.FlushEvery - waited(s.opened, s.oldest(), s.opt.Now()); !full && !drain && wait > 0 && s.cut.limit == 0 {
			sleep(ctx, wait)
			return nil
		}
		if err := s.intent.write(intentRange{Node: s.batch.node, First: s.batch.first, Last: s.batch.last}); err != nil {
			return err
		}
		s.fixed = true
	}
	if err := s.deliver(ctx); err != nil {
		var other *conflict
		if errors.As(err, &other) {
			return s.renew(other)
		}
		s.unsure = true
		return err
	}
	return nil
}

// idle waits for records, giving a word of life now and then.
func (s *ClickHouse) idle(ctx context.Context, drain bool) error {
	if s.cut.limit > 0 {
		s.cut.limit = 0 // the journal has not got what was in flight: nothing to cut alike
		return nil
	}
	if drain {
		return fmt.Errorf("BUG: the journal is synced to %d and shows nothing after %d", s.opt.Source.Synced(), s.cut.at)
	}
	s.m.rests(s.opt.Now())
	if wait := s.opt.Heartbeat - time.Since(s.beat.last); wait > 0 {
		waiting, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		if _, err := s.opt.Source.WaitSynced(waiting, s.cut.at); err != nil && waiting.Err() == nil {
			return fmt.Errorf("wait for the journal: %w", err)
		}
		return nil
	}
	return s.heartbeat(ctx, s.state())
}

// keepRows is how large a batch may be for its room to be kept for the next.
const keepRows = 50_000

// done is the end of a batch's way: only now does the cursor move.
func (s *ClickHouse) done() error {
	if err := s.opt.Source.Advance(s.table.sink, s.batch.last); err != nil {
		return fmt.Errorf("move the cursor to %d: %w", s.batch.last, err)
	}
	if err := s.opt.Faults("advanced"); err != nil {
		return err
	}
	s.m.batches.Inc()
	s.m.rows.Add(s.batch.records())
	for _, g := range s.batch.gaps {
		s.m.gaps(s.table.gaps, g.Reason).AddInt64(int64(g.To - g.From + 1))
	}
	if n := len(s.batch.months); n > 0 {
		at := s.batch.months[n-1].at
		s.m.reached(time.UnixMilli(at[len(at)-1]))
	}
	s.cut.limit, s.fixed = 0, false
	if s.batch.records() > keepRows && s.Position() >= s.opt.Source.Synced() {
		s.batch, s.scratch = batch{}, scratch{} // the backlog is done: its room is not needed any more
	}
	s.batch.reset()
	s.measure()
	return nil
}

func (s *ClickHouse) measure() { s.m.stands(s.Position(), s.oldest()) }

// oldest is when the first record of the batch was made; of a batch of gaps, when it was begun. Zero: it is empty.
func (s *ClickHouse) oldest() time.Time {
	switch {
	case s.batch.empty():
		return time.Time{}
	case len(s.batch.months) == 0:
		return s.opened
	}
	return time.UnixMilli(s.batch.months[0].at[0])
}

// waited is how long a batch has waited already: since its oldest record was made, or since it was begun if the clocks of the
// two do not agree. While one batch is under way the records of the next grow old.
func waited(opened, oldest, now time.Time) time.Duration {
	if oldest.IsZero() {
		oldest = now
	}
	return max(time.Since(opened), now.Sub(oldest))
}

// renew gives the first record that the store holds otherwise, and all after it, to a new node.
func (s *ClickHouse) renew(other *conflict) error {
	s.log.Error("the journal moves to a new node, because ClickHouse holds other "+s.table.name+" under the same numbers: a copy of it was, or is, at work elsewhere; make sure that none is",
		"node", other.node, "seq", other.seq, "reason", other.Error())
	s.rewind()
	if err := s.opt.Source.Renew(other.seq, other.Error()); err != nil {
		return fmt.Errorf("move the journal to a new node: %w", err)
	}
	s.asks[other.node] = max(s.asks[other.node], other.beyondOur)
	return nil
}

// rewind forgets the batch; the next one begins after what is confirmed.
func (s *ClickHouse) rewind() {
	s.batch.reset()
	s.fixed = false
	s.cut.close()
	s.cut.at = s.Position()
}
