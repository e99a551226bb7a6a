package directory

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/redis/go-redis/v9"
)

//go:embed lua/acquire.lua
var acquireLua string

//go:embed lua/renew.lua
var renewLua string

//go:embed lua/release.lua
var releaseLua string

var (
	acquireScript = redis.NewScript(acquireLua)
	renewScript   = redis.NewScript(renewLua)
	releaseScript = redis.NewScript(releaseLua)
)

// errLockLost is why a writer's context ends early.
var errLockLost = errors.New("the directory's lock was lost")

// lock is the right to write, held in Redis and renewed until it is released. Its holder stops by
// itself at three quarters of a life after the last renewal, others begin after a whole one.
type lock struct {
	d      *Directory
	token  string
	life   time.Duration
	keep   bool // do not give it back: something that was sent may still commit; let it expire
	cancel context.CancelCauseFunc
	expiry *time.Timer
	done   chan struct{} // closed when renewing has ended
}

// lock waits for the writer's turn. The context it returns ends when the lock is lost. The caller must
// call release.
func (d *Directory) lock(ctx context.Context) (context.Context, *lock, error) {
	wait, stop := context.WithTimeout(ctx, d.opt.LockWait)
	defer stop()
	busy := func() error {
		if err := ctx.Err(); err != nil {
			return unavailable(err, "The change was given up while it waited for its turn; nothing was changed.")
		}
		return unavailable(nil, "Other changes to the directory have been at work for %s; nothing was changed. Try again.", d.opt.LockWait)
	}
	select {
	case d.turn <- struct{}{}:
	case <-wait.Done():
		return nil, nil, busy()
	}
	l := &lock{d: d, token: rand.Text(), life: d.opt.LockLife, done: make(chan struct{})}
	for {
		sent := time.Now()
		taken, settle, run, err := l.acquire(ctx)
		if err != nil {
			<-d.turn
			return nil, nil, redisAway(err)
		}
		if taken {
			held, cancel := context.WithCancelCause(ctx)
			l.cancel = cancel
			l.expiry = time.AfterFunc(time.Until(sent.Add(l.trust())), func() { cancel(errLockLost) })
			go l.renew(held)
			if err := l.settle(held, settle, run); err != nil {
				l.release()
				return nil, nil, err
			}
			return held, l, nil
		}
		select {
		case <-time.After(2*time.Millisecond + mathrand.N(10*time.Millisecond)):
		case <-wait.Done():
			<-d.turn
			return nil, nil, busy()
		}
	}
}

// trust is how long after its last renewal a holder believes in the lock.
func (l *lock) trust() time.Duration { return l.life * 3 / 4 }

func (l *lock) keys() []string {
	return []string{l.d.opt.Keys.DirectoryLock(), l.d.opt.Keys.DirectoryRun(), l.d.opt.Keys.Complete()}
}

func (l *lock) acquire(ctx context.Context) (taken bool, settle time.Duration, run string, err error) {
	got, err := acquireScript.Run(ctx, l.d.rdb, l.keys()[:2], l.token, l.life.Milliseconds()).Slice()
	if err != nil {
		return false, 0, "", fmt.Errorf("take the directory's lock: %w", err)
	}
	return got[0].(int64) == 1, time.Duration(got[1].(int64)) * time.Millisecond, got[2].(string), nil
}

// settle lets a holder that Redis may have forgotten run out, and then vouches for this run of Redis;
// run is empty when that was done before.
// An empty log needs no wait: its first entry is the program's, of which there is one.
func (l *lock) settle(ctx context.Context, wait time.Duration, run string) error {
	if run == "" {
		return nil
	}
	if wait > 0 {
		empty, err := l.d.logEmpty(ctx)
		if err != nil {
			return clickHouseAway(err)
		}
		if !empty {
			l.d.log.Info("Redis may have forgotten a writer; waiting for it to run out", "wait", wait)
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return redisAway(context.Cause(ctx))
			}
		}
	}
	ours, err := renewScript.Run(ctx, l.d.rdb, l.keys(), l.token, l.life.Milliseconds(), run, newEpoch()).Bool()
	if err == nil && !ours {
		err = errLockLost
	}
	if err != nil {
		return redisAway(err)
	}
	return nil
}

// renew keeps the lock until ctx is done.
func (l *lock) renew(ctx context.Context) {
	defer close(l.done)
	tick := time.NewTicker(l.life / 5)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		sent := time.Now()
		ours, err := renewScript.Run(ctx, l.d.rdb, l.keys(), l.token, l.life.Milliseconds(), "", "").Bool()
		switch {
		case err != nil: // perhaps the next one; expiry ends the wait
		case !ours:
			l.cancel(errLockLost)
			return
		default:
			l.expiry.Reset(time.Until(sent.Add(l.trust())))
		}
	}
}

// release gives the lock back.
func (l *lock) release() {
	l.cancel(nil)
	<-l.done
	l.expiry.Stop()
	if !l.keep {
		ctx, cancel := context.WithTimeout(context.Background(), l.life)
		defer cancel()
		if err := releaseScript.Run(ctx, l.d.rdb, l.keys()[:1], l.token).Err(); err != nil {
			l.d.log.Warn("the directory's lock could not be given back; the next writer waits until it expires", "err", err)
		}
	}
	<-l.d.turn
}
