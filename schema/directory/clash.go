package directory

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// survived is for a writer whose rows are in ClickHouse and who could not tell Redis. Under a new lock
// it sends them, unless it had lost the lock for so long that another writer came in between: then this
// one, who was not yet told that it had succeeded, takes its rows back.
func (d *Directory) survived(ctx context.Context, rows []row) error {
	held, l, err := d.lock(ctx)
	if err != nil {
		return unavailable(err, "The change is stored, but Redis does not answer: it shows when Redis is back.")
	}
	t := &tx{d: d, lock: l, now: d.now(), actor: System, reason: "taken back: another writer was at work at the same time"}
	_, err = t.run(held, func(ctx context.Context, t *tx) error { return t.takeBack(ctx, rows) })
	l.release()
	switch {
	case err != nil:
		return unavailable(err, "The change is stored, but whether it stays is not certain: look before you repeat it.")
	case len(t.rows) > 0:
		return conflict("", "Another change came first, so this one was taken back. Look and try again.")
	}
	return nil
}

// takeBack puts rows that undo those given if another writer did not see them. Such a writer began with
// the version that the first of them has; whoever saw them began above the last.
func (t *tx) takeBack(ctx context.Context, rows []row) error {
	var n uint64
	err := t.d.ch.QueryRow(t.d.asking(ctx, "overlap"), sql("overlap"),
		clickhouse.Named("first", rows[0].version), clickhouse.Named("last", rows[len(rows)-1].version)).Scan(&n)
	if err != nil {
		return err
	}
	if n == uint64(len(rows)) {
		return nil
	}
	var keys []string
	mine := map[identity]bool{}
	for _, r := range rows {
		keys = append(keys, r.keys...)
		mine[r.identity()] = true
		if err := t.undo(ctx, r.entry); err != nil {
			return err
		}
	}
	// Whoever else claims the same keys claims them once more, after they were given up.
	claimants, err := t.d.claimants(ctx, keys)
	if err != nil {
		return err
	}
	for _, e := range claimants {
		if !mine[e.identity()] {
			t.add(e, nil)
		}
	}
	return nil
}

// undo puts what an entry was without the version e: what others made of it, or nothing.
func (t *tx) undo(ctx context.Context, e entry) error {
	others, err := t.d.ask(ctx, "undo", sql("before"),
		clickhouse.Named("kind", string(e.kind)), clickhouse.Named("id", e.id),
		clickhouse.Named("version", e.version), clickhouse.Named("data", e.data))
	switch {
	case err != nil:
		return err
	case len(others) == 0:
		t.add(entry{kind: e.kind, id: e.id, deleted: true}, &e)
	case others[0].version <= e.version:
		t.add(others[0], &e)
	}
	return nil
}

// settleDoubles looks for two writers who used the same versions and of whom one died before it could take
// its rows back. Of two rows of one version the later counts, and of two entries that claim the
// same key; the other entry is taken out. The result is written down as versions of their own.
func (d *Directory) settleDoubles(ctx context.Context) error {
	doubles, err := d.ask(ctx, "doubles", sql("doubles"))
	if err != nil {
		return clickHouseAway(err)
	}
	if len(doubles) == 0 {
		return nil
	}
	return d.write(ctx, System, "two writers were at work at the same time", func(ctx context.Context, t *tx) error {
		if err := t.settleVersions(ctx, doubles); err != nil {
			return err
		}
		return t.settleKeys(ctx, doubles)
	})
}

func (t *tx) settleVersions(ctx context.Context, doubles []entry) error {
	seen := map[identity]entry{}
	for _, e := range doubles {
		other, twice := seen[e.identity()]
		seen[e.identity()] = e
		if !twice || other.version != e.version || other.data == e.data {
			continue
		}
		latest, err := t.d.stored(ctx, e.kind, e.id)
		if err != nil {
			return err
		}
		if latest != nil && latest.version == e.version {
			t.d.log.Error("two versions of a directory entry with one number; the later one counts", "kind", e.kind, "id", e.id, "version", e.version)
			t.add(*latest, &other)
		}
	}
	return nil
}

func (t *tx) settleKeys(ctx context.Context, doubles []entry) error {
	var keys []string
	for _, e := range doubles {
		keys = append(keys, e.keys...)
	}
	found, err := t.d.claimants(ctx, keys)
	if err != nil {
		return err
	}
	holder := map[string]entry{}
	contested := map[string]bool{}
	for _, e := range found { // the last one changed keeps what it claims; an entry claims one key
		for _, key := range e.keys {
			if loser, rival := holder[key]; rival {
				t.d.log.Error("two directory entries claimed one key; the later one keeps it, the other was taken out",
					"key", key, "kind", loser.kind, "out", loser.id, "kept", e.id)
				contested[key] = true
				t.add(entry{kind: loser.kind, id: loser.id, deleted: true}, &loser)
			}
			holder[key] = e
		}
	}
	for key := range contested {
		t.add(holder[key], nil)
	}
	return nil
}
