package history

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fairlead/redirector/track"
	"fairlead/schema"
	"fairlead/schema/directory"
)

// told reads a text and says of each row what it is.
func told(t testing.TB, text string) (r *rows, out []string) {
	t.Helper()
	r, err := openRows(strings.NewReader(text), testSetting(t))
	if err != nil {
		t.Fatal(err)
	}
	for r.next() {
		c := &r.row.Conversion
		switch {
		case r.wrong != nil:
			out = append(out, fmt.Sprintf("%d: %v", r.line, r.wrong))
		case r.passed != "":
			out = append(out, fmt.Sprintf("%d passed over: %s", r.line, r.passed))
		default:
			money := ""
			if c.Currency != "" {
				money = " " + schema.FormatAmount(c.Amount, c.Currency)
			}
			out = append(out, fmt.Sprintf("%d %s %s by %s of %s%s for %s %v", r.line, c.Kind, time.UnixMilli(c.OccurredAt).UTC().Format("2006-01-02T15:04"),
				strings.Join(r.row.partners, "|"), c.Customer, money, c.Invoice, c.Payments))
		}
	}
	if r.err != nil {
		t.Fatal(r.err)
	}
	return r, out
}

func TestFormatsAreRecognisedByTheirHeaders(t *testing.T) {
	f := func(what, format, text string, ignored []string, want ...string) {
		t.Helper()
		r, got := told(t, text)
		if r.Format != format || !slices.Equal(r.Ignored, ignored) {
			t.Errorf("%s: format %s, ignored %q; want %s, %q", what, r.Format, r.Ignored, format, ignored)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", what, d)
		}
	}
	f("Dub's commissions today", "dub", `ID,Type,Amount,Earnings,Currency,Status,Invoice ID,Quantity,Created at,Partner ID,Partner name,Partner email,Customer external ID,Customer ID
cm_1,sale,$49.00,$9.80,usd,paid,in_1,1,2025-11-25T14:30:00.000Z,pn_1,Ada,ada@example.com,42,cus_x
cm_2,sale,"$1,049",$9.80,usd,pending,,1,2025-11-25T14:30:00.000Z,pn_1,Ada,ada@example.com,,cus_x
cm_3,lead,$0.00,$5.00,usd,pending,,1,2025-11-24T14:30:00.000Z,pn_1,Ada,ada@example.com,43,cus_y
cm_4,click,$0.00,$0.10,usd,pending,,9,2025-11-24T14:30:00.000Z,pn_1,Ada,ada@example.com,,
cm_5,sale,$9.00,$1.00,usd,refunded,in_5,1,2025-11-24T14:30:00.000Z,pn_1,Ada,ada@example.com,43,cus_y
cm_6,custom,$0.00,$50.00,usd,paid,,1,2025-11-24T14:30:00.000Z,pn_1,Ada,ada@example.com,,
`, []string{"Earnings", "Quantity", "Partner ID", "Partner name"},
		"2 sale 2025-11-25T14:30 by ada@example.com of 42 49.00 USD for in_1 [in_1]",
		"3 sale 2025-11-25T14:30 by ada@example.com of cus_x 1049.00 USD for  []",
		"4 lead 2025-11-24T14:30 by ada@example.com of 43 for  []",
		"5 passed over: click",
		"6 passed over: refunded",
		"7 passed over: custom",
	)
	f("Dub's commissions as they were, in cents", "dub", "ID,Type,Amount,Earnings,Currency,Status,Invoice ID,Created at,Partner email\ncm_1,sale,4900,980,usd,paid,in_1,2025-11-25T14:30:00.000Z,ada@example.com\n",
		[]string{"Earnings"}, "2 sale 2025-11-25T14:30 by ada@example.com of  49.00 USD for in_1 [in_1]")
	f("Rewardful's commissions, by the fields of its API", "rewardful", `id,sale_amount_cents,currency,charged_at,created_at,stripe_charge_id,affiliate_email,affiliate_token,stripe_customer_id,state
1,4900,EUR,2025-11-25T14:30:00Z,2025-12-25T14:30:00Z,ch_1,ada@example.com,ada,cus_1,paid
2,4900,EUR,2025-11-25T14:30:00Z,2025-12-25T14:30:00Z,ch_2,,ada,cus_1,voided
3,4900,EUR,2025-11-25T14:30:00Z,2025-12-25T14:30:00Z,ch_3,,ada,cus_1,due
`, nil,
		"2 sale 2025-11-25T14:30 by ada@example.com|ada of cus_1 49.00 EUR for ch_1 [ch_1]",
		"3 passed over: voided",
		"4 sale 2025-11-25T14:30 by ada of cus_1 49.00 EUR for ch_3 [ch_3]",
	)
	f("Rewardful's referred customers, with a date", "rewardful", "Stripe Customer ID,First Name,Last Name,Email,Token,Became lead at\ncus_1,Ada,L,ada@example.com,ada,2025-11-25 14:30:00 UTC\n",
		[]string{"First Name", "Last Name"}, "2 lead 2025-11-25T14:30 by ada|ada@example.com of cus_1 for  []")
	f("PartnerStack's transactions, in cents", "partnerstack", `key,partner_key,customer_key,customer_email,amount,currency,created_at
tx_1,ada,c1,ann@shop.example,4900,USD,1764081000000
tx_2,ada,c1,ann@shop.example,49.00,USD,1764081000000
`, nil,
		"2 sale 2025-11-25T14:30 by ada of c1 49.00 USD for  []",
		"3 sale 2025-11-25T14:30 by ada of c1 49.00 USD for  []",
	)
	f("our own, with semicolons and a byte order mark, by a spreadsheet", "fairlead", "\xef\xbb\xbfDate;Partner;Customer;Amount;Order ID;Payment ID\r\n2025-11-25;ada;c1;1,234.50;o1;p1\r\n;;;;;\r\n",
		nil, "2 sale 2025-11-25T05:00 by ada of c1 1234.50 USD for o1 [o1 p1]")
	f("tabs", "fairlead", "date\tpartner\tcustomer\n2025-11-25\tada\tc1\n", nil, "2 lead 2025-11-25T05:00 by ada of c1 for  []")
}

