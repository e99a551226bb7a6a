package directory

import (
	"context"
	"slices"
	"strings"
	"time"

	"fairlead/schema"
)

// maxEndpoint is how long the address of an endpoint may be, macros included, in bytes.
const maxEndpoint = 2000

// MostWebhooks is how many webhooks a program has at once.
const MostWebhooks = 20

// everyWebhook is more webhooks than a program will ever have had.
const everyWebhook = 10_000

// NewEndpoint is what an endpoint is made of.
type NewEndpoint struct {
	URL    string
	Events []schema.NoticeType // none: all
	Test   bool                // it is told of tests too
}

// AddWebhook adds an endpoint of the merchant's, with a secret under which what it gets is signed.
func (d *Directory) AddWebhook(ctx context.Context, actor Actor, name string, n NewEndpoint) (schema.Webhook, error) {
	if name != "" {
		var err error
		if name, err = checkName("name", name); err != nil {
			return schema.Webhook{}, err
		}
	}
	e, err := d.endpoint(n, schema.CheckEndpoint)
	if err != nil {
		return schema.Webhook{}, err
	}
	secret := schema.NewSigningSecret()
	var w schema.Webhook
	err = d.write(ctx, actor, "webhook added", func(ctx context.Context, t *tx) error {
		all, err := d.page(ctx, schema.KindWebhook, 0, everyWebhook)
		if err != nil {
			return err
		}
		there, err := fromEntries[schema.Webhook](all)
		if err != nil {
			return err
		}
		there = slices.DeleteFunc(there, func(w schema.Webhook) bool { return w.State() == schema.EndpointRemoved })
		if len(there) >= MostWebhooks {
			return invalid("", "There are %d webhooks already, which is as many as there may be; `fairlead webhook remove` takes one away.", len(there))
		}
		id, err := t.nextID(schema.KindWebhook)
		if err != nil {
			return err
		}
		e.CreatedAt = t.now
		w = schema.Webhook{ID: id, Name: name, Endpoint: e, Secrets: []schema.StoredSigningSecret{{Secret: secret, CreatedAt: t.now}}}
		return t.put(schema.KindWebhook, uint64(id), nil, w)
	})
	if err != nil {
		return schema.Webhook{}, err
	}
	return w, nil
}

// endpoint checks what an endpoint is made of.
func (d *Directory) endpoint(n NewEndpoint, check func(string, bool) (string, error)) (schema.Endpoint, error) {
	var e schema.Endpoint
	checked, err := check(strings.TrimSpace(n.URL), d.opt.LoopbackEndpoints)
	switch {
	case err != nil:
		return e, invalid("url", "%s.", sentence(err))
	case len(checked) > maxEndpoint:
		return e, invalid("url", "The address has %d bytes, at most %d are allowed.", len(checked), maxEndpoint)
	}
	for _, t := range n.Events {
		if !slices.Contains(schema.NoticeTypes(), t) {
			return e, invalid("events", "There is no event %q; there are %s.", t, noticeNames())
		}
	}
	return schema.Endpoint{URL: checked, Events: slices.Compact(slices.Sorted(slices.Values(n.Events))), Test: n.Test}, nil
}

func noticeNames() string {
	var names []string
	for _, t := range schema.NoticeTypes() {
		names = append(names, string(t))
	}
	return strings.Join(names, ", ")
}

// Webhooks returns every webhook there ever was, by id.
func (d *Directory) Webhooks(ctx context.Context) ([]schema.Webhook, error) {
	return list[schema.Webhook](ctx, d, schema.KindWebhook, 0, everyWebhook)
}

// Webhook returns a webhook; the error may be NotFound.
func (d *Directory) Webhook(ctx context.Context, id uint32) (schema.Webhook, error) {
	w, ok, err := lookup[schema.Webhook](ctx, d, schema.KindWebhook, uint64(id))
	if err == nil && !ok {
		err = noWebhook(id)
	}
	return w, err
}

func noWebhook(id uint32) error {
	return notFound("There is no webhook %d; `fairlead webhook list` shows them.", id)
}

