package courier

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"fairlead/aggregator/outside"
	"fairlead/schema"
)

// The states of a delivery after an attempt, as in the Enum8 in ClickHouse.
const (
	stateAsked     = "asked"     // a person asked for it
	stateRetry     = "retry"     // it is tried again
	stateDelivered = "delivered" // the receiver took it
	stateFailed    = "failed"    // given up
	stateSkipped   = "skipped"   // not sent: the endpoint is disabled or removed, or the notice is gone
)

// Reasons beside those of package outside.
const (
	reasonStatus   = "status" // the receiver answered something else than 200 to 299
	reasonDisabled = "disabled"
	reasonRemoved  = "removed"
	reasonLost     = "lost"       // the notice is not there any more
	reasonOther    = "superseded" // another notice stands in its place
)

// attempt is a row of deliveries.
type attempt struct {
	delivery
	number uint32
	at     time.Time
	state  string
	status int
	reason string
	err    string
	answer string
	took   time.Duration
	nextAt time.Time
}

// visit delivers to one endpoint. When that is changed meanwhile, the visit ends: what is left is looked for anew.
func (r *run) visit(e *endpoint, list []delivery) {
	var mu sync.Mutex
	failures := 0 // in a row
	more := len(list) >= mostDue
	var wrong error
	next := func() (delivery, bool) {
		mu.Lock()
		defer mu.Unlock()
		if len(list) == 0 || failures >= mostInARow || r.ctx.Err() != nil {
			return delivery{}, false
		}
		same, err := r.unchanged(e)
		if err != nil || !same {
			list, more, wrong = nil, true, err
			return delivery{}, false
		}
		d := list[0]
		list = list[1:]
		return d, true
	}
	var senders sync.WaitGroup
	for range min(mostEach, len(list)) {
		senders.Go(func() {
			for {
				r.slots <- struct{}{} // they come free: every send is bounded
				var a attempt
				d, ok := next()
				if ok {
					a, ok = r.attempt(e, d)
				}
				<-r.slots
				if !ok {
					return
				}
				mu.Lock()
				if failures++; a.state == stateDelivered || a.state == stateSkipped {
					failures = 0
				}
				mu.Unlock()
				r.out <- a
			}
		})
	}
	senders.Wait()
	r.done <- visited{e.place, failures >= mostInARow, more, wrong}
}

// unchanged reports whether an endpoint to which something is to be sent stands in the directory as it was read. It asks
// no more often than the run looks for what is new.
func (r *run) unchanged(e *endpoint) (bool, error) {
	if e.State() != schema.EndpointEnabled || time.Since(e.readAt) < r.Look {
		return true, nil
	}
	now, err := r.endpoints([]delivery{{Endpoint: e.word(), ID: e.id}})
	if err != nil {
		return false, fmt.Errorf("read %s %d again: %w", e.word(), e.id, err)
	}
	is := now[e.place]
	e.readAt = is.readAt
	return reflect.DeepEqual(is.Endpoint, e.Endpoint) && reflect.DeepEqual(is.hook, e.hook), nil
}

// attempt tries a delivery once; false: the run is over, and nothing came of it.
func (r *run) attempt(e *endpoint, d delivery) (attempt, bool) {
	a := attempt{delivery: d, number: d.Attempts + 1, at: r.Now(), nextAt: time.Unix(0, 0)}
	switch {
	case e.State() == schema.EndpointRemoved:
		a.state, a.reason = stateSkipped, reasonRemoved
		return a, true
	case e.State() == schema.EndpointDisabled:
		a.state, a.reason = stateSkipped, reasonDisabled
		return a, true
	case d.notice.Event == "":
		a.state, a.reason = stateSkipped, reasonLost
		return a, true
	case d.notice.superseded:
		a.state, a.reason = stateSkipped, reasonOther
		return a, true
	}
	message := signed(e.hook, d.notice, a.at)
	if e.kind == schema.KindPostback {
		message = filled(e.URL, d.notice, e.id, d.labels)
	}
	clock := time.Now()
	answer, err := r.Sender.Send(r.ctx, message)
	a.took = time.Since(clock)
	a.status, a.answer = answer.Status, answer.Text
	var why *outside.Error
	switch {
	case err == nil && answer.Accepted():
		a.state = stateDelivered
		return a, true
	case err == nil:
		a.reason, a.err = reasonStatus, fmt.Sprintf("answered %d", answer.Status)
	case errors.As(err, &why):
		a.reason, a.err = string(why.Reason), why.Error()
	case r.ctx.Err() != nil || errors.Is(err, context.Canceled):
		return a, false
	default:
		a.reason, a.err = string(outside.ReasonAnswer), err.Error()
	}
	first := d.FirstAt
	if d.Attempts == 0 {
		first = a.at
	}
	next, again := nextTry(a.number, first, a.at, d.Event+d.Endpoint+strconv.Itoa(int(d.ID)))
	if a.state = stateFailed; again {
		a.state, a.nextAt = stateRetry, next
	}
	return a, true
}

