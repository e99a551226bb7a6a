package directory

import (
	"fmt"
	"log/slog"
	"testing"

	"fairlead/cmd/stores/storestest"
	"fairlead/schema/clickhouse"
)

func benchDirectory(b *testing.B) *Directory {
	b.Helper()
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
	return d
}

// One write: a few questions to ClickHouse, a synced insert and three or four round trips to Redis.
func BenchmarkAddPartner(b *testing.B) {
	d := benchDirectory(b)
	for i := 0; b.Loop(); i++ {
		if _, _, err := d.AddPartner(b.Context(), CLI, NewPartner{Name: "Ada", Slug: fmt.Sprintf("ada%d", i), Email: fmt.Sprintf("ada%d@example.com", i)}); err != nil {
			b.Fatal(err)
		}
	}
}

// benchLinks is how many links the benchmarks of many work on.
const benchLinks = 100_000

// The rebuild, the comparison of everything, and the question that is asked every few seconds.
func BenchmarkManyLinks(b *testing.B) {
	d := benchDirectory(b)
	if _, _, err := d.AddPartner(b.Context(), CLI, NewPartner{Name: "Ada", Email: "ada@example.com"}); err != nil {
		b.Fatal(err)
	}
	many := make([]NewLink, benchLinks)
	for i := range many {
		many[i] = NewLink{Partner: 1, Slug: fmt.Sprintf("campaign/%d", i), To: fmt.Sprintf("https://shop.example/product/%d?ref=abc", i)}
	}
	if _, err := d.AddLinks(b.Context(), CLI, many); err != nil {
		b.Fatal(err)
	}
	run := func(name string, fn func() error) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := fn(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/benchLinks, "µs/link")
		})
	}
	run("rebuild", func() error { return d.RebuildRedis(b.Context(), nil) })
	run("compare", func() error { _, err := d.Compare(b.Context()); return err })
	run("heal", func() error { _, err := d.Heal(b.Context()); return err })
}
