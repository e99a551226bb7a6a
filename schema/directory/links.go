package directory

import (
	"context"
	"errors"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/redis/go-redis/v9"

	"fairlead/schema"
)

// NewLink is what a partner's custom link is made of.
type NewLink struct {
	Partner   schema.PartnerID
	Slug      string
	To        string    // within the program's allowed domains
	ExpiresAt time.Time // zero: never
	CreatedAt time.Time // zero: now
}

// MostLinks is how many links AddLinks takes at once.
const MostLinks = 100_000

// AddLink adds a custom link.
func (d *Directory) AddLink(ctx context.Context, actor Actor, n NewLink) (schema.Link, error) {
	links, err := d.AddLinks(ctx, actor, []NewLink{n})
	if err != nil {
		return schema.Link{}, err
	}
	return links[0], nil
}

// AddLinks adds many links, all of them or none.
func (d *Directory) AddLinks(ctx context.Context, actor Actor, list []NewLink) ([]schema.Link, error) {
	if len(list) > MostLinks {
		return nil, invalid("", "At most %d links are added at once, these are %d.", MostLinks, len(list))
	}
	if len(list) == 0 {
		return nil, nil
	}
	for _, n := range list {
		if err := schema.CheckSlug(n.Slug); err != nil {
			return nil, invalid("slug", "%s.", sentence(err))
		}
	}
	reason := "link added"
	if len(list) > 1 {
		reason = "links added"
	}
	var links []schema.Link
	err := d.write(ctx, actor, reason, func(ctx context.Context, t *tx) (err error) {
		links, err = t.addLinks(ctx, list)
		return err
	})
	if err != nil {
		return nil, err
	}
	return links, nil
}

func (t *tx) addLinks(ctx context.Context, list []NewLink) ([]schema.Link, error) {
	program, _, err := get[schema.Program](ctx, t, schema.KindProgram, programID)
	if err != nil {
		return nil, err
	}
	allowed, err := t.d.destinations(program)
	if err != nil {
		return nil, err
	}
	slugs := make([]string, len(list))
	partners := map[uint64]bool{}
	for i, n := range list {
		slugs[i] = n.Slug
		partners[uint64(n.Partner)] = true
	}
	if err := t.partnersExist(ctx, partners); err != nil {
		return nil, err
	}
	if err := t.freeSlugs(ctx, slugs); err != nil {
		return nil, err
	}
	links := make([]schema.Link, len(list))
	for i, n := range list {
		to, err := allowed.Check(n.To)
		if err != nil {
			return nil, refusedDestination(err, program)
		}
		if t.d.leadsBack(to) {
			return nil, invalid("to", "%s is on the redirector's own address (redirector.public_url): shoppers would go in circles.", to)
		}
		id, err := t.nextID(schema.KindLink)
		if err != nil {
			return nil, err
		}
		if n.CreatedAt.IsZero() {
			n.CreatedAt = t.now
		}
		links[i] = schema.Link{ID: schema.LinkID(id), Partner: n.Partner, Slug: n.Slug, To: to, ExpiresAt: n.ExpiresAt.UTC(), CreatedAt: n.CreatedAt.UTC()}
		if err := t.put(schema.KindLink, uint64(id), nil, links[i], slugKey(n.Slug)); err != nil {
			return nil, err
		}
	}
	return links, nil
}

// partnersExist is NotFound if one of the partners does not exist.
func (t *tx) partnersExist(ctx context.Context, partners map[uint64]bool) error {
	var ids []uint64
	for id := range partners {
		ids = append(ids, id)
	}
	found, err := t.d.storedMany(ctx, schema.KindPartner, ids)
	if err != nil {
		return err
	}
	for _, e := range found {
		delete(partners, e.id)
	}
	for id := range partners {
		return &Error{Code: NotFound, Field: "partner", Message: "There is no partner " + field(id) + "."}
	}
	return nil
}

// freeSlugs is a conflict if one of the slugs is taken or stands twice among them.
func (t *tx) freeSlugs(ctx context.Context, slugs []string) error {
	keys := make([]string, len(slugs))
	seen := make(map[string]bool, len(slugs))
	for i, slug := range slugs {
		keys[i] = slugKey(slug)
		if seen[keys[i]] {
			return conflict("slug", "The slug %q stands twice among the new links.", slug)
		}
		seen[keys[i]] = true
	}
	taken, err := t.taken(ctx, keys)
	if err != nil {
		return err
	}
	var hit []string
	for i, key := range keys {
		if taken[key] {
			hit = append(hit, slugs[i])
		}
	}
	switch len(hit) {
	case 0:
		return nil
	case 1:
		return conflict("slug", "The slug %q is taken.", hit[0])
	}
	return conflict("slug", "%d slugs are taken: %s.", len(hit), some(hit))
}

