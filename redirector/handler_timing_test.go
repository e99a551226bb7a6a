package redirector

import (
	"fmt"
	"testing"
	"time"

	"fairlead/redirector/journal"
	"fairlead/redirector/links"
	"fairlead/schema"
)

func slugOf(i int) string { return fmt.Sprintf("partner-%d/spring", i) }

func manyLinks(b *testing.B, n int) *links.View {
	b.Helper()
	c := testContents
	c.Links = func(yield func(schema.Link) bool) {
		for i := 1; i <= n; i++ {
			to := fmt.Sprintf("https://shop.example/collections/spring-%d?ref=campaign&item=%d", i%1000, i)
			if !yield(schema.Link{ID: schema.LinkID(i), Partner: 1, Slug: slugOf(i), To: to}) {
				return
			}
		}
	}
	v, err := links.Make(c, false)
	if err != nil {
		b.Fatal(err)
	}
	return v
}

// BenchmarkHandler is the whole handler among a million links, over a real journal, for requests as
// browsers make them: from the parsed request to the response being set. nothing is the loop itself:
// resetting the response.
func BenchmarkHandler(b *testing.B) {
	view := manyLinks(b, 1_000_000)
	for _, c := range []struct {
		name    string
		query   string
		journal bool
	}{
		{"plain", "", true},
		{"parameters", "?sub_id=abc%20def&utm_source=newsletter&utm_campaign=spring&x=1", true},
		{"plain-without-journal", "", false},
	} {
		b.Run(c.name, func(b *testing.B) {
			e := newEdge(b, func(o *Options) {
				o.Links, o.Now = fixed{view}, nil
				o.Journal = discard{}
				if c.journal {
					o.Journal = openJournal(b)
				}
			})
			// Slugs all over the directory, so that look-ups miss the caches as they do in life.
			requests := make([]*request, 0, 4096)
			for i := range cap(requests) {
				r := browser("/" + slugOf(1+i*7919%1_000_000) + c.query)
				requests = append(requests, &r)
			}
			ctx := requests[0].context()
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				ctx.Response.Reset()
				ctx.Request.Header.SetRequestURI(requests[i&4095].target)
				e.Handle(ctx)
				i++
			}
			if n := e.count.outcome(outcomeOf(schema.VerdictValid)); n != uint64(i) {
				b.Fatalf("%d of %d requests were valid clicks", n, i)
			}
		})
	}
	b.Run("nothing", func(b *testing.B) {
		r := browser("/" + slugOf(1))
		ctx := r.context()
		for b.Loop() {
			ctx.Response.Reset()
			ctx.Request.Header.SetRequestURI(r.target)
		}
	})
}

// BenchmarkHandlerParallel is the same on all processors at once.
func BenchmarkHandlerParallel(b *testing.B) {
	view := manyLinks(b, 1_000_000)
	e := newEdge(b, func(o *Options) { o.Links, o.Now, o.Journal = fixed{view}, nil, openJournal(b) })
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		i := 0
		var targets []string
		for n := range 4096 {
			targets = append(targets, "/"+slugOf(1+n*7919%1_000_000))
		}
		r := browser("/")
		ctx := r.context()
		for pb.Next() {
			ctx.Response.Reset()
			ctx.Request.Header.SetRequestURI(targets[i&4095])
			e.Handle(ctx)
			i++
		}
	})
}

// openJournal opens a real journal that forgets what it has synced, so that a benchmark does not fill
// the disk.
func openJournal(b testing.TB) *journal.Log {
	b.Helper()
	l, err := journal.Open(b.TempDir(), journal.Options{Sinks: []string{"none"}})
	if err != nil {
		b.Fatal(err)
	}
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				if err := l.Advance("none", l.Synced()); err != nil {
					b.Error(err)
					return
				}
			}
		}
	}()
	b.Cleanup(func() {
		close(stop)
		<-ended
		if err := l.Close(); err != nil {
			b.Error(err)
		}
	})
	return l
}
