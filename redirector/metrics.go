package redirector

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"fairlead/redirector/journal"
	"fairlead/schema"
)

// outcome is how a request ended: a closed set. The first ones are verdicts, by their numbers.
type outcome uint8

const (
	outcomeHead     = outcome(schema.VerdictExpired) + 1 + iota // answered, not counted
	outcomeOwn                                                  // robots.txt, favicon.ico
	outcomeRoute                                                // a Route's; it counts for itself
	outcomeNotFound                                             // a path that the edge keeps for itself
	outcomeBadMethod
	outcomeBadRequest  // could not be read
	outcomeUnavailable // no directory yet, or the journal is closed
	outcomePanic       // a bug: redirected, not recorded
	outcomes
)

func outcomeOf(v schema.Verdict) outcome { return outcome(v) }

func (o outcome) String() string {
	switch o {
	case outcomeHead:
		return "head"
	case outcomeOwn:
		return "own"
	case outcomeRoute:
		return "route"
	case outcomeNotFound:
		return "not_found"
	case outcomeBadMethod:
		return "bad_method"
	case outcomeBadRequest:
		return "bad_request"
	case outcomeUnavailable:
		return "unavailable"
	case outcomePanic:
		return "panic"
	}
	return schema.Verdict(o).String()
}

// never are the numbers that no request ends with: no verdict, and the one found after the shopper has gone.
func (o outcome) never() bool {
	return o == outcome(schema.VerdictNone) || o == outcome(schema.VerdictBot)
}

// A latency falls into the bucket of the smallest power of two of microseconds (of 1,024 ns) above it.
const latencyBuckets = 22 // up to 2.1 s, and the rest

// counters are one share of the request metrics. There are several, each used by few processors at a
// time, so that counting does not move cache lines between them.
type counters struct {
	outcomes [outcomes]atomic.Uint64
	latency  [latencyBuckets + 1]atomic.Uint64
	nanos    atomic.Uint64
	_        [64]byte
}

func (c *counters) add(o outcome) { c.outcomes[o].Add(1) }

func (c *counters) took(d time.Duration) {
	ns := uint64(max(d, 0))
	c.latency[min(bits.Len64(ns>>10), latencyBuckets)].Add(1)
	c.nanos.Add(ns)
}

// The reasons for which an answered click is not in the journal: the journal's own, and these.
const (
	reasonPanic = "panic"
	reasonOther = "other"
)

// count is everything that a Server counts.
type count struct {
	shares     [8]counters
	next       atomic.Uint32
	unrecorded map[string]*atomic.Uint64 // by reason; the map does not change
}

func newCount() *count {
	c := &count{unrecorded: map[string]*atomic.Uint64{}}
	for _, r := range append(journal.Reasons(), reasonPanic, reasonOther) {
		c.unrecorded[r] = new(atomic.Uint64)
	}
	return c
}

// share hands out shares in turn.
func (c *count) share() *counters {
	return &c.shares[c.next.Add(1)%uint32(len(c.shares))]
}

func (c *count) outcome(o outcome) (n uint64) {
	for i := range c.shares {
		n += c.shares[i].outcomes[o].Load()
	}
	return n
}

// lossLog says how often clicks were lost, at most every few seconds.
type lossLog struct {
	mu   sync.Mutex
	said time.Time
	lost uint64 // since said
}

const lossEvery = 10 * time.Second

// unrecorded counts a click that was answered and is not in the journal, and says so.
func (s *Server) unrecorded(err error) {
	reason := reasonOther
	var full *journal.FullError
	switch {
	case errors.As(err, &full):
		reason = full.Reason
	case errors.Is(err, journal.ErrRecordTooLarge):
		reason = journal.ReasonRecordTooLarge
	}
	n, ok := s.count.unrecorded[reason]
	if !ok {
		n = s.count.unrecorded[reasonOther]
	}
	n.Add(1)

	l, now := &s.losses, s.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost++; now.Sub(l.said) < lossEvery {
		return
	}
	s.log.Error("clicks are redirected and NOT recorded", "clicks", l.lost, "reason", reason, "err", err)
	l.said, l.lost = now, 0
}

// export makes the metrics part of a set.
func (s *Server) export(set *metrics.Set) {
	if set == nil {
		return
	}
	set.RegisterMetricsWriter(func(w io.Writer) {
		s.writeRequests(w)
		s.writeDirectory(w)
		s.writeCertificate(w)
		s.writeJournal(w, "fairlead_journal", s.opt.Journal)
		s.writeJournal(w, "fairlead_conversions_journal", s.opt.Conversions)
	})
}