func refusedDestination(err error, p schema.Program) error {
	if errors.Is(err, schema.ErrDestinationHost) {
		return invalid("to", "%s: links may lead to %s.", sentence(err), some(p.AllowedDomains))
	}
	return invalid("to", "%s.", sentence(err))
}

// Link returns a link; the error may be NotFound.
func (d *Directory) Link(ctx context.Context, id schema.LinkID) (schema.Link, error) {
	return must[schema.Link](ctx, d, schema.KindLink, uint64(id))
}

// LinksByID returns those of the links that exist, in the order of ids.
func (d *Directory) LinksByID(ctx context.Context, ids []schema.LinkID) ([]schema.Link, error) {
	wanted := make([]uint64, len(ids))
	for i, id := range ids {
		wanted[i] = uint64(id)
	}
	return lookupMany[schema.Link](ctx, d, schema.KindLink, wanted)
}

// LinkBySlug returns the link with a slug, however its letters are cased.
func (d *Directory) LinkBySlug(ctx context.Context, slug string) (schema.Link, bool, error) {
	found, err := d.LinksBySlug(ctx, []string{slug})
	l, ok := found[schema.FoldSlug(slug)]
	return l, ok, err
}

// LinksBySlug returns the links that have one of the slugs, by folded slug.
func (d *Directory) LinksBySlug(ctx context.Context, slugs []string) (map[string]schema.Link, error) {
	const atOnce = 5000
	out := map[string]schema.Link{}
	for len(slugs) > 0 {
		n := min(len(slugs), atOnce)
		keys := make([]string, n)
		for i, slug := range slugs[:n] {
			keys[i] = slugKey(slug)
		}
		slugs = slugs[n:]
		at, err := d.byKey(ctx, schema.KindLink, keys)
		if err != nil {
			return nil, err
		}
		ids := make([]uint64, 0, len(at))
		for _, id := range at {
			ids = append(ids, id)
		}
		links, err := lookupMany[schema.Link](ctx, d, schema.KindLink, ids)
		if err != nil {
			return nil, err
		}
		for _, l := range links {
			out[schema.FoldSlug(l.Slug)] = l
		}
	}
	return out, nil
}

// Links returns a page of all links, by id.
func (d *Directory) Links(ctx context.Context, page Page) ([]schema.Link, error) {
	return list[schema.Link](ctx, d, schema.KindLink, uint64(page.After), page.limit())
}

// LinksOf returns a page of a partner's links, by id: the personal one first.
func (d *Directory) LinksOf(ctx context.Context, p schema.PartnerID, page Page) ([]schema.Link, error) {
	var whole *redis.IntCmd
	var got *redis.StringSliceCmd
	_, err := d.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		whole = pipe.Exists(ctx, d.opt.Keys.Complete())
		got = pipe.ZRangeByScore(ctx, d.opt.Keys.LinksOf(p), &redis.ZRangeBy{
			Min: "(" + field(uint64(page.After)), Max: "+inf", Count: int64(page.limit()),
		})
		return nil
	})
	if err == nil && whole.Val() == 1 {
		ids := make([]uint64, len(got.Val()))
		for i, id := range got.Val() {
			ids[i] = number(id)
		}
		return lookupMany[schema.Link](ctx, d, schema.KindLink, ids)
	}
	found, err := d.ask(ctx, "links of a partner", sql("links_of"), clickhouse.Named("partner", uint32(p)),
		clickhouse.Named("after", page.After), clickhouse.Named("limit", page.limit()))
	if err != nil {
		return nil, storesAway(err)
	}
	return fromEntries[schema.Link](found)
}

// DisableLink makes a link lead to the homepage, attributed to nobody; EnableLink takes that back.
func (d *Directory) DisableLink(ctx context.Context, actor Actor, id schema.LinkID, reason string) (schema.Link, error) {
	return d.setDisabled(ctx, actor, id, true, reason)
}

// EnableLink makes a disabled link work again.
func (d *Directory) EnableLink(ctx context.Context, actor Actor, id schema.LinkID, reason string) (schema.Link, error) {
	return d.setDisabled(ctx, actor, id, false, reason)
}

func (d *Directory) setDisabled(ctx context.Context, actor Actor, id schema.LinkID, disabled bool, reason string) (schema.Link, error) {
	var l schema.Link
	err := d.write(ctx, actor, reason, func(ctx context.Context, t *tx) error {
		var before *entry
		var err error
		if l, before, err = get[schema.Link](ctx, t, schema.KindLink, uint64(id)); err != nil || l.Disabled == disabled {
			return err
		}
		l.Disabled = disabled
		return t.put(schema.KindLink, uint64(id), before, l, slugKey(l.Slug))
	})
	if err != nil {
		return schema.Link{}, err
	}
	return l, nil
}
