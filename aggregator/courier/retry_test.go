package courier

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"fairlead/schema"
	"fairlead/schema/directory"
)

func TestPausesGrowOverThreeDays(t *testing.T) {
	for i := range 200 {
		at, number, last := monday, uint32(1), time.Duration(0)
		for {
			next, again := nextTry(number, monday, at, fmt.Sprint("delivery", i))
			if !again {
				break
			}
			pause := next.Sub(at)
			if pause <= 0 || pause < last/2 && next.Sub(monday) != TryFor {
				t.Fatalf("delivery %d: after attempt %d a pause of %v follows one of %v", i, number, pause, last)
			}
			if n := int(number); n <= len(pauses) && next.Sub(monday) != TryFor && (pause < pauses[n-1]*9/10 || pause > pauses[n-1]*11/10) {
				t.Fatalf("delivery %d: after attempt %d the pause is %v, want about %v", i, number, pause, pauses[n-1])
			}
			at, last = next, pause
			number++
		}
		if at.Sub(monday) != TryFor || number < 12 || number > 15 {
			t.Fatalf("delivery %d: %d attempts, the last after %v", i, number, at.Sub(monday))
		}
	}
	a, _ := nextTry(5, monday, monday, "one")
	b, _ := nextTry(5, monday, monday, "another")
	if again, _ := nextTry(5, monday, monday, "one"); a.Equal(b) || !again.Equal(a) {
		t.Errorf("pauses %v, %v, %v: they should differ by delivery and by nothing else", a.Sub(monday), b.Sub(monday), again.Sub(monday))
	}
}

// threeDays runs the courier whenever something is due, until nothing is open, and answers when attempts were made.
func (w *world) threeDays() (at []time.Duration) {
	w.t.Helper()
	began := w.Now()
	for w.Now().Sub(began) < 5*24*time.Hour {
		r := w.run()
		did := r.Delivered + r.Retry + r.Failed
		for range did {
			at = append(at, w.Now().Sub(began))
		}
		if r.Open == 0 && did == 0 {
			return at
		}
		w.pass(time.Minute)
		var next time.Time
		w.must(w.CH.QueryRow(w.t.Context(), "SELECT max(next_at) FROM fairlead.deliveries").Scan(&next))
		if ahead := next.Sub(w.Now()); ahead > 0 {
			w.pass(ahead)
		}
	}
	w.t.Fatal("five days went by, and deliveries are still open")
	return nil
}

