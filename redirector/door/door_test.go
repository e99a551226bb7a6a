package door

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fairlead/redirector/track"
	"fairlead/schema"
)

// click is the click id in the tests' messages.
const click = "AZqMHDWAAAAABwAAAAAAAQAAAAAAAAAB"

// now is the time of the tests.
var now = time.Unix(1_764_000_200, 0)

// rules are a program's: an e-mail address's alias is told by its normal form, so that tests can be read.
var rules = Rules{Currency: "USD", Params: []string{"fl_click"}, EmailAlias: func(email string) string {
	if normal := schema.NormalEmail(email); normal != "" {
		return "email:" + normal
	}
	return ""
}}

func payload(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// headers are a message's.
func headers(pairs ...string) func(string) string {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h.Get
}

// told writes what a report says as a line each: what, for whom, how much, under which names, and the rest that is not
// empty.
func told(r Report, err error) (out []string) {
	if err != nil {
		return []string{"refused: " + err.Error()}
	}
	if r.Ignored != NotIgnored {
		return []string{"ignored: " + string(r.Ignored)}
	}
	for _, c := range r.Conversions {
		var b strings.Builder
		fmt.Fprintf(&b, "%s", c.Kind)
		for _, f := range []struct {
			format string
			value  any
			empty  bool
		}{
			{" of %s", c.Event, c.Event == ""},
			{" by %s", c.Customer, c.Customer == ""},
			{" also %s", strings.Join(c.Aliases, " "), len(c.Aliases) == 0},
			{" after %s", strings.ReplaceAll(c.Click, click, "the click"), c.Click == ""},
			{": %d", c.Amount, c.Amount == 0},
			{" of %d", c.Gross, c.Gross == 0},
			{" %s", c.Currency, c.Currency == ""},
			{" in all", nil, !c.Running},
			{", invoice %s", c.Invoice, c.Invoice == ""},
			{" = %s", strings.Join(c.Payments, " "), len(c.Payments) == 0},
			{", refund %s", c.Refund, c.Refund == ""},
			{", codes %s", strings.Join(c.Coupons, " "), len(c.Coupons) == 0},
			{", because %q", c.Reason, c.Reason == ""},
			{", noted %s", c.Metadata, c.Metadata == ""},
			{", at %s", time.UnixMilli(c.OccurredAt).UTC().Format("2006-01-02T15:04:05"), c.OccurredAt == 0},
			{", a test", nil, !c.Test},
		} {
			if f.empty {
				continue
			}
			if f.value == nil {
				b.WriteString(f.format)
			} else {
				fmt.Fprintf(&b, f.format, f.value)
			}
		}
		out = append(out, b.String())
	}
	return out
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// refused reports whether err is of a code and names a field.
func refused(t *testing.T, what string, err error, code track.Code, field string) {
	t.Helper()
	var e *track.Error
	if !errors.As(err, &e) || e.Code != code || e.Field != field {
		t.Errorf("%s: got error %v, want %s of %q", what, err, code, field)
	}
}

func TestAClickIDIsToldFromANameOfItsForm(t *testing.T) {
	f := func(text string, want bool) {
		t.Helper()
		if got := looksLikeClick(text, now); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
	f(click, true)
	f("6f1c2b3a4d5e6f708192a3b4c5d6e7f8", false) // a UUID without dashes
	f("user_0123456789012345678901234567", false)
	f("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", false) // of 1970
	f("", false)
	f(schema.ClickID{At: now.Add(48 * time.Hour).UnixMilli()}.String(), false)
}

func TestReasonsAreAClosedSet(t *testing.T) {
	seen := map[Ignored]bool{}
	for _, r := range Reasons() {
		if r == NotIgnored || seen[r] {
			t.Errorf("reason %q stands twice, or says nothing", r)
		}
		seen[r] = true
	}
}

// bounded fails on what no message may make of a conversion.
func bounded(t *testing.T, r Report) {
	t.Helper()
	for _, c := range r.Conversions {
		switch {
		case c.Amount < 0 || c.Gross < 0 || c.Amount > 100*schema.MaxAmount || c.Gross > 100*schema.MaxAmount:
			t.Errorf("amounts %d of %d", c.Amount, c.Gross)
		case c.Kind == schema.Sale && (c.Currency == "" || c.Gross != 0 && c.Amount > c.Gross):
			t.Errorf("sale of %d of %d %q", c.Amount, c.Gross, c.Currency)
		case c.Kind != schema.Lead && c.Invoice == "":
			t.Errorf("a %s without invoice", c.Kind)
		case (c.Kind == schema.Refund || c.Kind == schema.Restored) && c.Refund == "":
			t.Errorf("a %s without a name", c.Kind)
		case len(c.Metadata) > schema.MaxMetadata || len(c.Coupons) > schema.MaxCoupons || len(c.Payments) > schema.MaxPayments:
			t.Errorf("more than a conversion holds: %+v", c)
		}
	}
	if (len(r.Conversions) == 0) != (r.Ignored != NotIgnored) {
		t.Errorf("%d conversions, ignored for %q", len(r.Conversions), r.Ignored)
	}
}
