package courier

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"fairlead/aggregator/outside"
	"fairlead/schema"
	"fairlead/schema/directory"
)

func TestASaleIsToldToTheMerchantAndToThePartnersTracker(t *testing.T) {
	w := newWorld(t)
	hook := w.hook("/in")
	w.tracker(1, "/ada?cid={click_id}&e={event}&st={status}&tx={txid}&stx={sale_txid}&a={amount}&p={payout}&c={currency}&l={link}&s={sub_id}&s1={sub_id1}&t={test}")
	w.tracker(2, "/bob?{txid}")
	sale := w.conversion(schema.Sale, "c1", sold("in_1", 12345), clicked(1, 2))
	id, err := schema.ParseClickID(sale.Click)
	w.must(err)
	w.Exec(`INSERT INTO fairlead.clicks (node, seq, clicked_at, partner_id, link_id, slug, click_nonce, click_tag, verdict, sub_id, sub_id1)
		VALUES ('edge', 1, fromUnixTimestamp64Milli(?), 1, 1, 'ada', ?, ?, 'valid', 'a b&c', 'é/?')`, id.At, id.Nonce, id.Tag)
	w.decide(sale)

	before := goleak.IgnoreCurrent()
	report := w.run()
	goleak.VerifyNone(t, before)
	if report.Notices != 2 || report.Delivered != 2 || report.Retry+report.Failed+report.Dropped != 0 {
		t.Errorf("report %+v", report)
	}

	told := w.receiver.one("/in")
	genuine(t, told, hook.Secrets[0].Secret)
	want := Notice{
		ID: told.notice.ID, Type: "sale.created", CreatedAt: told.notice.CreatedAt,
		Data: NoticeData{
			ConversionID: sale.ID, Kind: schema.Sale, OccurredAt: time.UnixMilli(sale.OccurredAt).UTC(), State: schema.StateCounted, Reason: schema.ReasonLastClick,
			NoticeKnown: NoticeKnown{1, 12345, "USD"}, Link: 1, Slug: "ada", Click: sale.Click, SaleID: sale.ID, New: true, Customer: "c1",
			Event: "Purchase", Invoice: "in_1", Reported: &Reported{12345, "USD"},
		},
	}
	if diff := cmp.Diff(want, told.notice); diff != "" || told.method != http.MethodPost {
		t.Errorf("%s to the webhook: -want +got\n%s", told.method, diff)
	}
	if len(told.notice.ID) != len("evt_")+32 || !strings.HasPrefix(told.notice.ID, "evt_") || told.notice.CreatedAt.IsZero() {
		t.Errorf("notice %+v", told.notice)
	}

	pseudonym := w.pseudonym(sale)
	back := w.receiver.one("/ada")
	q, err := url.ParseQuery(back.query)
	w.must(err)
	if diff := cmp.Diff(url.Values{
		"cid": {sale.Click}, "e": {"sale.created"}, "st": {"sale"}, "tx": {pseudonym}, "stx": {pseudonym}, "a": {"123.45"}, "p": {""}, "c": {"USD"}, "l": {"ada"},
		"s": {"a b&c"}, "s1": {"é/?"}, "t": {"0"},
	}, q); diff != "" || back.method != http.MethodGet || back.body != "" {
		t.Errorf("%s to the tracker: -want +got\n%s", back.method, diff)
	}
	w.equal("to the other partner", w.receiver.queries("/bob"), "")

	if again := w.run(); again.Notices+again.Delivered != 0 {
		t.Errorf("a second run: %+v", again)
	}
	if _, err := w.credits.Rebuild(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if again := w.run(); again.Notices+again.Delivered != 0 {
		t.Errorf("after the decisions were made anew: %+v", again)
	}
	w.decide(sale) // the merchant repeats itself
	if again := w.run(); again.Notices+again.Delivered != 0 {
		t.Errorf("after a repeat: %+v", again)
	}
}

// pseudonym is what analysts know a conversion by.
func (w *world) pseudonym(c schema.Conversion) (id string) {
	w.t.Helper()
	w.must(w.CH.QueryRow(w.t.Context(), `SELECT v.conversion_id FROM analytics.conversions AS v JOIN fairlead.attributions AS a ON v.node = a.node AND v.seq = a.seq
		WHERE a.conversion_id = ? AND v.occurred_at >= '2026-01-01'`, c.ID).Scan(&id))
	return id
}

func TestATrackerGetsTheIDsOfAnalystsAndCannotCheckAGuessByThem(t *testing.T) {
	w := newWorld(t)
	w.hook("/in")
	w.tracker(1, "/ada?{status}.{txid}.{sale_txid}.{event_id}")
	lead, sale := w.conversion(schema.Lead, "c1", clicked(1, 2)), w.conversion(schema.Sale, "c1", sold("in_1", 5000))
	refund := w.conversion(schema.Refund, "", refunded("in_1", "re_1", 2000))
	w.decide(lead, sale, refund)
	w.run()
	back := w.receiver.take("/ada")
	want := []struct {
		status, sale string
		of           schema.Conversion
	}{{"lead", "", lead}, {"refund", w.pseudonym(sale), refund}, {"sale", w.pseudonym(sale), sale}}
	if len(back) != len(want) {
		t.Fatalf("got %+v", back)
	}
	for i, f := range want {
		got := strings.Split(back[i].query, ".")
		w.equal("to the tracker", strings.Join(got[:3], "."), f.status+"."+w.pseudonym(f.of)+"."+f.sale)
		// Whoever knows the reports knows all of this but the key.
		guess := told{Audience: 1, Ordinal: 1, Type: schema.NoticeOf(f.of.Kind, schema.NoticeCreated), Partner: 1, Amount: f.of.Amount, Currency: "USD"}
		w.equal("the event id", got[3], eventID(guess, w.pseudonym(f.of)))
		if strings.Contains(back[i].query, f.of.ID) || got[3] == eventID(guess, f.of.ID) {
			t.Errorf("whoever guesses what %s is made of can check it", back[i].query)
		}
	}
	merchants := w.receiver.take("/in")
	if len(merchants) != len(want) {
		t.Fatalf("to the merchant: got %+v", merchants)
	}
	for i, f := range want {
		w.equal("to the merchant", merchants[i].notice.Data.ConversionID, f.of.ID)
	}
	for _, c := range []schema.Conversion{lead, sale, refund} {
		if n := w.Count(fmt.Sprintf("SELECT count() FROM fairlead.notices WHERE audience = 1 AND subject = '%s' AND position(body, subject) = 0", c.ID)); n != 1 {
			t.Errorf("%d notices to the partner of the %s are found by its id, and do not hold it", n, c.Kind)
		}
	}
}

func TestWithoutAKeyNobodyIsToldUntilThereIsOne(t *testing.T) {
	w := newWorld(t)
	w.hook("/in")
	w.decide(w.conversion(schema.Sale, "c1", sold("in_1", 5000), clicked(1, 2)))
	for _, key := range []string{"", "00112233445566778899aabbccddee"} {
		w.secret(key)
		if r, err := w.courier.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "holds no key of 16 bytes") || r.Notices != 0 {
			t.Errorf("with the key %q: %+v, %v", key, r, err)
		}
	}
	w.secret("00112233445566778899aabbccddeeff")
	if r := w.run(); r.Delivered != 1 {
		t.Errorf("with a key of 16 bytes: %+v", r)
	}
}

