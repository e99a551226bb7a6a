package courier

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"fairlead/schema"
	"fairlead/schema/directory"
)

func TestTimeInWhichNobodyTriedDoesNotCount(t *testing.T) {
	w := newWorld(t)
	hook := w.hook("/in")
	w.receiver.answers(status(http.StatusServiceUnavailable))
	w.decide(w.conversion(schema.Lead, "c1", clicked(1, 1)))
	w.run()
	w.pass(TryFor + time.Hour)
	if r := w.run(); r.Retry != 1 || r.Failed+r.Disabled != 0 {
		t.Errorf("the second attempt after three days without an aggregator: %+v", r)
	}
	if h, err := w.dir.Webhook(t.Context(), hook.ID); err != nil || h.State() != schema.EndpointEnabled {
		t.Errorf("the directory has %+v, %v", h, err)
	}
}

func TestANewAddressIsNotDisabledForWhatTheOldOneDid(t *testing.T) {
	w := newWorld(t)
	w.tracker(1, "/old?{txid}")
	w.receiver.answers(status(http.StatusServiceUnavailable))
	w.decide(w.conversion(schema.Lead, "c1", clicked(1, 1)))
	for w.run(); w.Now().Sub(monday) < 70*time.Hour; w.run() {
		w.pass(5 * time.Hour)
	}
	w.tracker(1, "/new?{txid}")
	w.threeDays()
	if p, err := w.dir.Postback(t.Context(), 1); err != nil || p.State() != schema.EndpointEnabled {
		t.Errorf("the directory has %+v, %v", p, err)
	}
	if n := w.Count("SELECT count() FROM fairlead.deliveries WHERE state = 'failed'"); n != 1 {
		t.Errorf("%d deliveries were given up, want 1", n)
	}
}

func TestWhatLaterGoesToReviewIsWithdrawnWhicheverReportWasTold(t *testing.T) {
	last := told{Subject: "s", Ordinal: 1, Type: "sale.created", Node: "b", Seq: 1, Partner: 1, Amount: 100, Currency: "USD"}
	row := decision{ID: "s", Kind: schema.Sale, Node: "a", Seq: 7, State: schema.StateHeld, Reason: schema.ReasonTooMuch}
	d, ok := compare(&subject{id: "s", kind: schema.Sale, rows: []decision{row}}, 0, last)
	if !ok || d.notice.told.Type != "sale.withdrawn" || d.notice.Node != "a" {
		t.Errorf("got %+v, %v", d, ok)
	}
	for _, mere := range []schema.AttributionReason{schema.ReasonRepeat, schema.ReasonOtherContent} {
		row.Reason = mere
		if d, ok := compare(&subject{id: "s", kind: schema.Sale, rows: []decision{row}}, 0, last); ok {
			t.Errorf("of a new report that is %s: got %+v", mere, d)
		}
	}
}

func TestWhatIsTakenUpAtOnceIsBoundedAndFair(t *testing.T) {
	w := newWorld(t)
	w.Exec(`INSERT INTO fairlead.notices (event_id, subject, audience, ordinal, type, test, node, seq, partner_id, amount, currency, body, webhooks, postbacks, created_at, token)
		SELECT 'evt_' || toString(number), toString(number), 0, 1, 'sale.created', false, 'shop', number, 1, 100, 'USD', '', [toUInt32(number % 10 + 1)], [], fromUnixTimestamp64Milli(?), 1
		FROM numbers(100)`, monday.UnixMilli())
	r := &run{Options: w.opt, c: w.courier, ctx: t.Context(), state: state{Since: monday, Tried: monday}}
	due, err := r.due(20)
	w.must(err)
	each := map[place]int{}
	for _, d := range due {
		each[d.place()]++
	}
	if len(due) != 20 || len(each) != 10 {
		t.Errorf("%d deliveries to %d endpoints, want 20 to 10", len(due), len(each))
	}
	for p, n := range each {
		if n != 2 {
			t.Errorf("%d to %v, want 2", n, p)
		}
	}
}

func TestASecretThatIsReplacedAtOnceSignsNothingMore(t *testing.T) {
	w := newWorld(t)
	hook := w.hook("/in")
	w.opt.Look = time.Millisecond
	w.courier = New(w.opt)
	release := make(chan struct{})
	w.receiver.answers(func(http.ResponseWriter, *http.Request) { <-release })
	var many []schema.Conversion
	for i := range 3 * mostEach {
		many = append(many, w.conversion(schema.Lead, fmt.Sprint("c", i), clicked(1, 1)))
	}
	w.decide(many...)
	done := make(chan error, 1)
	go func() {
		_, err := w.courier.Run(t.Context())
		done <- err
	}()
	eventually(t.Context(), t, "the first are under way", func() bool { return w.receiver.count("/in") == mostEach })
	w.receiver.take("/in")
	rotated, err := w.dir.RotateWebhook(t.Context(), directory.CLI, hook.ID, true)
	w.must(err)
	close(release)
	w.must(<-done)
	w.run()
	later := w.receiver.take("/in")
	if len(later) != 2*mostEach {
		t.Errorf("%d came later, want %d", len(later), 2*mostEach)
	}
	for _, g := range later {
		genuine(t, g, rotated.Secrets[0].Secret)
	}
}
