package aggregator

import (
	"context"
	"fmt"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"fairlead/schema"
)

// export makes the metrics part of the set. The counters stand at zero from the start: a first failure is an increase.
func (a *Aggregator) export() {
	if a.opt.Metrics == nil {
		return
	}
	for _, j := range a.jobs {
		for _, how := range outcomes {
			j.runs(how)
		}
		j.counter("fairlead_job_rows_total")
		j.running(0)
		j.moveDue(a.opt.Now())
	}
	last := &verified{read: func(ctx context.Context) ([]byte, error) {
		return a.opt.Redis.Get(ctx, a.opt.Keys.Verified()).Bytes()
	}}
	a.opt.Metrics.RegisterMetricsWriter(last.write)
}

func (j *job) runs(how outcome) *metrics.Counter {
	return j.agg.opt.Metrics.GetOrCreateCounter(fmt.Sprintf(`fairlead_job_runs_total{name=%q,outcome=%q}`, j.name, how))
}

func (j *job) counter(metric string) *metrics.Counter {
	return j.agg.opt.Metrics.GetOrCreateCounter(fmt.Sprintf(`%s{name=%q}`, metric, j.name))
}

func (j *job) gauge(metric string) *metrics.Gauge {
	return j.agg.opt.Metrics.GetOrCreateGauge(fmt.Sprintf(`%s{name=%q}`, metric, j.name), nil)
}

// running says how many runs of the job are under way in this process.
func (j *job) running(n float64) {
	if j.agg.opt.Metrics != nil {
		j.gauge("fairlead_job_running").Set(n)
	}
}

// count adds the run to the metrics.
func (j *job) count(how outcome, s schema.JobStatus) {
	set := j.agg.opt.Metrics
	if set == nil {
		return
	}
	j.runs(how).Inc()
	set.GetOrCreateFloatCounter(fmt.Sprintf(`fairlead_job_seconds_total{name=%q}`, j.name)).Add(s.Took.Seconds())
	if how == outcomeOK {
		j.counter("fairlead_job_rows_total").AddInt64(int64(s.Rows))
		j.gauge("fairlead_job_last_success_timestamp_seconds").Set(float64(s.BeganAt.Unix()))
	}
}

// moveDue says by when the job is to begin its next run, after one that begins now; still takes it back, for a run
// that failed. Once that lies in the past, the job is overdue.
func (j *job) moveDue(now time.Time) (still func()) {
	if j.schedule == nil || j.agg.opt.Metrics == nil {
		return func() {}
	}
	due := j.gauge("fairlead_job_due_timestamp_seconds")
	was := due.Get()
	due.Set(float64(j.nextAfter(now).Unix()))
	return func() { due.Set(was) }
}