func TestWhatChangesIsToldToThoseWhomItConcerns(t *testing.T) {
	w := newWorld(t)
	w.hook("/in")
	w.tracker(1, "/ada?{status}.{event}.{amount}")
	w.tracker(2, "/bob?{status}.{event}.{amount}")
	w.decide(w.conversion(schema.Lead, "c1", clicked(1, 2)), w.conversion(schema.Sale, "c1", sold("in_1", 5000)))
	w.run()
	created := w.receiver.take("/in")
	w.equal("to the tracker", w.receiver.queries("/ada"), "lead.lead.created.0.00 sale.sale.created.50.00")
	if len(created) != 2 || created[1].notice.Type != "sale.created" || created[1].notice.Data.New || !created[0].notice.Data.New {
		t.Fatalf("got %+v", created)
	}

	// A late report tells of a later click on another's link, before the lead: both are the other's.
	w.decide(w.conversion(schema.Deferred, "c1", clicked(2, 1)))
	w.run()
	updated := w.receiver.take("/in")
	if len(updated) != 2 || updated[1].notice.Type != "sale.updated" || updated[1].notice.Data.Partner != 2 || *updated[1].notice.Previous != (NoticeKnown{1, 5000, "USD"}) ||
		updated[1].notice.ID == created[1].notice.ID || updated[1].notice.Data.ConversionID != created[1].notice.Data.ConversionID {
		t.Errorf("got %+v", updated)
	}
	w.equal("to whom it was taken from", w.receiver.queries("/ada"), "rejected.lead.withdrawn. rejected.sale.withdrawn.")
	w.equal("to whom it was given", w.receiver.queries("/bob"), "lead.lead.created.0.00 sale.sale.created.50.00")

	// Part of it is given back.
	w.decide(w.conversion(schema.Refund, "", refunded("in_1", "re_1", 2000)))
	w.run()
	back := w.receiver.one("/in").notice
	if back.Type != "refund.created" || back.Data.Amount != 2000 || back.Data.SaleID != updated[1].notice.Data.ConversionID || back.Data.Refund != "re_1" || back.Data.Partner != 2 {
		t.Errorf("got %+v", back)
	}
	w.equal("of the refund", w.receiver.queries("/bob"), "refund.refund.created.20.00")

	// The partner is suspended as of when it all happened: nobody is credited any more.
	entry := `{"id":2,"name":"Bob","email":"Bob@example.com","status":"suspended","link_id":2,"created_at":"2026-01-01T00:00:00Z"}`
	w.Exec(`INSERT INTO fairlead.directory_log (kind, id, version, changed_at, actor, data)
		SELECT 'partner', 2, max(version) + 1, fromUnixTimestamp64Milli(?), 'cli', ? FROM fairlead.directory_log`, monday.UnixMilli(), entry)
	w.decide()
	w.run()
	w.equal("when nobody is credited", w.receiver.types("/in"), "lead.withdrawn refund.withdrawn sale.withdrawn")
	w.equal("to whom it was taken from", w.receiver.queries("/bob"), "rejected.lead.withdrawn. rejected.refund.withdrawn. rejected.sale.withdrawn.")
	w.equal("to whom it is nothing new", w.receiver.queries("/ada"), "")
}

