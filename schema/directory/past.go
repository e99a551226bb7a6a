package directory

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"

	"fairlead/schema"
)

// Version is how far directory_log goes: every change has a higher one than those before it.
func (d *Directory) Version(ctx context.Context) (uint64, error) {
	h, err := d.head(ctx)
	if err != nil {
		return 0, clickHouseSilent(err)
	}
	return h.version, nil
}

// Past is the directory as it was at a version: what is read of it does not change any more.
type Past struct {
	d       *Directory
	version uint64
}

// At returns the directory as it was at a version.
func (d *Directory) At(version uint64) Past { return Past{d, version} }

// Program returns the settings in force then.
func (p Past) Program(ctx context.Context) (schema.Program, error) {
	all, err := past[schema.Program](ctx, p, schema.KindProgram)
	switch {
	case err != nil:
		return schema.Program{}, err
	case len(all) == 0:
		return schema.Program{}, errNoProgram()
	}
	return all[0], nil
}

// ClickKeys returns the keys of click ids that there were, by id.
func (p Past) ClickKeys(ctx context.Context) ([]schema.StoredClickKey, error) {
	return past[schema.StoredClickKey](ctx, p, schema.KindClickKey)
}

func past[T any](ctx context.Context, p Past, kind schema.Kind) ([]T, error) {
	found, err := p.d.ask(ctx, "the past", sql("past"), clickhouse.Named("kind", string(kind)), clickhouse.Named("version", p.version))
	if err != nil {
		return nil, clickHouseSilent(fmt.Errorf("read the %s entries of version %d: %w", kind, p.version, err))
	}
	return fromEntries[T](found)
}

// Owner is who has a name: an e-mail address or a slug.
type Owner struct {
	Partner schema.PartnerID // 0: an admin has the address
	Link    schema.Link      // of a slug
}

// Owners returns who had the names, by name as it was given. A name with an @ is an e-mail address, any other a slug.
func (p Past) Owners(ctx context.Context, names []string) (map[string]Owner, error) {
	out := make(map[string]Owner)
	const atOnce = 50_000
	for len(names) > 0 {
		n := min(len(names), atOnce)
		if err := p.owners(ctx, names[:n], out); err != nil {
			return nil, clickHouseSilent(fmt.Errorf("ask who has %s: %w", some(names[:n]), err))
		}
		names = names[n:]
	}
	return out, nil
}

func (p Past) owners(ctx context.Context, names []string, out map[string]Owner) error {
	wanted, err := ext.NewTable("wanted", ext.Column("key", "String"))
	if err != nil {
		return err
	}
	called := make(map[string][]string, len(names)) // names by key: their letters may be cased in several ways
	for _, name := range names {
		key := slugKey(name)
		if strings.Contains(name, "@") {
			key = emailKey(name)
		}
		if called[key] == nil {
			if err := wanted.Append(key); err != nil {
				return err
			}
		}
		called[key] = append(called[key], name)
	}
	return p.d.each(clickhouse.Context(ctx, clickhouse.WithExternalTable(wanted)), "who has these names", sql("owners"), func(e entry) error {
		var o Owner
		switch e.kind {
		case schema.KindLogin:
			var l schema.Login
			if err := json.Unmarshal([]byte(e.data), &l); err != nil {
				return fmt.Errorf("read %s %d of directory_log: %w", e.kind, e.id, err)
			}
			o.Partner = l.Partner
		case schema.KindLink:
			if err := json.Unmarshal([]byte(e.data), &o.Link); err != nil {
				return fmt.Errorf("read %s %d of directory_log: %w", e.kind, e.id, err)
			}
			o.Partner = o.Link.Partner
		default:
			return nil
		}
		for _, key := range e.keys {
			for _, name := range called[key] {
				out[name] = o
			}
		}
		return nil
	}, clickhouse.Named("version", p.version))
}