func TestAnEndpointThatFailsForThreeDaysIsDisabled(t *testing.T) {
	w := newWorld(t)
	hook := w.hook("/in")
	w.receiver.answers(func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(http.StatusInternalServerError)
		fmt.Fprint(rw, "out of\nluck")
	})
	w.decide(w.conversion(schema.Lead, "c1", clicked(1, 1)))
	at := w.threeDays()
	if last := at[len(at)-1]; len(at) < 12 || last < 71*time.Hour || last > 74*time.Hour {
		t.Errorf("%d attempts, the last after %v", len(at), last)
	}
	ids := map[string]bool{}
	bodies := map[string]bool{}
	for _, g := range w.receiver.take("/in") {
		ids[g.notice.ID], bodies[g.body] = true, true
	}
	if len(ids) != 1 || len(bodies) != 1 {
		t.Errorf("%d event ids and %d bodies of one notice", len(ids), len(bodies))
	}
	h, err := w.dir.Webhook(t.Context(), hook.ID)
	if err != nil || h.State() != schema.EndpointDisabled || !strings.Contains(h.DisabledReason, "Nothing could be delivered since 2026-09-07") || !strings.Contains(h.DisabledReason, "answered 500") {
		t.Errorf("the directory has %+v, %v", h, err)
	}
	if !strings.Contains(w.log.String(), "level=ERROR") || !strings.Contains(w.log.String(), "is disabled") {
		t.Error("nothing is said in the log")
	}
	var text bytes.Buffer
	w.opt.Metrics.WritePrometheus(&text)
	for _, line := range []string{`fairlead_endpoints_disabled_total{endpoint="webhook"} 1`, `fairlead_deliveries_total{endpoint="webhook",outcome="failed"} 1`} {
		if !strings.Contains(text.String(), line) {
			t.Errorf("the metrics lack %s:\n%s", line, text.String())
		}
	}

	// What comes now is kept, and not sent.
	w.decide(w.conversion(schema.Lead, "c2", clicked(1, 1)))
	if r := w.run(); r.Notices != 1 || r.Dropped != 1 {
		t.Errorf("while it is disabled: %+v", r)
	}
	w.receiver.answers(nil)
	_, err = w.dir.EnableWebhook(t.Context(), directory.CLI, hook.ID)
	w.must(err)
	if r := w.run(); r.Delivered != 0 {
		t.Errorf("nobody asked for what was missed: %+v", r)
	}
	w.pass(time.Second)
	n, err := RedeliverUntaken(t.Context(), w.CH, schema.KindWebhook, hook.ID, monday, "cli", w.Now())
	if err != nil || n != 2 {
		t.Errorf("asked for %d, %v, want 2", n, err)
	}
	if r := w.run(); r.Delivered != 2 || w.receiver.count("/in") != 2 {
		t.Errorf("what was missed: %+v", r)
	}
	if n, err := RedeliverUntaken(t.Context(), w.CH, schema.KindWebhook, hook.ID, monday, "cli", w.Now()); err != nil || n != 0 {
		t.Errorf("asked again for %d, %v", n, err)
	}

	list, err := Log(t.Context(), w.CH, Filter{Kind: schema.KindWebhook, ID: hook.ID, Troubled: true, Limit: 100})
	w.must(err)
	if first := list[len(list)-1]; len(list) != len(at)+1 || first.Number != 1 || first.State != stateRetry || first.Status != 500 || first.Reason != reasonStatus ||
		first.Answer != "out of luck" || first.Type != "lead.created" || first.NextAt.Sub(first.AttemptedAt) < 9*time.Second {
		t.Errorf("%d attempts in the log, the first %+v", len(list), first)
	}
	if last := list[0]; last.State != stateSkipped || last.Reason != reasonDisabled || !last.NextAt.IsZero() {
		t.Errorf("the last in the log is %+v", last)
	}
}

func TestAnEndpointThatTakesSomethingIsNotDisabled(t *testing.T) {
	w := newWorld(t)
	hook := w.hook("/in")
	w.receiver.answers(status(http.StatusBadRequest))
	w.decide(w.conversion(schema.Lead, "bad", clicked(1, 1)))
	w.run()
	w.receiver.answers(nil)
	w.decide(w.conversion(schema.Lead, "good", clicked(1, 1)))
	w.run()
	w.receiver.answers(status(http.StatusBadRequest))
	w.threeDays()
	if h, err := w.dir.Webhook(t.Context(), hook.ID); err != nil || h.State() != schema.EndpointEnabled {
		t.Errorf("the directory has %+v, %v", h, err)
	}
	if n := w.Count("SELECT count() FROM fairlead.deliveries WHERE state = 'failed'"); n != 1 {
		t.Errorf("%d deliveries were given up, want 1", n)
	}
}

func TestAnAnswerThatGetsLostLeadsToTheSameAgain(t *testing.T) {
	w := newWorld(t)
	hook := w.hook("/in")
	w.tracker(1, "/ada?{event_id}")
	lost := 0
	w.receiver.answers(func(http.ResponseWriter, *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if lost++; lost <= 2 {
			panic(http.ErrAbortHandler) // it was taken, and nobody hears of it
		}
	})
	w.decide(w.conversion(schema.Lead, "c1", clicked(1, 1)))
	if r := w.run(); r.Retry != 2 {
		t.Errorf("report %+v", r)
	}
	w.pass(time.Minute)
	if r := w.run(); r.Delivered != 2 {
		t.Errorf("report %+v", r)
	}
	twice := w.receiver.take("/in")
	if len(twice) != 2 || twice[0].body != twice[1].body || twice[0].header.Get(schema.SignatureHeader) == twice[1].header.Get(schema.SignatureHeader) {
		t.Errorf("got %+v", twice)
	}
	genuine(t, twice[1], hook.Secrets[0].Secret)
	if back := w.receiver.take("/ada"); len(back) != 2 || back[0].query != back[1].query {
		t.Errorf("got %+v", back)
	}
}

