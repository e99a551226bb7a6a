package payout

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

// Statements draws up what a partner is told of a payout. It names both parties and no customer.
type Statements struct {
	Store     Database // with a Box: the payee is read
	Directory People
}

// People tells who the parties of a payout are, and what links are called: a directory.Directory does.
type People interface {
	Program(ctx context.Context) (schema.Program, error)
	PartnersByID(ctx context.Context, ids []schema.PartnerID) ([]schema.Partner, error)
	PayoutMethod(ctx context.Context, partner schema.PartnerID) (schema.PayoutMethod, error)
	LinksByID(ctx context.Context, ids []schema.LinkID) ([]schema.Link, error)
}

// Party is one side of a payout, as far as it is known.
type Party struct {
	Name    string
	Address string // of several lines
	TaxID   string
}

// Statement is what a payout consists of. The amounts of Carried and Lines together are the payout's.
type Statement struct {
	Payout   Payout // the version in force
	Program  string
	Merchant Party
	Partner  Party
	Zone     *time.Location // in which its days are cut
	Carried  []Line         // taken back after it had been paid, and carried until this payout
	Lines    []Line         // everything else
}

// Line is one thing that a payout pays, or takes back.
type Line struct {
	At     time.Time // when it was earned: of the sale or lead, the entry, the opening balance
	Link   string    // slug of the link by which it came; empty: by none
	What   string    // sale, lead, refund, entry, …
	Note   string    // of an entry, why it was made; of a refund, when
	Amount int64     // minor units of the payout's currency; below zero: taken back
}

// Merchant is the program's side of its payouts.
func Merchant(p schema.Program) Party {
	return Party{Name: cmp.Or(p.LegalName, p.Name), Address: p.LegalAddress, TaxID: p.TaxID}
}

// Statement draws up the statement of a payout, in any status. The error may be ErrNone.
func (s Statements) Statement(ctx context.Context, id PayoutID) (Statement, error) {
	var out Statement
	var err error
	if out.Payout, err = one(ctx, s.Store, id); err != nil {
		return out, err
	}
	program, err := s.Directory.Program(ctx)
	if err != nil {
		return out, err
	}
	out.Program, out.Merchant, out.Zone = program.Name, Merchant(program), program.Location()
	if out.Partner, err = s.partner(ctx, out.Payout); err != nil {
		return out, err
	}
	return out, s.lines(ctx, &out)
}

// partner is who is paid: as it was when the payout was sent, where that is known, else as it is now.
func (s Statements) partner(ctx context.Context, p Payout) (Party, error) {
	if err := p.To.Unread(); err != nil {
		return Party{}, fmt.Errorf("payout %s: %w", p.ID, err)
	}
	payee := p.To.Payee
	if payee.LegalName == "" && payee.Address == "" && payee.TaxID == "" {
		m, err := s.Directory.PayoutMethod(ctx, p.Partner)
		if err != nil {
			return Party{}, err
		}
		payee = m.Payee
	}
	name := payee.LegalName
	if name == "" {
		known, err := s.Directory.PartnersByID(ctx, []schema.PartnerID{p.Partner})
		if err != nil {
			return Party{}, err
		}
		for _, one := range known {
			name = one.Name
		}
	}
	return Party{Name: name, Address: payee.Address, TaxID: payee.TaxID}, nil
}

// lines fills in what the payout consists of.
func (s Statements) lines(ctx context.Context, out *Statement) error {
	p := out.Payout
	parts, err := s.Store.Parts(ctx, p.ID)
	if err != nil {
		return err
	}
	booked, err := s.Store.ledger().Where(ctx, "rewards of a payout",
		"partner_id = {partner:UInt32} AND reward_id IN (SELECT arrayJoin(part_rewards) FROM fairlead.payouts WHERE id = unhex({id:String}) AND version = 1)",
		map[string]string{"partner": p.Partner.String(), "id": p.ID.String()})
	if err != nil {
		return err
	}
	rewards := map[schema.RewardID][]schema.Transfer{}
	for _, t := range booked {
		rewards[t.Reward] = append(rewards[t.Reward], t)
	}
	origins, err := s.origins(ctx, p, booked)
	if err != nil {
		return err
	}
	for _, part := range parts {
		lines := p.lines(part, rewards[part.Reward], origins[part.Conversion], out.Zone)
		if part.Amount < 0 {
			out.Carried = append(out.Carried, lines...)
		} else {
			out.Lines = append(out.Lines, lines...)
		}
	}
	for _, list := range [][]Line{out.Carried, out.Lines} {
		slices.SortStableFunc(list, func(a, b Line) int { return a.At.Compare(b.At) })
	}
	return nil
}

// origin is what a reward is for.
type origin struct {
	kind schema.ConversionKind // empty: not known any more
	link string                // slug; empty: none
}

// origins tells by conversion what the rewards of a payout are for. A link is told only where it is the partner's.
func (s Statements) origins(ctx context.Context, p Payout, booked []schema.Transfer) (map[string]origin, error) {
	var from, to int64 // of the sales and leads; decisions lie by their days
	for _, t := range booked {
		if t.Kind == schema.CauseEarned {
			if from == 0 || t.At < from {
				from = t.At
			}
			to = max(to, t.At)
		}
	}
	if to == 0 {
		return nil, nil
	}
	rows, err := s.Store.ClickHouse.Query(s.Store.asking(ctx, "origins of rewards", map[string]string{
		"partner": p.Partner.String(), "id": p.ID.String(),
		"from": clickhouse.Instant(time.UnixMilli(from).AddDate(0, 0, -1)), "to": clickhouse.Instant(time.UnixMilli(to).AddDate(0, 0, 1)),
	}), `SELECT conversion_id, toString(any(kind)), anyIf(link_id, partner_id = {partner:UInt32})
FROM fairlead.attributions FINAL
WHERE occurred_at >= {from:DateTime64(3, 'UTC')}
  AND occurred_at < {to:DateTime64(3, 'UTC')}
  AND kind IN ('lead', 'sale')
  AND NOT test
  AND state IN ('counted', 'review', 'held')
  AND conversion_id IN (SELECT arrayJoin(part_conversions) FROM fairlead.payouts WHERE id = unhex({id:String}) AND version = 1)
GROUP BY conversion_id`)
	if err != nil {
		return nil, fmt.Errorf("read what payout %s is for: %w", p.ID, err)
	}
	defer rows.Close()
	out, links := map[string]origin{}, map[string]schema.LinkID{}
	for rows.Next() {
		var conversion string
		var o origin
		var link uint32
		if err := rows.Scan(&conversion, (*string)(&o.kind), &link); err != nil {
			return nil, fmt.Errorf("read what payout %s is for: %w", p.ID, err)
		}
		out[conversion], links[conversion] = o, schema.LinkID(link)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read what payout %s is for: %w", p.ID, err)
	}
	return out, s.slugs(ctx, out, links)
}

// slugs fills in what the links of origins are called.
func (s Statements) slugs(ctx context.Context, origins map[string]origin, links map[string]schema.LinkID) error {
	wanted := map[schema.LinkID]string{}
	var ids []schema.LinkID
	for _, id := range links {
		if _, ok := wanted[id]; !ok && id != 0 {
			wanted[id] = ""
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	found, err := s.Directory.LinksByID(ctx, ids)
	if err != nil {
		return err
	}
	for _, l := range found {
		wanted[l.ID] = l.Slug
	}
	for conversion, o := range origins {
		o.link = wanted[links[conversion]]
		origins[conversion] = o
	}
	return nil
}
