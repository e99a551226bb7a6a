package main

import (
	"context"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// probe knows whether a store answers, for whoever asks how things are: it asks the store at most once a
// second, and waits for it at most as long.
type probe struct {
	ping func(context.Context) error

	mu    sync.Mutex
	asked time.Time // guarded by mu, as is err
	err   error
}

const (
	probeEvery    = time.Second
	probePatience = time.Second
)

// check returns the store's last word.
func (p *probe) check() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.asked) < probeEvery {
		return p.err
	}
	ctx, cancel := context.WithTimeout(context.Background(), probePatience)
	defer cancel()
	p.err = p.ping(ctx)
	p.asked = time.Now()
	return p.err
}

// ready is check in the form of a part of /readyz.
func (p *probe) ready() (bool, any) {
	if err := p.check(); err != nil {
		return false, err.Error()
	}
	return true, "answers"
}

// probes are the two stores of a deployment.
type probes struct{ clickhouse, redis *probe }

// storesOf returns the probes of the process's stores, made at the first call.
func (o *ops) storesOf(d *deployment) *probes {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stores == nil {
		o.stores = newProbes(d, o.Metrics)
	}
	return o.stores
}

func newProbes(d *deployment, set *metrics.Set) *probes {
	p := &probes{
		clickhouse: &probe{ping: d.CH.Ping},
		redis:      &probe{ping: func(ctx context.Context) error { return d.Redis.Ping(ctx).Err() }},
	}
	for name, one := range map[string]*probe{"clickhouse": p.clickhouse, "redis": p.redis} {
		set.NewGauge(`fairlead_store_up{store="`+name+`"}`, func() float64 {
			if one.check() != nil {
				return 0
			}
			return 1
		})
	}
	return p
}

// both is a part that cannot work without the stores.
func (p *probes) both() (bool, any) {
	for name, one := range map[string]*probe{"clickhouse": p.clickhouse, "redis": p.redis} {
		if err := one.check(); err != nil {
			return false, name + ": " + err.Error()
		}
	}
	return true, "the stores answer"
}
