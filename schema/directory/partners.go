package directory

import (
	"context"
	"net/mail"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ClickHouse/clickhouse-go/v2"

	"fairlead/schema"
)

// NewPartner is what a partner is made of.
type NewPartner struct {
	Name  string
	Email string
	Slug  string // of the personal link; empty: made of the name
	// PasswordHash lets the partner log in at once; without it the partner is invited.
	PasswordHash string
	CreatedAt    time.Time // zero: now

	// What a partner brings who comes from another program.
	Slugs          []string             // of more links, to the program's homepage; without Slug the first is the personal link's
	Status         schema.PartnerStatus // empty: active with a password, otherwise invited
	OpeningBalance schema.OpeningBalance
}

// maxName is how long a person's or a program's name may be, in characters.
const maxName = 200

// AddPartner adds a partner with a log-in and the personal link, which leads to the program's homepage.
func (d *Directory) AddPartner(ctx context.Context, actor Actor, n NewPartner) (schema.Partner, schema.Link, error) {
	if err := n.Check(); err != nil {
		return schema.Partner{}, schema.Link{}, err
	}
	var p schema.Partner
	var l schema.Link
	err := d.write(ctx, actor, "partner added", func(ctx context.Context, t *tx) (err error) {
		if err := t.freeEmail(ctx, n.Email); err != nil {
			return err
		}
		if n.Slug != "" {
			if err := t.freeSlugs(ctx, n.slugs()); err != nil {
				return err
			}
		}
		p, l, err = t.addPartner(ctx, n)
		return err
	})
	if err != nil {
		return schema.Partner{}, schema.Link{}, err
	}
	return p, l, nil
}

// Check reports what is wrong with a new partner, whoever is there already, and brings the names into their form.
func (n *NewPartner) Check() (err error) {
	if n.Name, err = checkName("name", n.Name); err != nil {
		return err
	}
	if n.Email, err = checkEmail(n.Email); err != nil {
		return err
	}
	if n.Slug == "" && len(n.Slugs) > 0 {
		n.Slug, n.Slugs = n.Slugs[0], n.Slugs[1:]
	}
	for _, slug := range n.slugs() {
		if err := schema.CheckSlug(slug); err != nil {
			return invalid("slug", "%s.", sentence(err))
		}
	}
	if n.Status != "" {
		if err := checkStatus(n.Status); err != nil {
			return err
		}
	}
	if err := checkBalance(n.OpeningBalance); err != nil {
		return err
	}
	return checkHash(n.PasswordHash)
}

// slugs are those that the new partner asks for.
func (n *NewPartner) slugs() []string {
	if n.Slug == "" {
		return n.Slugs
	}
	return append([]string{n.Slug}, n.Slugs...)
}

// addPartner puts a partner whose names are free.
func (t *tx) addPartner(ctx context.Context, n NewPartner) (p schema.Partner, l schema.Link, err error) {
	if n.Slug == "" {
		if n.Slug, err = t.freeSlug(ctx, n.Name, n.Email); err != nil {
			return p, l, err
		}
	}
	if n.CreatedAt.IsZero() {
		n.CreatedAt = t.now
	}
	partner, err := t.nextID(schema.KindPartner)
	if err != nil {
		return p, l, err
	}
	link, err := t.nextID(schema.KindLink)
	if err != nil {
		return p, l, err
	}
	login, err := t.nextID(schema.KindLogin)
	if err != nil {
		return p, l, err
	}
	if n.Status == "" {
		n.Status = schema.PartnerActive
		if n.PasswordHash == "" {
			n.Status = schema.PartnerInvited
		}
	}
	p = schema.Partner{
		ID: schema.PartnerID(partner), Name: n.Name, Email: n.Email, Status: n.Status, Link: schema.LinkID(link), CreatedAt: n.CreatedAt.UTC(),
		OpeningBalance: n.OpeningBalance,
	}
	l = schema.Link{ID: p.Link, Partner: p.ID, Slug: n.Slug, CreatedAt: p.CreatedAt}
	in := schema.Login{ID: schema.LoginID(login), Email: n.Email, Role: schema.RolePartner, Partner: p.ID, Password: n.PasswordHash, CreatedAt: p.CreatedAt}
	if err := t.putPartner(p); err != nil {
		return p, l, err
	}
	if err := t.put(schema.KindLink, uint64(l.ID), nil, l, slugKey(l.Slug)); err != nil {
		return p, l, err
	}
	if err := t.put(schema.KindLogin, uint64(in.ID), nil, in, emailKey(in.Email)); err != nil {
		return p, l, err
	}
	return p, l, t.addSlugs(ctx, p, n.Slugs)
}

// Partner returns a partner; the error may be NotFound.
func (d *Directory) Partner(ctx context.Context, id schema.PartnerID) (schema.Partner, error) {
	return must[schema.Partner](ctx, d, schema.KindPartner, uint64(id))
}

// PartnersByID returns those of the partners that exist, in the order of ids.
func (d *Directory) PartnersByID(ctx context.Context, ids []schema.PartnerID) ([]schema.Partner, error) {
	wanted := make([]uint64, len(ids))
	for i, id := range ids {
		wanted[i] = uint64(id)
	}
	return lookupMany[schema.Partner](ctx, d, schema.KindPartner, wanted)
}