// changeWebhook makes one change of a webhook that has not been removed. A change that answers false is none.
func (d *Directory) changeWebhook(ctx context.Context, actor Actor, id uint32, reason string, change func(t *tx, w *schema.Webhook) bool) (schema.Webhook, error) {
	var w schema.Webhook
	err := d.write(ctx, actor, reason, func(ctx context.Context, t *tx) (err error) {
		var before *entry
		w, before, err = get[schema.Webhook](ctx, t, schema.KindWebhook, uint64(id))
		switch {
		case CodeOf(err) == NotFound || err == nil && w.State() == schema.EndpointRemoved:
			return noWebhook(id)
		case err != nil || !change(t, &w):
			return err
		}
		return t.put(schema.KindWebhook, uint64(id), before, w)
	})
	if err != nil {
		return schema.Webhook{}, err
	}
	return w, nil
}

// SecretOverlap is how long the secret before signs beside a new one.
const SecretOverlap = 24 * time.Hour

// RotateWebhook draws a new secret. The one before signs beside it for a day, or with atOnce not any more.
func (d *Directory) RotateWebhook(ctx context.Context, actor Actor, id uint32, atOnce bool) (schema.Webhook, error) {
	secret := schema.NewSigningSecret()
	return d.changeWebhook(ctx, actor, id, "webhook's secret rotated", func(t *tx, w *schema.Webhook) bool {
		end := t.now.Add(SecretOverlap)
		if atOnce {
			end = t.now
		}
		signing := []schema.StoredSigningSecret{{Secret: secret, CreatedAt: t.now}}
		for _, s := range w.Secrets {
			if s.RetiredAt.IsZero() || end.Before(s.RetiredAt) {
				s.RetiredAt = end
			}
			if t.now.Before(s.RetiredAt) {
				signing = append(signing, s)
			}
		}
		w.Secrets = signing
		return true
	})
}

// DisableWebhook ends deliveries to a webhook until it is enabled again. What is still to be delivered is not.
func (d *Directory) DisableWebhook(ctx context.Context, actor Actor, id uint32, reason string) (schema.Webhook, error) {
	return d.changeWebhook(ctx, actor, id, reason, func(t *tx, w *schema.Webhook) bool { return disable(t, &w.Endpoint, reason) })
}

// EnableWebhook delivers to a webhook again, from now on.
func (d *Directory) EnableWebhook(ctx context.Context, actor Actor, id uint32) (schema.Webhook, error) {
	return d.changeWebhook(ctx, actor, id, "webhook enabled", func(_ *tx, w *schema.Webhook) bool { return enable(&w.Endpoint) })
}

// RemoveWebhook takes a webhook away. What was delivered to it stays in the log.
func (d *Directory) RemoveWebhook(ctx context.Context, actor Actor, id uint32) (schema.Webhook, error) {
	return d.changeWebhook(ctx, actor, id, "webhook removed", func(t *tx, w *schema.Webhook) bool {
		w.RemovedAt, w.Secrets = t.now, []schema.StoredSigningSecret{}
		return true
	})
}

// DisableEndpoint is DisableWebhook or DisablePostback, by the system: an endpoint that is there no more is no error.
func (d *Directory) DisableEndpoint(ctx context.Context, kind schema.Kind, id uint32, reason string) error {
	var err error
	if kind == schema.KindPostback {
		_, err = d.DisablePostback(ctx, System, schema.PartnerID(id), reason)
	} else {
		_, err = d.DisableWebhook(ctx, System, id, reason)
	}
	if CodeOf(err) == NotFound {
		return nil
	}
	return err
}

func disable(t *tx, e *schema.Endpoint, reason string) bool {
	if e.State() != schema.EndpointEnabled {
		return false
	}
	e.DisabledAt, e.DisabledReason = t.now, reason
	return true
}

func enable(e *schema.Endpoint) bool {
	if e.State() != schema.EndpointDisabled {
		return false
	}
	e.DisabledAt, e.DisabledReason = time.Time{}, ""
	return true
}

