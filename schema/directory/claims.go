package directory

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"fairlead/schema"
)

// NewClaim is what a referral claim is made of. One of Customer, Email and Shop names the customer.
type NewClaim struct {
	Partner    schema.PartnerID
	Customer   string // the merchant's id
	Email      string
	Shop       string // domain
	ReferredAt time.Time
	How        string // in the partner's words
	// Known says that something was reported of the customer already; otherwise the claim waits.
	Known bool
}

// maxHow is how long a claim's explanation may be, in characters.
const maxHow = 2000

// ClaimName returns the alias by which a claim knows its customer, and how it is shown. The key is that of CustomerKey.
func ClaimName(n NewClaim, key schema.CustomerKey) (alias, shown string, err error) {
	n.Customer, n.Email, n.Shop = strings.TrimSpace(n.Customer), strings.TrimSpace(n.Email), strings.TrimSpace(n.Shop)
	given := 0
	for _, s := range []string{n.Customer, n.Email, n.Shop} {
		if s != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return "", "", invalid("customer", "A claim names its customer in one way: by the merchant's id, by an e-mail address, or by a shop's domain.")
	case len(n.Customer) > schema.MaxConversionText:
		return "", "", invalid("customer", "The customer's id is longer than %d bytes.", schema.MaxConversionText)
	case n.Customer != "":
		return "customer:" + n.Customer, n.Customer, nil
	case n.Shop != "":
		alias = schema.ShopAlias(n.Shop)
		if alias == "" || len(alias) > schema.MaxConversionText || !strings.Contains(alias, ".") {
			return "", "", invalid("shop", "%q is not a shop's domain such as toys.example.", n.Shop)
		}
		return alias, strings.TrimPrefix(alias, "shop:"), nil
	}
	if n.Email, err = checkEmail(n.Email); err != nil {
		return "", "", err
	}
	alias = key.EmailAlias(n.Email)
	first, _ := utf8.DecodeRuneInString(n.Email)
	return alias, string(first) + "•••" + n.Email[strings.LastIndexByte(n.Email, '@'):], nil
}

// SubmitClaim records a partner's claim. A second one for the same customer, while the first is undecided, is a conflict.
func (d *Directory) SubmitClaim(ctx context.Context, actor Actor, n NewClaim) (schema.Claim, error) {
	none := schema.Claim{}
	key, err := d.CustomerKey(ctx)
	if err != nil {
		return none, err
	}
	alias, shown, err := ClaimName(n, key)
	if err != nil {
		return none, err
	}
	n.How = strings.TrimSpace(n.How)
	switch {
	case n.ReferredAt.IsZero() || n.ReferredAt.After(d.now()):
		return none, invalid("referred_at", "A claim says when the customer was referred, and that is not in the future.")
	case utf8.RuneCountInString(n.How) > maxHow || !utf8.ValidString(n.How):
		return none, invalid("how", "The explanation is not a text of at most %d characters.", maxHow)
	}
	c := schema.Claim{Partner: n.Partner, State: schema.ClaimWaiting, Alias: alias, Shown: shown, ReferredAt: n.ReferredAt.UTC(), How: n.How}
	if n.Known {
		c.State = schema.ClaimSubmitted
	}
	err = d.write(ctx, actor, "claim submitted", func(ctx context.Context, t *tx) error {
		if err := t.partnersExist(ctx, map[uint64]bool{uint64(n.Partner): true}); err != nil {
			return err
		}
		taken, err := t.taken(ctx, []string{claimKey(c)})
		if err != nil {
			return err
		}
		if taken[claimKey(c)] {
			return conflict("customer", "There is an undecided claim of this partner for %s already.", shown)
		}
		if c.ID, err = t.nextID(schema.KindClaim); err != nil {
			return err
		}
		c.SubmittedAt = t.now
		return t.put(schema.KindClaim, uint64(c.ID), nil, c, claimKey(c))
	})
	if err != nil {
		return none, err
	}
	return c, nil
}

// claimKey is what an undecided claim holds for itself.
func claimKey(c schema.Claim) string { return "claim:" + c.Partner.String() + ":" + c.Alias }

