package attribution

import (
	"cmp"
	"slices"

	"fairlead/schema"
)

// union is a forest over 0…n-1: what was joined has one root.
type union []int

func newUnion(n int) union {
	u := make(union, n)
	for i := range u {
		u[i] = i
	}
	return u
}

func (u union) root(i int) int {
	for u[i] != i {
		u[i] = u[u[i]]
		i = u[i]
	}
	return i
}

// join makes the smaller root that of both.
func (u union) join(i, j int) {
	i, j = u.root(i), u.root(j)
	u[max(i, j)] = min(i, j)
}

// groups returns the members of each tree, in their order.
func (u union) groups() [][]int {
	at := map[int]int{}
	var out [][]int
	for i := range u {
		r := u.root(i)
		n, ok := at[r]
		if !ok {
			n = len(out)
			at[r] = n
			out = append(out, nil)
		}
		out[n] = append(out[n], i)
	}
	return out
}

// name is what ties reports together, within one world.
type name struct {
	test bool
	kind string
	text string
}

// names calls yield with every name of a report. They are those of the column names of conversions.
func (r *Report) names(yield func(name)) {
	say := func(kind, text string) {
		if text != "" {
			yield(name{r.Test, kind, text})
		}
	}
	say("customer", r.Customer)
	for _, a := range r.Aliases {
		say("alias", a)
	}
	for _, p := range r.Payments {
		say("payment", p)
	}
	if r.Customer == "" {
		say("click", r.Click)
	}
	say("id", r.ID)
}

// Customers splits reports by the customer they are of. A report that is given twice is twice in its part.
func Customers(reports []Report) [][]Report {
	all := make([]*Report, len(reports))
	for i := range reports {
		all[i] = &reports[i]
	}
	groups := customers(all)
	out := make([][]Report, len(groups))
	for n, g := range groups {
		for _, r := range g {
			out[n] = append(out[n], *r)
		}
	}
	return out
}

// customers splits reports by the customer they are of.
func customers(reports []*Report) [][]*Report {
	u := newUnion(len(reports))
	first := make(map[name]int, 2*len(reports))
	for i, r := range reports {
		r.names(func(n name) {
			if j, ok := first[n]; ok {
				u.join(i, j)
			} else {
				first[n] = i
			}
		})
	}
	groups := u.groups()
	out := make([][]*Report, len(groups))
	for n, g := range groups {
		for _, i := range g {
			out[n] = append(out[n], reports[i])
		}
	}
	return out
}

// thing is what one conversion id is of: a report that stands, and its repeats.
type thing struct {
	*Report             // that stands
	repeats   []*Report // in the order in which they were received
	evidence  []*Report // all reports of it, and of other things that are the same
	instead   *thing    // another thing that counts in its place
	decision  Decision
	undecided bool
}

// things returns the things that reports are of, in the order of their moments: a lead before the sale of the same
// millisecond, a refund after it.
func things(reports []*Report) []*thing {
	received := slices.Clone(reports)
	slices.SortFunc(received, func(a, b *Report) int {
		return cmp.Or(cmp.Compare(a.ReceivedAt, b.ReceivedAt), cmp.Compare(a.Node, b.Node), cmp.Compare(a.Seq, b.Seq))
	})
	byID := make(map[string]*thing, len(received))
	var out []*thing
	for _, r := range received {
		t, ok := byID[r.ID]
		if !ok {
			t = &thing{Report: r}
			byID[r.ID] = t
			out = append(out, t)
		} else {
			t.repeats = append(t.repeats, r)
		}
		t.evidence = append(t.evidence, r)
	}
	slices.SortFunc(out, func(a, b *thing) int {
		return cmp.Or(cmp.Compare(a.OccurredAt, b.OccurredAt), cmp.Compare(turn(a.Kind), turn(b.Kind)), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// turn orders what occurred in one millisecond.
func turn(k schema.ConversionKind) int {
	switch k {
	case schema.Deferred:
		return 0
	case schema.Lead:
		return 1
	case schema.Sale:
		return 2
	case schema.Refund:
		return 3
	}
	return 4
}

// payment is one payment: its sale, if that was reported, and what was given back of it.
type payment struct {
	sale *thing
	back []*thing // refunds and their restoring, in the order of their moments
}

// payments gathers the things of each payment. Of several sales, and of several reports of one refund, the first
// counts in the place of the others. What is deferred may tell that names are of one payment.
func payments(all []*thing) []payment {
	var money []*thing
	for _, t := range all {
		if t.Kind != schema.Lead {
			money = append(money, t)
		}
	}
	u := newUnion(len(money))
	first := map[string]int{}
	for i, t := range money {
		for _, r := range t.evidence {
			for _, p := range r.Payments {
				if j, ok := first[p]; ok {
					u.join(i, j)
				} else {
					first[p] = i
				}
			}
		}
	}
	var out []payment
	for _, g := range u.groups() {
		out = append(out, paymentOf(money, g))
	}
	return out
}

func paymentOf(money []*thing, members []int) (p payment) {
	type refund struct {
		kind schema.ConversionKind
		name string
	}
	known := map[refund]*thing{}
	for _, i := range members {
		t := money[i]
		switch {
		case t.Kind == schema.Deferred:
		case t.Kind == schema.Sale && p.sale == nil:
			p.sale = t
		case t.Kind == schema.Sale:
			t.instead = p.sale
		case t.Refund != "" && known[refund{t.Kind, t.Refund}] != nil:
			t.instead = known[refund{t.Kind, t.Refund}]
		default:
			known[refund{t.Kind, t.Refund}] = t
			p.back = append(p.back, t)
		}
		if t.instead != nil {
			t.instead.evidence = append(t.instead.evidence, t.evidence...)
		}
	}
	return p
}
