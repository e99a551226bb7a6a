package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"

	"fairlead/aggregator"
	"fairlead/aggregator/aggregatortest"
	"fairlead/cmd/stores/storestest"
	"fairlead/schema"
	"fairlead/schema/trace"
)

// counter is an office where conversions are reported, and decided by the aggregator's job as it is wired.
type counter struct {
	*office
	told *aggregatortest.World
	jobs *aggregator.Aggregator
	ids  *schema.ClickIDs
	ada  partnerAnswer
	bob  partnerAnswer
}

func newCounter(t *testing.T) *counter {
	t.Helper()
	storestest.ClickHouse(t).Fresh(t)
	c := &counter{office: newOffice(t), ids: schema.NewClickIDs("n")}
	c.told = aggregatortest.New(t, c.d.CH, c.d.Redis)
	if err := c.dir.EnsureClickKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.dir.EnsureSecret(t.Context()); err != nil {
		t.Fatal(err)
	}
	var err error
	if c.jobs, err = openClockwork(c.d, &ops{Metrics: metrics.NewSet()}, slog.New(slog.NewTextHandler(t.Output(), nil))); err != nil {
		t.Fatal(err)
	}
	c.ada = said[partnerAnswer](c, "partner", "add", "--name", "Ada", "--email", "ada@example.com", "--json")
	c.bob = said[partnerAnswer](c, "partner", "add", "--name", "Bob", "--email", "bob@example.com", "--json")
	return c
}

// said runs a command that has to succeed and reads the document that it prints.
func said[T any](c *counter, args ...string) T {
	c.t.Helper()
	var v T
	if err := json.Unmarshal([]byte(c.says(args...)), &v); err != nil {
		c.t.Fatalf("fairlead %s: %v", strings.Join(args, " "), err)
	}
	return v
}

// happens ships conversions of some days ago and has them decided.
func (c *counter) happens(reports ...schema.Conversion) {
	c.t.Helper()
	c.told.Tell("node", reports...)
	c.decide()
}

func (c *counter) decide() {
	c.t.Helper()
	status, err := c.jobs.RunOnce(c.t.Context(), aggregator.JobAttribute)
	if err != nil || status.Error != "" {
		c.t.Fatalf("%v %s", err, status.Error)
	}
}

// ago is the moment so many days ago.
func ago(days float64) time.Time {
	return time.Now().Add(-time.Duration(days * 24 * float64(time.Hour))).UTC().Truncate(time.Millisecond)
}

// dayAgo is the day of UTC so many days ago.
func dayAgo(days float64) string { return ago(days).Format(time.DateOnly) }

// sold is a sale of 100.00 USD so many days ago.
func (c *counter) sold(days float64, customer, invoice string, changes ...func(*schema.Conversion)) schema.Conversion {
	at := ago(days).UnixMilli()
	s := schema.Conversion{Kind: schema.Sale, Source: schema.SourceAPI, OccurredAt: at, ReceivedAt: at, Customer: customer, ClickState: schema.ClickNone,
		Amount: 10000, Currency: "USD", Invoice: invoice, Payments: []string{invoice}}
	for _, change := range changes {
		change(&s)
	}
	s.Identify("")
	return s
}

