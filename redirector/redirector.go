// Package redirector is the edge: it answers requests for partner links with a redirect and records
// every one of them.
//
// The promises, and what holds them:
//
//   - Nobody waits for a store. A redirect is decided from a links.Directory in memory; Redis and
//     ClickHouse may both be away.
//   - A click that was answered with a redirect lies in the journal before the answer leaves. Where that
//     cannot be (the disk is full), the shopper is redirected all the same, and the loss is counted by
//     reason and logged. A request that comes when the journal is already closed is not redirected:
//     503, and the load balancer asks another node.
//   - A shopper's address is kept nowhere: neither in the journal nor in a log. What is recorded is its
//     network (IPv4 /24, IPv6 /48) and a hash under a salt that is forgotten every day.
//   - Nothing that a request carries can lead outside the program's allowed domains, add a header, or
//     pass for a click id.
//
// The handler (handler.go) is a list of named steps that allocates nothing.
package redirector

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"fairlead/redirector/links"
)

// Journal is where clicks are recorded. Append returns when the record is safe from a crash of this
// process; see journal.Log.
type Journal interface {
	Append(record []byte) (seq uint64, err error)
	Ready() error
}

// Directory is where links are looked up; see links.Directory.
type Directory interface {
	View() *links.View
	Ready() error
	Status() links.Status
}

// ConversionJournal is where reports of conversions are recorded; see journal.Log. While it is not ready they are
// refused, and links redirect all the same.
type ConversionJournal interface{ Ready() error }

// Options are what a Server is made of. Links, Journal, Node and Salt have to be given.
type Options struct {
	Links       Directory
	Journal     Journal
	Conversions ConversionJournal // nil: none
	Node        string            // the journal's node: click ids of two nodes differ by it
	Salt        *Salt

	// TrustedProxies are the networks whose word on where a request came from is believed.
	TrustedProxies []netip.Prefix
	// TLSCert and TLSKey name PEM files; they are read again when they change. Empty: plain HTTP.
	TLSCert, TLSKey string

	// Stores are asked for the state of the stores when readiness is, by name; it decides nothing.
	Stores map[string]func() any

	Metrics *metrics.Set     // nil: none
	Logger  *slog.Logger     // nil: slog.Default
	Now     func() time.Time // nil: time.Now

	Limits Limits
}

// Limits bound what clients can ask for. Zero values mean the defaults.
type Limits struct {
	// HeaderBytes bounds the request line and the headers together: 16 KiB, so that addresses of 8 KB
	// pass. It is also the memory that a connection holds.
	HeaderBytes int
	// BodyBytes bounds a request's body: 64 KiB.
	BodyBytes int
	// Read is the time that a request may take to arrive: 5 s; Write that an answer may take to
	// leave: 5 s; Idle that a connection may stay open without a request: 60 s.
	Read, Write, Idle time.Duration
	// Connections is how many may be open at once: 200,000, or fewer where the limit of open files says so. PerAddress is how
	// many from one IPv4 address or IPv6 /64 that is no trusted proxy, on each listener; 0: any number, for they may all come
	// from one load balancer.
	Connections, PerAddress int
}

func (l *Limits) fillIn() {
	def(&l.HeaderBytes, 16<<10)
	def(&l.BodyBytes, 64<<10)
	def(&l.Read, 5*time.Second)
	def(&l.Write, 5*time.Second)
	def(&l.Idle, time.Minute)
	def(&l.Connections, 200_000)
}

func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}