func TestASaleThatCountsForNobodyIsWithdrawn(t *testing.T) {
	w := newWorld(t)
	w.hook("/in")
	w.hook("/withdrawn", "sale.withdrawn")
	first := w.conversion(schema.Sale, "c1", sold("in_1", 5000), clicked(1, 2))
	first.Payments = []string{"in_1", "pi_1"}
	w.decide(first)
	w.run()
	created := w.receiver.one("/in").notice
	// The same payment, known by another name, turns out to have occurred before.
	w.decide(w.conversion(schema.Sale, "c1", sold("pi_1", 5000), func(c *schema.Conversion) { c.OccurredAt -= 3_600_000 }))
	w.run()
	both := w.receiver.take("/in")
	if len(both) != 2 || both[0].notice.Type != "sale.created" || both[1].notice.Type != "sale.withdrawn" {
		t.Fatalf("got %+v", both)
	}
	gone := both[1].notice
	if gone.Data.ConversionID != created.Data.ConversionID || gone.Data.Partner != 0 || gone.Data.Reason != schema.ReasonSamePayment || gone.Previous.Amount != 5000 {
		t.Errorf("got %+v", gone)
	}
	if only := w.receiver.one("/withdrawn").notice; only.ID != gone.ID {
		t.Errorf("whoever wants to hear only of this got %+v", only)
	}
}

func TestADecisionThatComesBackHasANewEvent(t *testing.T) {
	w := newWorld(t)
	w.hook("/in")
	coupon := func(ended string) {
		w.Exec(`INSERT INTO fairlead.directory_log (kind, id, version, changed_at, actor, data)
			SELECT 'coupon', 1, max(version) + 1, fromUnixTimestamp64Milli(?), 'cli', ? FROM fairlead.directory_log`,
			monday.UnixMilli(), `{"id":1,"code":"TEN","partner_id":2,"created_at":"2026-01-01T00:00:00Z"`+ended+`}`)
	}
	w.decide(w.conversion(schema.Sale, "c1", sold("in_1", 5000), clicked(1, 2), func(c *schema.Conversion) { c.Coupons = []string{"TEN"} }))
	w.run()
	ids := map[string]bool{w.receiver.one("/in").notice.ID: true}
	for i, ended := range []string{"", `,"ended_at":"2026-01-02T00:00:00Z"`, ""} {
		coupon(ended)
		w.decide()
		w.run()
		n := w.receiver.one("/in").notice
		if want := schema.PartnerID(2 - i%2); n.Type != "sale.updated" || n.Data.Partner != want {
			t.Errorf("change %d: got %+v", i, n)
		}
		ids[n.ID] = true
	}
	if len(ids) != 4 {
		t.Errorf("%d event ids of 4 notices", len(ids))
	}
}