// SetPostback sets the address of a partner's tracker, with its macros: a new one, or another in the place of that which there is.
// It is enabled then.
func (d *Directory) SetPostback(ctx context.Context, actor Actor, partner schema.PartnerID, n NewEndpoint) (schema.Postback, error) {
	e, err := d.endpoint(n, schema.CheckPostback)
	if err != nil {
		return schema.Postback{}, err
	}
	var p schema.Postback
	err = d.write(ctx, actor, "postback set", func(ctx context.Context, t *tx) error {
		if err := t.partnersExist(ctx, map[uint64]bool{uint64(partner): true}); err != nil {
			return err
		}
		there, before, err := get[schema.Postback](ctx, t, schema.KindPostback, uint64(partner))
		if err != nil && CodeOf(err) != NotFound {
			return err
		}
		p = schema.Postback{Partner: partner, Endpoint: e}
		if p.CreatedAt = t.now; before != nil && there.State() != schema.EndpointRemoved {
			p.CreatedAt = there.CreatedAt
		}
		return t.put(schema.KindPostback, uint64(partner), before, p)
	})
	if err != nil {
		return schema.Postback{}, err
	}
	return p, nil
}

// Postback returns a partner's postback; the error may be NotFound.
func (d *Directory) Postback(ctx context.Context, partner schema.PartnerID) (schema.Postback, error) {
	p, ok, err := lookup[schema.Postback](ctx, d, schema.KindPostback, uint64(partner))
	if err == nil && (!ok || p.State() == schema.EndpointRemoved) {
		err = noPostback(partner)
	}
	return p, err
}

// Postbacks returns those postbacks of the partners that there are or were.
func (d *Directory) Postbacks(ctx context.Context, partners []schema.PartnerID) ([]schema.Postback, error) {
	ids := make([]uint64, len(partners))
	for i, p := range partners {
		ids[i] = uint64(p)
	}
	return lookupMany[schema.Postback](ctx, d, schema.KindPostback, ids)
}

func noPostback(partner schema.PartnerID) error {
	return notFound("Partner %s has no postback; `fairlead partner postback set` sets one.", partner)
}

func (d *Directory) changePostback(ctx context.Context, actor Actor, partner schema.PartnerID, reason string, change func(t *tx, p *schema.Postback) bool) (schema.Postback, error) {
	var p schema.Postback
	err := d.write(ctx, actor, reason, func(ctx context.Context, t *tx) (err error) {
		var before *entry
		p, before, err = get[schema.Postback](ctx, t, schema.KindPostback, uint64(partner))
		switch {
		case CodeOf(err) == NotFound || err == nil && p.State() == schema.EndpointRemoved:
			return noPostback(partner)
		case err != nil || !change(t, &p):
			return err
		}
		return t.put(schema.KindPostback, uint64(partner), before, p)
	})
	if err != nil {
		return schema.Postback{}, err
	}
	return p, nil
}

// DisablePostback ends deliveries to a partner's tracker until it is enabled or set again.
func (d *Directory) DisablePostback(ctx context.Context, actor Actor, partner schema.PartnerID, reason string) (schema.Postback, error) {
	return d.changePostback(ctx, actor, partner, reason, func(t *tx, p *schema.Postback) bool { return disable(t, &p.Endpoint, reason) })
}

// EnablePostback delivers to a partner's tracker again, from now on.
func (d *Directory) EnablePostback(ctx context.Context, actor Actor, partner schema.PartnerID) (schema.Postback, error) {
	return d.changePostback(ctx, actor, partner, "postback enabled", func(_ *tx, p *schema.Postback) bool { return enable(&p.Endpoint) })
}

// RemovePostback takes a partner's postback away.
func (d *Directory) RemovePostback(ctx context.Context, actor Actor, partner schema.PartnerID) (schema.Postback, error) {
	return d.changePostback(ctx, actor, partner, "postback removed", func(t *tx, p *schema.Postback) bool {
		p.RemovedAt = t.now
		return true
	})
}
