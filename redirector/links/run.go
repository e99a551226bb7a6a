package links

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"fairlead/schema"
)

const (
	// margin is how many revisions are read again after a connection was lost: a Redis that came back
	// without its last second gives those numbers out a second time.
	margin = 20_000
	// tooMany is how many changes are worth loading everything instead.
	tooMany = 200_000
	// chunk is how many entries one question asks for.
	chunk = 2000
	// scanCount is how many entries one step of a full load reads.
	scanCount = 10_000
)

// errNotWhole says that Redis has no whole directory to offer.
var errNotWhole = errors.New("redis holds no complete directory: `fairlead rebuild redis` makes it, and the aggregator does by itself")

// errMadeAnew says that a directory was not the same at the end of a load as at its beginning.
var errMadeAnew = errors.New("the directory in Redis was made anew while it was loaded; it is loaded again")

// Run keeps the directory up to date until ctx is done, and writes snapshots.
func (d *Directory) Run(ctx context.Context, rdb redis.UniversalClient) error {
	var saver sync.WaitGroup
	defer saver.Wait()
	saver.Go(func() { d.keepSaved(ctx) })

	tick := time.NewTicker(d.opt.Every)
	defer tick.Stop()
	for doubt := true; ; { // doubt: the next look may not trust the revision alone
		err := d.poll(ctx, rdb, doubt)
		if ctx.Err() != nil {
			return nil
		}
		doubt = err != nil
		d.note(err)
		d.polls.Add(1)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// tellEvery is how often a problem that goes on is logged.
const tellEvery = time.Minute

// note keeps the state for Status and tells the operator of it.
func (d *Directory) note(err error) {
	was, now := d.problem.Load(), d.opt.Now()
	if err == nil {
		d.synced.Store(now.UnixNano())
		d.fromFile.Store(false)
		if d.problem.Store(nil); was != nil {
			d.log.Info("the directory follows Redis again", "links", d.view.Load().Len())
		}
		return
	}
	text := err.Error()
	if d.problem.Store(&text); was != nil && now.Sub(d.told) < tellEvery {
		return
	}
	if d.told = now; d.view.Load() == nil {
		d.log.Error("the directory could not be loaded: this redirector is not ready", "err", err)
		return
	}
	d.log.Warn("the directory does not follow Redis: links go on as they were", "since", d.Status().Synced, "err", err)
}

// poll makes memory equal Redis. With doubt it reads more than the revision says it has to.
func (d *Directory) poll(ctx context.Context, rdb redis.UniversalClient, doubt bool) error {
	f := &d.feed
	from := f.revision
	if doubt {
		from -= min(from, margin)
	}
	k := d.opt.Keys
	var epoch, revision *redis.StringCmd
	var changed *redis.StringSliceCmd
	rdb.Pipelined(ctx, func(p redis.Pipeliner) error { // each command has its own error
		epoch = p.Get(ctx, k.Complete())
		revision = p.Get(ctx, k.Revision())
		changed = p.ZRangeByScore(ctx, k.Changed(), &redis.ZRangeBy{
			Min: "(" + strconv.FormatUint(from, 10), Max: "+inf", Count: tooMany + 1,
		})
		return nil
	})
	for _, err := range []error{epoch.Err(), revision.Err(), changed.Err()} {
		if err != nil && !errors.Is(err, redis.Nil) {
			return fmt.Errorf("ask Redis for changes: %w", err)
		}
	}
	if epoch.Val() == "" {
		return errNotWhole
	}
	now, err := parseRevision(revision.Val())
	if err != nil {
		return err
	}
	members := changed.Val()
	if f.epoch != epoch.Val() || now < f.revision || len(members) > tooMany {
		return d.loadAll(ctx, rdb, epoch.Val(), now)
	}
	if err := d.fetch(ctx, rdb, members); err != nil {
		return err
	}
	f.revision = now // an entry that changes after it was read comes again with the next look
	if !f.pending {
		return nil
	}
	return d.publish()
}

// parseRevision reads the revision; a directory that nothing was ever written to has none.
func parseRevision(s string) (uint64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the revision of the directory in Redis is %q, not a number", s)
	}
	return n, nil
}

// fetch takes over the entries named by members of the changed set.
func (d *Directory) fetch(ctx context.Context, rdb redis.UniversalClient, members []string) error {
	ids := map[schema.Kind][]string{}
	for _, m := range members {
		kind, _, err := entryID(m)
		if err != nil {
			d.log.Error("a changed entry of the directory has a name that cannot be read", "name", m)
			continue
		}
		ids[kind] = append(ids[kind], m[len(kind)+1:])
	}
	for _, kind := range kinds {
		for all := ids[kind]; len(all) > 0; {
			part := all[:min(len(all), chunk)]
			all = all[len(part):]
			entries, err := rdb.HMGet(ctx, d.opt.Keys.Entries(kind), part...).Result()
			if err != nil {
				return fmt.Errorf("fetch changed entries from Redis: %w", err)
			}
			for i, e := range entries {
				entry, _ := e.(string)
				d.complain(kind, part[i], d.feed.setNamed(kind, part[i], entry))
			}
		}
	}
	return nil
}

// kinds are those that redirects and reports of conversions depend on, partners before their links.
var kinds = []schema.Kind{schema.KindProgram, schema.KindClickKey, schema.KindAPIKey, schema.KindSecret, schema.KindPartner, schema.KindLink}

func (f *feed) setNamed(kind schema.Kind, name, entry string) error {
	id, err := strconv.ParseUint(name, 10, 64)
	if err != nil {
		return err
	}
	return f.set(kind, id, entry)
}

func (d *Directory) complain(kind schema.Kind, id string, err error) {
	if err != nil {
		d.log.Error("an entry of the directory cannot be used as it stands", "kind", kind, "id", id, "err", err)
	}
}

// loadAll replaces memory by the directory of an epoch, if it is whole and stays so while it is read.
// What changes meanwhile is above the revision and comes with the next look.
func (d *Directory) loadAll(ctx context.Context, rdb redis.UniversalClient, epoch string, revision uint64) error {
	began := time.Now()
	var f feed
	f.reset()
	f.epoch, f.revision = epoch, revision
	var arena []byte
	for _, kind := range kinds {
		err := d.scan(ctx, rdb, kind, func(id, entry string) {
			if kind != schema.KindLink {
				d.complain(kind, id, f.setNamed(kind, id, entry))
				return
			}
			var err error
			arena, err = linkRecord(arena, entry)
			d.complain(kind, id, err)
		})
		if err != nil {
			return fmt.Errorf("load the directory from Redis: %w", err)
		}
	}
	after, err := rdb.MGet(ctx, d.opt.Keys.Complete(), d.opt.Keys.Revision()).Result()
	if err != nil {
		return fmt.Errorf("load the directory from Redis: %w", err)
	}
	rev, _ := after[1].(string)
	now, err := parseRevision(rev)
	if err != nil {
		return err
	}
	if after[0] != epoch || now < revision {
		return errMadeAnew
	}
	if f.base, err = newTable(trim(arena)); err != nil {
		return fmt.Errorf("load the directory from Redis: %w", err)
	}
	d.feed = f
	if err := d.publish(); err != nil {
		return err // the view stays; what is missing may come as a change
	}
	d.log.Info("links loaded from Redis", "links", d.feed.base.live, "bytes", d.feed.base.bytes(), "revision", revision,
		"took", time.Since(began).Round(time.Millisecond))
	return nil
}

// scan calls f with every entry of a kind; with one that changes meanwhile perhaps twice.
func (d *Directory) scan(ctx context.Context, rdb redis.UniversalClient, kind schema.Kind, f func(id, entry string)) error {
	for cursor := uint64(0); ; {
		pairs, next, err := rdb.HScan(ctx, d.opt.Keys.Entries(kind), cursor, "", scanCount).Result()
		if err != nil {
			return err
		}
		for i := 0; i+1 < len(pairs); i += 2 {
			f(pairs[i], pairs[i+1])
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}
