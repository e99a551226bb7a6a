package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"fairlead/schema"
	"fairlead/schema/directory"
)

// PartnersReport is what an import of partners did.
type PartnersReport struct {
	Read
	Added    uint64 `json:"added"`
	Kept     uint64 `json:"kept"`        // partners who were there already
	Links    uint64 `json:"links_added"` // to partners who were there already
	Balances uint64 `json:"balances"`    // opening balances that were noted
}

// newcomer is a partner as the rows of one e-mail address tell of them.
type newcomer struct {
	directory.NewPartner
	line   int // of the first row
	record []string
	slugs  []slugAt
}

type slugAt struct {
	slug   string
	line   int
	record []string
}

// Partners imports partners. Who is there already, by e-mail address, is kept as they are, and gets the links and the
// opening balance that they lack.
func (im *Importer) Partners(ctx context.Context, path string, stdin io.Reader) (PartnersReport, error) {
	var r PartnersReport
	err := im.file(ctx, path, stdin, partnerColumns, &r.Read, func(t *table, program schema.Program, out *rejects) error {
		return im.partners(ctx, t, program, out, &r)
	})
	return r, err
}

func (im *Importer) partners(ctx context.Context, t *table, program schema.Program, out *rejects, r *PartnersReport) error {
	people, err := im.people(t, program, out)
	if err != nil {
		return err
	}
	owners, err := im.owners(ctx, people)
	if err != nil {
		return err
	}
	fresh, err := im.settle(ctx, people, owners, program, out, r)
	if err != nil {
		return err
	}
	const atOnce = 200 // each may cost a question or two
	all := int64(len(fresh))
	return addAll(fresh, atOnce, func(part []*newcomer) error {
		list := make([]directory.NewPartner, len(part))
		for i, p := range part {
			list[i] = p.NewPartner
		}
		if _, err := im.Directory.AddPartners(ctx, directory.CLI, list); err != nil {
			return err
		}
		for _, n := range list {
			if n.OpeningBalance != (schema.OpeningBalance{}) {
				r.Balances++
			}
		}
		r.Added += uint64(len(part))
		im.Progress(StepPartners, int64(r.Added), all)
		return nil
	}, func(p *newcomer, err error) error { return out.add(p.line, p.record, why(err)) })
}

// people gathers the rows by e-mail address.
func (im *Importer) people(t *table, program schema.Program, out *rejects) ([]*newcomer, error) {
	var people []*newcomer
	byEmail := map[string]*newcomer{}
	for t.next() {
		wrong := t.refused
		if wrong == nil {
			var n newcomer
			if n, wrong = im.person(t, program); wrong == nil {
				there := byEmail[schema.FoldEmail(n.Email)]
				if there == nil {
					byEmail[schema.FoldEmail(n.Email)] = &n
					people = append(people, &n)
					continue
				}
				wrong = there.merge(n)
			}
		}
		if wrong != nil {
			if err := out.add(t.line, t.record, wrong); err != nil {
				return nil, err
			}
		}
	}
	return people, t.err
}

// merge adds what another row says of the same partner.
func (p *newcomer) merge(n newcomer) error {
	switch a, b := &p.OpeningBalance, n.OpeningBalance; {
	case b == (schema.OpeningBalance{}):
	case *a == (schema.OpeningBalance{}):
		*a = b
	case a.Amount != b.Amount || a.Currency != b.Currency:
		return fmt.Errorf("opening_balance: line %d says %s", p.line, schema.FormatAmount(a.Amount, a.Currency))
	}
	p.Name = cmp.Or(p.Name, n.Name)
	p.Status = cmp.Or(p.Status, n.Status)
	if p.CreatedAt.IsZero() {
		p.CreatedAt = n.CreatedAt
	}
	for _, s := range n.slugs {
		if !slices.ContainsFunc(p.slugs, func(o slugAt) bool { return schema.FoldSlug(o.slug) == schema.FoldSlug(s.slug) }) {
			p.slugs = append(p.slugs, s)
		}
	}
	return nil
}

// states are the words for the state of a partner. Nobody has a password here yet, so who is active is invited.
var states = map[string]schema.PartnerStatus{
	"": "", "active": schema.PartnerInvited, "approved": schema.PartnerInvited, "invited": schema.PartnerInvited, "enrolled": schema.PartnerInvited,
	"applied": schema.PartnerApplied, "pending": schema.PartnerApplied,
	"suspended": schema.PartnerSuspended, "disabled": schema.PartnerSuspended, "banned": schema.PartnerSuspended, "deactivated": schema.PartnerSuspended, "archived": schema.PartnerSuspended,
	"declined": schema.PartnerDeclined, "rejected": schema.PartnerDeclined,
}

