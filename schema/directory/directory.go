// Package directory keeps who is in the program and where links lead: the program's settings, partners,
// links, log-ins, click keys, and what people said of nodes.
//
// ClickHouse holds the truth: a change is a row of directory_log, with a version higher than every one
// before, and nothing is ever changed there. Redis holds what follows from it, in the form that
// redirectors and pages read, and can be made anew at any time.
//
// There is one writer at a time, whoever holds the lock in Redis. It reads ClickHouse for what is taken,
// inserts, and then brings Redis up to the new version. So slugs and e-mail addresses stay unique
// under concurrent writers, and also when Redis is restarted, emptied or failed over: whoever takes the
// lock from a Redis that may have forgotten its holder waits one lock's life before it writes. Should
// a writer have slept through all of that (a laptop's lid, SIGSTOP), it finds out, takes its rows back and
// reports a conflict.
//
// While one of the stores is away changes are refused with code Unavailable; reads need either of them.
// A crash between ClickHouse and Redis leaves Redis behind, and Heal or the next writer sends what it lacks.
package directory

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/redis/go-redis/v9"

	"fairlead/schema"
)

// Options of a Directory. The zero value works for a deployment that has its stores to itself.
type Options struct {
	Keys          schema.Keys      // names in Redis; zero: schema.DefaultKeys
	AllowLoopback bool             // destinations may be http on loopback hosts that the program allows
	Edge          string           // the redirector's public URL: nothing may lead back to it; empty: not known
	Quorum        bool             // ClickHouse is a replicated cluster: write by quorum, read what was written
	Now           func() time.Time // stamps entries; nil: time.Now
	Logger        *slog.Logger     // nil: slog.Default
	LockLife      time.Duration    // how long the writer's lock outlives its last renewal; 0: 3 s
	LockWait      time.Duration    // how long a writer waits for its turn; 0: 30 s
	CompareEvery  time.Duration    // how often Reconcile compares every entry; 0: an hour
	PayoutKey     schema.PayoutKey // payout details are sealed with it; empty: they can neither be read nor changed

	LoopbackEndpoints bool // webhooks and postbacks may be on this machine: for tests
}

// Directory reads and writes the directory. It is safe for concurrent use, by many processes too.
type Directory struct {
	ch   driver.Conn
	rdb  redis.UniversalClient
	opt  Options
	log  *slog.Logger
	turn chan struct{} // this process's writers queue here, so that one of them at a time asks for the lock

	mostChanged int // members of the set of changes before everybody is told to load anew

	mu       sync.Mutex
	compared time.Time // when every entry was last compared; guarded by mu

	// at is called at named points of a write, so that a test can stop a writer there. Nil otherwise.
	at func(ctx context.Context, point string)
}

// Actor says who makes a change: "cli", "system", or LoginActor.
type Actor string

// Actors that are nobody in particular.
const (
	CLI    Actor = "cli"
	System Actor = "system"
)

// LoginActor is the person behind a login: "admin:7" by login, "partner:12" by partner.
func LoginActor(l schema.Login) Actor {
	if l.Role == schema.RolePartner {
		return Actor("partner:" + l.Partner.String())
	}
	return Actor("admin:" + l.ID.String())
}

// New returns the directory over open connections, which stay the caller's. The Redis client should not
// repeat commands by itself more often than a lock's life allows.
func New(ch driver.Conn, rdb redis.UniversalClient, opt Options) *Directory {
	if opt.Keys == (schema.Keys{}) {
		opt.Keys = schema.DefaultKeys
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Logger == nil {
		opt.Logger = slog.Default()
	}
	if opt.LockLife == 0 {
		opt.LockLife = 3 * time.Second
	}
	if opt.LockWait == 0 {
		opt.LockWait = 30 * time.Second
	}
	if opt.CompareEvery == 0 {
		opt.CompareEvery = time.Hour
	}
	return &Directory{
		ch: ch, rdb: rdb, opt: opt, log: opt.Logger.With("part", "directory"),
		turn: make(chan struct{}, 1), mostChanged: mostChanged, compared: time.Now(),
	}
}

// now is the time as entries carry it: what ClickHouse's DateTime64(3) can hold.
func (d *Directory) now() time.Time { return d.opt.Now().UTC().Truncate(time.Millisecond) }

// reach calls the test's hook.
func (d *Directory) reach(ctx context.Context, point string) {
	if d.at != nil {
		d.at(ctx, point)
	}
}
