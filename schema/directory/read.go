package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"fairlead/schema"
)

// lookup reads an entry: from Redis while it holds the whole directory, otherwise from ClickHouse.
func lookup[T any](ctx context.Context, d *Directory, kind schema.Kind, id uint64) (v T, ok bool, err error) {
	var whole *redis.IntCmd
	var got *redis.StringCmd
	_, err = d.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		whole = p.Exists(ctx, d.opt.Keys.Complete())
		got = p.HGet(ctx, d.opt.Keys.Entries(kind), field(id))
		return nil
	})
	if (err == nil || errors.Is(err, redis.Nil)) && whole.Val() == 1 {
		if errors.Is(got.Err(), redis.Nil) {
			return v, false, nil
		}
		v, err = decode[T](kind, id, got.Val())
		return v, err == nil, err
	}
	e, err := d.stored(ctx, kind, id)
	if err != nil {
		return v, false, storesAway(err)
	}
	if e == nil {
		return v, false, nil
	}
	err = json.Unmarshal([]byte(e.data), &v)
	return v, err == nil, err
}

// must is lookup with NotFound for what does not exist.
func must[T any](ctx context.Context, d *Directory, kind schema.Kind, id uint64) (T, error) {
	v, ok, err := lookup[T](ctx, d, kind, id)
	if err == nil && !ok {
		err = notFound("There is no %s %d.", kind, id)
	}
	return v, err
}

// lookupMany reads the entries that exist of those named, in their order.
func lookupMany[T any](ctx context.Context, d *Directory, kind schema.Kind, ids []uint64) ([]T, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	fields := make([]string, len(ids))
	for i, id := range ids {
		fields[i] = field(id)
	}
	var whole *redis.IntCmd
	var got *redis.SliceCmd
	_, err := d.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		whole = p.Exists(ctx, d.opt.Keys.Complete())
		got = p.HMGet(ctx, d.opt.Keys.Entries(kind), fields...)
		return nil
	})
	var out []T
	if err == nil && whole.Val() == 1 {
		for i, value := range got.Val() {
			s, ok := value.(string)
			if !ok {
				continue
			}
			v, err := decode[T](kind, ids[i], s)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	}
	found, err := d.storedMany(ctx, kind, ids)
	if err != nil {
		return nil, storesAway(err)
	}
	return fromEntries[T](found)
}

// byKey returns the ids of the entries of a kind that claim the keys, by key.
func (d *Directory) byKey(ctx context.Context, kind schema.Kind, keys []string) (map[string]uint64, error) {
	out := map[string]uint64{}
	if len(keys) == 0 {
		return out, nil
	}
	names := make([]string, len(keys))
	var hash string
	for i, key := range keys {
		hash, names[i] = d.index(key)
	}
	var whole *redis.IntCmd
	var got *redis.SliceCmd
	_, err := d.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		whole = p.Exists(ctx, d.opt.Keys.Complete())
		got = p.HMGet(ctx, hash, names...)
		return nil
	})
	if err == nil && whole.Val() == 1 {
		for i, v := range got.Val() {
			if s, ok := v.(string); ok {
				out[keys[i]] = number(s)
			}
		}
		return out, nil
	}
	found, err := d.claimants(ctx, keys)
	if err != nil {
		return nil, storesAway(err)
	}
	for _, e := range found {
		if e.kind == kind {
			for _, key := range e.keys {
				out[key] = e.id
			}
		}
	}
	return out, nil
}

// list returns a page of a kind from ClickHouse, by id.
func list[T any](ctx context.Context, d *Directory, kind schema.Kind, after uint64, limit int) ([]T, error) {
	found, err := d.page(ctx, kind, after, limit)
	if err != nil {
		return nil, clickHouseSilent(err)
	}
	return fromEntries[T](found)
}

func fromEntries[T any](entries []entry) ([]T, error) {
	out := make([]T, len(entries))
	for i, e := range entries {
		if err := json.Unmarshal([]byte(e.data), &out[i]); err != nil {
			return nil, fmt.Errorf("read %s %d of directory_log: %w", e.kind, e.id, err)
		}
	}
	return out, nil
}

func decode[T any](kind schema.Kind, id uint64, value string) (T, error) {
	var e schema.DirectoryEntry[T]
	if err := json.Unmarshal([]byte(value), &e); err != nil {
		return e.Data, fmt.Errorf("read %s %d from Redis: %w; `fairlead rebuild redis` makes it anew", kind, id, err)
	}
	return e.Data, nil
}