func (s *Server) writeRequests(w io.Writer) {
	for o := range outcomes {
		if !o.never() {
			metrics.WriteCounterUint64(w, fmt.Sprintf("fairlead_requests_total{outcome=%q}", o), s.count.outcome(o))
		}
	}
	var sum [latencyBuckets + 1]uint64
	var nanos uint64
	for i := range s.count.shares {
		share := &s.count.shares[i]
		for b := range sum {
			sum[b] += share.latency[b].Load()
		}
		nanos += share.nanos.Load()
	}
	total := uint64(0)
	for b, n := range sum {
		le := "+Inf"
		if b < latencyBuckets {
			le = fmt.Sprint(float64(uint64(1024)<<b) / 1e9)
		}
		total += n
		metrics.WriteCounterUint64(w, fmt.Sprintf("fairlead_request_seconds_bucket{le=%q}", le), total)
	}
	metrics.WriteCounterUint64(w, "fairlead_request_seconds_count", total)
	metrics.WriteCounterFloat64(w, "fairlead_request_seconds_sum", float64(nanos)/1e9)
	for _, r := range append(journal.Reasons(), reasonPanic, reasonOther) {
		metrics.WriteCounterUint64(w, fmt.Sprintf("fairlead_clicks_unrecorded_total{reason=%q}", r), s.count.unrecorded[r].Load())
	}
	metrics.WriteCounterUint64(w, "fairlead_connection_errors_total", s.brokenConns.Load())
	for _, r := range acceptReasons {
		metrics.WriteCounterUint64(w, fmt.Sprintf("fairlead_connections_not_accepted_total{reason=%q}", r), s.notAccepted.byReason[r].Load())
	}
	metrics.WriteGaugeUint64(w, "fairlead_connections_max", uint64(s.opt.Limits.Connections))
	metrics.WriteGaugeUint64(w, "fairlead_connections", uint64(s.http.GetOpenConnectionsCount()))
	metrics.WriteGaugeUint64(w, "fairlead_redirector_ready", oneIf(s.readiness().ok()))
}

func (s *Server) writeDirectory(w io.Writer) {
	d := s.opt.Links.Status()
	metrics.WriteGaugeUint64(w, "fairlead_directory_links", uint64(d.Links))
	metrics.WriteGaugeUint64(w, "fairlead_directory_bytes", uint64(d.Bytes))
	metrics.WriteGaugeUint64(w, "fairlead_directory_revision", d.Revision)
	metrics.WriteGaugeUint64(w, "fairlead_directory_from_snapshot", oneIf(d.Source == "snapshot"))
	if !d.Synced.IsZero() {
		metrics.WriteGaugeFloat64(w, "fairlead_directory_age_seconds", max(0, s.now().Sub(d.Synced).Seconds()))
	}
}

// writeCertificate tells how long the TLS certificate is good for, where there is one, and whether the files hold another
// that cannot be used.
func (s *Server) writeCertificate(w io.Writer) {
	if s.cert == nil {
		return
	}
	metrics.WriteGaugeUint64(w, "fairlead_tls_certificate_expires_timestamp_seconds", uint64(s.cert.current.Load().Leaf.NotAfter.Unix()))
	metrics.WriteGaugeUint64(w, "fairlead_tls_certificate_failing", oneIf(s.cert.failing.Load()))
}

// statistics is what a journal can say of itself.
type statistics interface{ Stats() journal.Stats }

// writeJournal tells of a journal, under names that begin with a prefix.
func (s *Server) writeJournal(w io.Writer, prefix string, of any) {
	j, ok := of.(statistics)
	if !ok {
		return
	}
	st := j.Stats()
	metrics.WriteGaugeUint64(w, prefix+"_bytes", uint64(st.Bytes))
	if st.Room >= 0 {
		metrics.WriteGaugeUint64(w, prefix+"_room_bytes", uint64(st.Room))
	}
	metrics.WriteGaugeUint64(w, prefix+"_segments", uint64(st.Segments))
	metrics.WriteGaugeUint64(w, prefix+"_damaged", uint64(st.Damaged))
	metrics.WriteCounterUint64(w, prefix+"_appended_total", st.Appended)
	metrics.WriteCounterUint64(w, prefix+"_synced_total", st.Synced)
	age := 0.0
	if !st.OldestUnshipped.IsZero() {
		age = max(0, s.now().Sub(st.OldestUnshipped).Seconds())
	}
	metrics.WriteGaugeFloat64(w, prefix+"_oldest_unshipped_seconds", age)
	metrics.WriteGaugeUint64(w, prefix+"_sync_failing", oneIf(st.SyncError != nil))
	for sink, at := range st.Cursors {
		metrics.WriteCounterUint64(w, fmt.Sprintf("%s_shipped_total{sink=%q}", prefix, sink), at)
	}
}

func oneIf(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