func TestTestsAreToldToThoseWhoAskForThem(t *testing.T) {
	w := newWorld(t)
	w.hook("/in")
	_, err := w.dir.AddWebhook(t.Context(), directory.CLI, "", directory.NewEndpoint{URL: w.receiver.URL + "/tests", Test: true})
	w.must(err)
	w.pass(time.Second)
	w.decide(w.conversion(schema.Sale, "c1", sold("in_1", 100), clicked(1, 1), test), w.conversion(schema.Sale, "c2", sold("in_2", 100), test), w.conversion(schema.Lead, "c3", clicked(1, 1)))
	w.run()
	w.equal("without tests", w.receiver.types("/in"), "lead.created")
	all := w.receiver.take("/tests")
	if len(all) != 2 || !all[1].notice.Test || all[1].notice.Type != "sale.created" || all[1].notice.Data.Invoice != "in_1" || all[0].notice.Test {
		t.Errorf("got %+v", all)
	}
}

func TestThePastAndImportsAreToldToNobody(t *testing.T) {
	w := newWorld(t)
	w.decide(w.conversion(schema.Sale, "c1", sold("in_1", 100), clicked(1, 1)))
	if r := w.run(); r.Notices != 0 {
		t.Errorf("without an endpoint: %+v", r)
	}
	w.hook("/in")
	if _, err := w.credits.Rebuild(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	w.decide(w.conversion(schema.Sale, "c2", sold("in_2", 100), clicked(1, 1), imported))
	if r := w.run(); r.Notices != 0 {
		t.Errorf("of the past and of an import: %+v", r)
	}
	w.decide(w.conversion(schema.Sale, "c3", sold("in_3", 100), clicked(1, 1)))
	w.run()
	if n := w.receiver.one("/in").notice; n.Data.Invoice != "in_3" {
		t.Errorf("got %+v", n)
	}
}

func TestRowsOfAnUnfinishedDecisionAreLeftUntilItIsFinished(t *testing.T) {
	w := newWorld(t)
	w.hook("/in")
	w.decide(w.conversion(schema.Sale, "c1", sold("in_1", 100), clicked(1, 1)), w.conversion(schema.Sale, "c2", sold("in_2", 100), clicked(1, 1)))
	// A run that was cut short has written half of what it would.
	w.Exec("INSERT INTO fairlead.attributions SELECT * REPLACE (token + 1 AS token, 777 AS amount) FROM fairlead.attributions FINAL WHERE customer_id = 'c2'")
	w.run()
	if n := w.receiver.one("/in").notice; n.Data.Customer != "c1" {
		t.Errorf("got %+v", n)
	}
	w.Exec("INSERT INTO fairlead.attribution_state (token, directory_version, rates_to) SELECT max(token) + 1, 0, 0 FROM fairlead.attribution_state")
	w.run()
	if n := w.receiver.one("/in").notice; n.Data.Customer != "c2" || n.Data.Amount != 777 {
		t.Errorf("got %+v", n)
	}
}

func TestLabelsWaitForTheirClick(t *testing.T) {
	w := newWorld(t)
	w.tracker(1, "/ada?s={sub_id}")
	first := w.conversion(schema.Sale, "c1", sold("in_1", 100), clicked(1, 1))
	w.decide(first)
	if r := w.run(); r.Notices != 1 || r.Delivered != 0 {
		t.Errorf("before the click has landed: %+v", r)
	}
	id, err := schema.ParseClickID(first.Click)
	w.must(err)
	w.Exec(`INSERT INTO fairlead.clicks (node, seq, clicked_at, partner_id, link_id, slug, click_nonce, click_tag, verdict, sub_id)
		VALUES ('edge', 1, fromUnixTimestamp64Milli(?), 1, 1, 'ada', ?, ?, 'valid', 'x')`, id.At, id.Nonce, id.Tag)
	w.run()
	w.equal("when it has", w.receiver.queries("/ada"), "s=x")

	w.decide(w.conversion(schema.Sale, "c2", sold("in_2", 100), clicked(1, 2)))
	w.run()
	w.pass(clickTime)
	w.run()
	w.equal("when it does not come", w.receiver.queries("/ada"), "s=")
}

func TestASlowReceiverHoldsUpNobody(t *testing.T) {
	w := newWorld(t)
	w.hook("/slow")
	w.hook("/quick")
	release := make(chan struct{})
	w.receiver.answers(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-release
		}
	})
	w.decide(w.conversion(schema.Lead, "c1", clicked(1, 1)))
	done := make(chan error, 1)
	go func() {
		_, err := w.courier.Run(t.Context())
		done <- err
	}()
	eventually(t.Context(), t, "the quick one has it", func() bool { return w.receiver.count("/quick") == 1 })
	for i := range 20 { // what comes meanwhile does not wait either
		w.decide(w.conversion(schema.Lead, fmt.Sprint("later", i), clicked(1, 1)))
	}
	eventually(t.Context(), t, "the quick one has all of it", func() bool { return w.receiver.count("/quick") == 21 })
	if n := w.receiver.count("/slow"); n > mostEach {
		t.Errorf("%d messages are under way to the slow one, at most %d should be", n, mostEach)
	}
	close(release)
	w.must(<-done)
	if n := w.receiver.count("/slow"); n != 21 {
		t.Errorf("the slow one has %d of 21", n)
	}
}