func TestRowsThatAreRefused(t *testing.T) {
	long := strings.Repeat("x", schema.MaxConversionText+1)
	for _, c := range []struct{ header, row, want string }{
		{"date,customer,amount", "2025-01-01,c1,", "lead"},
		{"kind,date,customer,amount", "gift,2025-01-01,c1,5", `kind: "gift" is none of lead, sale, refund`},
		{"kind,date,customer,amount", "sale,2025-01-01,c1,", "amount: is missing"},
		{"kind,date,customer,amount", "lead,2025-01-01,c1,5", "amount: a lead has none"},
		{"kind,date,customer,amount", "lead,,c1,", "date: is missing"},
		{"kind,date,customer,amount", "lead,2025-01-01,,", "customer: is missing"},
		{"kind,date,customer,amount", "sale,2025-01-01,,5", "customer: is missing"},
		{"kind,date,customer,amount", "refund,2025-01-01,c1,5", "invoice: is missing"},
		{"date,customer,amount,currency", "2025-01-01,c1,5,XTS", "currency: \"XTS\" is not one of ISO 4217"},
		{"date,customer,amount", "2025-01-01," + long + ",5", "customer: has 256 bytes"},
		{"date,customer,amount", "2025-01-01,a\x01b,5", "customer: has a control character"},
		{"date,customer,amount", "2025-01-01,a\xffb,5", "field 2 is not UTF-8"},
		{"date,customer_email,amount", "2025-01-01,nobody,5", "customer_email: is no e-mail address"},
		{"date,customer,amount,coupon", "2025-01-01,c1,5," + strings.Repeat("C;", 17), "coupons: has 17 entries"},
		{"date,customer,amount,coupon", "2025-01-01,c1,5,a b", "sale"},
		{"date,partner,amount", "2025-01-01,https://shop.example/,5", `partner: "https://shop.example/" names nobody`},
		{"date,customer,amount,test", "2025-01-01,c1,5,true", "passed over: test"},
		{"date,customer,amount,status", "2025-01-01,c1,5,Canceled", "passed over: canceled"},
	} {
		_, got := told(t, c.header+"\n"+c.row+"\n")
		if len(got) != 1 || !strings.Contains(got[0], c.want) {
			t.Errorf("%s: got %q, want …%s…", c.row, got, c.want)
		}
	}
}