// ClaimArrived notes that the customer of a waiting claim has arrived, so that somebody decides it. It does nothing to
// a claim that does not wait.
func (d *Directory) ClaimArrived(ctx context.Context, id uint32) error {
	_, err := d.changeClaim(ctx, System, "the customer has arrived", id, func(c *schema.Claim, _ *tx) error {
		if c.State == schema.ClaimWaiting {
			c.State = schema.ClaimSubmitted
		}
		return nil
	})
	return err
}

// AcceptClaim makes the customer the partner's from a moment on; zero: from when the partner says that it was referred.
func (d *Directory) AcceptClaim(ctx context.Context, actor Actor, id uint32, from time.Time, note string) (schema.Claim, error) {
	return d.changeClaim(ctx, actor, orElse(note, "claim accepted"), id, func(c *schema.Claim, t *tx) error {
		if err := undecided(c); err != nil {
			return err
		}
		if from.IsZero() {
			from = c.ReferredAt
		}
		c.State, c.From, c.DecidedAt, c.Reason = schema.ClaimAccepted, from.UTC(), t.now, note
		return nil
	})
}

// DeclineClaim declines a claim, with the reason that the partner reads.
func (d *Directory) DeclineClaim(ctx context.Context, actor Actor, id uint32, reason string) (schema.Claim, error) {
	if reason = strings.TrimSpace(reason); reason == "" {
		return schema.Claim{}, invalid("reason", "A claim is declined with a reason: the partner reads it.")
	}
	return d.changeClaim(ctx, actor, reason, id, func(c *schema.Claim, t *tx) error {
		if err := undecided(c); err != nil {
			return err
		}
		c.State, c.DecidedAt, c.Reason = schema.ClaimDeclined, t.now, reason
		return nil
	})
}

func undecided(c *schema.Claim) error {
	if c.State == schema.ClaimAccepted || c.State == schema.ClaimDeclined {
		return conflict("state", "Claim %d was %s on %s.", c.ID, c.State, c.DecidedAt.Format("2006-01-02"))
	}
	return nil
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// changeClaim changes a claim by fn and answers the result. A claim that is decided gives up what it held for itself.
func (d *Directory) changeClaim(ctx context.Context, actor Actor, reason string, id uint32, fn func(*schema.Claim, *tx) error) (schema.Claim, error) {
	var c schema.Claim
	err := d.write(ctx, actor, reason, func(ctx context.Context, t *tx) (err error) {
		var before *entry
		if c, before, err = get[schema.Claim](ctx, t, schema.KindClaim, uint64(id)); CodeOf(err) == NotFound {
			return notFound("There is no claim %d; `fairlead claim list` shows them.", id)
		}
		if err != nil {
			return err
		}
		was := c
		if err := fn(&c, t); err != nil || c == was {
			return err
		}
		var keys []string
		if c.State == schema.ClaimSubmitted || c.State == schema.ClaimWaiting {
			keys = []string{claimKey(c)}
		}
		return t.put(schema.KindClaim, uint64(id), before, c, keys...)
	})
	if err != nil {
		return schema.Claim{}, err
	}
	return c, nil
}

// Claim returns a claim; the error may be NotFound.
func (d *Directory) Claim(ctx context.Context, id uint32) (schema.Claim, error) {
	return must[schema.Claim](ctx, d, schema.KindClaim, uint64(id))
}

// Claims returns a page of all claims, by id.
func (d *Directory) Claims(ctx context.Context, page Page) ([]schema.Claim, error) {
	return list[schema.Claim](ctx, d, schema.KindClaim, uint64(page.After), page.limit())
}

// ClaimStep is a state in which a claim was.
type ClaimStep struct {
	At     time.Time         `json:"at"`
	State  schema.ClaimState `json:"state"`
	Actor  string            `json:"actor"`
	Reason string            `json:"reason,omitempty"`
}

// ClaimHistory returns the states of a claim, in their order: what the partner is told.
func (d *Directory) ClaimHistory(ctx context.Context, id uint32) ([]ClaimStep, error) {
	var steps []ClaimStep
	err := history(ctx, d, schema.KindClaim, uint64(id), func(v version, c schema.Claim) {
		steps = append(steps, ClaimStep{At: v.At, State: c.State, Actor: v.Actor, Reason: v.Reason})
	})
	return steps, err
}
