package payouttest

import (
	"context"
	"sync"

	"fairlead/aggregator/lock"
	"fairlead/aggregator/payout"
)

// Locks gives a lock to one holder at a time, with a token that rises.
type Locks struct {
	mu     sync.Mutex
	holder *fence
	token  uint64
}

// Do does work under the lock; false: somebody else has it.
func (l *Locks) Do(ctx context.Context, work func(payout.Fence) error) (bool, error) {
	l.mu.Lock()
	if l.holder != nil {
		l.mu.Unlock()
		return false, nil
	}
	l.token++
	f := &fence{locks: l, ctx: ctx, token: l.token}
	l.holder = f
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.holder == f {
			l.holder = nil
		}
	}()
	return true, work(f)
}

// Lose takes the lock from its holder, who does not notice before it checks: as if it had slept for longer than the lock
// lives.
func (l *Locks) Lose() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holder = nil
}

// fence is a held lock.
type fence struct {
	locks *Locks
	ctx   context.Context
	token uint64
}

func (f *fence) Context() context.Context { return f.ctx }
func (f *fence) Token() uint64            { return f.token }

func (f *fence) Exceed(stored uint64) error {
	f.locks.mu.Lock()
	defer f.locks.mu.Unlock()
	f.locks.token = max(f.locks.token, stored+1)
	f.token = f.locks.token
	return nil
}

func (f *fence) Check() error {
	f.locks.mu.Lock()
	defer f.locks.mu.Unlock()
	if f.locks.holder != f {
		return lock.ErrLost
	}
	return nil
}
