// Package rates keeps what currencies are worth in the program's: exchange rates by day, in ClickHouse.
//
// A rate holds from its day on, until the next one. Every rate that was ever given stays; of several for one day the one
// that was noted last is in force. What was reported without a rate is decided anew when there is one, within a run of
// attribution. Rates are exact decimal numbers: nothing here is ever a float.
package rates

import (
	"context"
	"embed"
	"fmt"
	"strings"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

//go:embed queries/in_force.sql
var queries embed.FS

// Limits of a rate: what the column holds, and what attribution reckons with.
const (
	wholeDigits    = 15
	fractionDigits = 12
)

// Rate is what one main unit of Currency is worth in main units of Base, from a day on.
type Rate struct {
	Day      schema.Day
	Currency string
	Base     string
	Rate     string // a positive decimal number, without needless zeros
	NotedAt  time.Time
	Actor    string
}

// Key names what only one rate is in force for.
type Key struct {
	Day      schema.Day
	Currency string
}

// Key returns the rate's.
func (r Rate) Key() Key { return Key{r.Day, r.Currency} }

// Parse reads a rate of a currency in base from what people write. Today is the program's; a rate may be given for the day
// after it, and no later.
func Parse(day, currency, rate, base string, today schema.Day) (Rate, error) {
	at, err := time.Parse(time.DateOnly, strings.TrimSpace(day))
	switch latest := today.Time().AddDate(0, 0, 1); {
	case err != nil:
		return Rate{}, fmt.Errorf("%q is not a day such as 2026-11-23", day)
	case at.Year() < 1970:
		return Rate{}, fmt.Errorf("the day %s is before 1970", day)
	case at.After(latest):
		return Rate{}, fmt.Errorf("the day %s has not come yet", day)
	}
	currency = strings.ToUpper(strings.TrimSpace(currency))
	switch {
	case !schema.KnownCurrency(currency):
		return Rate{}, fmt.Errorf("%q is not the ISO 4217 code of a currency in use, such as EUR", currency)
	case currency == base:
		return Rate{}, fmt.Errorf("%s is the program's currency, which is worth 1 of itself", currency)
	}
	number, err := parseNumber(rate)
	if err != nil {
		return Rate{}, err
	}
	return Rate{Day: schema.DayOf(at, time.UTC), Currency: currency, Base: base, Rate: number}, nil
}

// parseNumber returns a positive decimal number in its shortest form.
func parseNumber(s string) (string, error) {
	s = strings.TrimSpace(s)
	whole, fraction, point := strings.Cut(s, ".")
	if whole == "" || point && fraction == "" || strings.Trim(whole+fraction, "0123456789") != "" {
		return "", fmt.Errorf("the rate %q is not a positive decimal number such as 1.0853", s)
	}
	whole, fraction = strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
	switch {
	case whole == "" && fraction == "":
		return "", fmt.Errorf("the rate %q is nothing: it has to be more than 0", s)
	case len(whole) > wholeDigits:
		return "", fmt.Errorf("the rate %q has more than %d digits before the point", s, wholeDigits)
	case len(fraction) > fractionDigits:
		return "", fmt.Errorf("the rate %q has more than %d digits after the point", s, fractionDigits)
	}
	if whole == "" {
		whole = "0"
	}
	if fraction == "" {
		return whole, nil
	}
	return whole + "." + fraction, nil
}

// Book is where rates are kept. It is safe for concurrent use.
type Book struct{ ch driver.Conn }

// New returns the book over an open connection, which stays the caller's.
func New(conn driver.Conn) *Book { return &Book{conn} }

// InForce returns the rates in force in a base, by currency and day; of one currency where that is not empty.
func (b *Book) InForce(ctx context.Context, base, currency string) ([]Rate, error) {
	text, err := queries.ReadFile("queries/in_force.sql")
	if err != nil {
		panic("BUG: " + err.Error())
	}
	rows, err := b.ch.Query(clickhouse.Named(ctx, "rates", map[string]string{"base": base, "currency": currency}), string(text))
	if err != nil {
		return nil, fmt.Errorf("read the rates in %s: %w", base, err)
	}
	defer rows.Close()
	out := []Rate{}
	for rows.Next() {
		r := Rate{Base: base}
		var day time.Time
		if err := rows.Scan(&day, &r.Currency, &r.Rate, &r.NotedAt, &r.Actor); err != nil {
			return nil, fmt.Errorf("read the rates in %s: %w", base, err)
		}
		r.Day = schema.DayOf(day, time.UTC)
		out = append(out, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the rates in %s: %w", base, err)
	}
	return out, nil
}

// Note adds those of the rates that are not in force already, all of them or none, and answers how many these are. All are
// in one base, and no two of one currency and day.
func (b *Book) Note(ctx context.Context, actor, base string, list []Rate) (int, error) {
	standing, err := b.InForce(ctx, base, "")
	if err != nil {
		return 0, err
	}
	known := make(map[Key]string, len(standing))
	for _, r := range standing {
		known[r.Key()] = r.Rate
	}
	ctx = ch.Context(ctx, ch.WithSettings(ch.Settings{"log_comment": "fairlead rates: write", "async_insert": 0, "insert_deduplicate": 0}))
	batch, err := b.ch.PrepareBatch(ctx, "INSERT INTO fairlead.rates (day, currency, base, rate, actor)")
	if err != nil {
		return 0, fmt.Errorf("write rates: %w", err)
	}
	defer batch.Close()
	added := 0
	for _, r := range list {
		if r.Base != base {
			return 0, fmt.Errorf("write rates: %s of %d is in %s, not %s", r.Currency, r.Day, r.Base, base)
		}
		if known[r.Key()] == r.Rate {
			continue
		}
		if err := batch.Append(r.Day.Time(), r.Currency, base, r.Rate, actor); err != nil {
			return 0, fmt.Errorf("write the rate of %s of %d: %w", r.Currency, r.Day, err)
		}
		added++
	}
	if added == 0 {
		return 0, nil
	}
	if err := batch.Send(); err != nil {
		return 0, fmt.Errorf("write %d rates: %w; repeat it: what was written is not written twice", added, err)
	}
	return added, nil
}
