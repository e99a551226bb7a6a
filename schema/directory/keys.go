package directory

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"fairlead/schema"
)

// ClickKeys returns the keys of click ids in use, newest first.
func (d *Directory) ClickKeys(ctx context.Context) (schema.ClickKeys, error) {
	all, err := d.AllClickKeys(ctx)
	var out schema.ClickKeys
	for _, k := range all {
		if k.RetiredAt.IsZero() || d.now().Before(k.RetiredAt) {
			out = append(out, k.Key)
		}
	}
	return out, err
}

// AllClickKeys returns every key there ever was, newest first.
func (d *Directory) AllClickKeys(ctx context.Context) ([]schema.StoredClickKey, error) {
	all, err := d.storedKeys(ctx)
	if err != nil {
		return nil, clickHouseSilent(err)
	}
	slices.Reverse(all)
	return all, nil
}

// EnsureClickKey draws the first key where there is none.
func (d *Directory) EnsureClickKey(ctx context.Context) error {
	all, err := d.storedKeys(ctx)
	if err != nil {
		return clickHouseAway(err)
	}
	if len(all) > 0 {
		return nil
	}
	return d.write(ctx, System, "first click key", func(ctx context.Context, t *tx) error {
		if all, err := d.storedKeys(ctx); err != nil || len(all) > 0 {
			return err
		}
		_, err := t.newKey()
		return err
	})
}

// KeyGrace is how long a click key is accepted beyond the program's window once it was succeeded: for nodes
// that could not hear of its successor, and for reports that come late.
const KeyGrace = 7 * 24 * time.Hour

// RotateClickKey draws a new key, under which click ids are tagged from now on. Those before it are accepted
// until no id of theirs can earn any more: for the program's window and KeyGrace.
func (d *Directory) RotateClickKey(ctx context.Context, actor Actor) (schema.StoredClickKey, error) {
	return d.rotate(ctx, actor, "click key rotated", false)
}

// ReplaceClickKey draws a new key and retires all before it at once: for a key that somebody else may know.
// Whoever holds a click id of theirs holds nothing any more.
func (d *Directory) ReplaceClickKey(ctx context.Context, actor Actor) (schema.StoredClickKey, error) {
	return d.rotate(ctx, actor, "click key replaced, the older ones retired at once", true)
}

// keyLife is how long a key is accepted after its successor was drawn.
func keyLife(p schema.Program) time.Duration {
	return time.Duration(p.WindowDays)*24*time.Hour + KeyGrace
}

// rotate draws a new key. The one before it retires when it may; with atOnce, all of them now.
func (d *Directory) rotate(ctx context.Context, actor Actor, reason string, atOnce bool) (schema.StoredClickKey, error) {
	var k schema.StoredClickKey
	err := d.write(ctx, actor, reason, func(ctx context.Context, t *tx) error {
		program, _, err := get[schema.Program](ctx, t, schema.KindProgram, programID)
		if err != nil {
			return err
		}
		err = t.changeKeys(ctx, func(k *schema.StoredClickKey) bool {
			switch {
			case atOnce && (k.RetiredAt.IsZero() || t.now.Before(k.RetiredAt)):
				k.RetiredAt = t.now
			case k.RetiredAt.IsZero():
				k.RetiredAt = t.now.Add(keyLife(program))
			default:
				return false
			}
			return true
		})
		if err != nil {
			return err
		}
		k, err = t.newKey()
		return err
	})
	if err != nil {
		return schema.StoredClickKey{}, err
	}
	return k, nil
}

// keepKeys lets keys that were succeeded, and are still accepted, live as long as a changed window asks for.
func (t *tx) keepKeys(ctx context.Context, longer time.Duration) error {
	return t.changeKeys(ctx, func(k *schema.StoredClickKey) bool {
		if k.RetiredAt.IsZero() || !t.now.Before(k.RetiredAt) {
			return false
		}
		k.RetiredAt = k.RetiredAt.Add(longer)
		return true
	})
}

// changeKeys puts the keys that change says it has changed.
func (t *tx) changeKeys(ctx context.Context, change func(*schema.StoredClickKey) bool) error {
	found, err := t.d.page(ctx, schema.KindClickKey, 0, maxKeys)
	if err != nil {
		return err
	}
	for i := range found {
		var k schema.StoredClickKey
		if err := json.Unmarshal([]byte(found[i].data), &k); err != nil {
			return fmt.Errorf("read click key %d of directory_log: %w", found[i].id, err)
		}
		if !change(&k) {
			continue
		}
		if err := t.put(schema.KindClickKey, found[i].id, &found[i], k); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) newKey() (schema.StoredClickKey, error) {
	id, err := t.nextID(schema.KindClickKey)
	if err != nil {
		return schema.StoredClickKey{}, err
	}
	k := schema.StoredClickKey{ID: id, Key: schema.NewClickKey(), CreatedAt: t.now}
	return k, t.put(schema.KindClickKey, uint64(id), nil, k)
}

// maxKeys is more keys than a program will ever have drawn.
const maxKeys = 10_000

// storedKeys returns every key there was, by id.
func (d *Directory) storedKeys(ctx context.Context) ([]schema.StoredClickKey, error) {
	found, err := d.page(ctx, schema.KindClickKey, 0, maxKeys)
	if err != nil {
		return nil, err
	}
	return fromEntries[schema.StoredClickKey](found)
}