// clicked adds a genuine click on a partner's link so many days ago.
func (c *counter) clicked(p partnerAnswer, days float64) func(*schema.Conversion) {
	keys, err := c.dir.ClickKeys(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	id := c.ids.New(keys[0], ago(days).UnixMilli(), p.Link.ID)
	return func(s *schema.Conversion) {
		s.Click, s.ClickState, s.Link, s.Partner, s.ClickedAt = id.String(), schema.ClickGenuine, p.Link.ID, p.ID, id.At
	}
}

// last is the decision on a payment, in short.
func (c *counter) last(invoice string) string {
	c.t.Helper()
	s := said[trace.Story](c, "trace", invoice, "--as", "payment", "--json")
	for _, e := range s.Events {
		if e.Report != nil && e.Report.Invoice == invoice && e.Decision != nil {
			out := fmt.Sprintf("%s %s", e.Decision.State, e.Decision.Reason)
			if e.Decision.Partner != nil {
				out += " " + e.Decision.Partner.Name
			}
			if e.Decision.Amount != 0 {
				out += " " + schema.FormatAmount(e.Decision.Amount, e.Decision.Currency)
			}
			return out
		}
	}
	return "nothing"
}

// mustBe checks the decision on a payment.
func (c *counter) mustBe(invoice, want string) {
	c.t.Helper()
	if got := c.last(invoice); got != want {
		c.t.Errorf("%s: got %q, want %q", invoice, got, want)
	}
}

// refuses runs a command that has to fail, with a message that says why.
func (c *counter) refuses(why string, args ...string) {
	c.t.Helper()
	out, err := c.try("", args...)
	if err == nil || !strings.Contains(err.Error(), why) {
		c.t.Errorf("fairlead %s: %q, %v, want an error with %q", strings.Join(args, " "), out, err, why)
	}
}

func TestCouponsFromTheShell(t *testing.T) {
	c := newCounter(t)
	c.happens(c.sold(2, "ann", "in_1", func(s *schema.Conversion) { s.Coupons = []string{" summer10"} }), c.sold(1, "ben", "in_2", func(s *schema.Conversion) { s.Coupons = []string{"WINTER"} }))
	c.mustBe("in_1", "unattributed coupon_unknown 100.00 USD")
	added := said[[]couponJSON](c, "coupon", "add", "--partner", "ada", "Summer10", "Winter", "--from", dayAgo(3), "--json")
	if len(added) != 2 || added[0].Code != "Summer10" || added[0].State != "active" || added[0].Partner != c.ada.ID || added[0].From.Format(time.DateOnly) != dayAgo(3) {
		t.Errorf("got %+v", added)
	}
	c.decide()
	c.mustBe("in_1", "counted coupon Ada 100.00 USD")
	c.refuses("credits a partner already", "coupon", "add", "--partner", "bob", "SUMMER10")
	c.refuses("There is no partner", "coupon", "add", "--partner", "nobody", "NEW")
	c.refuses("is not a day", "coupon", "add", "--partner", "bob", "NEW", "--from", "yesterday")
	ended := said[couponJSON](c, "coupon", "end", "SUMMER10", "--reason", "over", "--json")
	if ended.State != "ended" || ended.EndedAt.IsZero() {
		t.Errorf("got %+v", ended)
	}
	c.refuses("No partner is credited for the code", "coupon", "end", "summer10")
	c.decide()
	c.mustBe("in_1", "counted coupon Ada 100.00 USD")
	said[[]couponJSON](c, "coupon", "add", "--partner", "bob", "SUMMER10", "--json")
	if all := said[[]couponJSON](c, "coupon", "list", "--json"); len(all) != 3 {
		t.Errorf("got %+v", all)
	}
	if all := said[[]couponJSON](c, "coupon", "list", "--partner", "bob", "--json"); len(all) != 1 || all[0].Code != "SUMMER10" {
		t.Errorf("got %+v", all)
	}
	if out := c.says("coupon", "list"); !strings.Contains(out, "Summer10  1        ended") || !strings.Contains(out, "SUMMER10  2        active") {
		t.Errorf("got %s", out)
	}
}

func TestRatesFromTheShell(t *testing.T) {
	c := newCounter(t)
	euros := func(s *schema.Conversion) { s.Currency = "EUR" }
	c.happens(c.sold(2, "ann", "in_1", c.clicked(c.ada, 3), euros), c.sold(20, "ann", "in_2", c.clicked(c.ada, 21), euros))
	c.mustBe("in_1", "held no_rate Ada")
	if out := c.says("trace", "in_1"); !strings.Contains(out, "held until its amount is known") || !strings.Contains(out, "`fairlead rates set`") {
		t.Errorf("got %s", out)
	}
	file := filepath.Join(t.TempDir(), "rates.csv")
	text := "day,currency,rate\n" + dayAgo(4) + ",EUR,1.0853\n" + dayAgo(4) + ",EUR,1.1\n" + dayAgo(4) + ",XTS,1\n" + dayAgo(30) + ",JPY,0.0065\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, want := range []ratesReport{{Lines: 4, Added: 2, Rejected: 2}, {Lines: 4, Already: 2, Rejected: 2}} {
		out, err := c.try("", "rates", "import", file, "--json")
		var silent *exitError
		if !errors.As(err, &silent) || silent.code != exitFailed {
			t.Errorf("a file with rejects: %v", err)
		}
		var got ratesReport
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatal(err)
		}
		rejects := got.Rejects
		if got.Rejects = nil; cmp.Diff(want, got) != "" || len(rejects) != 2 || rejects[0].Line != 3 || rejects[1].Line != 4 || rejects[0].Reason == "" {
			t.Errorf("got %+v, rejects %+v, want %+v", got, rejects, want)
		}
	}
	c.settled("in_1", "counted bound Ada 108.53 USD")
	c.mustBe("in_2", "held no_rate Ada")
	if r := said[rateJSON](c, "rates", "set", "eur", "1.20", "--day", dayAgo(20), "--json"); r.Rate != "1.2" || r.Currency != "EUR" || r.Base != "USD" || r.Day != dayAgo(20) {
		t.Errorf("got %+v", r)
	}
	c.settled("in_2", "counted last_click Ada 120.00 USD")
	c.mustBe("in_1", "counted bound Ada 108.53 USD")
	var listed []string
	for _, r := range said[[]rateJSON](c, "rates", "list", "--json") {
		listed = append(listed, r.Currency+" "+r.Day+" "+r.Rate)
	}
	if diff := cmp.Diff([]string{"EUR " + dayAgo(20) + " 1.2", "EUR " + dayAgo(4) + " 1.0853", "JPY " + dayAgo(30) + " 0.0065"}, listed); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if out := c.says("rates", "list", "--currency", "jpy"); strings.Contains(out, "EUR") || !strings.Contains(out, "0.0065  USD") {
		t.Errorf("got %s", out)
	}
	c.refuses("positive decimal", "rates", "set", "EUR", "1,1")
	c.refuses("the program's currency", "rates", "set", "USD", "1")
	c.refuses("has not come yet", "rates", "set", "EUR", "1", "--day", "2199-01-01")
	c.refuses("--currency", "rates", "list", "--currency", "EU\tR")
	c.refuses("no such file", "rates", "import", file+".none")
	if out, err := c.try("currency,day\n", "rates", "import", "-"); err == nil || out != "" {
		t.Errorf("got %q, %v", out, err)
	}
}

