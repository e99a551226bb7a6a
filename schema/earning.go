package schema

// EarnMiss is why a sale or lead earns nothing.
type EarnMiss string

// The reasons, in the order in which they are found.
const (
	Earned          EarnMiss = ""              // it earns something
	EarnNoRule      EarnMiss = "no_rule"       // no rule was in force
	EarnNoAmount    EarnMiss = "no_amount"     // the sale was of nothing
	EarnBelowMin    EarnMiss = "below_minimum" // of the rule
	EarnNotFirst    EarnMiss = "not_first"     // the rule is for the customer's first
	EarnMonthsOver  EarnMiss = "months_over"   // of the rule, since the customer was bound
	EarnRuleNothing EarnMiss = "rule_none"     // the rule gives nothing
	EarnTooLittle   EarnMiss = "too_little"    // what the rule gives of it rounds to nothing
)

// Occasion is a sale or lead that is credited to a partner.
type Occasion struct {
	ID     string // of the conversion
	Event  ConversionKind
	Amount int64 // of a sale, before refunds, in minor units of the program's currency
}

// Judge finds the rule that is in force for an occasion, and whether the partner earns by it. Bound is the day on which the
// customer became the partner's; all are the partner's occasions of that customer: those that count, in their order, and
// then those under review.
func (s Rules) Judge(f RuleFor, o Occasion, bound Day, all []Occasion) (Rule, EarnMiss) {
	rule, ok := s.InForce(f)
	switch {
	case !ok:
		return rule, EarnNoRule
	case o.Event == Sale && o.Amount <= 0:
		return rule, EarnNoAmount
	case !rule.reaches(o):
		return rule, EarnBelowMin
	case rule.Once && !rule.first(o, all):
		return rule, EarnNotFirst
	case rule.Months != 0 && f.Day >= bound.PlusMonths(rule.Months):
		return rule, EarnMonthsOver
	case rule.None:
		return rule, EarnRuleNothing
	case rule.Part(o, o.Amount) == 0:
		return rule, EarnTooLittle
	}
	return rule, Earned
}

// reaches reports whether an occasion is one that the rule gives something for, whichever it is of the customer's.
func (r Rule) reaches(o Occasion) bool {
	return o.Event == Lead || o.Amount > 0 && o.Amount >= r.MinSale
}

// first reports whether no other occasion was the first that reaches the rule's minimum.
func (r Rule) first(o Occasion, all []Occasion) bool {
	for _, other := range all {
		if other.Event == o.Event && r.reaches(other) {
			return other.ID == o.ID
		}
	}
	return true
}

// Part is what the rule gives for an occasion of whose amount so much is left.
func (r Rule) Part(o Occasion, left int64) int64 {
	switch {
	case r.None:
		return 0
	case o.Event == Lead:
		return r.Flat
	case r.Percent == 0:
		return Share(r.Flat, left, o.Amount)
	}
	amount := Share(left, r.Percent, WholePercent)
	if r.Cap != 0 {
		amount = min(amount, r.Cap)
	}
	return amount
}

// PlusMonths is the same day of the month so many months later, or that month's last day where it has no such day.
func (d Day) PlusMonths(months int) Day {
	_, _, day := d.Date()
	days := d.Month().Add(months).Days()
	return days[min(day, len(days))-1]
}
