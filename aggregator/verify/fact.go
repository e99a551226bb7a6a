package verify

import "strings"

// fact is a kind of what nodes record. The questions are written for clicks; those about conversions are the same, asked of
// another table.
type fact struct {
	table string // in the database fairlead, and in shipments.fact
	noun  string // one of them, in words
	names *strings.Replacer
}

var (
	clicks      = fact{table: "clicks", noun: "hit", names: strings.NewReplacer()}
	conversions = fact{table: "conversions", noun: "conversion", names: strings.NewReplacer(
		"fairlead.clicks", "fairlead.conversions",
		"fact = 'clicks'", "fact = 'conversions'",
		"clicked_at", "received_at",
		"click_tag", "record_hash",
		"fairlead.rollup_log", "fairlead.attribution_log",
	)}
)

// about is a question about clicks, asked about this fact.
func (f fact) about(question string) string { return f.names.Replace(question) }
