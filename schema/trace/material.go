package trace

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"

	"fairlead/schema"
	"fairlead/schema/clickhouse"
	"fairlead/schema/directory"
	"fairlead/schema/rewards"
)

// material is everything that stories of one question are made of, whoever they are told to.
type material struct {
	question Question
	asked    []reading
	click    string // asked for, if the question may be one
	genuine  bool   // and given out by this program
	found    []As
	reports  []*told
	more     bool
	clicks   map[string]*click // by id
	claims   []step
	coupons  map[string][]schema.Coupon // of all times, by folded code
	partners map[schema.PartnerID]schema.Partner
	links    map[schema.LinkID]schema.Link
	programs []version
	zone     *time.Location
	complete time.Time
	rewards  map[string][]rewards.Reward                // by conversion id
	rules    []schema.Rule                              // of all times
	groups   map[schema.PartnerID][]schema.GroupVersion // of those who are credited
}

// click is a click that a report tells of, or that was asked for.
type click struct {
	id          string
	at          time.Time
	link        schema.LinkID
	partner     schema.PartnerID // when it was clicked, where it has landed; otherwise the link's
	landed      bool
	slug        string // as asked for; where it has landed
	destination string
	verdict     string
	reason      string
	referrer    string
	country     string
	device      string
	subIDs      []string
}

// step is a version of a claim.
type step struct {
	at     time.Time
	actor  string
	reason string
	schema.Claim
}

// version is the program's settings from a moment on.
type version struct {
	from int64 // milliseconds since 1970
	schema.Program
}