// FindPartner returns the partner that a person means: by id, e-mail address or slug of a link.
func (d *Directory) FindPartner(ctx context.Context, who string) (schema.Partner, error) {
	who = strings.TrimSpace(who)
	if n, err := strconv.ParseUint(who, 10, 32); err == nil {
		p, ok, err := lookup[schema.Partner](ctx, d, schema.KindPartner, n)
		if err != nil || ok {
			return p, err
		}
	}
	if strings.Contains(who, "@") {
		l, ok, err := d.Login(ctx, who)
		if err != nil {
			return schema.Partner{}, err
		}
		if ok && l.Role == schema.RolePartner {
			return d.Partner(ctx, l.Partner)
		}
	} else {
		l, ok, err := d.LinkBySlug(ctx, who)
		if err != nil {
			return schema.Partner{}, err
		}
		if ok {
			return d.Partner(ctx, l.Partner)
		}
	}
	return schema.Partner{}, notFound("There is no partner with the id, e-mail address or slug %q.", who)
}

// Page is a part of a list that is ordered by id.
type Page struct {
	After uint32 // the last id of the page before; 0: from the beginning
	Limit int    // 0: 100
}

func (p Page) limit() int {
	if p.Limit <= 0 {
		return 100
	}
	return p.Limit
}

// Partners returns a page of the partners whose name, e-mail address or slugs contain search, or whose id it
// is; of all when it is empty.
func (d *Directory) Partners(ctx context.Context, search string, page Page) ([]schema.Partner, error) {
	if search = strings.TrimSpace(search); search == "" {
		return list[schema.Partner](ctx, d, schema.KindPartner, uint64(page.After), page.limit())
	}
	found, err := d.ask(ctx, "search partners", sql("partners"), clickhouse.Named("after", page.After),
		clickhouse.Named("search", search), clickhouse.Named("slug", schema.FoldSlug(search)), clickhouse.Named("limit", page.limit()))
	if err != nil {
		return nil, clickHouseSilent(err)
	}
	return fromEntries[schema.Partner](found)
}

// SetPartnerStatus changes a partner's state. Suspending or declining ends every session of the log-in.
func (d *Directory) SetPartnerStatus(ctx context.Context, actor Actor, id schema.PartnerID, status schema.PartnerStatus, reason string) (schema.Partner, error) {
	if err := checkStatus(status); err != nil {
		return schema.Partner{}, err
	}
	var p schema.Partner
	err := d.write(ctx, actor, reason, func(ctx context.Context, t *tx) error {
		var before *entry
		var err error
		if p, before, err = get[schema.Partner](ctx, t, schema.KindPartner, uint64(id)); err != nil || p.Status == status {
			return err
		}
		p.Status = status
		if err := t.put(schema.KindPartner, uint64(id), before, p); err != nil || status.Earns() {
			return err
		}
		return t.endSessions(ctx, p.Email)
	})
	if err != nil {
		return schema.Partner{}, err
	}
	return p, nil
}

func checkStatus(status schema.PartnerStatus) error {
	switch status {
	case schema.PartnerInvited, schema.PartnerApplied, schema.PartnerActive, schema.PartnerSuspended, schema.PartnerDeclined:
		return nil
	}
	return invalid("status", "A partner is invited, applied, active, suspended or declined; %q is none of them.", status)
}

// freeEmail is a conflict if a log-in has the address.
func (t *tx) freeEmail(ctx context.Context, email string) error {
	taken, err := t.taken(ctx, []string{emailKey(email)})
	if err != nil {
		return err
	}
	if taken[emailKey(email)] {
		return conflict("email", "There is already a log-in with the e-mail address %s.", email)
	}
	return nil
}

// freeSlug finds a slug for a partner.
func (t *tx) freeSlug(ctx context.Context, name, email string) (string, error) {
	const atOnce = 20
	var tries, keys []string
	var found string
	var err error
	for slug := range slugsFor(name, email) {
		tries, keys = append(tries, slug), append(keys, slugKey(slug))
		if len(tries) < atOnce {
			continue
		}
		var taken map[string]bool
		if taken, err = t.taken(ctx, keys); err != nil {
			break
		}
		for i, key := range keys {
			if !taken[key] {
				found = tries[i]
				break
			}
		}
		if found != "" {
			break
		}
		tries, keys = tries[:0], keys[:0]
	}
	return found, err
}

func checkName(field, name string) (string, error) {
	name = strings.TrimSpace(name)
	switch {
	case name == "":
		return "", invalid(field, "The %s is missing.", field)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return "", invalid(field, "The %s %q holds characters that are not text.", field, name)
	case utf8.RuneCountInString(name) > maxName:
		return "", invalid(field, "The %s is longer than %d characters.", field, maxName)
	}
	return name, nil
}

// maxEmail is the longest address that mail can be sent to (RFC 5321, 4.5.3.1.3).
const maxEmail = 254

func checkEmail(email string) (string, error) {
	email = strings.TrimSpace(email)
	a, err := mail.ParseAddress(email)
	if err != nil || a.Address != email || a.Name != "" || len(email) > maxEmail {
		return "", invalid("email", "%q is not an e-mail address like ada@example.com.", email)
	}
	return email, nil
}

// sentence turns an error of the schema into one.
func sentence(err error) string {
	s := strings.TrimSuffix(err.Error(), ".")
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}
