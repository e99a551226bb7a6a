package verify

import (
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"fairlead/aggregator/attribute"
	"fairlead/aggregator/book"
	"fairlead/aggregator/rewarddays"
	"fairlead/aggregator/rollup"
	"fairlead/schema"
	"fairlead/schema/directory"
)

// What the directory's own writer leaves in both stores is right, and what verify calls wrong is what
// it mends.
func TestTheDirectoryThatItsWriterWroteIsRight(t *testing.T) {
	w := empty(t)
	ctx := t.Context()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	d := directory.New(w.CH, w.Redis, directory.Options{Keys: w.Keys, Logger: log, CompareEvery: time.Nanosecond})
	v := New(Options{ClickHouse: w.CH, Redis: w.Redis, Keys: w.Keys, Logger: log, Patience: time.Millisecond,
		Rollup:     rollup.New(rollup.Options{ClickHouse: w.CH, Redis: w.Redis, Keys: w.Keys, Logger: log}),
		Attribute:  attribute.New(attribute.Options{ClickHouse: w.CH, Redis: w.Redis, Keys: w.Keys, Logger: log}),
		Book:       book.New(book.Options{ClickHouse: w.CH, Redis: w.Redis, Keys: w.Keys, Logger: log}),
		RewardDays: rewarddays.New(rewarddays.Options{ClickHouse: w.CH, Redis: w.Redis, Keys: w.Keys, Logger: log})})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	right := func(what string, want bool) {
		t.Helper()
		report, err := v.Run(ctx, Scope{})
		must(err)
		if report.OK != want || report.open(Directory, "") {
			t.Errorf("%s: %+v, want right: %t", what, report, want)
		}
	}
	_, err := d.Heal(ctx)
	must(err)
	_, err = d.SeedProgram(ctx, schema.Program{
		Name: "Test", Homepage: "https://shop.example/", AllowedDomains: []string{"shop.example"}, Currency: "USD", Zone: "Asia/Kathmandu",
		WindowDays: 90, Touch: "last", HoldDays: 30, PayoutDay: 13, PayoutMinimum: 2500, Param: "fl_click",
	})
	must(err)
	must(d.EnsureClickKey(ctx))
	var links []directory.NewLink
	for i := range 5 {
		p, _, err := d.AddPartner(ctx, "cli", directory.NewPartner{Name: fmt.Sprint("Ada ", i), Email: fmt.Sprintf("ada%d@x.example", i)})
		must(err)
		for k := range 300 {
			links = append(links, directory.NewLink{Partner: p.ID, Slug: fmt.Sprintf("L%d/%d", i, k), To: "https://shop.example/x"})
		}
	}
	added, err := d.AddLinks(ctx, "cli", links)
	must(err)
	_, err = d.DisableLink(ctx, "cli", added[7].ID, "a test")
	must(err)
	_, err = d.SetProgram(ctx, "cli", func(p *schema.Program) error { p.Name = `"Quoted" & <b>`; return nil })
	must(err)
	right("as it was written", true)

	must(w.Redis.HDel(ctx, w.Keys.Slugs(), "l1/17").Err())
	must(w.Redis.HDel(ctx, w.Keys.Entries(schema.KindPartner), "2").Err())
	right("with two things gone", false)
	_, err = d.Heal(ctx)
	must(err)
	right("after it was healed", true)
	must(w.Redis.FlushAll(ctx).Err())
	_, err = d.Heal(ctx)
	must(err)
	right("after Redis lost everything", true)
}
