package redirector

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"fairlead/schema"
)

const (
	saltKeepEvery  = time.Second
	saltShareEvery = 10 * time.Second
)

// Run keeps the salt in its file and the same as the other nodes', until ctx is done. zone answers the
// program's time zone, nil while it is not known.
func (s *Salt) Run(ctx context.Context, rdb redis.UniversalClient, keys schema.Keys, zone func() *time.Location) error {
	tick := time.NewTicker(saltKeepEvery)
	defer tick.Stop()
	var shared time.Time
	var away, unkept bool
	for {
		if z := zone(); z != nil {
			before := s.day.Load()
			if d := s.at(s.now(), z); d != before || s.now().Sub(shared) >= saltShareEvery {
				err := s.share(ctx, rdb, keys)
				if err == nil {
					shared = s.now()
				}
				if was := away; ctx.Err() == nil {
					if away = err != nil; away && !was {
						s.log.Warn("the visitor salt is not compared with the other nodes': they go on along the same chain", "err", err)
					}
				}
			}
		}
		err := s.keep()
		if was := unkept; err != nil && !was {
			s.log.Error("the visitor salt is not on disk: after a restart without Redis, visitors of the day count twice", "err", err)
		}
		unkept = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// swapSalt replaces the shared salt if it is still the one that the caller has seen.
var swapSalt = redis.NewScript(`
	if (redis.call('HGET', KEYS[1], 'day') or '') ~= ARGV[1] or (redis.call('HGET', KEYS[1], 'key') or '') ~= ARGV[2] then
		return 0
	end
	redis.call('HSET', KEYS[1], 'day', ARGV[3], 'key', ARGV[4])
	return 1`)

var errSaltContended = errors.New("other nodes kept changing it")

// share makes our salt and the shared one the same. Of the two the shared one counts, unless it is of
// a day that has not come.
func (s *Salt) share(ctx context.Context, rdb redis.UniversalClient, keys schema.Keys) error {
	for range 5 {
		have, err := rdb.HMGet(ctx, keys.Salt(), "day", "key").Result()
		if err != nil {
			return err
		}
		day, _ := have[0].(string)
		key, _ := have[1].(string)
		d := s.meet(parseShared(day, key))
		if day == strconv.Itoa(int(d.day)) && key == hex.EncodeToString(d.key[:]) {
			return nil
		}
		swapped, err := swapSalt.Run(ctx, rdb, []string{keys.Salt()}, day, key, int(d.day), hex.EncodeToString(d.key[:])).Int()
		if err != nil {
			return err
		}
		if swapped == 1 {
			return nil
		}
	}
	return errSaltContended
}

// parseShared reads what Redis holds; nil for nothing that can be used.
func parseShared(day, key string) *daySalt {
	n, err := strconv.ParseUint(day, 10, 32)
	if err != nil || !isDay(schema.Day(n)) {
		return nil
	}
	k, err := hex.DecodeString(key)
	if err != nil || len(k) != sha256.Size {
		return nil
	}
	return &daySalt{day: schema.Day(n), key: saltKey(k)}
}

// meet takes the shared salt over, if there is one, and returns what is ours then.
func (s *Salt) meet(shared *daySalt) *daySalt {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.day.Load()
	if shared == nil {
		return d
	}
	today := schema.DayOf(s.now(), d.zone)
	if daysBetween(today, shared.day) > farAhead {
		s.log.Warn("the shared visitor salt is of a day that has not come: it is replaced; is a node's clock wrong?", "salt_day", shared.day, "today", today)
		return d
	}
	d = s.advanced(shared, max(today, d.day), d.zone)
	s.day.Store(d)
	return d
}
