package trace

import (
	"context"
	"slices"
	"strings"

	"fairlead/schema"
)

// Customer is what is known of a customer whom a claim is about.
type Customer struct {
	Story Story
	Known bool // something was reported of the customer, tests aside
	// Others are the partners other than the one who claims, whose the customer is or was: by what counts for them, or
	// by an accepted claim. Whoever decides is shown them first.
	Others []Who
}

// CustomerOf reads what is known of the customer whom a partner claims by an alias: see schema.Claim.
func (r *Reader) CustomerOf(ctx context.Context, p schema.PartnerID, alias string) (Customer, error) {
	q := Question{Text: alias, As: AsAlias}
	if id, ok := strings.CutPrefix(alias, "customer:"); ok {
		q = Question{Text: id, As: AsCustomer}
	}
	m, err := r.gather(ctx, q)
	if err != nil {
		return Customer{}, err
	}
	out := Customer{Story: m.whole(), Known: slices.ContainsFunc(m.reports, func(t *told) bool { return !t.Test })}
	add := func(id schema.PartnerID) {
		if id != 0 && id != p && !slices.ContainsFunc(out.Others, func(w Who) bool { return w.ID == id }) {
			out.Others = append(out.Others, *m.who(id))
		}
	}
	for _, t := range m.reports {
		if d := t.decision; d != nil && !t.Test && (d.state == schema.StateCounted || d.state == schema.StateHeld) {
			add(d.partner)
		}
	}
	for _, c := range m.claims {
		if c.State == schema.ClaimAccepted {
			add(c.Partner)
		}
	}
	return out, nil
}
