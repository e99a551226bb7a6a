package rates

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"fairlead/cmd/stores/storestest"
	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

func TestMain(m *testing.M) { os.Exit(storestest.Main(m)) }

const today schema.Day = 20261123

func TestARateIsAnExactPositiveNumber(t *testing.T) {
	for text, want := range map[string]string{
		"1.0853": "1.0853", " 1.10 ": "1.1", "007": "7", "0.000000000001": "0.000000000001", "1.0000000000000": "1",
		"999999999999999.999999999999": "999999999999999.999999999999",
	} {
		if r, err := Parse("2026-11-23", "eur", text, "USD", today); err != nil || r.Rate != want || r.Currency != "EUR" {
			t.Errorf("%q: got %+v, %v", text, r, err)
		}
	}
	for _, bad := range []string{"", "0", "0.000", "-1", "+1", "1.", ".5", "1,5", "1e3", "1.0000000000001", "1000000000000000", "NaN", "0x10", "1 000", "١"} {
		if r, err := Parse("2026-11-23", "EUR", bad, "USD", today); err == nil {
			t.Errorf("%q: got %+v", bad, r)
		}
	}
	for _, bad := range [][2]string{{"2026-11-25", "EUR"}, {"1969-12-31", "EUR"}, {"2026-02-30", "EUR"}, {"23.11.2026", "EUR"}, {"", "EUR"}, {"2026-11-23", "USD"}, {"2026-11-23", "EUX"}, {"2026-11-23", ""}} {
		if r, err := Parse(bad[0], bad[1], "1", "USD", today); err == nil {
			t.Errorf("%v: got %+v", bad, r)
		}
	}
	if _, err := Parse("2026-11-24", "EUR", "1", "USD", today); err != nil {
		t.Errorf("tomorrow: %v", err)
	}
}

func TestAFileIsReadLineByLine(t *testing.T) {
	const file = "\ufeffRate, Day ,source,CURRENCY\n" +
		"1.10,2026-11-20,bank,EUR\n" +
		"0.0065,2026-11-20,\"bank\n of two lines\",JPY\n" +
		"1.1,2026-11-20,again,EUR\n" +
		"1.2,2026-11-20,other,EUR\n" +
		"x,2026-11-21,bank,EUR\n" +
		"1.3\n" +
		"1\"3,2026-11-21,bank,EUR\n" +
		"\n" +
		"1.4,2026-11-22,bank,EUR\n"
	list, rejects, lines, err := Read(strings.NewReader(file), "USD", today)
	if err != nil || lines != 8 {
		t.Fatalf("%d lines, %v", lines, err)
	}
	want := []Rate{{Day: 20261120, Currency: "EUR", Base: "USD", Rate: "1.1"}, {Day: 20261120, Currency: "JPY", Base: "USD", Rate: "0.0065"}, {Day: 20261122, Currency: "EUR", Base: "USD", Rate: "1.4"}}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	wrong := []Reject{
		{6, "an earlier line says that EUR is worth 1.1 on that day"}, {7, `the rate "x" is not a positive decimal number such as 1.0853`},
		{8, "the line has 1 fields, and 4 are named"}, {9, `bare " in non-quoted-field`},
	}
	if diff := cmp.Diff(wrong, rejects); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for _, bad := range []string{"", "day,currency\n", "2026-11-20,EUR,1.1\n", "day;currency;rate\n", "day,currency,rate,day\n", "\"day"} {
		if _, _, _, err := Read(strings.NewReader(bad), "USD", today); !errors.Is(err, ErrHeader) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("day,currency,rate\n2026-11-20,EUR,1.1\n")
	f.Add("rate,day,currency\n\"1\n\",2026-11-20,EUR\n")
	f.Fuzz(func(t *testing.T, file string) {
		list, rejects, lines, err := Read(strings.NewReader(file), "USD", today)
		if err != nil {
			return
		}
		if len(list)+len(rejects) > lines {
			t.Errorf("%d lines are %d rates and %d rejects", lines, len(list), len(rejects))
		}
		for _, r := range list {
			again, err := Parse(r.Day.Time().Format(time.DateOnly), r.Currency, r.Rate, "USD", today)
			if err != nil || again != r {
				t.Errorf("%+v is read again as %+v, %v", r, again, err)
			}
		}
	})
}

func TestTheRateThatWasNotedLastIsInForce(t *testing.T) {
	conn := storestest.ClickHouse(t).Fresh(t).Conn(t)
	if err := clickhouse.Apply(t.Context(), conn, clickhouse.Options{}); err != nil {
		t.Fatal(err)
	}
	b := New(conn)
	note := func(want int, list ...Rate) {
		t.Helper()
		if added, err := b.Note(t.Context(), "cli", "USD", list); err != nil || added != want {
			t.Fatalf("added %d, %v, want %d", added, err, want)
		}
	}
	rate := func(day schema.Day, currency, number string) Rate {
		return Rate{Day: day, Currency: currency, Base: "USD", Rate: number}
	}
	eur, jpy := rate(20261120, "EUR", "1.1"), rate(20261120, "JPY", "0.006493506494")
	note(2, eur, jpy)
	note(0, eur, jpy)
	note(0)
	later := rate(20261120, "EUR", "999999999999999.000000000001")
	note(1, later, jpy)
	note(0, later)
	note(1, eur)
	note(1, rate(20261121, "EUR", "1.2"))
	got, err := b.InForce(t.Context(), "USD", "")
	if err != nil {
		t.Fatal(err)
	}
	want := []Rate{eur, rate(20261121, "EUR", "1.2"), jpy}
	for i := range want {
		want[i].Actor = "cli"
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Rate{}, "NotedAt")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got, err := b.InForce(t.Context(), "USD", "JPY"); err != nil || len(got) != 1 || got[0].NotedAt.IsZero() {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := b.InForce(t.Context(), "EUR", ""); err != nil || len(got) != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := b.Note(t.Context(), "cli", "EUR", []Rate{eur}); err == nil {
		t.Error("a rate in another base was taken")
	}
}
