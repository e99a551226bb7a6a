package links

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"fairlead/cmd/stores/storestest"
	"fairlead/schema"
)

// million returns a directory of n links with slugs and destinations of ordinary length.
func million(b *testing.B, n int) *Directory {
	d := &Directory{log: slog.New(slog.DiscardHandler), opt: Options{Now: time.Now}}
	v, err := Make(Contents{
		Program: testProgram,
		Keys:    []schema.StoredClickKey{{ID: 1, Key: schema.ClickKey{1}}},
		Links: func(yield func(schema.Link) bool) {
			for i := 1; i <= n; i++ {
				to := fmt.Sprintf("https://shop.example/collections/spring-%d?ref=campaign&item=%d", i%1000, i)
				if !yield(schema.Link{ID: schema.LinkID(i), Partner: schema.PartnerID(i / 3), Slug: slugOf(i), To: to}) {
					return
				}
			}
		},
	}, false)
	if err != nil {
		b.Fatal(err)
	}
	d.feed.reset()
	d.feed.set(schema.KindProgram, 1, programEntry)
	d.feed.set(schema.KindClickKey, 1, clickKeyEntry)
	d.feed.base = v.base
	if err := d.publish(); err != nil {
		b.Fatal(err)
	}
	return d
}

func slugOf(i int) string { return fmt.Sprintf("partner-%d/spring", i) }

func BenchmarkLookup(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprint("links=", n), func(b *testing.B) {
			v := million(b, n).View()
			slugs := make([][]byte, 1<<16)
			for i := range slugs {
				slugs[i] = []byte(slugOf(1 + i*7919%n))
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if _, ok := v.Lookup(slugs[i&(1<<16-1)]); !ok {
					b.Fatal("not found")
				}
				i++
			}
		})
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// What a million links take, and how long they take to come from the snapshot and to be written.
func BenchmarkMillion(b *testing.B) {
	for _, n := range []int{1_000_000, 10_000_000} {
		b.Run(fmt.Sprint("links=", n), func(b *testing.B) {
			if n > 1_000_000 && testing.Short() {
				b.Skip("ten million links only in the long form")
			}
			name := filepath.Join(b.TempDir(), "links.snapshot")
			d := million(b, n)
			d.opt.Snapshot = name
			began := time.Now()
			if err := d.Close(); err != nil {
				b.Fatal(err)
			}
			wrote := time.Since(began)
			*d = Directory{}
			before := heap()
			var back *Directory
			took := time.Duration(0)
			for b.Loop() {
				back = nil
				began := time.Now()
				var err error
				if back, err = Open(Options{Snapshot: name, Logger: slog.New(slog.DiscardHandler)}); err != nil || back.View().Len() != n {
					b.Fatal(err, back.Status())
				}
				took += time.Since(began)
			}
			b.ReportMetric(float64(heap()-before)/1e6, "MB-heap")
			b.ReportMetric(took.Seconds()/float64(b.N), "s/load")
			b.ReportMetric(wrote.Seconds(), "s/write")
			runtime.KeepAlive(back)
		})
	}
}

// One changed link among a million: what the next look at Redis has to do.
func BenchmarkChange(b *testing.B) {
	d := million(b, 1_000_000)
	entry := entryOf(schema.Link{ID: 17, Slug: slugOf(17), To: "https://shop.example/changed"})
	b.ReportAllocs()
	for b.Loop() {
		if err := d.feed.set(schema.KindLink, 17, entry); err != nil {
			b.Fatal(err)
		}
		if err := d.publish(); err != nil {
			b.Fatal(err)
		}
	}
}

// A whole directory from Redis.
func BenchmarkLoadFromRedis(b *testing.B) {
	const n = 200_000
	rdb := storestest.Redis(b).Fresh(b).Client(b)
	w := writer{b, rdb, schema.DefaultKeys}
	w.program()
	for from := 1; from <= n; from += 10_000 {
		w.do(func(p redis.Pipeliner) {
			for i := from; i < from+10_000; i++ {
				l := schema.Link{ID: schema.LinkID(i), Partner: 1, Slug: slugOf(i), To: "https://shop.example/collections/spring?ref=campaign", CreatedAt: time.Now()}
				p.HSet(b.Context(), w.k.Entries(schema.KindLink), fmt.Sprint(i), entryOf(l))
			}
		})
	}
	w.complete("e1")
	b.ResetTimer()
	for b.Loop() {
		d, err := Open(Options{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		if err := d.poll(b.Context(), rdb, true); err != nil || d.View().Len() != n {
			b.Fatal(err, d.Status())
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/link")
}

// Reading entries as they come from Redis.
func BenchmarkRecord(b *testing.B) {
	entry := entryOf(schema.Link{ID: 17, Partner: 3, Slug: slugOf(17), To: "https://shop.example/collections/spring?ref=campaign", CreatedAt: time.Now()})
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = linkRecord(dst[:0], entry); err != nil {
			b.Fatal(err)
		}
	}
}
