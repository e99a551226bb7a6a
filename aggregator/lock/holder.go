package lock

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"fairlead/schema"
)

// Holder is who has a lock.
type Holder struct {
	Process string    `json:"process"` // as Process says of itself
	Since   time.Time `json:"since"`   // by the holder's clock
}

// Process names this process for people: its machine and its number there.
func Process() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s:%d", host, os.Getpid())
}

// owner is what a lock's key holds: something that nobody else has, and for people who it is, since when.
func owner() string {
	return fmt.Sprintf("%s %d %s", rand.Text(), time.Now().UnixMilli(), Process())
}

// HolderOf returns who holds the lock of a job; held is false while nobody does.
func HolderOf(ctx context.Context, rdb redis.UniversalClient, keys schema.Keys, job string) (h Holder, held bool, err error) {
	text, err := rdb.Get(ctx, keys.Lock(job)).Result()
	if errors.Is(err, redis.Nil) {
		return Holder{}, false, nil
	}
	if err != nil {
		return Holder{}, false, fmt.Errorf("ask who holds the lock of %s: %w", job, err)
	}
	h.Process = "somebody"
	if parts := strings.SplitN(text, " ", 3); len(parts) == 3 {
		if ms, err := strconv.ParseInt(parts[1], 10, 64); err == nil {
			h = Holder{Process: parts[2], Since: time.UnixMilli(ms).UTC()}
		}
	}
	return h, true, nil
}
