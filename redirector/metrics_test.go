package redirector

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

func TestMetricsCountWhatHappened(t *testing.T) {
	set := metrics.NewSet()
	e := newEdge(t, func(o *Options) { o.Metrics = set })
	for target, times := range map[string]int{"/ada": 5, "/nobody": 3, "/gone": 2, "/off": 1, "/late": 1, "/robots.txt": 1, "/track": 1} {
		for range times {
			e.do(get(target))
		}
	}
	e.do(get("/ada", "Sec-Purpose", "prefetch"))
	e.do(get("/ada", "Sec-Fetch-Dest", "iframe"))
	e.do(request{method: "HEAD", target: "/ada"})
	e.do(request{method: "POST", target: "/ada"})
	e.journal.fail = fullDisk
	e.do(get("/ada"))
	var out bytes.Buffer
	set.WritePrometheus(&out)
	for _, want := range []string{
		`fairlead_requests_total{outcome="valid"} 6`,
		`fairlead_requests_total{outcome="unknown_link"} 3`,
		`fairlead_requests_total{outcome="suspended"} 2`,
		`fairlead_requests_total{outcome="disabled"} 1`,
		`fairlead_requests_total{outcome="expired"} 1`,
		`fairlead_requests_total{outcome="prefetch"} 1`,
		`fairlead_requests_total{outcome="embedded"} 1`,
		`fairlead_requests_total{outcome="head"} 1`,
		`fairlead_requests_total{outcome="own"} 1`,
		`fairlead_requests_total{outcome="not_found"} 1`,
		`fairlead_requests_total{outcome="bad_method"} 1`,
		`fairlead_clicks_unrecorded_total{reason="disk_full"} 1`,
		`fairlead_clicks_unrecorded_total{reason="bound_reached"} 0`,
		`fairlead_request_seconds_bucket{le="1.024e-06"} 19`,
		`fairlead_request_seconds_bucket{le="+Inf"} 19`,
		`fairlead_request_seconds_count 19`,
		`fairlead_redirector_ready 0`, // the journal is full
		`fairlead_directory_links 6`,
	} {
		if !strings.Contains(out.String(), want+"\n") {
			t.Errorf("there is no line %s in:\n%s", want, out.String())
		}
	}
	for _, never := range []string{`outcome=""`, `outcome="bot"`} {
		if strings.Contains(out.String(), never) {
			t.Errorf("there is %s", never)
		}
	}
}

func TestLatenciesFallIntoTheirBuckets(t *testing.T) {
	var c counters
	for d, bucket := range map[time.Duration]int{
		-1: 0, 0: 0, 1023: 0, 1024: 1, 2047: 1, 2048: 2, time.Millisecond: 10, 2147483647: 21, 2147483648: 22, time.Hour: 22,
	} {
		before := c.latency[bucket].Load()
		c.took(d)
		if c.latency[bucket].Load() != before+1 {
			t.Errorf("%v does not fall into bucket %d", d, bucket)
		}
	}
}
