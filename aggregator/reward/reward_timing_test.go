package reward

import (
	"fmt"
	"testing"
)

// A customer's year: a lead and twelve payments of which one was refunded, and all of it booked.
func BenchmarkWanted(b *testing.B) {
	told := tale{}.lead(0, "l", binds)
	for n := range 12 {
		told = told.sale(float64(30*n), fmt.Sprint("s", n), 4900)
	}
	told = told.refund(70, "s2", "r", 4900)
	in := input(400, told, tenth)
	in.Programs[0].Location()
	in.Booked = Wanted(in)
	for b.Loop() {
		if len(Wanted(in)) > 0 {
			b.Fatal("more is wanted")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(told)), "ns/decision")
}
