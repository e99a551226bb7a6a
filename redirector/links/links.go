// Package links is the directory of partner links as a redirector holds it: all of it in memory, read
// without locks and without allocating, fed from Redis, and kept in a file of its own so that a
// restart does not need Redis.
//
// A change in Redis is seen within a second. What Redis no longer has, or has only in part, changes
// nothing here: memory is replaced by a whole directory or not at all. While Redis is away the
// directory is as old as Status says. After a restart it is the one of the last snapshot, which a
// clean stop writes and a crash leaves behind by some seconds (more with millions of links, because
// writing takes at most a hundredth of the time).
//
// The snapshot holds the click keys and the customers' key: its mode is 0600.
package links

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"fairlead/schema"
)

// Options say where a Directory keeps itself and how it is fed.
type Options struct {
	Snapshot      string           // file for the snapshot; empty: none
	Keys          schema.Keys      // where the directory lies in Redis; zero: schema.DefaultKeys
	Every         time.Duration    // pause between looks at Redis; 0: 250 ms
	AllowLoopback bool             // see schema.NewDestinations
	Logger        *slog.Logger     // nil: slog.Default
	Now           func() time.Time // nil: time.Now
}

// Directory is the directory in memory. View, Status and Ready are safe for concurrent use.
type Directory struct {
	opt  Options
	log  *slog.Logger
	view atomic.Pointer[View]

	polls    atomic.Uint64
	synced   atomic.Int64 // when memory last equalled Redis, Unix nanoseconds
	problem  atomic.Pointer[string]
	told     time.Time   // when the problem was last logged; of Run
	fromFile atomic.Bool // what is in memory came from the snapshot and was not yet compared with Redis

	// feed is what Run works on; nobody else touches it until Run has returned.
	feed feed

	saved *View // what the snapshot holds; of Run's saver, and of Open before and Close after it
}

// Open returns the directory of the snapshot; an empty one, which is not Ready, when there is none or
// when it is damaged, which is logged. The error is about the place only.
func Open(opt Options) (*Directory, error) {
	if opt.Keys.Prefix == "" {
		opt.Keys = schema.DefaultKeys
	}
	if opt.Every == 0 {
		opt.Every = 250 * time.Millisecond
	}
	if opt.Logger == nil {
		opt.Logger = slog.Default()
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	d := &Directory{opt: opt, log: opt.Logger}
	d.feed.reset()
	if opt.Snapshot == "" {
		return d, nil
	}
	if err := os.MkdirAll(filepath.Dir(opt.Snapshot), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the links' snapshot: %w", err)
	}
	d.load()
	return d, nil
}

// load takes over the snapshot, if there is a good one.
func (d *Directory) load() {
	began := d.opt.Now()
	snap, err := readSnapshot(d.opt.Snapshot)
	switch {
	case errors.Is(err, os.ErrNotExist):
		d.log.Info("no snapshot of the links yet: they are fetched from Redis", "file", d.opt.Snapshot)
		return
	case err != nil:
		d.log.Error("the snapshot of the links is not used: they are fetched from Redis", "file", d.opt.Snapshot, "err", err)
		return
	}
	if err = d.feed.take(snap); err == nil {
		err = d.publish()
	}
	if err != nil {
		d.feed.reset()
		d.log.Error("the snapshot of the links is not used: they are fetched from Redis", "file", d.opt.Snapshot, "err", err)
		return
	}
	d.fromFile.Store(true)
	d.synced.Store(snap.meta.Synced.UnixNano())
	d.saved = d.view.Load()
	d.log.Info("links loaded from the snapshot", "links", d.view.Load().Len(), "as_of", snap.meta.Synced,
		"took", d.opt.Now().Sub(began).Round(time.Millisecond))
}

// View returns the directory of this moment; nil when none has been loaded yet. It never changes: take
// one per request, so that link and program belong together.
func (d *Directory) View() *View { return d.view.Load() }

// ErrNotLoaded is wrapped by Ready's error.
var ErrNotLoaded = errors.New("the directory of links is not loaded")

// Ready is nil once a whole directory has been loaded, from Redis or from the snapshot.
func (d *Directory) Ready() error {
	if d.view.Load() != nil {
		return nil
	}
	if p := d.problem.Load(); p != nil {
		return fmt.Errorf("%w: %s", ErrNotLoaded, *p)
	}
	return fmt.Errorf("%w: Redis has not been asked yet", ErrNotLoaded)
}

// Status says what is in memory and how fresh it is.
type Status struct {
	Source   string    `json:"source"` // none, snapshot, redis
	Links    int       `json:"links"`
	Bytes    int64     `json:"bytes"` // of links and index
	Revision uint64    `json:"revision"`
	Synced   time.Time `json:"synced,omitzero"`   // memory last equalled Redis
	Problem  string    `json:"problem,omitempty"` // why it does not now
}

// Status returns the state of the directory.
func (d *Directory) Status() Status {
	s := Status{Source: "none"}
	if ns := d.synced.Load(); ns != 0 {
		s.Synced = time.Unix(0, ns).UTC()
	}
	if p := d.problem.Load(); p != nil {
		s.Problem = *p
	}
	if v := d.view.Load(); v != nil {
		s.Source, s.Links, s.Bytes, s.Revision = "redis", v.Len(), v.bytes(), v.revision
		if d.fromFile.Load() {
			s.Source = "snapshot"
		}
	}
	return s
}

// publish makes what the feed holds visible, or says why it is not whole.
func (d *Directory) publish() error {
	v, err := d.feed.view(d.opt.AllowLoopback, d.log)
	if err != nil {
		return fmt.Errorf("the directory cannot be used: %w", err)
	}
	d.view.Store(v)
	d.feed.pending = false
	return nil
}

// Close writes the snapshot if something changed since the last one. Run has to have returned.
func (d *Directory) Close() error {
	if err := d.save(); err != nil {
		return fmt.Errorf("write the links' snapshot: %w", err)
	}
	return nil
}
