package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"fairlead/schema"
)

// tx is one change while its writer holds the lock: it reads ClickHouse and collects rows.
type tx struct {
	d      *Directory
	lock   *lock
	head   head
	now    time.Time
	actor  Actor
	reason string
	rows   []row
}

// attempts is how often a change is tried whose writer loses the lock before anything is stored: a
// machine that sleeps, or is too busy to renew it.
const attempts = 3

// write makes one change: fn reads and puts, then everything it put is stored, all of it or nothing. fn
// may run more than once.
func (d *Directory) write(ctx context.Context, actor Actor, reason string, fn func(context.Context, *tx) error) error {
	for n := 1; ; n++ {
		t, stored, err := d.try(ctx, actor, reason, fn)
		if stored && err != nil {
			return d.survived(context.WithoutCancel(ctx), t.rows)
		}
		unsure := t != nil && t.lock.keep
		if !errors.Is(err, errLockLost) || unsure || n == attempts || ctx.Err() != nil {
			return err
		}
	}
}

// try is one attempt.
func (d *Directory) try(ctx context.Context, actor Actor, reason string, fn func(context.Context, *tx) error) (t *tx, stored bool, err error) {
	held, l, err := d.lock(ctx)
	if err != nil {
		return nil, false, err
	}
	defer l.release()
	t = &tx{d: d, lock: l, now: d.now(), actor: actor, reason: reason}
	stored, err = t.run(held, fn)
	return t, stored, err
}

// run is the change itself. An error together with stored means that ClickHouse has the rows and
// Redis has not.
func (t *tx) run(ctx context.Context, fn func(context.Context, *tx) error) (stored bool, err error) {
	if err := t.begin(ctx); err != nil {
		return false, err
	}
	if err := fn(ctx, t); err != nil {
		var said *Error
		if errors.As(err, &said) {
			return false, err
		}
		return false, t.failed(ctx, err)
	}
	if len(t.rows) == 0 {
		return false, nil
	}
	t.d.reach(ctx, "insert")
	if err := t.insert(ctx); err != nil {
		return false, err
	}
	t.d.reach(ctx, "apply")
	// What is stored is finished, even if the caller has gone; the script looks after the lock.
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), t.d.opt.LockWait)
	defer stop()
	return true, t.d.apply(ctx, t.lock, changes(t.rows), t.rows[0].version-1, t.head.version)
}

// failed says why a question to ClickHouse had no answer: the writer's lock and its context ended, or
// ClickHouse is away.
func (t *tx) failed(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if errors.Is(err, errLockLost) {
		return lockLost(err)
	}
	return clickHouseAway(err)
}

// begin finds out where the log ends, and sends Redis what an earlier writer could not.
func (t *tx) begin(ctx context.Context) error {
	var err error
	if t.head, err = t.d.head(ctx); err != nil {
		return t.failed(ctx, err)
	}
	state, err := t.d.state(ctx)
	if err != nil {
		return redisAway(err)
	}
	if state.complete() && state.version < t.head.version {
		if _, err := t.d.catchUp(ctx, t.lock, state.version); err != nil {
			return err
		}
	}
	// Redis ahead of ClickHouse: that was restored from an older backup. Versions only rise.
	t.head.version = max(t.head.version, state.version)
	return nil
}

// insert stores the rows in ClickHouse; nil means that they are there.
func (t *tx) insert(ctx context.Context) error {
	queryID := "fairlead-directory-" + t.lock.token
	err := t.d.insert(ctx, queryID, t.rows)
	if err == nil {
		return nil
	}
	ask, stop := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer stop()
	there, unknown := t.d.landed(ask, queryID, t.rows)
	switch {
	case unknown != nil:
		t.lock.keep = true
		return unavailable(errors.Join(err, unknown), "ClickHouse stopped answering in the middle of the change: it may or may not have been made. Look before you repeat it.")
	case there:
		return nil
	}
	return t.failed(ctx, err)
}

// taken returns which of the keys another entry claims, with those that this change puts itself.
func (t *tx) taken(ctx context.Context, keys []string) (map[string]bool, error) {
	found, err := t.d.claimants(ctx, keys)
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, e := range found {
		for _, k := range e.keys {
			out[k] = true
		}
	}
	for _, r := range t.rows {
		for _, k := range r.keys {
			out[k] = true
		}
	}
	return out, nil
}

// nextID gives out the number of a new entry.
func (t *tx) nextID(kind schema.Kind) (uint32, error) {
	t.head.ids[kind]++
	id := t.head.ids[kind]
	if id > 1<<32-1 {
		return 0, invalid("", "There is no number left for another %s.", kind)
	}
	return uint32(id), nil
}

// put adds a version of an entry; before is what it replaces, or nil.
func (t *tx) put(kind schema.Kind, id uint64, before *entry, v any, keys ...string) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s %d as JSON: %w", kind, id, err)
	}
	t.add(entry{kind: kind, id: id, keys: keys, data: string(data)}, before)
	return nil
}

func (t *tx) add(e entry, before *entry) {
	t.head.version++
	e.version = t.head.version
	t.rows = append(t.rows, row{entry: e, at: t.now, actor: t.actor, reason: t.reason, before: before})
}

// get reads an entry as ClickHouse has it, for changing it; the error is NotFound if it does not exist.
func get[T any](ctx context.Context, t *tx, kind schema.Kind, id uint64) (T, *entry, error) {
	var v T
	e, err := t.d.stored(ctx, kind, id)
	if err != nil {
		return v, nil, err
	}
	if e == nil {
		return v, nil, notFound("There is no %s %d.", kind, id)
	}
	if err := json.Unmarshal([]byte(e.data), &v); err != nil {
		return v, nil, unavailable(err, "What directory_log holds as %s %d cannot be read.", kind, id)
	}
	return v, e, nil
}
