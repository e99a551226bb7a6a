// Package lock lets one process at a time do a job, by a lock in Redis with an owner, an expiry and a
// fencing token.
//
// The lock alone is a promise about time, not about order: a process that was stopped for longer than
// the expiry wakes up believing that it still holds it. So whoever changes something calls Check right
// before, carries Token in what is written, and removes what older holders had prepared when it begins.
package lock

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"fairlead/schema"
)

var (
	// ErrHeld says that another process is at the job.
	ErrHeld = errors.New("another process holds the lock")
	// ErrLost says that the lock expired or went to another process while the job ran.
	ErrLost = errors.New("the lock was lost")
)

// Lock is a held lock.
type Lock struct {
	rdb    redis.UniversalClient
	key    string
	fence  string
	owner  string
	ttl    time.Duration
	token  uint64
	ctx    context.Context
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup
}

// Acquire takes the lock of a job; the error is ErrHeld when another has it. The lock is renewed until
// Release, and expires ttl after its holder died.
func Acquire(ctx context.Context, rdb redis.UniversalClient, keys schema.Keys, job string, ttl time.Duration) (*Lock, error) {
	l := &Lock{rdb: rdb, key: keys.Lock(job), fence: keys.Fence(job), owner: owner(), ttl: ttl}
	token, err := acquire.Run(ctx, rdb, []string{l.key, l.fence}, l.owner, ttl.Milliseconds()).Uint64()
	if err != nil {
		l.giveBack(ctx) // the answer may have been lost after it was taken
		return nil, fmt.Errorf("take the lock of %s in Redis: %w", job, err)
	}
	if token == 0 {
		return nil, fmt.Errorf("%s: %w", job, ErrHeld)
	}
	l.token = token
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	l.wg.Go(l.renew)
	return l, nil
}

// Do does work under the lock of a job, which is given back afterwards. It answers false, and does nothing, while another
// process has it. An error of work that came of losing the lock says so: it wraps ErrLost.
func Do(ctx context.Context, rdb redis.UniversalClient, keys schema.Keys, job string, ttl time.Duration, work func(*Lock) error) (held bool, err error) {
	l, err := Acquire(ctx, rdb, keys, job, ttl)
	if errors.Is(err, ErrHeld) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer l.Release()
	if err = work(l); err != nil && !errors.Is(err, ErrLost) {
		if lost := l.Check(); errors.Is(lost, ErrLost) {
			err = fmt.Errorf("%w: %w", lost, err)
		}
	}
	return true, err
}

// Context ends when the lock is lost or released; its cause is then ErrLost, or why Redis did not
// answer in time.
func (l *Lock) Context() context.Context { return l.ctx }

// Token is higher than that of every holder before, as far as Redis remembers them.
func (l *Lock) Token() uint64 { return l.token }

// Exceed makes the token higher than one that was found where it is kept for good: Redis may have been
// lost and counting anew.
func (l *Lock) Exceed(stored uint64) error {
	if l.token > stored {
		return nil
	}
	token, err := exceed.Run(l.ctx, l.rdb, []string{l.fence}, stored).Uint64()
	if err != nil {
		return fmt.Errorf("raise the token of %s: %w", l.key, err)
	}
	l.token = token
	return nil
}

// Check asks Redis whether the lock is still held; the error is ErrLost when it is not.
func (l *Lock) Check() error {
	owner, err := l.rdb.Get(l.ctx, l.key).Result()
	switch {
	case l.ctx.Err() != nil:
		return fmt.Errorf("%s: %w", l.key, context.Cause(l.ctx))
	case err != nil && !errors.Is(err, redis.Nil):
		return fmt.Errorf("check the lock %s: %w", l.key, err)
	case owner != l.owner:
		return fmt.Errorf("%s: %w", l.key, ErrLost)
	}
	return nil
}

// Release gives the lock back. It waits until nothing of it runs any more.
func (l *Lock) Release() {
	l.cancel(context.Canceled)
	l.wg.Wait()
	l.giveBack(l.ctx)
}

// How long, and how often, giving a lock back is tried: a connection that broke must not keep the next holder out until the
// lock expires.
const (
	giveBackTime  = 2 * time.Second
	giveBackEvery = 50 * time.Millisecond
)

// giveBack takes the lock away if it is ours. Where Redis stays away, it stays until it expires: nothing is wrong, only later.
func (l *Lock) giveBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(l.ttl/2, giveBackTime))
	defer cancel()
	again := time.NewTicker(giveBackEvery)
	defer again.Stop()
	for release.Run(ctx, l.rdb, []string{l.key}, l.owner).Err() != nil {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}

// renew extends the expiry three times in its length, and ends the context when that fails for too long.
func (l *Lock) renew() {
	tick := time.NewTicker(l.ttl / 3)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-tick.C:
		}
		at := time.Now()
		ctx, cancel := context.WithTimeout(l.ctx, l.ttl/3)
		held, err := renew.Run(ctx, l.rdb, []string{l.key}, l.owner, l.ttl.Milliseconds()).Bool()
		cancel()
		switch {
		case err == nil && held:
			last = at
		case err == nil:
			l.cancel(ErrLost)
			return
		case time.Since(last) >= l.ttl:
			l.cancel(fmt.Errorf("%w: Redis did not answer for %s: %w", ErrLost, l.ttl, err))
			return
		}
	}
}

var (
	acquire = redis.NewScript(`
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return 0
end
return redis.call('INCR', KEYS[2])`)

	exceed = redis.NewScript(`
local stored = tonumber(ARGV[1])
local token = redis.call('INCR', KEYS[1])
if token <= stored then
  token = stored + 1
  redis.call('SET', KEYS[1], string.format('%.0f', token))
end
return token`)

	renew = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`)

	release = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])`)
)
