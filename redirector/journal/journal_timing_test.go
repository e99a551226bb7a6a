package journal

import (
	"context"
	"testing"
)

func bench(b testing.TB, dir string) *Log {
	return open(b, dir, func(o *Options) { o.SegmentBytes = 0 })
}

// ship has the sink follow, so that the log does not grow with the benchmark.
func ship(b *testing.B, l *Log) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for at := uint64(0); ; {
			synced, err := l.WaitSynced(ctx, at)
			if err != nil {
				return
			}
			if err := l.Advance("a", synced); err != nil {
				b.Error(err)
				return
			}
			at = synced
		}
	}()
	b.Cleanup(func() { cancel(); <-done })
}

// BenchmarkAppend is what an append costs a server whose disk keeps up: the clock stands while it does.
func BenchmarkAppend(b *testing.B) {
	l := bench(b, b.TempDir())
	ship(b, l)
	rec := make([]byte, 300)
	b.ReportAllocs()
	b.SetBytes(300)
	b.ResetTimer()
	for i := range b.N {
		if i%100_000 == 0 {
			b.StopTimer()
			mustSync(b, l)
			made(l)
			b.StartTimer()
		}
		if _, err := l.Append(rec); err != nil {
			b.Fatal(err)
		}
	}
}

// made waits until the next segment is there.
func made(l *Log) {
	for {
		l.mu.Lock()
		made, making := l.made, l.making
		l.mu.Unlock()
		if !making {
			return
		}
		<-made
	}
}

// BenchmarkAppendFlatOut appends as fast as the disk can provide segments.
func BenchmarkAppendFlatOut(b *testing.B) {
	for name, dir := range map[string]string{"disk": b.TempDir(), "ram": ramDir(b)} {
		b.Run(name, func(b *testing.B) {
			l := bench(b, dir)
			ship(b, l)
			rec := make([]byte, 300)
			b.SetBytes(300)
			for b.Loop() {
				if _, err := l.Append(rec); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendParallel(b *testing.B) {
	l := bench(b, b.TempDir())
	ship(b, l)
	b.ReportAllocs()
	b.SetBytes(300)
	b.RunParallel(func(pb *testing.PB) {
		rec := make([]byte, 300)
		for pb.Next() {
			if _, err := l.Append(rec); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkAppendSync(b *testing.B) {
	l := bench(b, b.TempDir())
	ship(b, l)
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		rec := make([]byte, 300)
		for pb.Next() {
			if _, err := l.AppendSync(context.Background(), rec); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkReader(b *testing.B) {
	l := bench(b, b.TempDir())
	const n = 200_000
	rec := make([]byte, 300)
	for range n {
		if _, err := l.Append(rec); err != nil {
			b.Fatal(err)
		}
	}
	mustSync(b, l)
	b.SetBytes(300)
	b.ReportAllocs()
	b.ResetTimer()
	for left := b.N; left > 0; {
		r, err := l.NewReader(1)
		if err != nil {
			b.Fatal(err)
		}
		for ; left > 0 && r.Next(); left-- {
		}
		_ = r.Close()
	}
}
