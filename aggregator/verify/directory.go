package verify

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/redis/go-redis/v9"

	"fairlead/schema"
)

//go:embed queries/directory.sql
var directorySQL string

// directory compares the directory in Redis with the versions in force. Somebody may be writing: what
// differs is looked at again. No entry is ever shown: some hold secrets.
func (r *run) directory() error {
	var before map[string]wrong
	for attempt := 1; ; attempt++ {
		epoch, err := r.Redis.Get(r.ctx, r.Keys.Complete()).Result()
		if err := away(err); err != nil {
			return err
		}
		if errors.Is(err, redis.Nil) {
			if attempt == attempts {
				r.leaveOpen(Directory, "", "the directory in Redis is being made anew")
				return nil
			}
			r.wait()
			continue
		}
		now := map[string]wrong{}
		for _, kind := range schema.Kinds() {
			if err := r.kind(kind, now); err != nil {
				return err
			}
		}
		after, err := r.Redis.Get(r.ctx, r.Keys.Complete()).Result()
		if err := away(err); err != nil {
			return err
		}
		if after == epoch {
			maps.DeleteFunc(now, func(key string, w wrong) bool { return before != nil && before[key] != w })
			if before != nil || len(now) == 0 {
				for _, key := range slices.Sorted(maps.Keys(now)) {
					r.differ(Directory, key, now[key].want, now[key].got)
				}
				return nil
			}
			before = now
		} else if attempt >= attempts {
			r.leaveOpen(Directory, "", "the directory in Redis is being made anew")
			return nil
		}
		r.wait()
	}
}

// wrong is what differs of an entry.
type wrong struct{ want, got string }

// chunk is how many entries are looked up in Redis at once.
const chunk = 1000

// stored is an entry as ClickHouse has it.
type stored struct {
	ID      uint64   `ch:"id"`
	Version uint64   `ch:"version"`
	Data    string   `ch:"data"`
	Keys    []string `ch:"unique_keys"`
}

