package directory

import (
	"context"
	"slices"

	"fairlead/schema"
)

// Partners who come from another program, with what they bring.

// putPartner puts a new partner. Who is suspended was not always: what they sold before they came stays theirs.
func (t *tx) putPartner(p schema.Partner) error {
	if p.Status != schema.PartnerSuspended {
		return t.put(schema.KindPartner, uint64(p.ID), nil, p)
	}
	p.Status = schema.PartnerInvited
	if err := t.put(schema.KindPartner, uint64(p.ID), nil, p); err != nil {
		return err
	}
	before := t.rows[len(t.rows)-1].entry
	p.Status = schema.PartnerSuspended
	return t.put(schema.KindPartner, uint64(p.ID), &before, p)
}

// addSlugs puts more links of a new partner, to the homepage as it is now.
func (t *tx) addSlugs(ctx context.Context, p schema.Partner, slugs []string) error {
	if len(slugs) == 0 {
		return nil
	}
	program, _, err := get[schema.Program](ctx, t, schema.KindProgram, programID)
	if err != nil {
		return err
	}
	for _, slug := range slugs {
		id, err := t.nextID(schema.KindLink)
		if err != nil {
			return err
		}
		l := schema.Link{ID: schema.LinkID(id), Partner: p.ID, Slug: slug, To: program.Homepage, CreatedAt: p.CreatedAt}
		if err := t.put(schema.KindLink, uint64(id), nil, l, slugKey(slug)); err != nil {
			return err
		}
	}
	return nil
}

// MostPartners is how many partners AddPartners takes at once.
const MostPartners = 1000

// AddPartners adds many partners, all of them or none.
func (d *Directory) AddPartners(ctx context.Context, actor Actor, list []NewPartner) ([]schema.Partner, error) {
	if len(list) > MostPartners {
		return nil, invalid("", "At most %d partners are added at once, these are %d.", MostPartners, len(list))
	}
	list = slices.Clone(list)
	var slugs, emails []string
	seen := make(map[string]bool, len(list))
	for i := range list {
		n := &list[i]
		if err := n.Check(); err != nil {
			return nil, err
		}
		key := emailKey(n.Email)
		if seen[key] {
			return nil, conflict("email", "The e-mail address %s stands twice among the new partners.", n.Email)
		}
		seen[key] = true
		emails = append(emails, key)
		slugs = append(slugs, n.slugs()...)
	}
	var out []schema.Partner
	err := d.write(ctx, actor, "partners added", func(ctx context.Context, t *tx) error {
		taken, err := t.taken(ctx, emails)
		if err != nil {
			return err
		}
		for i, key := range emails {
			if taken[key] {
				return conflict("email", "There is already a log-in with the e-mail address %s.", list[i].Email)
			}
		}
		if err := t.freeSlugs(ctx, slugs); err != nil {
			return err
		}
		out = make([]schema.Partner, len(list))
		for _, named := range []bool{true, false} { // who asks for no slug gets one that nobody asks for
			for i, n := range list {
				if (n.Slug != "") != named {
					continue
				}
				if out[i], _, err = t.addPartner(ctx, n); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// SetOpeningBalance notes what a partner was owed before. It is said once: another balance is a conflict.
func (d *Directory) SetOpeningBalance(ctx context.Context, actor Actor, id schema.PartnerID, b schema.OpeningBalance) (schema.Partner, error) {
	if err := checkBalance(b); err != nil {
		return schema.Partner{}, err
	}
	var p schema.Partner
	err := d.write(ctx, actor, "opening balance", func(ctx context.Context, t *tx) error {
		var before *entry
		var err error
		if p, before, err = get[schema.Partner](ctx, t, schema.KindPartner, uint64(id)); err != nil {
			return err
		}
		switch was := p.OpeningBalance; {
		case was.Amount == b.Amount && was.Currency == b.Currency:
			return nil
		case was != (schema.OpeningBalance{}):
			return conflict("opening_balance", "The opening balance of %s is %s already.", p.Email, schema.FormatAmount(was.Amount, was.Currency))
		}
		p.OpeningBalance = b
		return t.put(schema.KindPartner, uint64(id), before, p)
	})
	if err != nil {
		return schema.Partner{}, err
	}
	return p, nil
}

// checkBalance reports what is wrong with an opening balance; none is not wrong.
func checkBalance(b schema.OpeningBalance) error {
	switch {
	case b == schema.OpeningBalance{}:
		return nil
	case !schema.KnownCurrency(b.Currency):
		return invalid("opening_balance", "%q is not a currency of ISO 4217, such as USD.", b.Currency)
	case b.Amount <= 0 || b.Amount > schema.MaxAmount:
		return invalid("opening_balance", "An opening balance is from %s to %s.", schema.FormatAmount(1, b.Currency), schema.FormatAmount(schema.MaxAmount, b.Currency))
	}
	return nil
}
