package attribute

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"

	"fairlead/aggregator/attribution"
	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

var (
	//go:embed queries/names_since.sql
	namesSinceSQL string
	//go:embed queries/coupon_codes.sql
	couponCodesSQL string
	//go:embed queries/names_of_coupons.sql
	namesOfCouponsSQL string
	//go:embed queries/names_of_reasons.sql
	namesOfReasonsSQL string
	//go:embed queries/names_of_currency.sql
	namesOfCurrencySQL string
	//go:embed queries/names_of_aliases.sql
	namesOfAliasesSQL string
	//go:embed queries/new_entries.sql
	newEntriesSQL string
	//go:embed queries/new_rates.sql
	newRatesSQL string
)

// touched is what later versions of what decisions depend on may change.
type touched struct {
	since   int64 // everything that occurred from then on; milliseconds since 1970
	aliases []string
	coupons []string // folded
	reasons []string
}

// changed adds the names of reports whose decisions may differ by what changed since the last run, and answers the state
// to be recorded when they are decided.
func (r *run) changed(seeds *names) (state, error) {
	now := r.state
	err := r.ClickHouse.QueryRow(r.named("newest directory entry", nil), "SELECT max(version) FROM fairlead.directory_log").Scan(&now.Version)
	if err != nil {
		return now, fmt.Errorf("ask for the newest directory entry: %w", err)
	}
	if now.Version != r.state.Version {
		if err := r.changedEntries(seeds, now.Version); err != nil {
			return now, err
		}
	}
	now.RatesTo, err = r.changedRates(seeds)
	return now, err
}

// changedEntries looks at the directory's entries up to a version.
func (r *run) changedEntries(seeds *names, to uint64) error {
	var all []struct {
		Kind  string    `ch:"kind"`
		ID    uint64    `ch:"id"`
		First bool      `ch:"first"`
		At    time.Time `ch:"changed_at"`
		Data  string    `ch:"data"`
	}
	values := map[string]string{"after": strconv.FormatUint(r.state.Version, 10), "to": strconv.FormatUint(to, 10)}
	if err := r.ClickHouse.Select(r.named("new directory entries", values), &all, newEntriesSQL); err != nil {
		return fmt.Errorf("look for new directory entries: %w", err)
	}
	const never = 1 << 62
	t := touched{since: never}
	secrets, err := latest[schema.Secret](r.inputs, schema.KindSecret, "")
	if err != nil {
		return err
	}
	for _, e := range all {
		var failed error
		switch schema.Kind(e.Kind) {
		case schema.KindProgram:
			if e.First {
				t.since = 0
			}
			t.since = min(t.since, e.At.UnixMilli())
		case schema.KindLink:
			t.reasons = append(t.reasons, string(schema.ReasonUnknownLink))
		case schema.KindPartner:
			var p schema.Partner
			failed = json.Unmarshal([]byte(e.Data), &p)
			if e.First {
				t.reasons = append(t.reasons, string(schema.ReasonUnknownPartner))
			} else {
				t.since = min(t.since, e.At.UnixMilli())
			}
			for _, s := range secrets {
				if alias := s.Customers.EmailAlias(p.Email); alias != "" {
					t.aliases = append(t.aliases, alias)
				}
			}
		case schema.KindCoupon:
			var k schema.Coupon
			failed = json.Unmarshal([]byte(e.Data), &k)
			t.coupons = append(t.coupons, schema.FoldCoupon(k.Code))
		case schema.KindClaim:
			var c schema.Claim
			failed = json.Unmarshal([]byte(e.Data), &c)
			t.aliases = append(t.aliases, c.Alias)
		case schema.KindPayoutMethod:
			var m schema.PayoutMethod
			if failed = json.Unmarshal([]byte(e.Data), &m); m.Alias != "" {
				t.aliases = append(t.aliases, m.Alias)
			}
		}
		if failed != nil {
			return fmt.Errorf("read %s %d of directory_log: %w", e.Kind, e.ID, failed)
		}
	}
	return r.seedTouched(seeds, t, never)
}