// pauses follow the attempts of a delivery. It is given up when all of them went by and TryFor is over: time in which nothing
// was tried, because no aggregator ran, does not count against a receiver.
var pauses = []time.Duration{
	10 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour,
	9 * time.Hour, 12 * time.Hour, 12 * time.Hour, 12 * time.Hour, 16 * time.Hour,
}

// TryFor is how long a delivery is tried, from its first attempt to its last, at least.
const TryFor = 72 * time.Hour

// nextTry is when a delivery is tried again after the attempt with a number, which was made at a moment; false: it is given
// up. Pauses differ by up to a tenth, by what the delivery is called, so that what failed together does not come back together.
func nextTry(number uint32, first, at time.Time, called string) (time.Time, bool) {
	end := first.Add(TryFor)
	over := !at.Before(end)
	if int(number) > len(pauses) {
		return end, !over
	}
	pause := pauses[number-1]
	spread := int64(xxhash.Sum64String(called+strconv.Itoa(int(number)))%2001) - 1000 // of ten thousand
	next := at.Add(pause + pause/10000*time.Duration(spread))
	if next.After(end) && !over && int(number) == len(pauses) {
		next = end
	}
	return next, true
}

// signed is what a webhook is sent.
func signed(w schema.Webhook, n notice, now time.Time) outside.Message {
	return outside.Message{
		Method: http.MethodPost, URL: w.URL, Body: n.Body,
		Header: http.Header{
			"Content-Type":         {"application/json"},
			"Fairlead-Event-Id":    {n.Event},
			schema.SignatureHeader: {schema.Signature(w.Signing(now), now, n.Body)},
		},
	}
}

// statuses are what trackers call what is told.
var statuses = map[schema.ConversionKind]string{schema.Lead: "lead", schema.Sale: "sale", schema.Refund: "refund", schema.Restored: "restored"}

// filled is what a partner's tracker is sent.
func filled(template string, n notice, partner uint32, labels []string) outside.Message {
	d := n.said.Data
	values := map[string]string{
		schema.MacroClickID: d.Click, schema.MacroEventID: n.Event, schema.MacroEvent: string(n.Type), schema.MacroStatus: statuses[d.Kind],
		schema.MacroTxID: d.ConversionID, schema.MacroSaleTxID: d.SaleID, schema.MacroCurrency: d.Currency, schema.MacroLink: d.Slug,
		schema.MacroPartnerID: strconv.FormatUint(uint64(partner), 10), schema.MacroTime: strconv.FormatInt(d.OccurredAt.Unix(), 10), schema.MacroTest: "0",
	}
	if d.Currency != "" {
		values[schema.MacroAmount], _, _ = strings.Cut(schema.FormatAmount(d.Amount, d.Currency), " ")
	}
	if n.Test {
		values[schema.MacroTest] = "1"
	}
	if n.Type == schema.NoticeOf(d.Kind, schema.NoticeWithdrawn) {
		values[schema.MacroStatus] = "rejected"
	}
	for i, label := range labels {
		name := schema.MacroSubID
		if i > 0 {
			name += strconv.Itoa(i)
		}
		values[name] = label
	}
	return outside.Message{Method: http.MethodGet, URL: schema.FillMacros(template, func(m string) string { return values[m] })}
}
