package directory

import (
	"context"
	"embed"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"

	"fairlead/schema"
)

//go:embed sql/*.sql
var sqlFiles embed.FS

// sql returns the query of a file.
func sql(name string) string {
	text, err := sqlFiles.ReadFile("sql/" + name + ".sql")
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return string(text)
}

// entry is the latest version of something in directory_log.
type entry struct {
	kind    schema.Kind
	id      uint64
	version uint64
	deleted bool
	keys    []string // what it claims for itself alone: "slug:ada"
	data    string   // JSON of the schema's type
}

// row is a version that a writer adds.
type row struct {
	entry
	at     time.Time
	actor  Actor
	reason string
	before *entry // the version it replaces; nil: there was none
}

// head is how far directory_log goes.
type head struct {
	version uint64                 // the highest
	ids     map[schema.Kind]uint64 // the highest of each kind
}

// asking is the context of a query of ours that reads.
func (d *Directory) asking(ctx context.Context, purpose string) context.Context {
	s := clickhouse.Settings{"log_comment": "fairlead directory: " + purpose}
	if d.opt.Quorum {
		s["select_sequential_consistency"] = 1
	}
	return clickhouse.Context(ctx, clickhouse.WithSettings(s))
}

func (d *Directory) head(ctx context.Context) (head, error) {
	h := head{ids: map[schema.Kind]uint64{}}
	rows, err := d.ch.Query(d.asking(ctx, "head"), sql("heads"))
	if err != nil {
		return h, fmt.Errorf("ask for the newest directory entries: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var kind string
		var id, version uint64
		if err := rows.Scan(&kind, &id, &version); err != nil {
			return h, fmt.Errorf("ask for the newest directory entries: %w", err)
		}
		h.ids[schema.Kind(kind)] = id
		h.version = max(h.version, version)
	}
	return h, rows.Err()
}

func (d *Directory) logEmpty(ctx context.Context) (bool, error) {
	h, err := d.head(ctx)
	return h.version == 0, err
}

// stored returns the latest version of an entry as ClickHouse has it; nil: it does not exist.
func (d *Directory) stored(ctx context.Context, kind schema.Kind, id uint64) (*entry, error) {
	found, err := d.ask(ctx, "one entry", sql("entry"), clickhouse.Named("kind", string(kind)), clickhouse.Named("id", id))
	if err != nil {
		return nil, fmt.Errorf("read %s %d from directory_log: %w", kind, id, err)
	}
	if len(found) == 0 || found[0].deleted {
		return nil, nil
	}
	return &found[0], nil
}

// page returns up to limit entries of a kind with ids above after, by id.
func (d *Directory) page(ctx context.Context, kind schema.Kind, after uint64, limit int) ([]entry, error) {
	var out []entry
	for len(out) < limit {
		ids, err := d.idsAbove(ctx, kind, after, limit-len(out))
		if err != nil {
			return nil, err
		}
		if len(ids) == 0 {
			break
		}
		found, err := d.storedMany(ctx, kind, ids) // fewer where some were taken out
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
		after = ids[len(ids)-1]
	}
	return out, nil
}

// idsAbove returns the next ids of a kind, whether or not they still exist.
func (d *Directory) idsAbove(ctx context.Context, kind schema.Kind, after uint64, limit int) ([]uint64, error) {
	rows, err := d.ch.Query(d.asking(ctx, "ids"), sql("ids"),
		clickhouse.Named("kind", string(kind)), clickhouse.Named("after", after), clickhouse.Named("limit", limit))
	if err != nil {
		return nil, fmt.Errorf("list %s entries: %w", kind, err)
	}
	defer rows.Close()
	var ids []uint64
	for rows.Next() {
		var id uint64
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("list %s entries: %w", kind, err)
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// storedMany returns those of the entries that exist, by id.
func (d *Directory) storedMany(ctx context.Context, kind schema.Kind, ids []uint64) ([]entry, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	found, err := d.ask(ctx, "some entries", sql("entries_of"), clickhouse.Named("kind", string(kind)), clickhouse.Named("ids", ids))
	if err != nil {
		return nil, fmt.Errorf("read %d %s entries from directory_log: %w", len(ids), kind, err)
	}
	return found, nil
}

// ask returns the entries that a query answers.
func (d *Directory) ask(ctx context.Context, purpose, query string, args ...any) ([]entry, error) {
	var out []entry
	err := d.each(ctx, purpose, query, func(e entry) error {
		out = append(out, e)
		return nil
	}, args...)
	return out, err
}

// each walks the entries of a query whose columns are kind, id, version, deleted, unique_keys, data.
func (d *Directory) each(ctx context.Context, purpose, query string, yield func(entry) error, args ...any) error {
	rows, err := d.ch.Query(d.asking(ctx, purpose), query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var e entry
		if err := rows.Scan((*string)(&e.kind), &e.id, &e.version, &e.deleted, &e.keys, &e.data); err != nil {
			return err
		}
		if err := yield(e); err != nil {
			return err
		}
	}
	return rows.Err()
}

// fewKeys is up to how many keys are asked for by index; more are joined.
const fewKeys = 100

// claimants returns the entries that claim any of the keys, the one changed last at the end.
func (d *Directory) claimants(ctx context.Context, keys []string) ([]entry, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	out, err := d.askClaimants(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("ask whether %s is taken: %w", some(keys), err)
	}
	return out, nil
}

func (d *Directory) askClaimants(ctx context.Context, keys []string) ([]entry, error) {
	if len(keys) <= fewKeys {
		set := make(clickhouse.ArraySet, len(keys))
		for i, k := range keys {
			set[i] = k
		}
		return d.ask(ctx, "taken", sql("claimants"), clickhouse.Named("keys", set))
	}
	wanted, err := ext.NewTable("wanted", ext.Column("key", "String"))
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if err := wanted.Append(k); err != nil {
			return nil, err
		}
	}
	return d.ask(clickhouse.Context(ctx, clickhouse.WithExternalTable(wanted)), "taken", sql("claimants_of_many"))
}

// some names the first of many keys, for messages.
func some(keys []string) string {
	const shown = 3
	if len(keys) <= shown {
		return strings.Join(keys, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(keys[:shown], ", "), len(keys)-shown)
}

// insert adds rows in one block: all of them land or none. After an error, landed tells which.
func (d *Directory) insert(ctx context.Context, queryID string, rows []row) error {
	s := clickhouse.Settings{
		"log_comment":        "fairlead directory: write",
		"async_insert":       0,
		"insert_deduplicate": 0, // rows are told apart by their version
		"max_execution_time": max(1, int(d.opt.LockLife/time.Second)),
	}
	if d.opt.Quorum {
		s["insert_quorum"] = "auto"
		s["insert_quorum_parallel"] = 0 // what select_sequential_consistency rests on
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithQueryID(queryID), clickhouse.WithSettings(s))
	batch, err := d.ch.PrepareBatch(ctx, `INSERT INTO fairlead.directory_log
		(kind, id, version, unique_keys, changed_at, actor, reason, deleted, data)`)
	if err != nil {
		return fmt.Errorf("begin to write %d directory entries: %w", len(rows), err)
	}
	defer batch.Close()
	for _, r := range rows {
		if r.keys == nil {
			r.keys = []string{}
		}
		if err := batch.Append(string(r.kind), r.id, r.version, r.keys, r.at, string(r.actor), r.reason, r.deleted, r.data); err != nil {
			return fmt.Errorf("write %s %d: %w", r.kind, r.id, err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("write %d directory entries: %w", len(rows), err)
	}
	return nil
}

// landed finds out what became of an insert that failed or was given up: it stops what may still run and
// looks for the first row, which stands for all. The error means that nobody knows.
func (d *Directory) landed(ctx context.Context, queryID string, rows []row) (bool, error) {
	kill := d.asking(ctx, "stop an insert that was given up")
	if err := d.ch.Exec(kill, "KILL QUERY WHERE query_id = @id SYNC", clickhouse.Named("id", queryID)); err != nil {
		return false, fmt.Errorf("stop insert %s: %w", queryID, err)
	}
	var yes bool
	err := d.ch.QueryRow(d.asking(ctx, "landed"), sql("landed"),
		clickhouse.Named("kind", string(rows[0].kind)), clickhouse.Named("id", rows[0].id),
		clickhouse.Named("version", rows[0].version), clickhouse.Named("at", rows[0].at.UnixMilli()),
		clickhouse.Named("data", rows[0].data)).Scan(&yes)
	if err != nil {
		return false, fmt.Errorf("ask what became of insert %s: %w", queryID, err)
	}
	return yes, nil
}
