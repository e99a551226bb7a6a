package directory

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"fairlead/schema"
)

// ClickKeys returns the keys of click ids in use, newest first.
func (d *Directory) ClickKeys(ctx context.Context) (schema.ClickKeys, error) {
	all, err := d.storedKeys(ctx)
	if err != nil {
		return nil, clickHouseSilent(err)
	}
	var out schema.ClickKeys
	for _, k := range slices.Backward(all) {
		if k.RetiredAt.IsZero() || d.now().Before(k.RetiredAt) {
			out = append(out, k.Key)
		}
	}
	return out, nil
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

// RotateClickKey draws a new key, under which click ids are tagged from now on. Older keys retire when no id
// of theirs can earn any more: after the program's window.
func (d *Directory) RotateClickKey(ctx context.Context, actor Actor) (schema.StoredClickKey, error) {
	var k schema.StoredClickKey
	err := d.write(ctx, actor, "click key rotated", func(ctx context.Context, t *tx) error {
		program, _, err := get[schema.Program](ctx, t, schema.KindProgram, programID)
		if err != nil {
			return err
		}
		found, err := d.page(ctx, schema.KindClickKey, 0, maxKeys)
		if err != nil {
			return err
		}
		for i := range found {
			var old schema.StoredClickKey
			if err := json.Unmarshal([]byte(found[i].data), &old); err != nil {
				return err
			}
			if !old.RetiredAt.IsZero() {
				continue
			}
			old.RetiredAt = t.now.Add(time.Duration(program.WindowDays) * 24 * time.Hour)
			if err := t.put(schema.KindClickKey, found[i].id, &found[i], old); err != nil {
				return err
			}
		}
		k, err = t.newKey()
		return err
	})
	if err != nil {
		return schema.StoredClickKey{}, err
	}
	return k, nil
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
