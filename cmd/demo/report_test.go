package demo

import (
	"context"
	"encoding/csv"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"fairlead/aggregator/attribute"
	"fairlead/aggregator/book"
	"fairlead/aggregator/payout"
	"fairlead/aggregator/payout/payouttest"
	"fairlead/aggregator/rewarddays"
	"fairlead/aggregator/rollup"
	"fairlead/dashboard"
	"fairlead/schema"
	"fairlead/schema/directory"
)

// month is a row of a partner's report of twelve months; amounts are in cents.
type month struct{ clicks, referred, sold, paid, pending int64 }

// mustReport derives everything from a past, pays one partner what is ready, and holds the report that the partner reads against
// questions to the facts that were written by hand, row by row.
func mustReport(t *testing.T, conn driver.Conn, rdb *redis.Client, d *directory.Directory, state State) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	log, keys := slog.New(slog.DiscardHandler), schema.DefaultKeys
	login, _, err := d.Login(ctx, PartnerEmail())
	must(err)
	program, err := d.Program(ctx)
	must(err)
	_, err = rollup.New(rollup.Options{ClickHouse: conn, Redis: rdb, Keys: keys, Logger: log}).Run(ctx)
	must(err)
	_, err = attribute.New(attribute.Options{ClickHouse: conn, Redis: rdb, Keys: keys, Logger: log, ClaimArrived: d.ClaimArrived}).Run(ctx)
	must(err)
	_, err = book.New(book.Options{ClickHouse: conn, Redis: rdb, Keys: keys, Logger: log}).Run(ctx)
	must(err)
	runner := payout.New(payout.Options{
		Store: payout.Database{ClickHouse: conn}, Methods: byStripe{login.Partner}, Program: d.Program, Now: time.Now, AutoApprove: true,
		Providers: map[schema.PayBy]payout.Provider{schema.PayByStripe: &payouttest.Provider{Now: time.Now, KeyLife: time.Hour, AtOnce: true}},
		ProgramID: func(context.Context) (string, error) { return "demo", nil },
		Lock:      payout.Lock(rdb, keys),
	})
	_, err = runner.Run(ctx, payout.CutOff(program, time.Now()), string(directory.System))
	must(err)
	_, err = rewarddays.New(rewarddays.Options{ClickHouse: conn, Redis: rdb, Keys: keys, Logger: log}).Run(ctx)
	must(err)

	want := byHand(t, conn, login.Partner, program.Zone)
	got := reported(t, dashboard.Options{ClickHouse: conn, Redis: rdb, Directory: d, RedirectorURL: "http://127.0.0.1:8090", Logger: log}, state.Password)
	if len(got) != 13 { // and the total
		t.Fatalf("the report has %d rows: %v", len(got), got)
	}
	var total month
	for m, row := range got {
		if m == "Total" {
			continue
		}
		total = month{total.clicks + row.clicks, total.referred + row.referred, total.sold + row.sold, total.paid + row.paid, total.pending + row.pending}
		if diff := cmp.Diff(want[m], row, cmp.AllowUnexported(month{})); diff != "" {
			t.Errorf("%s: -by hand +reported\n%s", m, diff)
		}
	}
	if got["Total"] != total {
		t.Errorf("the total is %+v, the rows come to %+v", got["Total"], total)
	}
	if total.clicks < 1000 || total.referred < 100 || total.sold < 100_000 || total.paid < 10_000 || total.pending < 1000 {
		t.Errorf("a year of %+v: too little to tell", total)
	}
}

// byStripe is how one partner is paid.
type byStripe struct{ partner schema.PartnerID }

func (m byStripe) Of(context.Context, []schema.PartnerID) (map[schema.PartnerID]payout.Method, error) {
	return map[schema.PartnerID]payout.Method{m.partner: {Target: payout.Target{By: schema.PayByStripe, StripeAccount: "acct_1", Masked: "Stripe"}}}, nil
}

// byHand counts a partner's months from clicks, decisions and the ledger.
func byHand(t *testing.T, conn driver.Conn, partner schema.PartnerID, zone string) map[string]month {
	t.Helper()
	const question = `
		WITH counted AS (SELECT * FROM fairlead.attributions FINAL WHERE partner_id = %[1]d AND state = 'counted' AND NOT test),
			back AS (SELECT sale_id, sum(if(kind = 'refund', amount, -amount)) AS refunded FROM counted WHERE kind IN ('refund', 'restored') GROUP BY sale_id),
			payouts AS (SELECT conversion_id, sumIf(amount, credit = 'paid') - sumIf(amount, debit = 'paid') AS received FROM fairlead.ledger FINAL
				WHERE partner_id = %[1]d GROUP BY conversion_id)
		SELECT formatDateTime(at, '%%Y-%%m', '%[2]s') AS m, sum(clicks), sum(referred), sum(sold), sum(received), sum(earned) - sum(received)
		FROM (
			SELECT clicked_at AS at, toInt64(1) AS clicks, toInt64(0) AS referred, toInt64(0) AS sold, toInt64(0) AS received, toInt64(0) AS earned
			FROM fairlead.clicks WHERE partner_id = %[1]d AND verdict = 'valid'
			UNION ALL
			SELECT occurred_at, 0, toInt64(binds), multiIf(kind IN ('sale', 'restored'), amount, kind = 'refund', -amount, 0), 0, 0 FROM counted
			UNION ALL
			SELECT s.occurred_at, 0, 0, 0, p.received, intDiv((s.amount - b.refunded) * 20 + 50, 100)
			FROM counted AS s LEFT JOIN back AS b ON b.sale_id = s.conversion_id LEFT JOIN payouts AS p ON p.conversion_id = s.conversion_id
			WHERE s.kind = 'sale'
		)
		GROUP BY m`
	rows, err := conn.Query(t.Context(), fmt.Sprintf(question, partner, zone))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out := map[string]month{}
	for rows.Next() {
		var name string
		var m month
		if err := rows.Scan(&name, &m.clicks, &m.referred, &m.sold, &m.paid, &m.pending); err != nil {
			t.Fatal(err)
		}
		out[name] = m
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// reported logs the partner in and reads the report of twelve months as its file has it.
func reported(t *testing.T, opt dashboard.Options, password string) map[string]month {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	opt.PublicURL = "http://" + server.Listener.Addr().String()
	pages, err := dashboard.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = pages
	server.Start()
	defer server.Close()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	defer client.CloseIdleConnections()
	res, err := client.PostForm(opt.PublicURL+"/login", url.Values{"email": {PartnerEmail()}, "password": {password}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res, err = client.Get(opt.PublicURL + "/reporting.csv?period=12-months"); err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	table, err := csv.NewReader(res.Body).ReadAll()
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("the report: %s, %v", res.Status, err)
	}
	column := map[string]int{}
	for i, name := range table[0] {
		column[name] = i
	}
	out := map[string]month{}
	for _, row := range table[1:] {
		cell := func(name string) int64 {
			i, ok := column[name]
			if !ok {
				t.Fatalf("the report has no %q: %q", name, table[0])
			}
			n, err := strconv.ParseInt(strings.Replace(row[i], ".", "", 1), 10, 64)
			if err != nil {
				t.Errorf("%s of %s is %q", name, row[0], row[i])
			}
			return n
		}
		out[row[0]] = month{cell("Clicks"), cell("Referred"), cell("Sold (USD)"), cell("Rewards - Paid (USD)"), cell("Rewards - Pending (USD)")}
	}
	return out
}