// kind compares the entries of a kind and what points to them.
func (r *run) kind(kind schema.Kind, found map[string]wrong) error {
	extra, err := r.digests(kind)
	if err != nil {
		return err
	}
	rows, err := r.ClickHouse.Query(r.named("directory", map[string]string{"kind": string(kind)}), directorySQL)
	if err != nil {
		return fmt.Errorf("read the directory's entries of kind %s: %w", kind, err)
	}
	defer rows.Close()
	var some []stored
	index := map[string]int64{}
	for rows.Next() {
		var e stored
		if err := rows.Scan(&e.ID, &e.Version, &e.Data, &e.Keys); err != nil {
			return fmt.Errorf("read the directory's entries of kind %s: %w", kind, err)
		}
		key, value := fmt.Sprintf("%s %d", kind, e.ID), fmt.Sprintf(`{"v":%d,"d":%s}`, e.Version, e.Data)
		digest, ok := extra[e.ID]
		delete(extra, e.ID)
		switch {
		case !ok:
			found[key] = wrong{want: describe(e.Version, value), got: "no entry"}
		case digest.sum != xxhash.Sum64String(value):
			found[key] = wrong{want: describe(e.Version, value), got: fmt.Sprintf("version %d, digest %016x", digest.version, digest.sum)}
		}
		if some = append(some, e); len(some) == chunk {
			if err := r.pointers(kind, some, index, found); err != nil {
				return err
			}
			some = some[:0]
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the directory's entries of kind %s: %w", kind, err)
	}
	for id, digest := range extra {
		found[fmt.Sprintf("%s %d", kind, id)] = wrong{want: "no entry", got: fmt.Sprintf("version %d, digest %016x", digest.version, digest.sum)}
	}
	if err := r.pointers(kind, some, index, found); err != nil {
		return err
	}
	return r.sizes(kind, index, found)
}

func describe(version uint64, value string) string {
	return fmt.Sprintf("version %d, digest %016x", version, xxhash.Sum64String(value))
}

// digest stands for an entry in Redis.
type digest struct{ version, sum uint64 }

// digests reads all entries of a kind in Redis.
func (r *run) digests(kind schema.Kind) (map[uint64]digest, error) {
	out := map[uint64]digest{}
	var cursor uint64
	for {
		fields, next, err := r.Redis.HScan(r.ctx, r.Keys.Entries(kind), cursor, "", chunk).Result()
		if err != nil {
			return nil, away(err)
		}
		for i := 0; i+1 < len(fields); i += 2 {
			id, err := strconv.ParseUint(fields[i], 10, 64)
			if err != nil {
				return nil, fmt.Errorf("%s has the field %q: %w", r.Keys.Entries(kind), fields[i], err)
			}
			var e struct {
				Version uint64 `json:"v"`
			}
			_ = json.Unmarshal([]byte(fields[i+1]), &e) // what is no JSON differs by its digest
			out[id] = digest{version: e.Version, sum: xxhash.Sum64String(fields[i+1])}
		}
		if cursor = next; cursor == 0 {
			return out, nil
		}
	}
}

// pointers looks whether the indexes lead to entries. It counts in index what should stand in each.
func (r *run) pointers(kind schema.Kind, some []stored, index map[string]int64, found map[string]wrong) error {
	type pointer struct {
		entry, at string
		got       *redis.StringCmd // of an index
		member    *redis.FloatCmd  // of a set
		want      string
	}
	var all []pointer
	pipe := r.Redis.Pipeline()
	for _, e := range some {
		id, entry := strconv.FormatUint(e.ID, 10), fmt.Sprintf("%s %d", kind, e.ID)
		for _, claim := range e.Keys {
			key := ""
			name, of := strings.CutPrefix(claim, "slug:")
			if of {
				key = r.Keys.Slugs()
			} else if name, of = strings.CutPrefix(claim, "email:"); of {
				key = r.Keys.Emails()
			} else {
				continue
			}
			index[key]++
			all = append(all, pointer{entry: entry, at: "in " + key, got: pipe.HGet(r.ctx, key, name), want: id})
		}
		if kind == schema.KindLink {
			var l schema.Link
			if err := json.Unmarshal([]byte(e.Data), &l); err != nil {
				return fmt.Errorf("read the entry of %s: %w", entry, err)
			}
			key := r.Keys.LinksOf(l.Partner)
			index[key]++
			all = append(all, pointer{entry: entry, at: "in " + key, member: pipe.ZScore(r.ctx, key, id), want: id})
		}
	}
	if len(all) == 0 {
		return nil
	}
	if _, err := pipe.Exec(r.ctx); away(err) != nil {
		return away(err)
	}
	for _, p := range all {
		switch {
		case p.got != nil && p.got.Val() != p.want:
			found[p.entry+" "+p.at] = wrong{want: "id " + p.want, got: "id " + p.got.Val()}
		case p.member != nil && p.member.Err() != nil:
			found[p.entry+" "+p.at] = wrong{want: "id " + p.want, got: "not in it"}
		}
	}
	return nil
}

// sizes looks whether more stands in the indexes than leads to entries.
func (r *run) sizes(kind schema.Kind, index map[string]int64, found map[string]wrong) error {
	switch kind {
	case schema.KindLink:
		index[r.Keys.Slugs()] += 0
	case schema.KindLogin:
		index[r.Keys.Emails()] += 0
	}
	keys := slices.Sorted(maps.Keys(index))
	for part := range slices.Chunk(keys, chunk) {
		pipe := r.Redis.Pipeline()
		sizes := make([]*redis.IntCmd, len(part))
		for i, key := range part {
			if key == r.Keys.Slugs() || key == r.Keys.Emails() {
				sizes[i] = pipe.HLen(r.ctx, key)
			} else {
				sizes[i] = pipe.ZCard(r.ctx, key)
			}
		}
		if _, err := pipe.Exec(r.ctx); away(err) != nil {
			return away(err)
		}
		for i, key := range part {
			if n := sizes[i].Val(); n > index[key] {
				found[key] = wrong{want: fmt.Sprintf("%d members", index[key]), got: fmt.Sprintf("%d", n)}
			}
		}
	}
	return nil
}
