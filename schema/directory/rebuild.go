package directory

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"fairlead/schema"
)

//go:embed lua/finish.lua
var finishLua string

var finishScript = redis.NewScript(finishLua)

// Heal gives Redis what it lacks: everything when it came back empty, otherwise what a crash or an
// outage kept from it. It answers how many entries were sent. Calling it often costs little.
func (d *Directory) Heal(ctx context.Context) (int, error) {
	s, err := d.state(ctx)
	if err != nil {
		return 0, redisAway(err)
	}
	if s.complete() {
		return d.Reconcile(ctx)
	}
	return d.rebuild(ctx, false, nil)
}

// RebuildRedis throws the directory in Redis away and makes it anew from ClickHouse. Redirectors keep what
// they have in memory until it is whole again, reads go to ClickHouse, and writers wait. progress
// may be nil.
func (d *Directory) RebuildRedis(ctx context.Context, progress func(done, total int)) error {
	_, err := d.rebuild(ctx, true, progress)
	return err
}

// rebuild does it; without anew it is content with a directory that somebody else has completed meanwhile.
func (d *Directory) rebuild(ctx context.Context, anew bool, progress func(done, total int)) (int, error) {
	held, l, err := d.lock(ctx)
	if err != nil {
		return 0, err
	}
	defer l.release()
	s, err := d.state(held)
	if err != nil {
		return 0, redisAway(err)
	}
	if s.complete() && !anew {
		return 0, nil
	}
	n, err := d.refill(held, l, progress)
	if cause := context.Cause(held); err != nil && cause != nil {
		err = cause
	}
	var said *Error
	if err != nil && !errors.As(err, &said) {
		err = unavailable(err, "The directory in Redis could not be rebuilt; it is tried again.")
	}
	if err != nil {
		return n, err
	}
	d.log.Info("the directory in Redis was rebuilt", "entries", n)
	return n, nil
}

// refill empties Redis's directory, fills it and declares it complete, in this order.
func (d *Directory) refill(ctx context.Context, l *lock, progress func(done, total int)) (int, error) {
	head, err := d.head(ctx)
	if err != nil {
		return 0, clickHouseAway(err)
	}
	var total uint64
	if err := d.ch.QueryRow(d.asking(ctx, "count"), sql("count")).Scan(&total); err != nil {
		return 0, clickHouseAway(err)
	}
	if err := d.empty(ctx); err != nil {
		return 0, redisAway(err)
	}
	f := d.newFiller()
	done := 0
	err = d.each(ctx, "rebuild", sql("everything"), func(e entry) error {
		f.add(e)
		if done++; done%fillAtOnce != 0 {
			return nil
		}
		if progress != nil {
			progress(done, int(total))
		}
		return f.flush(ctx)
	})
	if err != nil {
		return done, err
	}
	if err := f.flush(ctx); err != nil {
		return done, err
	}
	if progress != nil {
		progress(done, int(total))
	}
	d.reach(ctx, "complete")
	k := d.opt.Keys
	keys := []string{k.DirectoryLock(), k.Complete(), k.Revision(), k.DirectoryVersion()}
	ours, err := finishScript.Run(ctx, d.rdb, keys, l.token, newEpoch(), head.version).Bool()
	switch {
	case err != nil:
		return done, redisAway(err)
	case !ours:
		return done, errLockLost
	}
	return done, nil
}

// empty takes the directory out of Redis, the sign of its completeness first. The revision stays, so that it
// never goes back by this.
func (d *Directory) empty(ctx context.Context) error {
	k := d.opt.Keys
	if err := d.rdb.Del(ctx, k.Complete(), k.DirectoryVersion()).Err(); err != nil {
		return err
	}
	var links []string
	if err := d.scan(ctx, k.Entries(schema.KindPartner), func(id, _ string) {
		if p, err := schema.ParsePartnerID(id); err == nil {
			links = append(links, k.LinksOf(p))
		}
	}); err != nil {
		return err
	}
	keys := []string{k.Slugs(), k.Emails(), k.Changed()}
	for _, kind := range schema.Kinds() {
		keys = append(keys, k.Entries(kind))
	}
	keys = append(keys, links...)
	for len(keys) > 0 {
		n := min(len(keys), 1000)
		if err := d.rdb.Unlink(ctx, keys[:n]...).Err(); err != nil {
			return err
		}
		keys = keys[n:]
	}
	return nil
}

// scan walks a hash, some fields perhaps twice.
func (d *Directory) scan(ctx context.Context, key string, yield func(field, value string)) error {
	var cursor uint64
	for {
		pairs, next, err := d.rdb.HScan(ctx, key, cursor, "", 1000).Result()
		if err != nil {
			return fmt.Errorf("read %s: %w", key, err)
		}
		for i := 0; i+1 < len(pairs); i += 2 {
			yield(pairs[i], pairs[i+1])
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// fillAtOnce is how many entries go to Redis in one round trip.
const fillAtOnce = 2000

// filler writes entries to an empty directory, with few commands of many fields each.
type filler struct {
	d      *Directory
	hashes map[string][]any               // key → field, value, …
	links  map[schema.PartnerID][]redis.Z // of partners
}

func (d *Directory) newFiller() *filler {
	return &filler{d: d, hashes: map[string][]any{}, links: map[schema.PartnerID][]redis.Z{}}
}

func (f *filler) add(e entry) {
	id := field(e.id)
	f.set(f.d.opt.Keys.Entries(e.kind), id, e.value())
	keys, owner := claims(e.kind, e.data)
	for _, key := range keys {
		index, name := f.d.index(key)
		f.set(index, name, id)
	}
	if owner != 0 {
		f.links[owner] = append(f.links[owner], redis.Z{Score: float64(e.id), Member: id})
	}
}

func (f *filler) set(key, field, value string) { f.hashes[key] = append(f.hashes[key], field, value) }

func (f *filler) flush(ctx context.Context) error {
	if len(f.hashes) == 0 {
		return nil
	}
	_, err := f.d.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for key, pairs := range f.hashes {
			p.HSet(ctx, key, pairs...)
		}
		for owner, links := range f.links {
			p.ZAdd(ctx, f.d.opt.Keys.LinksOf(owner), links...)
		}
		return nil
	})
	if err != nil {
		return redisAway(fmt.Errorf("fill the directory in Redis: %w", err))
	}
	clear(f.hashes)
	clear(f.links)
	return nil
}
