package courier

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

var (
	//go:embed queries/pending.sql
	pendingSQL string
	//go:embed queries/due.sql
	dueOfPendingSQL string
	//go:embed queries/open.sql
	openOfPendingSQL string
	//go:embed queries/notices.sql
	noticesSQL string
	//go:embed queries/in_force.sql
	inForceSQL string
	//go:embed queries/clicks.sql
	clicksSQL string
)

// What is pending is what was never tried, or is tried again.
var (
	dueSQL  = "WITH pending AS\n(\n" + pendingSQL + ")\n" + dueOfPendingSQL
	openSQL = "WITH pending AS\n(\n" + pendingSQL + ")\n" + openOfPendingSQL
)

// Bounds of what is under way at once.
const (
	mostAtOnce   = 128  // sends
	mostEach     = 4    // of these to one endpoint
	mostDue      = 100  // deliveries that are taken up at once for one endpoint
	mostTaken    = 5000 // deliveries that are taken up at once: their bodies are held
	mostInARow   = 5    // failures after which an endpoint is left alone
	restTime     = 30 * time.Second
	saveEvery    = 500              // attempts
	clickTime    = 2 * time.Minute  // a postback that tells labels of a click waits this long for the click to land
	closingTime  = 10 * time.Second // for what is to be written when a run is stopped
	webhookWord  = "webhook"        // the kinds of endpoints in deliveries
	postbackWord = "postback"
)

// delivery is one notice on its way to one endpoint.
type delivery struct {
	Endpoint string    `ch:"endpoint"`
	ID       uint32    `ch:"endpoint_id"`
	Event    string    `ch:"event_id"`
	QueuedAt time.Time `ch:"queued_at"`
	Attempts uint32    `ch:"attempts"`
	FirstAt  time.Time `ch:"first_at"` // when it was tried first, 1970: it was not

	notice   notice
	labelled bool     // labels of a click are told
	labels   []string // its sub ids; nil: it has not landed
}

// notice is what is delivered.
type notice struct {
	Event    string
	Subject  string
	Audience uint32
	Type     schema.NoticeType
	Test     bool
	Body     string

	said       Notice // the body
	superseded bool   // a run that was cut short found it, and the one after it found another in its place
}

func (n *notice) fields() []any {
	return []any{&n.Event, &n.Subject, &n.Audience, (*string)(&n.Type), &n.Test, &n.Body}
}

func (d delivery) place() place {
	if d.Endpoint == postbackWord {
		return place{schema.KindPostback, d.ID}
	}
	return place{schema.KindWebhook, d.ID}
}

func (p place) word() string {
	if p.kind == schema.KindPostback {
		return postbackWord
	}
	return webhookWord
}

// endpoint is where something is delivered to, as the directory has it now.
type endpoint struct {
	place
	schema.Endpoint
	hook   schema.Webhook // of a webhook
	readAt time.Time      // by this machine's clock
}

// visited says that a visit to an endpoint is over.
type visited struct {
	place
	tired bool // it failed several times in a row
	more  bool // there may be more for it
	err   error
}

// deliver sends what is due until nothing is, or the turn is over.
func (r *run) deliver() error {
	turn := time.NewTimer(r.Turn)
	defer turn.Stop()
	look := time.NewTicker(r.Look)
	defer look.Stop()
	open := true
	err := r.dispatch()
	for err == nil && len(r.flying) > 0 {
		again := false
		select {
		case a := <-r.out:
			r.unsaved = append(r.unsaved, a)
			if len(r.unsaved) >= saveEvery {
				err = r.record(r.ctx)
			}
		case v := <-r.done:
			r.leave(v)
			err = errors.Join(v.err, r.record(r.ctx)) // before the endpoint's deliveries are looked for again
			again = v.more || len(r.flying) == 0
		case <-look.C:
			if err = r.record(r.ctx); err == nil && open {
				err = r.notice()
			}
			again = true
		case <-turn.C:
			open = false
		case <-r.ctx.Done():
			err = context.Cause(r.ctx)
		}
		if err == nil && again && open {
			err = r.dispatch()
		}
	}
	return r.close(err)
}

// close waits for what is under way, which ends soon, and writes down what came of it: it was sent, whoever has the lock now.
func (r *run) close(err error) error {
	for len(r.flying) > 0 {
		select {
		case a := <-r.out:
			r.unsaved = append(r.unsaved, a)
		case v := <-r.done:
			delete(r.flying, v.place)
		}
	}
	r.visits.Wait()
	if len(r.unsaved) == 0 || err == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), closingTime)
	defer cancel()
	_ = r.record(ctx) // the run has failed already; what is not written is sent again
	return err
}

// leave notes the end of a visit.
func (r *run) leave(v visited) {
	delete(r.flying, v.place)
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	if v.tired {
		r.c.resting[v.place] = r.Now().Add(restTime)
	}
}

// busy are the endpoints to which nothing is to be sent now.
func (r *run) busy() []place {
	out := slices.Collect(maps.Keys(r.flying))
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	for p, until := range r.c.resting {
		if !r.Now().Before(until) {
			delete(r.c.resting, p)
			continue
		}
		out = append(out, p)
	}
	return out
}

// dispatch begins a visit to every endpoint for which something is due, as far as there is room.
func (r *run) dispatch() error {
	room := mostTaken
	for _, n := range r.flying {
		room -= n
	}
	if room <= 0 {
		return nil
	}
	due, err := r.due(room)
	if err != nil || len(due) == 0 {
		return err
	}
	ends, err := r.endpoints(due)
	if err != nil {
		return err
	}
	if due, err = r.fill(due, ends); err != nil {
		return err
	}
	byPlace := map[place][]delivery{}
	for _, d := range due {
		byPlace[d.place()] = append(byPlace[d.place()], d)
	}
	for p, list := range byPlace {
		r.flying[p] = len(list)
		r.visits.Go(func() { r.visit(ends[p], list) })
	}
	return nil
}