func TestAReceiverThatFailsIsLeftAloneForAWhile(t *testing.T) {
	w := newWorld(t)
	w.hook("/in")
	var many []schema.Conversion
	for i := range 60 {
		many = append(many, w.conversion(schema.Lead, fmt.Sprint("c", i), clicked(1, 1)))
	}
	w.receiver.answers(status(http.StatusServiceUnavailable))
	w.decide(many...)
	r := w.run()
	if r.Retry < mostInARow || r.Retry >= mostInARow+mostEach {
		t.Errorf("%d attempts at a receiver that fails, want about %d", r.Retry, mostInARow)
	}
	if r := w.run(); r.Retry != 0 {
		t.Errorf("it is not left alone: %+v", r)
	}
	w.receiver.answers(nil)
	w.pass(restTime)
	if r := w.run(); r.Delivered < 60-mostInARow-mostEach {
		t.Errorf("when it takes again: %+v", r)
	}
}

func TestSecretsOverlapWhileOneReplacesAnother(t *testing.T) {
	w := newWorld(t)
	hook := w.hook("/in")
	older := hook.Secrets[0].Secret
	rotated, err := w.dir.RotateWebhook(t.Context(), directory.CLI, hook.ID, false)
	w.must(err)
	w.decide(w.conversion(schema.Lead, "c1", clicked(1, 1)))
	w.run()
	told := w.receiver.one("/in")
	genuine(t, told, older)
	genuine(t, told, rotated.Secrets[0].Secret)
	w.pass(directory.SecretOverlap)
	w.decide(w.conversion(schema.Lead, "c2", clicked(1, 1)))
	w.run()
	told = w.receiver.one("/in")
	genuine(t, told, rotated.Secrets[0].Secret)
	if strings.Count(told.header.Get(schema.SignatureHeader), "v1=") != 1 {
		t.Error("the older secret still signs")
	}
}

func TestWhatAPersonAsksForIsDeliveredAgain(t *testing.T) {
	w := newWorld(t)
	hook := w.hook("/in")
	w.tracker(1, "/ada?{event_id}")
	w.decide(w.conversion(schema.Lead, "c1", clicked(1, 1)))
	w.run()
	first, back := w.receiver.one("/in"), w.receiver.one("/ada")
	w.pass(40 * 24 * time.Hour) // long after
	w.run()
	w.must(Redeliver(t.Context(), w.CH, schema.KindWebhook, hook.ID, first.notice.ID, "cli", w.Now()))
	w.must(Redeliver(t.Context(), w.CH, schema.KindPostback, 1, back.query, "cli", w.Now()))
	if r := w.run(); r.Delivered != 2 {
		t.Errorf("report %+v", r)
	}
	if again := w.receiver.one("/in"); again.body != first.body {
		t.Errorf("got %s, want %s", again.body, first.body)
	}
	if again := w.receiver.one("/ada"); again.query != back.query {
		t.Errorf("got %s", again.query)
	}
	for _, err := range []error{
		Redeliver(t.Context(), w.CH, schema.KindWebhook, hook.ID, "evt_none", "cli", w.Now()),
		Redeliver(t.Context(), w.CH, schema.KindWebhook, hook.ID, back.query, "cli", w.Now()), // a partner's
		Redeliver(t.Context(), w.CH, schema.KindPostback, 2, back.query, "cli", w.Now()),      // another partner's
	} {
		if !errors.Is(err, ErrNoNotice) {
			t.Errorf("got %v", err)
		}
	}
	list, err := Log(t.Context(), w.CH, Filter{Kind: schema.KindPostback, Event: back.query, Limit: 10})
	if err != nil || len(list) != 3 || list[1].State != stateAsked || list[1].Actor != "cli" {
		t.Errorf("the log has %+v, %v", list, err)
	}
}
