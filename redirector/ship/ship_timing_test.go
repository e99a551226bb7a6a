package ship

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"fairlead/redirector/journal"
	"fairlead/schema"
)

// drained is how many clicks the benchmarks of whole sinks take from a journal; FAIRLEAD_BENCH_CLICKS names another
// number.
func drained(b *testing.B) int {
	if v, err := strconv.Atoi(os.Getenv("FAIRLEAD_BENCH_CLICKS")); err == nil {
		return v
	}
	return 1_000_000
}

// fullJournal is a journal with n clicks over a day.
func fullJournal(b *testing.B, n int, day time.Time) (*journal.Log, int64) {
	b.Helper()
	l, err := journal.Open(b.TempDir(), journal.Options{Sinks: []string{SinkClickHouse, SinkRedis}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	var rec []byte
	bytes := int64(0)
	for i := range n {
		c := testClick(i, day.Add(time.Duration(i)*86_400*time.Second/time.Duration(n)))
		rec = schema.AppendClick(rec[:0], &c)
		bytes += int64(len(rec))
		if _, err := l.Append(rec); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Sync(); err != nil {
		b.Fatal(err)
	}
	return l, bytes
}

func BenchmarkCut(b *testing.B) {
	m := newMemory("a1")
	m.add(records(1, 100_000, noon)...)
	c := newCutter(b, m)
	c.maxRows, c.maxSize = 100_000, 1<<30
	var batch batch
	b.ReportAllocs()
	for b.Loop() {
		c.close()
		c.at = 0
		batch.reset()
		if _, err := c.fill(&batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/click")
}

// cpu is the time that this process has had on the processors.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// childCPU is the time that a child process has had, by /proc.
func childCPU(pid int) time.Duration {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(stat), ") ") // the name may hold spaces
	fields := strings.Fields(after)
	const tick = 10 * time.Millisecond
	u, _ := strconv.Atoi(fields[11])
	s, _ := strconv.Atoi(fields[12])
	return time.Duration(u+s) * tick
}

// BenchmarkDrain ships a full journal into the real stores, alone and together, as after an outage.
func BenchmarkDrain(b *testing.B) {
	day := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -1)
	for _, c := range []struct {
		name              string
		clickHouse, redis bool
	}{{"ClickHouse", true, false}, {"Redis", false, true}, {"both", true, true}} {
		b.Run(c.name, func(b *testing.B) {
			n := drained(b)
			l, bytes := fullJournal(b, n, day)
			r, live := newRig(b), newLiveRig(b)
			b.ResetTimer()
			// A journal can be drained once: b.N does not matter, a run takes seconds.
			began, own, store, rds := time.Now(), cpu(), childCPU(r.store.PID()), childCPU(live.store.PID())
			done := make(chan error, 2)
			want := 0
			if c.clickHouse {
				want++
				s := NewClickHouse(r.conn, ClickHouseOptions{Source: FromJournal(l), Enrich: r.data, Dir: b.TempDir()})
				go func() { done <- s.Drain(b.Context()) }()
			}
			if c.redis {
				want++
				s := NewRedis(live.rdb, RedisOptions{Source: FromJournal(l), Enrich: live.data, Keys: live.keys})
				go func() { done <- s.Drain(b.Context()) }()
			}
			peak := watchHeap(done, want, b)
			took := time.Since(began)
			b.ReportMetric(float64(n)/took.Seconds(), "clicks/s")
			b.ReportMetric(float64((cpu()-own).Nanoseconds())/float64(n)/1e3, "own-µs/click")
			b.ReportMetric(float64((childCPU(r.store.PID())-store).Nanoseconds())/float64(n)/1e3, "clickhouse-µs/click")
			b.ReportMetric(float64((childCPU(live.store.PID())-rds).Nanoseconds())/float64(n)/1e3, "redis-µs/click")
			b.ReportMetric(float64(peak)/(1<<20), "heap-MiB")
			b.ReportMetric(float64(bytes)/float64(n), "journal-B/click")
			b.StopTimer()
			if c.redis && live.sum() < n/2 {
				b.Fatalf("%d clicks were counted of %d, of which a fifth is bots'", live.sum(), n)
			}
			if c.clickHouse {
				if got := r.count("SELECT count() FROM fairlead.clicks"); got != uint64(n) {
					b.Fatalf("%d rows, want %d", got, n)
				}
				r.exec("OPTIMIZE TABLE fairlead.clicks FINAL")
				size := r.count("SELECT sum(bytes_on_disk) FROM system.parts WHERE database = 'fairlead' AND table = 'clicks' AND active")
				b.ReportMetric(float64(size)/float64(n), "clickhouse-B/click")
			}
		})
	}
}

// watchHeap waits for the sinks and returns the largest heap seen.
func watchHeap(done chan error, want int, b *testing.B) (peak uint64) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for want > 0 {
		select {
		case err := <-done:
			if err != nil {
				b.Fatal(err)
			}
			want--
		case <-tick.C:
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse)
		}
	}
	return peak
}

// sum is what all live counters make together.
func (r *liveRig) sum() (n int) {
	for i := range schema.LiveShards {
		for f, v := range r.rdb.HGetAll(r.t.Context(), r.keys.Live(i)).Val() {
			if strings.HasPrefix(f, "c:") {
				k, _ := strconv.Atoi(v)
				n += k
			}
		}
	}
	return n
}
