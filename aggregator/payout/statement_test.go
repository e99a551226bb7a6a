package payout_test

import (
	"context"
	"encoding/csv"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"fairlead/aggregator/aggregatortest"
	"fairlead/aggregator/payout"
	"fairlead/cmd/stores/storestest"
	"fairlead/schema"
)

// town is a directory of one partner and one link.
type town struct{}

func (town) Program(context.Context) (schema.Program, error) {
	return schema.Program{Name: "The shop", Zone: "Asia/Tokyo", LegalName: "Shop Ltd", LegalAddress: "1 Way\nTown", TaxID: "GB1"}, nil
}

func (town) PartnersByID(_ context.Context, ids []schema.PartnerID) ([]schema.Partner, error) {
	return []schema.Partner{{ID: ids[0], Name: "Ada"}}, nil
}

func (town) PayoutMethod(context.Context, schema.PartnerID) (schema.PayoutMethod, error) {
	return schema.PayoutMethod{Payee: schema.Payee{LegalName: "Ada Lovelace", TaxID: "DE2"}}, nil
}

func (town) LinksByID(_ context.Context, ids []schema.LinkID) (links []schema.Link, err error) {
	for _, id := range ids {
		links = append(links, schema.Link{ID: id, Slug: "spring-" + strconv.Itoa(int(id))})
	}
	return links, nil
}

