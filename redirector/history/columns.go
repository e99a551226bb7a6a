package history

import (
	"fmt"
	"slices"
	"strings"
)

// columns are the columns that mean something in a kind of file, in the order of the documentation.
type columns struct {
	what string // the rows are, for people
	list []column
	// needs are columns of which one has to be there.
	needs [][]string
}

// column is a column under its own name, and the names that it has elsewhere. Where several are there the first that says
// something counts.
type column struct {
	name string
	also []string
}

var conversionColumns = columns{
	what: "conversions",
	list: []column{
		{"kind", []string{"type", "event_type"}},
		{"date", []string{"occurred_at", "charged_at", "became_lead_at", "created_at", "created", "timestamp"}},
		{"partner", []string{"partner_email", "affiliate_email", "partnership_email", "promoter_email", "affiliate", "partner_slug",
			"link_slug", "link", "slug", "via", "referral", "affiliate_token", "token", "partner_key", "partnership_key"}},
		{"customer", []string{"customer_external_id", "external_id", "customer_external_key", "customer_key", "external_key",
			"stripe_customer_id", "imported_id", "customer_id"}},
		{"customer_email", []string{"client_email", "buyer_email"}},
		{"shop", []string{"shop_domain"}},
		{"click", []string{"click_id", "fl_click"}},
		{"coupon", []string{"coupons", "coupon_code", "discount_code", "promo_code"}},
		{"amount", []string{"sale_amount", "transaction_amount", "order_amount", "total"}},
		{"amount_minor", []string{"amount_cents", "sale_amount_cents"}},
		{"currency", []string{"sale_currency", "transaction_currency"}},
		{"invoice", []string{"invoice_id", "order_id", "order", "transaction_id", "transaction_key", "payment_id", "stripe_charge_id", "charge_id"}},
		{"refund", []string{"refund_id"}},
		{"event", []string{"event_name"}},
		{"status", []string{"state", "reward_status", "commission_status", "commission_state"}},
		{"reason", []string{"refund_reason"}},
		{"id", []string{"commission_id", "key"}},
		{"test", nil},
	},
	needs: [][]string{{"date"}, {"partner", "customer", "customer_email", "click", "coupon"}},
}

var partnerColumns = columns{
	what: "partners",
	list: []column{
		{"email", []string{"partner_email", "affiliate_email", "e_mail", "email_address"}},
		{"name", []string{"partner_name", "full_name", "affiliate_name", "display_name"}},
		{"first_name", []string{"affiliate_first_name"}},
		{"last_name", []string{"affiliate_last_name"}},
		{"slug", []string{"token", "link_token", "affiliate_token", "partner_key", "partnership_key", "username"}},
		{"links", []string{"slugs", "via", "link", "link_url", "affiliate_link", "default_link", "links_urls"}},
		{"status", []string{"state"}},
		{"created_at", []string{"enrolled_at", "joined_at", "signed_up", "created", "date"}},
		{"opening_balance", []string{"balance", "unpaid_balance", "unpaid_commissions"}},
		{"opening_balance_minor", []string{"balance_minor", "balance_cents"}},
		{"currency", []string{"balance_currency"}},
		{"as_of", []string{"balance_as_of", "balance_date"}},
	},
	needs: [][]string{{"email"}},
}

var linkColumns = columns{
	what: "links",
	list: []column{
		{"slug", []string{"key", "short_link", "link", "token", "via", "path"}},
		{"partner", []string{"partner_email", "affiliate_email", "partnership_email", "email", "partner_slug", "affiliate", "partner_key", "partnership_key"}},
		{"to", []string{"destination", "destination_url", "target_url", "dest", "url"}},
		{"expires_at", []string{"expires"}},
		{"created_at", []string{"created", "date"}},
	},
	needs: [][]string{{"slug"}, {"partner"}},
}

// format is what is known of the program that a file comes from.
type format struct {
	name string
	// marks are columns that only its files have: one line of them has to be there whole.
	marks [][]string
	// cents says that an amount without a decimal point and a currency's sign is one of minor units.
	cents bool
	// also are columns that mean something else in its files.
	also map[string][]string
}

// formats are tried in this order; what is none of them has the columns of the documentation.
var formats = []format{
	{
		// Dub's dashboard exports the columns of its commissions and partners under these labels; amounts were whole cents at
		// first, and are as browsers write money in English since: "$12.34".
		name:  "dub",
		marks: [][]string{{"earnings", "type"}, {"earnings", "invoice_id"}, {"email", "enrolled_at"}, {"email", "payouts_enabled_at"}, {"short_link"}, {"domain", "key", "url"}},
		cents: true,
	},
	{
		// PartnerStack's objects under the names of its API, in which amounts are whole cents. What its exports look like is
		// an assumption.
		name: "partnerstack",
		marks: [][]string{
			{"partner_key"}, {"partnership_key"}, {"partnership_email"}, {"customer_key"}, {"customer_external_key"}, {"key", "dest"},
		},
		cents: true,
	},
	{
		// Rewardful's list of affiliates and their customers, as its importer wants it, and the fields that its API has for
		// commissions and their sales. What its exports look like is an assumption.
		name: "rewardful",
		marks: [][]string{
			{"stripe_customer_id"}, {"imported_id"}, {"became_lead_at"}, {"affiliate_token"}, {"sale_amount_cents"},
			{"first_name", "email", "token"}, {"first_name", "email", "paypal_email"}, {"first_name", "email", "wise_email"},
		},
		also: map[string][]string{"conversions/partner": {"email"}},
	},
}

// own is the format of the documentation.
var own = format{name: "fairlead"}

// recognise finds out what the columns mean.
func (t *table) recognise(known columns) error {
	at := map[string]int{}
	for i, h := range t.header {
		if name := columnName(h); name != "" {
			if _, twice := at[name]; !twice {
				at[name] = i
			}
		}
	}
	f := formatOf(at)
	t.Format = f.name
	t.columns = map[string][]int{}
	used := map[int]bool{}
	for _, c := range known.list {
		names := append([]string{c.name}, c.also...)
		for _, name := range append(names, f.also[known.what+"/"+c.name]...) {
			if i, ok := at[name]; ok {
				t.columns[c.name] = append(t.columns[c.name], i)
				used[i] = true
			}
		}
	}
	for i, h := range t.header {
		if name := columnName(h); !used[i] && name != rejectedLine && name != rejectedReason && strings.TrimSpace(h) != "" {
			t.Ignored = append(t.Ignored, h)
		}
	}
	for _, any := range known.needs {
		if !t.has(any...) {
			return fmt.Errorf("the first line names no column %s, which %s need; it names %s", strings.Join(any, " or "), known.what, named(t.header))
		}
	}
	return nil
}

func formatOf(at map[string]int) format {
	for _, f := range formats {
		for _, mark := range f.marks {
			if !slices.ContainsFunc(mark, func(name string) bool { _, ok := at[name]; return !ok }) {
				return f
			}
		}
	}
	return own
}

// cents reports whether the file's bare amounts are of minor units.
func (t *table) cents() bool {
	return slices.ContainsFunc(formats, func(f format) bool { return f.name == t.Format && f.cents })
}

// named shows a header to people.
func named(header []string) string {
	const shown = 30
	out := make([]string, 0, len(header))
	for _, h := range header[:min(len(header), shown)] {
		out = append(out, fmt.Sprintf("%.40q", h))
	}
	if len(header) > shown {
		out = append(out, "…")
	}
	return strings.Join(out, ", ")
}
