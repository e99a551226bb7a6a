package directory

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"fairlead/schema"
)

// Reconcile sends Redis the entries of which directory_log has a newer version, and from time to time
// (Options.CompareEvery) compares every entry. It answers how many entries were sent. It is cheap when
// there is nothing to do, and refuses a directory that is being rebuilt.
func (d *Directory) Reconcile(ctx context.Context) (int, error) {
	s, err := d.state(ctx)
	if err != nil {
		return 0, redisAway(err)
	}
	if !s.complete() {
		return 0, unavailable(errIncomplete, "The directory in Redis is not complete: rebuild it first.")
	}
	head, err := d.head(ctx)
	if err != nil {
		return 0, clickHouseAway(err)
	}
	sent := 0
	switch {
	case head.version > s.version:
		if sent, err = d.underLock(ctx, d.catchUpNow); err != nil {
			return sent, err
		}
	case head.version < s.version && d.aheadStill(ctx):
		d.log.Warn("Redis knows newer directory entries than ClickHouse, which must have been restored from a backup; what ClickHouse has counts",
			"clickhouse", head.version, "redis", s.version)
		return d.rebuild(ctx, true, nil)
	}
	if !d.compareDue() {
		return sent, nil
	}
	n, err := d.Compare(ctx)
	return sent + n, err
}

// underLock runs fn as the only writer.
func (d *Directory) underLock(ctx context.Context, fn func(context.Context, *lock) (int, error)) (int, error) {
	held, l, err := d.lock(ctx)
	if err != nil {
		return 0, err
	}
	defer l.release()
	return fn(held, l)
}

// aheadStill looks once more, Redis first, whether it is ahead of ClickHouse: between the first two questions
// a writer may have been at work.
func (d *Directory) aheadStill(ctx context.Context) bool {
	s, err := d.state(ctx)
	if err != nil || !s.complete() {
		return false
	}
	head, err := d.head(ctx)
	return err == nil && head.version < s.version
}

func (d *Directory) compareDue() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Since(d.compared) < d.opt.CompareEvery {
		return false
	}
	d.compared = time.Now()
	return true
}

func (d *Directory) catchUpNow(ctx context.Context, l *lock) (int, error) {
	s, err := d.state(ctx)
	if err != nil {
		return 0, redisAway(err)
	}
	return d.catchUp(ctx, l, s.version)
}

// catchUp sends what the log has above version from, which is where Redis stands.
func (d *Directory) catchUp(ctx context.Context, l *lock, from uint64) (int, error) {
	found, err := d.ask(ctx, "catch up", sql("since"), clickhouse.Named("version", from))
	if err != nil {
		return 0, clickHouseAway(err)
	}
	if len(found) == 0 {
		return 0, nil
	}
	list, err := d.replacing(ctx, found)
	if err != nil {
		return 0, err
	}
	n, err := d.send(ctx, l, list, false, &[2]uint64{from, found[len(found)-1].version})
	if err != nil {
		return n, redisAway(err)
	}
	d.log.Info("sent Redis directory entries that it lacked", "entries", n)
	return n, nil
}

// replacing makes changes of entries by adding what they replace in Redis.
func (d *Directory) replacing(ctx context.Context, list []entry) ([]change, error) {
	out := make([]change, len(list))
	byKind := map[schema.Kind][]int{}
	for i, e := range list {
		out[i].entry = e
		byKind[e.kind] = append(byKind[e.kind], i)
	}
	for kind, at := range byKind {
		for len(at) > 0 {
			n := min(len(at), 1000)
			fields := make([]string, n)
			for i := range fields {
				fields[i] = field(list[at[i]].id)
			}
			values, err := d.rdb.HMGet(ctx, d.opt.Keys.Entries(kind), fields...).Result()
			if err != nil {
				return nil, redisAway(fmt.Errorf("read %d %s entries from Redis: %w", n, kind, err))
			}
			for i, v := range values {
				if s, ok := v.(string); ok {
					out[at[i]].stands = s
					_, out[at[i]].before, _ = data(s)
				}
			}
			at = at[n:]
		}
	}
	return out, nil
}
