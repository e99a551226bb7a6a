package live

import (
	"context"
	"strconv"
	"strings"
	"time"

	"fairlead/schema"
)

// trim takes the counters of days before the window out, once a program-day. It leaves one day more than
// the window has, for redirectors whose clocks are behind.
func (l *Live) trim(ctx context.Context, zone *time.Location) (taken int, err error) {
	today := schema.DayOf(l.opt.Now(), zone)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.trimmed == today {
		return 0, nil
	}
	oldest := schema.DayOf(today.Time().AddDate(0, 0, -schema.LiveDays-1), time.UTC)
	for shard := range schema.LiveShards {
		n, err := l.trimHash(ctx, l.opt.Keys.Live(shard), oldest)
		taken += n
		if err != nil {
			return taken, err
		}
	}
	l.trimmed = today
	return taken, nil
}

func (l *Live) trimHash(ctx context.Context, key string, oldest schema.Day) (taken int, err error) {
	var cursor uint64
	for {
		fields, next, err := l.opt.Redis.HScan(ctx, key, cursor, "c:*", many).Result()
		if err != nil {
			return taken, err
		}
		var old []string
		for i := 0; i < len(fields); i += 2 {
			if day, ok := dayOf(fields[i]); ok && day < oldest {
				old = append(old, fields[i])
			}
		}
		if len(old) > 0 {
			n, err := l.opt.Redis.HDel(ctx, key, old...).Result()
			if err != nil {
				return taken, err
			}
			taken += int(n)
		}
		if cursor = next; cursor == 0 {
			return taken, nil
		}
	}
}

// dayOf reads the day from a field that schema.LiveClicks wrote.
func dayOf(field string) (schema.Day, bool) {
	i := strings.LastIndexByte(field, ':')
	if !strings.HasPrefix(field, "c:") || i < len("c:") {
		return 0, false
	}
	n, err := strconv.ParseUint(field[i+1:], 10, 32)
	return schema.Day(n), err == nil
}
