package directory

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"fairlead/schema"
)

// maxCoupon is how long a coupon's code may be, in bytes.
const maxCoupon = 64

// MostCoupons is how many coupons AddCoupons takes at once.
const MostCoupons = 10_000

// AddCoupons gives codes to a partner, all of them or none. They credit from a moment on; zero: from now. A code that
// credits a partner already is a conflict, one that has ended is not.
func (d *Directory) AddCoupons(ctx context.Context, actor Actor, partner schema.PartnerID, codes []string, from time.Time) ([]schema.Coupon, error) {
	if len(codes) == 0 || len(codes) > MostCoupons {
		return nil, invalid("code", "1 to %d coupons are added at once, these are %d.", MostCoupons, len(codes))
	}
	keys := make([]string, len(codes))
	seen := map[string]bool{}
	for i, code := range codes {
		code = strings.TrimSpace(code)
		if code == "" || len(code) > maxCoupon || !utf8.ValidString(code) || strings.ContainsFunc(code, unicode.IsControl) {
			return nil, invalid("code", "%q is not a coupon's code: 1 to %d bytes of text.", code, maxCoupon)
		}
		if keys[i] = couponKey(code); seen[keys[i]] {
			return nil, conflict("code", "The code %q stands twice among the new coupons.", code)
		}
		seen[keys[i]] = true
	}
	var coupons []schema.Coupon
	err := d.write(ctx, actor, "coupon added", func(ctx context.Context, t *tx) error {
		coupons = nil
		if err := t.partnersExist(ctx, map[uint64]bool{uint64(partner): true}); err != nil {
			return err
		}
		taken, err := t.taken(ctx, keys)
		if err != nil {
			return err
		}
		if from.IsZero() {
			from = t.now
		}
		for i, code := range codes {
			if taken[keys[i]] {
				return conflict("code", "The code %q credits a partner already; `fairlead coupon end` ends that.", strings.TrimSpace(code))
			}
			id, err := t.nextID(schema.KindCoupon)
			if err != nil {
				return err
			}
			k := schema.Coupon{ID: id, Code: strings.TrimSpace(code), Partner: partner, CreatedAt: from.UTC()}
			if err := t.put(schema.KindCoupon, uint64(id), nil, k, keys[i]); err != nil {
				return err
			}
			coupons = append(coupons, k)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return coupons, nil
}

func couponKey(code string) string { return "coupon:" + schema.FoldCoupon(code) }

// EndCoupon ends what a code does for its partner, now. What it credited stays.
func (d *Directory) EndCoupon(ctx context.Context, actor Actor, code, reason string) (schema.Coupon, error) {
	if reason == "" {
		reason = "coupon ended"
	}
	var k schema.Coupon
	err := d.write(ctx, actor, reason, func(ctx context.Context, t *tx) error {
		holders, err := d.claimants(ctx, []string{couponKey(code)})
		if err != nil {
			return err
		}
		if len(holders) == 0 {
			return notFound("No partner is credited for the code %q; `fairlead coupon list` shows the codes.", strings.TrimSpace(code))
		}
		var before *entry
		if k, before, err = get[schema.Coupon](ctx, t, schema.KindCoupon, holders[0].id); err != nil {
			return err
		}
		k.EndedAt = t.now
		return t.put(schema.KindCoupon, uint64(k.ID), before, k) // the code is free
	})
	if err != nil {
		return schema.Coupon{}, err
	}
	return k, nil
}

// Coupons returns a page of all coupons there ever were, by id.
func (d *Directory) Coupons(ctx context.Context, page Page) ([]schema.Coupon, error) {
	return list[schema.Coupon](ctx, d, schema.KindCoupon, uint64(page.After), page.limit())
}
