package main

import (
	"context"
	"sync"
	"time"

	"fairlead/dashboard/figures"
	"fairlead/dashboard/period"
	"fairlead/schema"
)

// reportReader reads what the dashboard shows, over and over, while everything is broken. A figure may be behind;
// it is never above what was sent, never below what "complete up to" promises, and never goes back.
type reportReader struct {
	r      *rig
	l      *clickLoad
	f      *figures.Reader
	cancel context.CancelFunc
	wg     sync.WaitGroup
	highs  [rigPartners]map[string]uint64 // by figure: the highest that was shown

	reads, refused int
	refusal        error // the last
	moved          int   // how often "complete up to" had moved on

	mu       sync.Mutex
	complete time.Time // guarded by mu
}

func (r *rig) readReports(d *deployment, l *clickLoad) *reportReader {
	ctx, cancel := context.WithCancel(r.t.Context())
	p := &reportReader{r: r, l: l, f: figures.New(d.CH, d.Redis, d.Keys, time.Now), cancel: cancel}
	for i := range p.highs {
		p.highs[i] = map[string]uint64{}
	}
	p.wg.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			if err := p.read(ctx, n%rigPartners); err != nil {
				p.refused++
				p.refusal = err
			} else {
				p.reads++
			}
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond): // as people reload a page, and faster
			}
		}
	})
	r.t.Cleanup(p.stop)
	return p
}

// stop ends the reading; it can be called again.
func (p *reportReader) stop() {
	p.cancel()
	p.wg.Wait()
}

// read looks at a partner's figures once. An error means that a store does not answer.
func (p *reportReader) read(ctx context.Context, partner int) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	id := p.r.partners[partner].ID
	stand, err := p.f.Stand(ctx)
	if err != nil {
		return err
	}
	complete := stand.CompleteTo
	today := schema.DayOf(time.Now(), time.UTC)
	around := period.Range{From: period.Day(today, -1), To: period.Day(today, 1)} // midnight may pass
	o, err := p.f.Overview(ctx, stand, id, figures.OverviewSpans{
		FirstMonth: around.From.Month(), LastMonth: around.To.Month(), Days: around, OtherDays: around, Links: around,
	})
	if err != nil {
		return err
	}
	live, known, err := p.f.Today(ctx, id, time.Now(), time.UTC)
	if err != nil {
		return err
	}
	least, most := p.l.before(partner, complete), p.l.sentTo(partner)
	p.check(partner, "days", o.Days.Sum(around).Clicks, least, most)
	p.check(partner, "months", o.Months.Sum(around.From.Month(), around.To.Month()).Clicks, least, most)
	var links uint64
	for _, link := range o.Top {
		links += link.Clicks
	}
	p.check(partner, "links", links, least, most)
	if known && live > most {
		p.r.t.Errorf("partner %s: %d live clicks are shown, %d were sent", id, live, most)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if complete.After(p.complete) {
		p.complete = complete
		p.moved++
	}
	return nil
}

// awaitComplete waits until reports that are complete up to a time were read.
func (p *reportReader) awaitComplete(until time.Time) {
	p.r.t.Helper()
	eventually(p.r.t, 2*time.Minute, "the reports are complete", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return !p.complete.Before(until)
	})
}

// check holds a figure against its bounds and what was shown before.
func (p *reportReader) check(partner int, figure string, got, least, most uint64) {
	high := p.highs[partner][figure]
	if got < least || got > most || got < high {
		p.r.t.Errorf("partner %s: the %s show %d clicks; they were %d before, at least %d had been answered when they were complete, %d were sent",
			p.r.partners[partner].ID, figure, got, high, least, most)
	}
	p.highs[partner][figure] = max(high, got)
}
