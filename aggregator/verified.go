package aggregator

import (
	"context"
	"encoding/json"
	"io"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"fairlead/aggregator/verify"
)

// verified knows what the last whole verification found, whichever process made it: the report stands in Redis, and is
// asked for at most every few seconds. While Redis does not answer, the last word holds.
type verified struct {
	read func(ctx context.Context) ([]byte, error)

	mu    sync.Mutex
	asked time.Time     // guarded by mu, as is last
	last  verify.Report // BeganAt is zero: there is none
}

const (
	verifiedEvery    = 5 * time.Second
	verifiedPatience = time.Second
)

func (v *verified) report() verify.Report {
	v.mu.Lock()
	defer v.mu.Unlock()
	if time.Since(v.asked) < verifiedEvery {
		return v.last
	}
	v.asked = time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), verifiedPatience)
	defer cancel()
	var found verify.Report
	if text, err := v.read(ctx); err == nil && json.Unmarshal(text, &found) == nil {
		v.last = found
	}
	return v.last
}

// write tells of the last verification, once there was one.
func (v *verified) write(w io.Writer) {
	r := v.report()
	if r.BeganAt.IsZero() {
		return
	}
	ok := uint64(0)
	if r.OK {
		ok = 1
	}
	metrics.WriteGaugeUint64(w, "fairlead_verify_ok", ok)
	metrics.WriteGaugeUint64(w, "fairlead_verify_gaps", r.Gaps)
	metrics.WriteGaugeUint64(w, "fairlead_verify_doubles", r.Doubles)
	metrics.WriteGaugeUint64(w, "fairlead_verify_differences", uint64(len(r.Differences)+r.Unlisted))
	metrics.WriteGaugeUint64(w, "fairlead_verify_timestamp_seconds", uint64(r.BeganAt.Unix()))
}
