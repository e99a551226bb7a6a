package directory

import (
	"fmt"
	"log/slog"
	"testing"

	"fairlead/cmd/stores/storestest"
	"fairlead/schema/clickhouse"
)

// One write is five questions to ClickHouse, a synced insert and four round trips to Redis.
func BenchmarkAddPartner(b *testing.B) {
	ch := storestest.ClickHouse(b).Fresh(b).Conn(b)
	rdb := storestest.Redis(b).Fresh(b).Client(b)
	if err := clickhouse.Apply(b.Context(), ch, clickhouse.Options{}); err != nil {
		b.Fatal(err)
	}
	d := New(ch, rdb, Options{Logger: slog.New(slog.DiscardHandler)})
	if _, err := d.SeedProgram(b.Context(), DefaultProgram()); err != nil {
		b.Fatal(err)
	}
	if _, err := d.Heal(b.Context()); err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		if _, _, err := d.AddPartner(b.Context(), CLI, NewPartner{Name: "Ada", Slug: fmt.Sprintf("ada%d", i), Email: fmt.Sprintf("ada%d@example.com", i)}); err != nil {
			b.Fatal(err)
		}
	}
}