func TestWhatHasNoNameIsCalledByWhatItSays(t *testing.T) {
	ids := func(text string) (out []string) {
		r, err := openRows(strings.NewReader(text), testSetting(t))
		if err != nil {
			t.Fatal(err)
		}
		for r.next() {
			if r.wrong != nil {
				t.Fatal(r.wrong)
			}
			c, err := (&take{ImportTake: schema.ImportTake{At: today}}).conversion(&r.row)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, c.ID)
		}
		return out
	}
	const head = "kind,date,customer,amount,invoice,refund,id\n"
	one := ids(head + "sale,2025-01-01,c1,5,,,\nsale,2025-01-01,c1,5,,,\nsale,2025-01-01,c2,5,,,\nrefund,2025-01-02,,1,in_1,,\nrefund,2025-01-02,,1,in_1,,\nsale,2025-01-01,c1,5,,,x\n")
	if distinct := slices.Compact(slices.Sorted(slices.Values(one))); len(distinct) != len(one) {
		t.Errorf("%d of %d are told apart", len(distinct), len(one))
	}
	other := ids("id,refund,invoice,amount,customer,date,kind\n" + "x,,,9,other,2025-02-01,sale\n,,,5,c2,2025-01-01T00:00:00-05:00,sale\n,,,5.00,c1,2025-01-01,sale\n,,in_1,1,,2025-01-02,refund\n")
	if want := []string{one[5], one[2], one[0], one[3]}; !slices.Equal(other, want) {
		t.Errorf("another file: got %v, want %v", other, want)
	}
}

func FuzzRows(f *testing.F) {
	f.Add([]byte(story))
	f.Add([]byte("\xef\xbb\xbfdate;partner;amount\n2025-01-01;\"a\nb\";5\n"))
	f.Add([]byte("Type,Earnings,Amount,Created at,Partner email\nsale,1,100,2025-01-01,a@b\n"))
	f.Add([]byte("date,click\n2025-01-01,\"x\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		read := func() (out []string) {
			r, err := openRows(strings.NewReader(string(text)), testSetting(t))
			if err != nil {
				return nil
			}
			for r.next() {
				switch {
				case r.wrong != nil:
					out = append(out, r.wrong.Error())
					continue
				case r.passed != "":
					out = append(out, r.passed)
					continue
				}
				known := map[string]directory.Owner{}
				for _, name := range r.row.partners {
					known[name] = directory.Owner{Partner: 1}
				}
				c, err := (&take{ImportTake: schema.ImportTake{At: today}, owners: known}).conversion(&r.row)
				if err != nil {
					t.Fatal(err)
				}
				if err := track.Check(&c, today.Add(100*365*24*time.Hour)); err != nil {
					t.Errorf("%+v: %v", c, err)
				}
				rec, err := schema.AppendConversion(nil, &c)
				if err != nil {
					t.Fatal(err)
				}
				var again schema.Conversion
				if err := schema.DecodeConversion(&again, rec); err != nil {
					t.Fatal(err)
				}
				out = append(out, string(rec))
			}
			return out
		}
		if a, b := read(), read(); !slices.Equal(a, b) {
			t.Errorf("read twice: %q and %q", a, b)
		}
	})
}

func TestACustomerWhoseIDIsAnAddressIsKnownByItToo(t *testing.T) {
	set := testSetting(t)
	all, err := openRows(strings.NewReader("kind,date,customer_id,customer_email,invoice,amount\n"+
		"sale,2026-01-02,Ann@example.com,,in_1,49\nsale,2026-01-02,ann@example.com,ann@example.com,in_2,49\nsale,2026-01-02,c1,,in_3,49\n"), set)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range [][]string{{set.key.EmailAlias("ann@example.com")}, {set.key.EmailAlias("ann@example.com")}, nil} {
		if !all.next() || all.wrong != nil || !slices.Equal(all.row.Aliases, want) {
			t.Errorf("line %d: aliases %v, %v; want %v", all.line, all.row.Aliases, all.wrong, want)
		}
	}
}