func TestAStatementTellsWhatAPayoutPays(t *testing.T) {
	stores := aggregatortest.New(t, storestest.ClickHouse(t).Fresh(t).Conn(t), storestest.Redis(t).Fresh(t).Client(t))
	w := newWorld(t)
	db := payout.Database{ClickHouse: stores.CH, Box: schema.NewPayoutKey()}
	sold := time.Date(2026, 10, 3, 20, 0, 0, 0, time.UTC) // the 4th in Tokyo
	book := func(at time.Time, origin schema.Transfer, kind schema.CauseKind, cause string, amount int64, note string) {
		t.Helper()
		row := origin
		row.BookedAt, row.At, row.DueAt, row.Partner, row.Currency = w.now.Add(-time.Minute).UnixMilli(), at.UnixMilli(), day.AddDate(0, 0, -1).UnixMilli(), 1, "USD"
		row.Debit, row.Credit, row.Amount, row.Kind, row.Cause, row.Note = schema.AccountExpense, schema.AccountPayable, max(amount, -amount), kind, cause, note
		if amount < 0 {
			row.Debit, row.Credit = row.Credit, row.Debit
		}
		row.Identify(0)
		if err := db.Book(t.Context(), []schema.Transfer{row}); err != nil {
			t.Fatal(err)
		}
	}
	of := func(kind schema.CauseKind, cause, conversion string) schema.Transfer {
		return schema.Transfer{Reward: schema.NewRewardID(1, kind, cause, "USD"), Conversion: conversion}
	}
	sale, lead, thanks := of(schema.CauseEarned, "c-sale", "c-sale"), of(schema.CauseEarned, "c-lead", "c-lead"), of(schema.CauseAdded, "7", "")
	book(sold, sale, schema.CauseEarned, "c-sale", 4000, "")
	book(sold.AddDate(0, 0, 1), sale, schema.CauseAdjusted, "c-refund", -1000, "")
	book(sold.AddDate(0, 0, 2), lead, schema.CauseEarned, "c-lead", 500, "")
	book(sold.AddDate(0, 0, 3), thanks, schema.CauseAdded, "7", 700, "Thank you")
	err := stores.CH.Exec(t.Context(), `INSERT INTO fairlead.attributions (node, seq, token, kind, conversion_id, customer_id, occurred_at, state, partner_id, link_id)
VALUES ('n', 1, 1, 'sale', 'c-sale', 'Mallory', '2026-10-03 20:00:00.000', 'counted', 1, 4), ('n', 2, 1, 'lead', 'c-lead', 'Mallory', '2026-10-05 20:00:00.000', 'counted', 2, 5)`)
	if err != nil {
		t.Fatal(err)
	}
	w.opt.Store, w.opt.Lock = db, payout.Lock(stores.Redis, stores.Keys)
	w.runToTheEnd()
	next := day.AddDate(0, 1, 0)
	w.now = next.Add(time.Hour)
	book(sold.AddDate(0, 1, 20), lead, schema.CauseAdjusted, "c-refund-2", -500, "")
	book(sold.AddDate(0, 1, 0), of(schema.CauseEarned, "c-other", "c-other"), schema.CauseEarned, "c-other", 6000, "")
	w.runToTheEnd()

	statements := payout.Statements{Store: db, Directory: town{}}
	says := func(cutOff time.Time, amount int64, want ...string) payout.Statement {
		t.Helper()
		s, err := statements.Statement(t.Context(), schema.NewPayoutID("test", 1, "USD", cutOff))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		var sum int64
		for i, lines := range [][]payout.Line{s.Carried, s.Lines} {
			for _, l := range lines {
				got = append(got, strings.Join([]string{[]string{"carried", "new"}[i], l.At.In(s.Zone).Format(time.DateOnly), l.Link, l.What, l.Note, strconv.FormatInt(l.Amount, 10)}, "|"))
				sum += l.Amount
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the lines: -want +got\n%s", diff)
		}
		if sum != amount || s.Payout.Amount != amount || s.Payout.Status != payout.Completed {
			t.Errorf("the lines sum up to %d, and the payout is %+v, want %d", sum, s.Payout, amount)
		}
		return s
	}
	s := says(day, 4200,
		"new|2026-10-04|spring-4|sale||4000", "new|2026-10-04|spring-4|refund|on 5 October 2026|-1000",
		"new|2026-10-06||lead||500", // decided for another partner since: that one's link is not told
		"new|2026-10-07||entry|Thank you|700")
	if want := (payout.Party{Name: "Ada Lovelace", TaxID: "DE2"}); s.Partner != want {
		t.Errorf("the partner is %+v, want %+v", s.Partner, want)
	}
	says(next, 5500, "carried|2026-10-06||refund|on 24 November 2026|-500", "new|2026-11-04||sale or lead||6000")
	var page, table strings.Builder
	if err := errors.Join(s.WriteHTML(&page), s.WriteCSV(&table)); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{page.String(), table.String()} {
		for _, no := range []string{"Mallory", "c-sale", "c-refund"} {
			if strings.Contains(text, no) {
				t.Errorf("the statement tells %q:\n%s", no, text)
			}
		}
	}
	if _, err := statements.Statement(t.Context(), payout.PayoutID{9}); !errors.Is(err, payout.ErrNone) {
		t.Errorf("of a payout that there is not: %v", err)
	}
}

// What people entered stays text, on the page and in a spreadsheet.
func TestHostileTextsInAStatementAreHarmless(t *testing.T) {
	const evil = `=cmd|'/c calc'!A1</p><script>alert(1)</script><img src=x onerror=alert(1)>"'`
	party := payout.Party{Name: evil, Address: evil + "\nTown", TaxID: evil}
	s := payout.Statement{
		Payout:  payout.Payout{ID: payout.PayoutID{1}, Amount: 2000, Currency: "USD", CutOff: day, CreatedAt: day, Ref: evil, Reason: evil, To: payout.Target{Masked: evil}},
		Program: "</title>" + evil, Merchant: party, Partner: party, Zone: time.UTC,
		Carried: []payout.Line{{At: day, Link: evil, What: "refund", Note: evil, Amount: -500}},
		Lines:   []payout.Line{{At: day, Link: evil, What: "entry", Note: evil, Amount: 2500}},
	}
	var page, table strings.Builder
	if err := errors.Join(s.WriteHTML(&page), s.WriteCSV(&table)); err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(strings.NewReader(page.String()))
	if err != nil {
		t.Fatal(err)
	}
	texts := 0
	for n := range doc.Descendants() {
		switch {
		case n.Type == html.ElementNode && (n.Data == "script" || n.Data == "img"):
			t.Errorf("the page has an element %s", n.Data)
		case n.Type == html.TextNode && strings.Contains(n.Data, evil):
			texts++
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "href" {
				t.Errorf("the page has an attribute %s=%q", a.Key, a.Val)
			}
		}
	}
	if texts != 13 {
		t.Errorf("the texts stand %d times on the page, want 13:\n%s", texts, page.String())
	}
	for _, want := range []string{"-5.00 USD", "25.00 USD", "20.00 USD"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	rows, err := csv.NewReader(strings.NewReader(table.String())).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows[1:] {
		for i, cell := range row {
			if strings.HasPrefix(cell, "=") {
				t.Errorf("%s is a formula: %s", rows[0][i], cell)
			}
		}
	}
	if got := [2]string{rows[1][19], rows[2][19]}; got != [2]string{"-5.00", "25.00"} {
		t.Errorf("amounts: %q", got)
	}
}