// seedTouched adds the names of the reports that are touched.
func (r *run) seedTouched(seeds *names, t touched, never int64) error {
	if t.since != never {
		err := r.seed(seeds, "names of what occurred since settings changed", namesSinceSQL, map[string]string{"since": clickhouse.Instant(instant(t.since))})
		if err != nil {
			return err
		}
	}
	for _, q := range []struct {
		purpose, sql, parameter string
		values                  []string
	}{
		{"names of new claims and addresses", namesOfAliasesSQL, "aliases", t.aliases},
		{"names of reports that lacked what is there now", namesOfReasonsSQL, "reasons", t.reasons},
	} {
		slices.Sort(q.values)
		if q.values = slices.Compact(q.values); len(q.values) == 0 {
			continue
		}
		if err := r.seed(seeds, q.purpose, q.sql, map[string]string{q.parameter: texts(q.values)}); err != nil {
			return err
		}
	}
	return r.seedCoupons(seeds, t.coupons)
}

// seedCoupons adds the names of the reports with codes that are one of these when folded. The codes are folded here, and
// not by ClickHouse: its upper case of ß is SS, and a code that decisions compare otherwise would be missed.
func (r *run) seedCoupons(seeds *names, folded []string) error {
	if len(folded) == 0 {
		return nil
	}
	rows, err := r.ClickHouse.Query(r.named("codes of coupons", nil), couponCodesSQL)
	if err != nil {
		return fmt.Errorf("read the codes of coupons: %w", err)
	}
	defer rows.Close()
	wanted, err := ext.NewTable("wanted", ext.Column("code", "String"))
	if err != nil {
		return fmt.Errorf("BUG: the table of codes: %w", err)
	}
	is := map[string]bool{}
	for _, code := range folded {
		is[code] = true
	}
	found := false
	for rows.Next() {
		var code string
		if err := rows.Scan(&code); err != nil {
			return fmt.Errorf("read the codes of coupons: %w", err)
		}
		if !is[schema.FoldCoupon(code)] {
			continue
		}
		found = true
		if err := wanted.Append(code); err != nil {
			return fmt.Errorf("BUG: the table of codes: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the codes of coupons: %w", err)
	}
	if !found {
		return nil
	}
	const purpose = "names of reports with changed coupons"
	named, err := r.ClickHouse.Query(ch.Context(r.named(purpose, nil), ch.WithExternalTable(wanted)), namesOfCouponsSQL)
	if err == nil {
		err = eachName(named, func(n uint64) { seeds.add(n) })
	}
	if err != nil {
		return fmt.Errorf("look for the %s: %w", purpose, err)
	}
	return nil
}

// changedRates looks at the rates that were noted since the last run, as far as all that were noted until then are
// visible, and answers up to when that is.
func (r *run) changedRates(seeds *names) (time.Time, error) {
	var all []struct {
		Currency string    `ch:"currency"`
		First    time.Time `ch:"first"`
		Last     time.Time `ch:"last"`
		Noted    time.Time `ch:"noted"`
	}
	to := r.state.RatesTo
	values := map[string]string{
		"after":  clickhouse.Instant(to),
		"settle": strconv.FormatInt(r.Settle.Milliseconds(), 10),
	}
	if err := r.ClickHouse.Select(r.named("new rates", values), &all, newRatesSQL); err != nil {
		return to, fmt.Errorf("look for new rates: %w", err)
	}
	for _, c := range all {
		err := r.seed(seeds, "names of reports in "+c.Currency, namesOfCurrencySQL, map[string]string{
			"currency": c.Currency,
			// A program-day begins up to 14 hours before the day of UTC, and ends up to 12 hours after it.
			"from": clickhouse.Instant(c.First.AddDate(0, 0, -1)),
			"to":   clickhouse.Instant(c.Last.AddDate(0, 0, attribution.RateLife+2)),
		})
		if err != nil {
			return to, err
		}
		if c.Noted.After(to) {
			to = c.Noted
		}
	}
	return to, nil
}
