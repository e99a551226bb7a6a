package reward

import (
	"maps"

	"fairlead/schema"
)

// Standing is what a reward should be by all that is known, beside what the ledger says of it.
type Standing struct {
	Reward     schema.RewardID
	Partner    schema.PartnerID
	Currency   string // ISO 4217
	Conversion string // as in the ledger
	At         int64  // when it was earned; milliseconds since 1970
	// Want and Got are what the accounts hold, in minor units; those of the merchant are left out.
	Want, Got map[schema.Account]int64
	Given     int64 // all that was ever given, whatever was taken back
	Paid      int64 // what is in payouts or was received
	// Odd are rows that do not belong here: another partner's or currency's, with an id that does not follow from why they were
	// booked, or that touch what is paid without a payout.
	Odd []schema.Transfer
}

// Stand tells how every reward of in stands. It is for whoever doubts the ledger: what is in payouts is taken from the
// payouts' rows as given, all else is reckoned.
func Stand(in Input) []Standing {
	var out []Standing
	for _, b := range in.books() {
		out = append(out, b.stand())
	}
	return out
}

func (b *book) stand() Standing {
	s := Standing{
		Reward: b.id, Partner: b.partner, Currency: b.currency, Conversion: b.conversion, At: b.at,
		Want: map[schema.Account]int64{}, Got: maps.Clone(b.balances),
	}
	delete(s.Got, b.source)
	released := b.source == schema.AccountOpening || b.due <= b.now
	for _, t := range b.rows {
		if t.Debit == b.source {
			s.Given += t.Amount
		}
		if t.Kind == schema.CausePayout {
			s.move(t)
		}
		// What was released stays so, though its hold was made longer since.
		released = released || t.Credit == schema.AccountPayable && (t.Kind == schema.CauseReleased || t.Kind == schema.CausePayout || t.DueAt != 0 && t.BookedAt >= t.DueAt)
		if !b.belongs(t) {
			s.Odd = append(s.Odd, t)
		}
	}
	s.Paid = s.Want[schema.AccountProcessing] + s.Want[schema.AccountPaid]
	delete(s.Want, schema.AccountPayable)
	b.released = released
	switch rest := b.amount() - s.Paid; {
	case rest < 0:
		s.Want[schema.AccountPayable] = rest
	case rest > 0:
		s.Want[b.lands()] = rest
	}
	for _, m := range []map[schema.Account]int64{s.Want, s.Got} {
		maps.DeleteFunc(m, func(_ schema.Account, amount int64) bool { return amount == 0 })
	}
	return s
}

// move books a row into what is wanted.
func (s *Standing) move(t schema.Transfer) {
	s.Want[t.Debit] -= t.Amount
	s.Want[t.Credit] += t.Amount
}

// belongs reports whether a row could have been booked for the reward.
func (b *book) belongs(t schema.Transfer) bool {
	pays := t.Kind == schema.CausePayout
	for _, a := range []schema.Account{t.Debit, t.Credit} {
		if a == schema.AccountProcessing || a == schema.AccountPaid {
			pays = !pays
			break
		}
	}
	if pays || t.Partner != b.partner || t.Currency != b.currency || t.Conversion != b.conversion {
		return false
	}
	want := t
	for n := range b.sum(cause{t.Kind, t.Cause}).rows + payoutRows {
		if want.Identify(n); want.ID == t.ID {
			return true
		}
	}
	return false
}

// payoutRows is how many rows a payout has of a reward at most: their places do not follow each other.
const payoutRows = 4
