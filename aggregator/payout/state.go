package payout

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"fairlead/schema"
)

// ErrStatus says that a payout cannot go from the status it has to the one that was asked for.
var ErrStatus = errors.New("that cannot be done with a payout in this status")

// steps are the statuses that may follow each status.
var steps = map[Status][]Status{
	Draft:      {Draft, Approved, Canceled}, // Draft: by the first of two approvals
	Approved:   {Processing, Sent, Canceled},
	Processing: {Sent, Completed, Failed, Returned},
	Sent:       {Completed, Failed, Returned},
	Completed:  {Returned},
}

// next is the version that follows p.
func (p Payout) next(to Status, now time.Time, actor, reason string) (Payout, error) {
	if !slices.Contains(steps[p.Status], to) {
		return p, fmt.Errorf("payout %s is %s and cannot become %s: %w", p.ID, p.Status, to, ErrStatus)
	}
	p.Version++
	p.Status, p.At, p.Actor, p.Reason = to, now, actor, reason
	switch to {
	case Processing, Sent, Completed:
		if p.SentAt.IsZero() {
			p.SentAt = now
		}
	}
	if to == Completed {
		p.CompletedAt = now
	}
	return p, nil
}

// The rows of the ledger that a payout books for each of its rewards, by their ordinal.
const (
	rowReserved = iota // payable → processing, with the draft
	rowPaid            // processing → paid, when it is completed
	rowFreed           // processing → payable, when it comes to nothing
	rowBack            // paid → payable, when it is returned after it was completed
	rowKinds
)

// rowAccounts are the accounts between which these rows move a reward's amount, from the first to the second.
var rowAccounts = [rowKinds][2]schema.Account{
	{schema.AccountPayable, schema.AccountProcessing},
	{schema.AccountProcessing, schema.AccountPaid},
	{schema.AccountProcessing, schema.AccountPayable},
	{schema.AccountPaid, schema.AccountPayable},
}

// row is a row of the ledger. What was taken back goes the other way round: it lessens the payout.
func (p Payout) row(part Part, kind int, now time.Time) schema.Transfer {
	from, to, amount := rowAccounts[kind][0], rowAccounts[kind][1], part.Amount
	if amount < 0 {
		from, to, amount = to, from, -amount
	}
	at := p.At
	if kind == rowReserved {
		at = p.CutOff
	}
	t := schema.Transfer{
		BookedAt: now.UnixMilli(), At: at.UnixMilli(), Partner: p.Partner, Reward: part.Reward, Debit: from, Credit: to,
		Amount: amount, Currency: p.Currency, Kind: schema.CausePayout, Cause: p.ID.String(), Rule: part.Rule, Conversion: part.Conversion,
	}
	t.Identify(kind)
	return t
}

// kinds are the rows that a payout of this status has for each of its rewards. reserved: the first stands already; what was
// never reserved is not freed.
func (p Payout) kinds(reserved bool) []int {
	switch {
	case p.Status.Open():
		return []int{rowReserved}
	case p.Status == Completed:
		return []int{rowReserved, rowPaid}
	case !p.CompletedAt.IsZero():
		return []int{rowReserved, rowPaid, rowBack}
	case reserved:
		return []int{rowReserved, rowFreed}
	}
	return nil
}

// account holds a payout's rows in the ledger against what its versions say.
type account struct {
	unreserved []Part            // of an open payout: nothing stands of them yet
	missing    []schema.Transfer // rows that are to be booked, those included
}

// reckon compares a payout of these parts with the rows that stand of it. Rewards that are not among the parts were reserved by
// a run that had lost its lock: they are freed.
func (p Payout) reckon(parts []Part, stand []schema.Transfer, now time.Time) account {
	booked := map[schema.TransferID]schema.Transfer{}
	for _, t := range stand {
		booked[t.ID] = t
	}
	var a account
	listed := map[schema.RewardID]bool{}
	for _, part := range parts {
		listed[part.Reward] = true
		first := p.row(part, rowReserved, now)
		_, reserved := booked[first.ID]
		if !reserved && p.Status.Open() {
			a.unreserved = append(a.unreserved, part)
		}
		for _, kind := range p.kinds(reserved) {
			want := p.row(part, kind, now)
			if got, ok := booked[want.ID]; !ok || !same(got, want) {
				a.missing = append(a.missing, want)
			}
		}
	}
	a.missing = append(a.missing, p.strays(listed, booked, now)...)
	return a
}

// same compares what rows move, whenever they were booked.
func same(a, b schema.Transfer) bool {
	return a.Amount == b.Amount && a.Debit == b.Debit && a.Credit == b.Credit && a.Currency == b.Currency && a.Partner == b.Partner
}

// strays are the rows that take back what stands of rewards that are not in the payout.
func (p Payout) strays(listed map[schema.RewardID]bool, booked map[schema.TransferID]schema.Transfer, now time.Time) (out []schema.Transfer) {
	has := func(part Part, kind int) bool { _, ok := booked[p.row(part, kind, now).ID]; return ok }
	for _, t := range booked {
		part := Part{Reward: t.Reward, Amount: t.Amount, Rule: t.Rule, Conversion: t.Conversion}
		if listed[t.Reward] || t.ID != p.row(part, rowReserved, now).ID {
			continue
		}
		if t.Debit != schema.AccountPayable {
			part.Amount = -t.Amount
		}
		undo := rowFreed
		if has(part, rowPaid) {
			undo = rowBack
		}
		if !has(part, undo) {
			out = append(out, p.row(part, undo, now))
		}
	}
	slices.SortFunc(out, func(a, b schema.Transfer) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return out
}
