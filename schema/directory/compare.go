package directory

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/redis/go-redis/v9"

	"fairlead/schema"
)

// mostSuspects is how many entries a comparison mends one by one; above it Redis is rebuilt.
const mostSuspects = 5000

// Compare compares every entry of the directory in Redis, and the indexes, with ClickHouse, and mends
// what differs. It answers how many entries were mended.
func (d *Directory) Compare(ctx context.Context) (int, error) {
	if err := d.settleDoubles(ctx); err != nil {
		return 0, err
	}
	suspects, stale, err := d.suspects(ctx)
	if err != nil {
		return 0, err
	}
	if len(suspects)+len(stale) > mostSuspects {
		d.log.Warn("much of the directory in Redis differs from ClickHouse; rebuilding it", "entries", len(suspects), "index", len(stale))
		return d.rebuild(ctx, true, nil)
	}
	if len(suspects)+len(stale) == 0 {
		return 0, nil
	}
	n, err := d.underLock(ctx, func(ctx context.Context, l *lock) (int, error) { return d.mend(ctx, l, suspects, stale) })
	if n > 0 {
		d.log.Warn("entries of the directory in Redis differed from ClickHouse and were mended", "entries", n)
	}
	return n, err
}

// suspects lists the entries whose value or index differs, and index keys that point to an entry that
// does not claim them. Writers are at work meanwhile, so these are suspicions.
func (d *Directory) suspects(ctx context.Context) (map[identity]bool, []string, error) {
	have := map[identity]uint64{}
	for _, kind := range schema.Kinds() {
		err := d.scan(ctx, d.opt.Keys.Entries(kind), func(f, v string) {
			have[identity{kind, number(f)}] = xxhash.Sum64String(v)
		})
		if err != nil {
			return nil, nil, redisAway(err)
		}
	}
	index := map[string]uint64{}
	for prefix, key := range map[string]string{"slug:": d.opt.Keys.Slugs(), "email:": d.opt.Keys.Emails()} {
		if err := d.scan(ctx, key, func(f, v string) { index[prefix+f] = number(v) }); err != nil {
			return nil, nil, redisAway(err)
		}
	}
	out := map[identity]bool{}
	err := d.each(ctx, "compare", sql("everything"), func(e entry) error {
		id := e.identity()
		if have[id] != xxhash.Sum64String(e.value()) {
			out[id] = true
		}
		delete(have, id)
		keys, _ := claims(e.kind, e.data)
		for _, key := range keys {
			if index[key] != e.id {
				out[id] = true
			}
			delete(index, key)
		}
		return nil
	})
	if err != nil {
		return nil, nil, clickHouseAway(err)
	}
	for id := range have {
		out[id] = true
	}
	var stale []string
	for key := range index {
		stale = append(stale, key)
	}
	return out, stale, nil
}

// mend looks at the suspicions again, now that nobody else writes, and sends what ClickHouse has.
func (d *Directory) mend(ctx context.Context, l *lock, suspects map[identity]bool, stale []string) (int, error) {
	ids := map[schema.Kind][]uint64{}
	missing := map[identity]bool{}
	for id := range suspects {
		ids[id.kind] = append(ids[id.kind], id.id)
		missing[id] = true
	}
	var want []entry
	for kind, ids := range ids {
		found, err := d.storedMany(ctx, kind, ids)
		if err != nil {
			return 0, clickHouseAway(err)
		}
		for _, e := range found {
			delete(missing, e.identity())
		}
		want = append(want, found...)
	}
	for id := range missing {
		want = append(want, entry{kind: id.kind, id: id.id, deleted: true})
	}
	list, err := d.replacing(ctx, want)
	if err != nil {
		return 0, err
	}
	differ := list[:0]
	for _, c := range list {
		same, err := d.indexed(ctx, c)
		if err != nil {
			return 0, err
		}
		if !same || c.stands != c.value() {
			differ = append(differ, c)
		}
	}
	n, err := d.send(ctx, l, differ, true, nil)
	if err != nil {
		return n, err
	}
	dropped, err := d.dropStale(ctx, stale)
	return n + dropped, err
}

// indexed reports whether Redis's indexes point to an entry for the keys that it claims.
func (d *Directory) indexed(ctx context.Context, c change) (bool, error) {
	keys, _ := claims(c.kind, c.data)
	for _, key := range keys {
		at, name := d.index(key)
		id, err := d.rdb.HGet(ctx, at, name).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return false, redisAway(err)
		}
		if id != field(c.id) {
			return false, nil
		}
	}
	return true, nil
}

// dropStale takes index keys out that nobody claims.
func (d *Directory) dropStale(ctx context.Context, keys []string) (int, error) {
	dropped := 0
	for len(keys) > 0 {
		n := min(len(keys), 1000)
		part := keys[:n]
		keys = keys[n:]
		found, err := d.claimants(ctx, part)
		if err != nil {
			return dropped, clickHouseAway(err)
		}
		claimed := map[string]bool{}
		for _, e := range found {
			for _, key := range e.keys {
				claimed[key] = true
			}
		}
		for _, key := range part {
			if claimed[key] {
				continue
			}
			at, name := d.index(key)
			if err := d.rdb.HDel(ctx, at, name).Err(); err != nil {
				return dropped, redisAway(err)
			}
			dropped++
		}
	}
	return dropped, nil
}

// index returns the hash and the field of a unique key.
func (d *Directory) index(key string) (hash, field string) {
	which, name, _ := strings.Cut(key, ":")
	if which == "email" {
		return d.opt.Keys.Emails(), name
	}
	return d.opt.Keys.Slugs(), name
}

func number(field string) uint64 {
	n, _ := strconv.ParseUint(field, 10, 64) // 0, which no entry has, for what is not ours
	return n
}
