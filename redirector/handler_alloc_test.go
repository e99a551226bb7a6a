//go:build !race

// The race detector makes sync.Pool forget at random, and everything allocate.

package redirector

import (
	"testing"
)

func TestTheHandlerAllocatesNothing(t *testing.T) {
	e := newEdge(t, func(o *Options) { o.Journal = discard{}; o.Now = nil; o.TrustedProxies = prefixes("10.0.0.0/8") })
	for _, r := range []request{
		browser("/ada"),
		browser("/spring?sub_id=a%20b&utm_source=news&x=1"),
		browser("/nobody%20here"),
		browser("/gone"),
		get("/ada", "Sec-Purpose", "prefetch"),
		{method: "HEAD", target: "/ada"},
		{method: "GET", target: "/ada", from: "10.0.0.1", headers: []string{"X-Forwarded-For", "203.0.113.9, 10.0.0.7", "X-Forwarded-Proto", "https"}},
		{method: "GET", target: "/ada", from: "10.0.0.1", headers: []string{"Forwarded", `for="[2001:db8::1]:4711";proto=https`}},
	} {
		ctx := r.context()
		n := testing.AllocsPerRun(200, func() {
			ctx.Response.Reset()
			e.Handle(ctx)
		})
		if n != 0 {
			t.Errorf("%s %s: %v allocations", r.method, r.target, n)
		}
	}
}