// gather reads the material.
func (r *Reader) gather(ctx context.Context, q Question) (*material, error) {
	m := &material{
		question: q, clicks: map[string]*click{}, coupons: map[string][]schema.Coupon{}, zone: time.UTC,
		partners: map[schema.PartnerID]schema.Partner{}, links: map[schema.LinkID]schema.Link{},
	}
	key, err := r.dir.CustomerKey(ctx)
	if err != nil && directory.CodeOf(err) != directory.NotFound {
		return nil, err
	}
	if m.complete, err = clickhouse.CompleteTo(ctx, r.ch); err != nil {
		return nil, err
	}
	if m.asked = readings(q, key); len(m.asked) == 0 {
		return m, nil
	}
	if err := r.unmask(ctx, m); err != nil {
		return nil, err
	}
	if m.reports, m.found, m.more, err = r.reports(ctx, m.asked); err != nil {
		return nil, err
	}
	inOrder(m.reports)
	if err := r.decisions(ctx, m.reports); err != nil {
		return nil, err
	}
	for _, read := range []func(context.Context, *material) error{r.readClicks, r.readClaims, r.readCoupons, r.readPrograms, r.readNames, r.readRewards} {
		if err := read(ctx, m); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// readClicks reads the clicks with genuine ids that reports tell of, and the one that was asked for.
func (r *Reader) readClicks(ctx context.Context, m *material) error {
	wanted, err := ext.NewTable("wanted", ext.Column("at", "DateTime64(3, 'UTC')"), ext.Column("link", "UInt32"), ext.Column("nonce", "UInt64"), ext.Column("tag", "UInt64"))
	if err != nil {
		return fmt.Errorf("read the clicks: %w", err)
	}
	var from, to time.Time
	want := func(id schema.ClickID) error {
		at := id.Time()
		if from.IsZero() || at.Before(from) {
			from = at
		}
		if at.After(to) {
			to = at
		}
		return wanted.Append(at, uint32(id.Link), id.Nonce, id.Tag)
	}
	for _, t := range m.reports {
		if t.ClickState != schema.ClickGenuine || m.clicks[t.Click] != nil {
			continue
		}
		m.clicks[t.Click] = &click{id: t.Click, at: time.UnixMilli(t.ClickedAt).UTC(), link: t.Link, partner: t.Partner}
		if id, err := schema.ParseClickID(t.Click); err == nil {
			if err := want(id); err != nil {
				return fmt.Errorf("read the clicks: %w", err)
			}
		}
	}
	for _, a := range m.asked {
		id, err := schema.ParseClickID(a.name)
		if a.as != AsClick || err != nil {
			continue
		}
		m.click = a.name
		keys, err := r.dir.ClickKeys(ctx)
		if err != nil {
			return err
		}
		if m.genuine = m.clicks[a.name] != nil || keys.Check(id) == nil; m.genuine && m.clicks[a.name] == nil {
			m.clicks[a.name] = &click{id: a.name, at: id.Time(), link: id.Link}
		}
		if err := want(id); err != nil {
			return fmt.Errorf("read the clicks: %w", err)
		}
	}
	if to.IsZero() {
		return nil
	}
	values := map[string]string{"from": clickhouse.Instant(from), "to": clickhouse.Instant(to)}
	rows, err := r.ch.Query(ch.Context(clickhouse.Named(ctx, "trace: clicks", values), ch.WithExternalTable(wanted)), sql("clicks"))
	if err != nil {
		return fmt.Errorf("read the clicks: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		k := click{landed: true}
		err := rows.Scan(&k.id, (*uint32)(&k.partner), (*uint32)(&k.link), &k.slug, &k.destination, &k.verdict, &k.reason, &k.referrer, &k.country, &k.device, &k.subIDs)
		if err != nil {
			return fmt.Errorf("read the clicks: %w", err)
		}
		id, err := schema.ParseClickID(k.id)
		if err != nil {
			return fmt.Errorf("read the clicks: %s: %w", k.id, err)
		}
		k.at = id.Time()
		if k.id == m.click {
			m.genuine = true // it may be of an import, whose ids nobody tagged
		}
		m.clicks[k.id] = &k
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the clicks: %w", err)
	}
	if m.genuine && !slices.Contains(m.found, AsClick) {
		m.found = append(m.found, AsClick)
	}
	return nil
}

// readClaims reads what became of claims for the customers.
func (r *Reader) readClaims(ctx context.Context, m *material) error {
	aliases := map[string]bool{}
	for _, a := range m.asked {
		if a.as != AsClick && a.as != AsPayment && a.as != AsConversion {
			aliases[a.tie()] = true
		}
	}
	for _, t := range m.reports {
		if t.Test {
			continue
		}
		for _, a := range t.Aliases {
			aliases[a] = true
		}
		if t.Customer != "" {
			aliases["customer:"+t.Customer] = true
		}
	}
	if len(aliases) == 0 {
		return nil
	}
	var quoted []string
	for a := range aliases {
		quoted = append(quoted, clickhouse.Quote(a))
	}
	var rows []struct {
		ID     uint64    `ch:"id"`
		At     time.Time `ch:"changed_at"`
		Actor  string    `ch:"actor"`
		Reason string    `ch:"reason"`
		Data   string    `ch:"data"`
	}
	err := r.ch.Select(clickhouse.Named(ctx, "trace: claims", map[string]string{"aliases": "[" + strings.Join(quoted, ",") + "]"}), &rows, sql("claims"))
	if err != nil {
		return fmt.Errorf("read the claims: %w", err)
	}
	for _, row := range rows {
		s := step{at: row.At, actor: row.Actor, reason: row.Reason}
		if err := json.Unmarshal([]byte(row.Data), &s.Claim); err != nil {
			return fmt.Errorf("read claim %d of directory_log: %w", row.ID, err)
		}
		m.claims = append(m.claims, s)
	}
	for _, a := range m.asked {
		if aliases[a.tie()] && !slices.Contains(m.found, a.as) && slices.ContainsFunc(m.claims, func(s step) bool { return s.Alias == a.tie() }) {
			m.found = append(m.found, a.as)
		}
	}
	return nil
}

// readCoupons finds out whose the coupons are that were entered or decided.
func (r *Reader) readCoupons(ctx context.Context, m *material) error {
	codes := map[string]bool{}
	for _, t := range m.reports {
		for _, code := range t.Coupons {
			codes[schema.FoldCoupon(code)] = true
		}
	}
	if len(codes) == 0 {
		return nil
	}
	var rows []struct {
		ID   uint64 `ch:"id"`
		Data string `ch:"data"`
	}
	err := r.ch.Select(clickhouse.Named(ctx, "trace: coupons", nil), &rows, sql("coupons"))
	if err != nil {
		return fmt.Errorf("read the coupons: %w", err)
	}
	for _, row := range rows {
		var k schema.Coupon
		if err := json.Unmarshal([]byte(row.Data), &k); err != nil {
			return fmt.Errorf("read coupon %d of directory_log: %w", row.ID, err)
		}
		// Folded here, as decisions do: ClickHouse's upper case is not Go's.
		if code := schema.FoldCoupon(k.Code); codes[code] {
			m.coupons[code] = append(m.coupons[code], k)
		}
	}
	return nil
}

// couponOf reports whether a code was a partner's at a moment; where it was nobody's then, whether it was ever theirs alone.
func (m *material) couponOf(p schema.PartnerID, code string, at time.Time) bool {
	known := m.coupons[schema.FoldCoupon(code)]
	for _, k := range known {
		if k.Active(at) {
			return k.Partner == p
		}
	}
	return len(known) > 0 && !slices.ContainsFunc(known, func(k schema.Coupon) bool { return k.Partner != p })
}

// readPrograms reads the program's settings of all times.
func (r *Reader) readPrograms(ctx context.Context, m *material) error {
	var rows []struct {
		At   time.Time `ch:"changed_at"`
		Data string    `ch:"data"`
	}
	if err := r.ch.Select(clickhouse.Named(ctx, "trace: settings", nil), &rows, sql("programs")); err != nil {
		return fmt.Errorf("read the program's settings: %w", err)
	}
	for _, row := range rows {
		v := version{from: row.At.UnixMilli()}
		if err := json.Unmarshal([]byte(row.Data), &v.Program); err != nil {
			return fmt.Errorf("read the program of directory_log: %w", err)
		}
		m.programs = append(m.programs, v)
		m.zone = v.Location()
	}
	return nil
}

// programAt returns the settings in force at a moment, as attribution does; the first ones hold for all that was before.
func (m *material) programAt(at int64) schema.Program {
	var p schema.Program
	for i, v := range m.programs {
		if i == 0 || v.from <= at {
			p = v.Program
		}
	}
	return p
}

// readNames reads the links and partners that the rest names.
func (r *Reader) readNames(ctx context.Context, m *material) error {
	links, partners := map[schema.LinkID]bool{}, map[schema.PartnerID]bool{}
	for _, k := range m.clicks {
		links[k.link] = true
		partners[k.partner] = true
	}
	for _, t := range m.reports {
		partners[t.Credit] = true
		if t.decision != nil {
			links[t.decision.link] = true
			partners[t.decision.partner] = true
		}
	}
	for _, s := range m.claims {
		partners[s.Partner] = true
	}
	var ids []schema.LinkID
	for id := range links {
		if id != 0 {
			ids = append(ids, id)
		}
	}
	found, err := r.dir.LinksByID(ctx, ids)
	if err != nil {
		return err
	}
	for _, l := range found {
		m.links[l.ID] = l
		partners[l.Partner] = true
	}
	for _, k := range m.clicks {
		if k.partner == 0 {
			k.partner = m.links[k.link].Partner
		}
	}
	delete(partners, 0)
	for id := range partners {
		p, err := r.dir.Partner(ctx, id)
		if directory.CodeOf(err) == directory.NotFound {
			continue
		}
		if err != nil {
			return err
		}
		m.partners[id] = p
	}
	return nil
}