// settled decides until a payment's decision is the one wanted: rates are looked at again once they are surely visible.
func (c *counter) settled(invoice, want string) {
	c.t.Helper()
	eventually(c.t, 30*time.Second, invoice+" is "+want, func() bool { c.decide(); return c.last(invoice) == want })
}

func TestClaimsFromTheShell(t *testing.T) {
	c := newCounter(t)
	shop := func(s *schema.Conversion) { s.Aliases = []string{"shop:toys.example"} }
	claim := said[claimJSON](c, "claim", "submit", "--partner", "bob", "--shop", "https://Toys.example/", "--referred", dayAgo(9), "--how", "at a fair", "--json")
	if claim.ID != 1 || claim.State != schema.ClaimWaiting || claim.Customer != "toys.example" || claim.Partner != c.bob.ID {
		t.Errorf("got %+v", claim)
	}
	c.refuses("undecided claim of this partner", "claim", "submit", "--partner", "bob", "--shop", "toys.example", "--referred", dayAgo(9))
	c.happens(c.sold(5, "ann", "in_1", c.clicked(c.ada, 6), shop), c.sold(3, "ann", "in_2"), c.sold(2, "ben", "in_3"))
	if shown := said[claimJSON](c, "claim", "show", "1", "--json"); shown.State != schema.ClaimSubmitted || len(shown.History) != 2 || len(shown.Others) != 1 || shown.Others[0].Name != "Ada" || shown.Story == nil || len(shown.Story.Events) < 4 {
		t.Errorf("the customer has arrived: got %+v", shown)
	}
	c.refuses("is or was another partner's: Ada (partner 1)", "claim", "accept", "1")
	c.mustBe("in_2", "counted bound Ada 100.00 USD")
	accepted := said[claimJSON](c, "claim", "accept", "1", "--move", "--from", dayAgo(4), "--note", "seen there", "--json")
	if accepted.State != schema.ClaimAccepted || accepted.Reason != "seen there" || accepted.From.Format(time.DateOnly) != dayAgo(4) {
		t.Errorf("got %+v", accepted)
	}
	c.decide()
	c.mustBe("in_1", "counted last_click Ada 100.00 USD")
	c.mustBe("in_2", "counted claim Bob 100.00 USD")
	c.refuses("was accepted on", "claim", "accept", "1", "--move")

	mail := said[claimJSON](c, "claim", "submit", "--partner", "ada", "--customer", "ben", "--referred", dayAgo(3), "--json")
	if mail.State != schema.ClaimSubmitted {
		t.Errorf("a customer who is known: %+v", mail)
	}
	c.refuses("required flag", "claim", "decline", "2")
	if out := c.says("claim", "decline", "2", "--reason", "a customer before"); !strings.Contains(out, "claim 2 of partner 1 is declined") {
		t.Errorf("got %s", out)
	}
	if out := c.says("claim", "submit", "--partner", "ada", "--customer", "ben", "--referred", dayAgo(3)); !strings.Contains(out, "`fairlead claim show 3`") {
		t.Errorf("got %s", out)
	}
	if out := c.says("claim", "accept", "3"); !strings.Contains(out, "the sales of ben count for partner 1") {
		t.Errorf("got %s", out)
	}
	c.decide()
	c.mustBe("in_3", "counted claim Ada 100.00 USD")
	for _, q := range [][]string{{"claim", "list", "--state", "accepted"}, {"claim", "list", "--partner", "ada", "--state", "declined"}} {
		want := map[string]int{"accepted": 2, "declined": 1}[q[len(q)-1]]
		if all := said[[]claimJSON](c, append(q, "--json")...); len(all) != want {
			t.Errorf("%v: got %+v", q, all)
		}
	}
	if out := c.says("claim", "list"); !strings.Contains(out, "a customer before") {
		t.Errorf("got %s", out)
	}
	if out := c.says("claim", "show", "2"); !strings.Contains(out, "no other partner's") || !strings.Contains(out, "Claim 2 of Ada (partner 1) was declined") {
		t.Errorf("got %s", out)
	}
	c.refuses("no claim 9", "claim", "accept", "9")
	c.refuses("no claim 9", "claim", "decline", "9", "--reason", "x")
	c.refuses("not a claim's number", "claim", "show", "x")
	c.refuses("--state", "claim", "list", "--state", "lost")
	c.refuses("in one way", "claim", "submit", "--partner", "ada", "--referred", dayAgo(1))
	c.refuses("is not in the future", "claim", "submit", "--partner", "ada", "--customer", "x", "--referred", dayAgo(-3))
	email := said[claimJSON](c, "claim", "submit", "--partner", "ada", "--email", "Eva@home.example", "--referred", dayAgo(1), "--json")
	if email.Customer != "E•••@home.example" || email.State != schema.ClaimWaiting {
		t.Errorf("got %+v", email)
	}
}