// person reads a row.
func (im *Importer) person(t *table, program schema.Program) (newcomer, error) {
	n := newcomer{line: t.line, record: t.record}
	if n.Email = t.get("email"); n.Email == "" {
		return n, errors.New("email: is missing")
	}
	n.Name = cmp.Or(t.get("name"), strings.TrimSpace(t.get("first_name")+" "+t.get("last_name")))
	word := t.get("status")
	state, known := states[columnName(word)]
	if !known {
		return n, fmt.Errorf("status: %.60q is none of active, applied, suspended, declined", word)
	}
	n.Status = state
	var err error
	if text := t.get("created_at"); text != "" {
		if n.CreatedAt, err = parseTime(text, program.Location()); err != nil {
			return n, err
		}
	}
	if n.OpeningBalance, err = im.balance(t, program); err != nil {
		return n, err
	}
	list := t.all("slug")
	for _, text := range t.all("links") {
		for _, part := range split(text) {
			list = append(list, strings.Fields(part)...) // neither slugs nor links hold spaces
		}
	}
	for _, text := range list {
		slug := slugOf(text)
		if slug == "" {
			continue // a link to the shop's front, that names nobody
		}
		if err := schema.CheckSlug(slug); err != nil {
			return n, err
		}
		if !slices.ContainsFunc(n.slugs, func(s slugAt) bool { return schema.FoldSlug(s.slug) == schema.FoldSlug(slug) }) {
			n.slugs = append(n.slugs, slugAt{slug, t.line, t.record})
		}
	}
	called := n.NewPartner
	called.Name = cmp.Or(n.Name, n.Email)
	return n, why(called.Check())
}

// balance reads an opening balance; none: zero.
func (im *Importer) balance(t *table, program schema.Program) (b schema.OpeningBalance, err error) {
	main, minor := t.get("opening_balance"), t.get("opening_balance_minor")
	if main+minor == "" {
		return b, nil
	}
	if b.Currency, err = parseCurrency(t.get("currency"), program.Currency); err != nil {
		return b, err
	}
	if minor != "" {
		b.Amount, err = parseMinor(minor)
	} else {
		b.Amount, err = parseAmount(main, b.Currency, t.cents())
	}
	switch {
	case errors.Is(err, errNegative):
		return b, errors.New("opening_balance: is negative: what partners owe is not taken over")
	case err != nil:
		return b, fmt.Errorf("opening_%w", err)
	case b.Amount == 0:
		return schema.OpeningBalance{}, nil
	}
	b.AsOf = im.Now().UTC().Truncate(time.Millisecond)
	if text := t.get("as_of"); text != "" {
		b.AsOf, err = parseTime(text, program.Location())
	}
	return b, err
}

// owners looks up who has the names of the file now.
func (im *Importer) owners(ctx context.Context, people []*newcomer) (map[string]directory.Owner, error) {
	version, err := im.Directory.Version(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, p := range people {
		names = append(names, p.Email)
		for _, s := range p.slugs {
			names = append(names, s.slug)
		}
	}
	return im.Directory.At(version).Owners(ctx, names)
}

// settle sees to those who are there already, and returns the others with the slugs that they can have.
func (im *Importer) settle(ctx context.Context, people []*newcomer, owners map[string]directory.Owner, program schema.Program, out *rejects, r *PartnersReport) ([]*newcomer, error) {
	var fresh []*newcomer
	var more []link
	claimed := map[string]*newcomer{}
	for _, p := range people {
		owner, there := owners[p.Email]
		if there && owner.Partner == 0 {
			if err := out.add(p.line, p.record, errors.New("email: an admin logs in with this address")); err != nil {
				return nil, err
			}
			continue
		}
		for _, s := range p.slugs {
			has, taken := owners[s.slug]
			rival := claimed[schema.FoldSlug(s.slug)]
			switch {
			case taken && there && has.Partner == owner.Partner:
			case taken || rival != nil:
				if err := out.add(s.line, s.record, fmt.Errorf("slug: %q is another partner's; all else of %s is imported", s.slug, p.Email)); err != nil {
					return nil, err
				}
			default:
				claimed[schema.FoldSlug(s.slug)] = p
				if there {
					more = append(more, link{NewLink: directory.NewLink{Partner: owner.Partner, Slug: s.slug, To: program.Homepage}, line: s.line, record: s.record})
				} else {
					p.Slugs = append(p.Slugs, s.slug)
				}
			}
		}
		if !there {
			p.Name = cmp.Or(p.Name, p.Email)
			fresh = append(fresh, p)
			continue
		}
		r.Kept++
		if err := im.owe(ctx, owner.Partner, p, out, r); err != nil {
			return nil, err
		}
	}
	added, err := im.addLinks(ctx, more, out)
	r.Links = added
	return fresh, err
}

// owe notes what a partner who is there already was owed before.
func (im *Importer) owe(ctx context.Context, id schema.PartnerID, p *newcomer, out *rejects, r *PartnersReport) error {
	b := p.OpeningBalance
	if b == (schema.OpeningBalance{}) {
		return nil
	}
	known, err := im.Directory.Partner(ctx, id)
	if err != nil {
		return err
	}
	if was := known.OpeningBalance; was.Amount == b.Amount && was.Currency == b.Currency {
		return nil
	}
	if _, err := im.Directory.SetOpeningBalance(ctx, directory.CLI, id, b); err != nil {
		if !refusal(err) {
			return err
		}
		return out.add(p.line, p.record, fmt.Errorf("opening_balance: %w", why(err)))
	}
	r.Balances++
	return nil
}