// due reads deliveries whose time has come, the first of each endpoint before the second of any.
func (r *run) due(most int) ([]delivery, error) {
	var busy []string
	for _, p := range r.busy() {
		busy = append(busy, fmt.Sprintf("('%s',%d)", p.word(), p.id))
	}
	values := r.bounds()
	values["now"], values["busy"], values["each"] = clickhouse.Instant(r.Now()), "["+strings.Join(busy, ",")+"]", fmt.Sprint(mostDue)
	values["most"] = fmt.Sprint(most)
	var out []delivery
	if err := r.ClickHouse.Select(r.named("due deliveries", values), &out, dueSQL); err != nil {
		return nil, fmt.Errorf("look for due deliveries: %w", err)
	}
	return out, nil
}

// endpoints reads where deliveries go to.
func (r *run) endpoints(due []delivery) (map[place]*endpoint, error) {
	out := map[place]*endpoint{}
	readAt := time.Now()
	partners := map[schema.PartnerID]bool{}
	hooks := false
	for _, d := range due {
		p := d.place()
		// What the directory does not hold any more is as good as removed.
		out[p] = &endpoint{place: p, Endpoint: schema.Endpoint{RemovedAt: r.Now()}, readAt: readAt}
		if p.kind == schema.KindPostback {
			partners[schema.PartnerID(p.id)] = true
		} else {
			hooks = true
		}
	}
	if hooks {
		all, err := r.Endpoints.Webhooks(r.ctx)
		if err != nil {
			return nil, err
		}
		for _, w := range all {
			if e := out[place{schema.KindWebhook, w.ID}]; e != nil {
				e.hook, e.Endpoint = w, w.Endpoint
			}
		}
	}
	all, err := r.Endpoints.Postbacks(r.ctx, slices.Sorted(maps.Keys(partners)))
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		if e := out[place{schema.KindPostback, uint32(p.Partner)}]; e != nil {
			e.Endpoint = p.Endpoint
		}
	}
	return out, nil
}

// fill adds the notices, and the labels of clicks that postbacks tell. What waits for its click is left out.
func (r *run) fill(due []delivery, ends map[place]*endpoint) ([]delivery, error) {
	events := make([]string, len(due))
	for i, d := range due {
		events[i] = d.Event
	}
	found, err := notices(r.ctx, r.ClickHouse, events)
	if err != nil {
		return nil, err
	}
	inForce, err := r.inForce(found)
	if err != nil {
		return nil, err
	}
	for event, n := range found {
		if err := json.Unmarshal([]byte(n.Body), &n.said); err != nil {
			return nil, fmt.Errorf("read the body of notice %s: %w", event, err)
		}
		n.superseded = !inForce[event]
		found[event] = n
	}
	clicks := map[string]schema.ClickID{} // whose labels are told
	for i := range due {
		d := &due[i]
		d.notice = found[d.Event]
		if d.Endpoint != postbackWord || !schema.UsesMacro(ends[d.place()].URL, schema.MacroSubID) {
			continue
		}
		if id, err := schema.ParseClickID(d.notice.said.Data.Click); err == nil {
			d.labelled = true
			clicks[d.notice.said.Data.Click] = id
		}
	}
	if len(clicks) == 0 {
		return due, nil
	}
	labels, err := r.labels(clicks)
	if err != nil {
		return nil, err
	}
	ready := due[:0]
	for _, d := range due {
		if d.labelled {
			d.labels = labels[d.notice.said.Data.Click]
		}
		if !d.labelled || d.labels != nil || d.Attempts > 0 || r.Now().Sub(d.QueuedAt) >= clickTime {
			ready = append(ready, d)
		}
	}
	return ready, nil
}

// inForce reads which of the notices of their subjects are in force.
func (r *run) inForce(found map[string]notice) (map[string]bool, error) {
	subjects := map[string]bool{}
	for _, n := range found {
		subjects[clickhouse.Quote(n.Subject)] = true
	}
	var all []struct {
		Event string `ch:"event_id"`
	}
	ctx := r.named("notices in force", map[string]string{"subjects": "[" + strings.Join(slices.Sorted(maps.Keys(subjects)), ",") + "]"})
	if err := r.ClickHouse.Select(ctx, &all, inForceSQL); err != nil {
		return nil, fmt.Errorf("read which notices are in force: %w", err)
	}
	out := make(map[string]bool, len(all))
	for _, n := range all {
		out[n.Event] = true
	}
	return out, nil
}

// labels reads the sub ids of clicks, as far as these have landed.
func (r *run) labels(clicks map[string]schema.ClickID) (map[string][]string, error) {
	var ids, days, moments, links []string
	for text, id := range clicks {
		ids = append(ids, clickhouse.Quote(text))
		days = append(days, clickhouse.Quote(id.Time().UTC().Format(time.DateOnly)))
		moments = append(moments, clickhouse.Quote(clickhouse.Instant(id.Time())))
		links = append(links, id.Link.String())
	}
	array := func(list []string) string { return "[" + strings.Join(list, ",") + "]" }
	var all []struct {
		Click  string   `ch:"click_id"`
		SubIDs []string `ch:"sub_ids"`
	}
	ctx := r.named("labels of clicks", map[string]string{"clicks": array(ids), "days": array(days), "moments": array(moments), "links": array(links)})
	if err := r.ClickHouse.Select(ctx, &all, clicksSQL); err != nil {
		return nil, fmt.Errorf("read the labels of clicks: %w", err)
	}
	out := map[string][]string{}
	for _, c := range all {
		out[c.Click] = c.SubIDs
	}
	return out, nil
}