func TestSettingsOfAttributionDoNotRewriteThePast(t *testing.T) {
	c := newCounter(t)
	// The settings stand since a year ago: what the test writes now is what changes them.
	if err := c.d.CH.Exec(t.Context(), "INSERT INTO fairlead.directory_log SELECT kind, id, version, unique_keys, changed_at - INTERVAL 1 YEAR, actor, reason, deleted, data FROM fairlead.directory_log WHERE kind = 'program'"); err != nil {
		t.Fatal(err)
	}
	if err := c.d.CH.Exec(t.Context(), "ALTER TABLE fairlead.directory_log DELETE WHERE kind = 'program' AND changed_at > now() - INTERVAL 1 DAY SETTINGS mutations_sync = 2"); err != nil {
		t.Fatal(err)
	}
	c.happens(c.sold(1, "ann", "in_1", c.clicked(c.ada, 30)), c.sold(1, "ben", "in_2", c.clicked(c.ada, 40), func(s *schema.Conversion) { s.Aliases = []string{"shop:ben.example"} }))
	second := c.sold(1.5, "ben2", "in_3", c.clicked(c.bob, 35), func(s *schema.Conversion) { s.Aliases = []string{"shop:cat.example"} })
	c.happens(second)
	before := []string{c.last("in_1"), c.last("in_2"), c.last("in_3")}
	if out := c.says("program", "set", "window_days=7", "touch=first"); !strings.Contains(out, "window_days      7") {
		t.Errorf("got %s", out)
	}
	c.decide()
	after := []string{c.last("in_1"), c.last("in_2"), c.last("in_3")}
	if diff := cmp.Diff(before, after); diff != "" || before[0] != "counted last_click Ada 100.00 USD" {
		t.Errorf("-before +after\n%s", diff)
	}
	now := func(s *schema.Conversion) { s.OccurredAt = time.Now().UnixMilli(); s.ReceivedAt = s.OccurredAt }
	c.happens(c.sold(0, "dan", "in_4", c.clicked(c.ada, 8), now), c.sold(0, "eve", "in_5", c.clicked(c.ada, 6), now))
	c.mustBe("in_4", "unattributed click_outside_window 100.00 USD")
	c.mustBe("in_5", "counted first_click Ada 100.00 USD")
	if out := c.says("trace", "in_4"); !strings.Contains(out, "the window was 7 days") {
		t.Errorf("got %s", out)
	}
	help := c.says("program", "set", "--help")
	if !strings.Contains(help, "holds for what happens from then on") {
		t.Errorf("the help does not say from when on settings hold: %s", help)
	}
}

