package enrich_test

import (
	"fmt"
	"net/netip"
	"testing"

	"fairlead/redirector/enrich"
	"fairlead/redirector/enrich/enrichtest"
	"fairlead/schema"
)

func BenchmarkEnrich(b *testing.B) {
	d := enrichtest.Data(b)
	clicks := make([]schema.Click, 4096)
	for i := range clicks {
		clicks[i] = schema.Click{
			Verdict: schema.VerdictValid, Hints: asBrowser,
			UserAgent: fmt.Appendf(nil, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.%d.0 Safari/537.36", 100+i%40, i),
			Referrer:  fmt.Appendf(nil, "https://www.site%d.example/page/%d?q=%d", i%500, i, i),
			Language:  []byte("de-CH,de;q=0.9,en;q=0.8"),
			Network:   netip.AddrFrom4([4]byte{byte(20 + i%80), byte(i >> 4), byte(i), 0}).As16(),
		}
	}
	var f enrich.Facts
	b.Run("known", func(b *testing.B) {
		e := enrich.New(d)
		for i := range clicks {
			e.Enrich(&clicks[i], &f)
		}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			e.Enrich(&clicks[i%len(clicks)], &f)
		}
	})
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		e := enrich.New(d)
		for i := 0; b.Loop(); i++ {
			if i%len(clicks) == 0 {
				e = enrich.New(d)
			}
			e.Enrich(&clicks[i%len(clicks)], &f)
		}
	})
}