func TestOnlyOneCourierDelivers(t *testing.T) {
	w := newWorld(t)
	w.hook("/in")
	entered, release := make(chan struct{}), make(chan struct{})
	w.receiver.answers(func(http.ResponseWriter, *http.Request) { close(entered); <-release })
	w.decide(w.conversion(schema.Lead, "c1", clicked(1, 1)))
	done := make(chan error, 1)
	go func() {
		_, err := w.courier.Run(t.Context())
		done <- err
	}()
	<-entered
	if r, err := New(w.opt).Run(t.Context()); err != nil || !r.Skipped {
		t.Errorf("got %+v, %v", r, err)
	}
	close(release)
	w.must(<-done)
}

func TestAStopEndsSoonAndWhatWasSentStandsInTheLog(t *testing.T) {
	w := newWorld(t)
	w.hook("/in")
	w.hook("/mute")
	ctx, stop := context.WithCancel(t.Context())
	w.receiver.answers(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/mute" {
			<-r.Context().Done()
			panic(http.ErrAbortHandler) // an answer could still reach a caller who is just leaving
		}
	})
	w.decide(w.conversion(schema.Lead, "c1", clicked(1, 1)))
	done := make(chan error, 1)
	before := goleak.IgnoreCurrent()
	go func() {
		_, err := w.courier.Run(ctx)
		done <- err
	}()
	eventually(t.Context(), t, "both were asked", func() bool { return w.receiver.count("/in")+w.receiver.count("/mute") == 2 })
	eventually(t.Context(), t, "what was taken stands in the log", func() bool {
		return w.Count("SELECT count() FROM fairlead.deliveries WHERE state = 'delivered'") == 1
	})
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	goleak.VerifyNone(t, before)
	if n := w.Count("SELECT count() FROM fairlead.deliveries"); n != 1 {
		t.Errorf("%d attempts stand in the log, want only that which was made", n)
	}
	w.receiver.answers(nil)
	w.receiver.take("/in")
	w.receiver.take("/mute")
	w.run()
	if a, b := w.receiver.count("/in"), w.receiver.count("/mute"); a != 0 || b != 1 {
		t.Errorf("after the stop %d and %d came, want 0 and 1", a, b)
	}
}

// here leads every name to this machine.
type here struct{}

func (here) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
}

func TestNamesThatLeadInsideAndRedirectsStandInTheLog(t *testing.T) {
	w := newWorld(t)
	_, err := w.dir.AddWebhook(t.Context(), directory.CLI, "", directory.NewEndpoint{URL: "https://hooks.example/s3cret"})
	w.must(err)
	w.pass(time.Second)
	w.opt.Sender = outside.New(outside.Options{Resolver: here{}, Loopback: true})
	w.courier = New(w.opt)
	w.decide(w.conversion(schema.Lead, "c1", clicked(1, 1)))
	if r := w.run(); r.Retry != 1 {
		t.Errorf("report %+v", r)
	}
	w.opt.Sender = w.receiver.client(0)
	w.courier = New(w.opt)
	w.hook("/in")
	w.receiver.answers(func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, w.receiver.URL+"/elsewhere", http.StatusFound)
	})
	w.decide(w.conversion(schema.Lead, "c2", clicked(1, 1)))
	w.run()
	if n := w.receiver.count("/elsewhere"); n != 0 {
		t.Error("the redirect was followed")
	}
	list, err := Log(t.Context(), w.CH, Filter{Kind: schema.KindWebhook, Limit: 10})
	w.must(err)
	reasons := map[string]string{}
	for _, a := range list {
		reasons[a.Reason] = a.Error
		if strings.Contains(a.Error, "s3cret") {
			t.Errorf("the log says %s", a.Error)
		}
	}
	if !strings.Contains(reasons["address"], "127.0.0.1, which is loopback") || reasons["status"] != "answered 302" {
		t.Errorf("the log says %v", reasons)
	}
	if strings.Contains(w.log.String(), "s3cret") {
		t.Error("a secret of an address stands in the program's log")
	}
}
