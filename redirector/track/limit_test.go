package track

import (
	"net/netip"
	"testing"
	"time"
)

func TestEverybodyMayAskSoOften(t *testing.T) {
	l := newLimiter[string](3, 10*time.Second)
	f := func(who string, after, wantWait time.Duration) {
		t.Helper()
		if wait, ok := l.allow(who, noon.Add(after)); wait != wantWait || ok != (wantWait == 0) {
			t.Errorf("%s after %v: got %v, wait %v, want to wait %v", who, after, ok, wait, wantWait)
		}
	}
	f("a", 0, 0)
	f("a", time.Second, 0)
	f("a", 2*time.Second, 0)
	f("a", 3*time.Second, 7*time.Second)
	f("a", 9*time.Second, time.Second)
	f("b", 9*time.Second, 0) // everybody for themselves
	f("a", 10*time.Second, 0)
	f("a", 9*time.Second, 0) // a clock that was set back lets in rather than lock out
}

// However many addresses ask, there is a bound on what is kept of them; those beyond it share one count.
func TestALimitIsBounded(t *testing.T) {
	l := newLimiter[int](2, time.Second)
	l.who = 10
	refused := 0
	for i := range 100 {
		if _, ok := l.allow(i, noon); !ok {
			refused++
		}
	}
	if len(l.asked) != 10 || refused != 88 {
		t.Errorf("%d are kept and %d were refused, want 10 and 88", len(l.asked), refused)
	}
	if _, ok := l.allow(1, noon); !ok {
		t.Error("somebody who is known is refused for those who are not")
	}
}

func TestAHouseholdIsCountedTogether(t *testing.T) {
	f := func(a, b string, want bool) {
		t.Helper()
		if got := household(netip.MustParseAddr(a)) == household(netip.MustParseAddr(b)); got != want {
			t.Errorf("%s and %s: got %v, want %v", a, b, got, want)
		}
	}
	f("192.0.2.1", "192.0.2.1", true)
	f("192.0.2.1", "192.0.2.2", false)
	f("192.0.2.1", "::ffff:192.0.2.1", true)
	f("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true)
	f("2001:db8:1:2::1", "2001:db8:1:3::1", false)
}

func TestAKeyMayReportSoOften(t *testing.T) {
	log := &memoryJournal{}
	a, post := newAPI(t, log)
	a.ofKey = newLimiter[uint32](2, window)
	for i := range 4 {
		log.last = nil
		ctx := post("track/sale", []byte(`{"customerExternalId":"c","amount":1}`), "")
		status, want := ctx.Response.StatusCode(), 200
		if i >= 2 {
			want = 429
		}
		if status != want || (log.last != nil) != (want == 200) {
			t.Errorf("sale %d: got %d %s, want %d", i+1, status, ctx.Response.Body(), want)
		}
		if after := string(ctx.Response.Header.Peek("Retry-After")); want == 429 && after != "10" {
			t.Errorf("sale %d: Retry-After is %q", i+1, after)
		}
	}
}