func TestTheTraceFromTheShell(t *testing.T) {
	c := newCounter(t)
	click := c.clicked(c.ada, 3)
	c.happens(c.sold(2, "ann", "in_1", click), c.sold(1, "\x1b[31mred\nline", "in_2"))
	out := c.says("trace", "in_1")
	for _, want := range []string{dayAgo(3) + " ", "A click on /ada of Ada (partner 1).", "100.00 USD count for Ada (partner 1).", "For Ada (partner 1): 1 customer referred, 1 sale of 100.00 USD.", "Times are those of UTC."} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), want) && !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	for _, line := range strings.Split(out, "\n") {
		if n := len([]rune(line)); n > textWidth {
			t.Errorf("a line of %d characters: %s", n, line)
		}
	}
	if out := c.says("trace", "in_2"); strings.Contains(out, "\x1b") || !strings.Contains(out, "\ufffd[31mred line") {
		t.Errorf("got %q", out)
	}
	if out := c.says("trace", "in_1", "--partner", "bob"); !strings.HasPrefix(out, "Nothing of yours is known by that.\nAll that was reported until ") {
		t.Errorf("got %s", out)
	}
	if out := c.says("trace", "in_1", "--partner", "ada"); !strings.Contains(out, "100.00 USD count for you.") || strings.Contains(out, "ann") {
		t.Errorf("got %s", out)
	}
	if out := c.says("trace", "nothing at all"); !strings.HasPrefix(out, "Nothing is known of it.\nAll that was reported until ") {
		t.Errorf("got %s", out)
	}
	s := said[trace.Story](c, "trace", "in_1", "--as", "customer", "--json")
	if len(s.Found) != 0 || len(s.Events) != 0 {
		t.Errorf("got %+v", s)
	}
	c.refuses("--as", "trace", "in_1", "--as", "alias")
}
