package history

import (
	"fmt"
	"strings"
	"testing"

	"fairlead/schema"
	"fairlead/schema/directory"
)

// BenchmarkRows reads rows of sales and makes records of them; B/s are of the file.
func BenchmarkRows(b *testing.B) {
	text := header + strings.Join(sales(1, 10_000), "")
	t := &take{ImportTake: schema.ImportTake{At: today}, owners: map[string]directory.Owner{"ada": {Partner: 1}, "bob@example.com": {Partner: 2}}}
	b.SetBytes(int64(len(text)))
	var record []byte
	for b.Loop() {
		r, err := openRows(strings.NewReader(text), testSetting(b))
		if err != nil {
			b.Fatal(err)
		}
		for r.next() {
			c, err := t.conversion(&r.row)
			if err != nil || r.wrong != nil {
				b.Fatal(err, r.wrong)
			}
			if record, err = schema.AppendConversion(record[:0], &c); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/row")
}

// BenchmarkConversions imports a million sales of 70 customers into a real ClickHouse.
func BenchmarkConversions(b *testing.B) {
	const n = 1_000_000
	var text strings.Builder
	text.WriteString(header)
	for _, line := range sales(1, n) {
		text.WriteString(line)
	}
	for b.Loop() {
		w := newWorld(b)
		r, err := w.importer().Conversions(b.Context(), "-", strings.NewReader(text.String()))
		if err != nil || r.Added != n {
			b.Fatal(fmt.Sprintf("%+v", r), err)
		}
		b.ReportMetric(n/r.Seconds, "rows/s")
	}
}
