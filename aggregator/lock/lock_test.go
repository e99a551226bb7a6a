package lock

import (
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"fairlead/cmd/stores/storestest"
	"fairlead/schema"
)

func TestMain(m *testing.M) { os.Exit(storestest.Main(m)) }

var keys = schema.DefaultKeys

func mustAcquire(t testing.TB, rdb redis.UniversalClient, ttl time.Duration) *Lock {
	t.Helper()
	l, err := Acquire(t.Context(), rdb, keys, "job", ttl)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestOneHoldsTheLockAndTheNextHasAHigherToken(t *testing.T) {
	rdb := storestest.Redis(t).Fresh(t).Client(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	one := mustAcquire(t, rdb, time.Minute)
	if _, err := Acquire(t.Context(), rdb, keys, "job", time.Minute); !errors.Is(err, ErrHeld) {
		t.Errorf("a second holder: %v, want %v", err, ErrHeld)
	}
	other, err := Acquire(t.Context(), rdb, keys, "another job", time.Minute)
	if err != nil {
		t.Fatalf("another job's lock: %v", err)
	}
	other.Release()
	if err := one.Check(); err != nil {
		t.Error(err)
	}
	one.Release()
	if one.Context().Err() == nil {
		t.Error("the context goes on after the release")
	}
	next := mustAcquire(t, rdb, time.Minute)
	defer next.Release()
	if next.Token() <= one.Token() {
		t.Errorf("token %d after %d", next.Token(), one.Token())
	}
}

func TestALockSaysWhoHoldsIt(t *testing.T) {
	rdb := storestest.Redis(t).Fresh(t).Client(t)
	f := func(what, process string, held bool) {
		t.Helper()
		h, is, err := HolderOf(t.Context(), rdb, keys, "job")
		if err != nil || is != held || h.Process != process {
			t.Errorf("%s: held %t by %+v (%v), want %t by %q", what, is, h, err, held, process)
		}
	}
	f("before", "", false)
	l := mustAcquire(t, rdb, time.Minute)
	f("while it is held", Process(), true)
	if h, _, _ := HolderOf(t.Context(), rdb, keys, "job"); time.Since(h.Since) > time.Minute {
		t.Errorf("held since %s", h.Since)
	}
	l.Release()
	f("afterwards", "", false)
	rdb.Set(t.Context(), keys.Lock("job"), "an older program's word", 0)
	f("by a program that does not say", "somebody", true)
}

func TestATokenExceedsWhatWasStored(t *testing.T) {
	rdb := storestest.Redis(t).Fresh(t).Client(t)
	l := mustAcquire(t, rdb, time.Minute)
	for _, stored := range []uint64{0, 5, 5, 1 << 40} {
		if err := l.Exceed(stored); err != nil || l.Token() <= stored {
			t.Errorf("token %d (%v) with %d stored", l.Token(), err, stored)
		}
	}
	last := l.Token()
	l.Release()
	next := mustAcquire(t, rdb, time.Minute)
	defer next.Release()
	if next.Token() <= last {
		t.Errorf("token %d after %d", next.Token(), last)
	}
}

func TestALockIsRenewedWhileItsHolderLives(t *testing.T) {
	rdb := storestest.Redis(t).Fresh(t).Client(t)
	const life = 300 * time.Millisecond
	l := mustAcquire(t, rdb, life)
	defer l.Release()
	for end := time.Now().Add(4 * life); time.Now().Before(end); time.Sleep(life / 10) {
		if _, err := Acquire(t.Context(), rdb, keys, "job", life); !errors.Is(err, ErrHeld) {
			t.Fatalf("taken from a living holder: %v", err)
		}
	}
	if err := l.Check(); err != nil {
		t.Error(err)
	}
}

func TestALockThatWentToAnotherEndsTheContext(t *testing.T) {
	rdb := storestest.Redis(t).Fresh(t).Client(t)
	l := mustAcquire(t, rdb, 300*time.Millisecond)
	if err := rdb.Set(t.Context(), keys.Lock("job"), "somebody else", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := l.Check(); !errors.Is(err, ErrLost) {
		t.Errorf("check: %v, want %v", err, ErrLost)
	}
	select {
	case <-l.Context().Done():
	case <-time.After(time.Minute):
		t.Fatal("the context goes on without the lock")
	}
	if err := l.Check(); !errors.Is(err, ErrLost) {
		t.Errorf("check after the end: %v, want %v", err, ErrLost)
	}
	l.Release()
	if rdb.Get(t.Context(), keys.Lock("job")).Val() != "somebody else" {
		t.Error("the release took the other's lock")
	}
}

func TestALockEndsWhenRedisStaysAway(t *testing.T) {
	store := storestest.NewRedis(t)
	l := mustAcquire(t, store.Client(t), 300*time.Millisecond)
	defer l.Release()
	store.Kill()
	select {
	case <-l.Context().Done():
	case <-time.After(time.Minute):
		t.Fatal("the context goes on while nobody knows who holds the lock")
	}
	if err := l.Check(); !errors.Is(err, ErrLost) {
		t.Errorf("check: %v, want %v", err, ErrLost)
	}
}

func TestALockOfADeadHolderExpires(t *testing.T) {
	rdb := storestest.Redis(t).Fresh(t).Client(t)
	if err := rdb.Set(t.Context(), keys.Lock("job"), "dead", 200*time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		l, err := Acquire(t.Context(), rdb, keys, "job", time.Minute)
		if err == nil {
			l.Release()
			return
		}
		if !errors.Is(err, ErrHeld) || time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// breaking is a client whose connection breaks a number of times: before a script reaches Redis, or when it has run.
type breaking struct {
	left  atomic.Int32
	after bool
}

func (b *breaking) DialHook(next redis.DialHook) redis.DialHook { return next }

func (b *breaking) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (b *breaking) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if b.left.Load() <= 0 || cmd.Name() != "evalsha" {
			return next(ctx, cmd)
		}
		b.left.Add(-1)
		if b.after {
			_ = next(ctx, cmd)
		}
		cmd.SetErr(io.EOF)
		return io.EOF
	}
}

func TestABrokenConnectionDoesNotKeepTheNextHolderOut(t *testing.T) {
	for what, b := range map[string]*breaking{"before the script": {}, "after the script": {after: true}} {
		t.Run(what, func(t *testing.T) {
			store := storestest.Redis(t).Fresh(t)
			rdb, other := store.Client(t), store.Client(t)
			rdb.AddHook(b)
			mustAcquire(t, other, time.Hour).Release() // the scripts are known
			l := mustAcquire(t, rdb, time.Hour)
			b.left.Store(3)
			l.Release()
			mustAcquire(t, other, time.Hour).Release()

			b.left.Store(1)
			if _, err := Acquire(t.Context(), rdb, keys, "job", time.Hour); !errors.Is(err, io.EOF) {
				t.Errorf("taken over a broken connection: %v", err)
			}
			mustAcquire(t, other, time.Hour).Release()
		})
	}
}
