package attribute

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fairlead/aggregator/attribution"
	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

// inputs reads what decisions depend on beside the reports: once what is small, and partners and links as reports name them.
type inputs struct {
	ch      driver.Conn
	named   func(purpose string, values map[string]string) context.Context
	world   *attribution.World // nil: nothing is read yet
	key     schema.CustomerKey
	waiting map[string][]uint32 // claims that wait, by alias
	asked   struct {
		partners map[schema.PartnerID]bool
		links    map[schema.LinkID]bool
	}
}

func newInputs(r *run) *inputs { return readerOf(r.ClickHouse, r.named) }

func readerOf(conn driver.Conn, named func(string, map[string]string) context.Context) *inputs {
	i := &inputs{ch: conn, named: named, waiting: map[string][]uint32{}}
	i.asked.partners, i.asked.links = map[schema.PartnerID]bool{}, map[schema.LinkID]bool{}
	return i
}

// worldOf returns a world that knows everything that the reports name.
func (i *inputs) worldOf(reports []attribution.Report) (*attribution.World, error) {
	if i.world == nil {
		if err := i.readSmall(); err != nil {
			return nil, err
		}
	}
	w := i.world
	links, partners := map[schema.LinkID]bool{}, map[schema.PartnerID]bool{}
	for n := range reports {
		r := &reports[n]
		if r.ClickState == schema.ClickGenuine && !i.asked.links[r.Link] {
			links[r.Link] = true
		}
		partners[r.Partner] = true
		partners[r.Credit] = true
		for _, code := range r.Coupons {
			for _, k := range w.Coupons[schema.FoldCoupon(code)] {
				partners[k.Partner] = true
			}
		}
		for _, a := range r.Aliases {
			i.claimants(a, partners)
		}
		i.claimants("customer:"+r.Customer, partners)
	}
	if err := i.readLinks(links); err != nil {
		return nil, err
	}
	for l := range links {
		partners[w.Links[l]] = true
	}
	maps.DeleteFunc(partners, func(p schema.PartnerID, _ bool) bool { return p == 0 || i.asked.partners[p] })
	return w, i.readPartners(partners)
}

func (i *inputs) claimants(alias string, partners map[schema.PartnerID]bool) {
	for _, c := range i.world.Claims[alias] {
		partners[c.Partner] = true
	}
}

// entry is a row of directory_log.
type entry struct {
	ID      uint64    `ch:"id"`
	At      time.Time `ch:"changed_at"`
	Deleted bool      `ch:"deleted"`
	Data    string    `ch:"data"`
}

// log reads versions of entries of a kind, in their order.
func (i *inputs) log(kind schema.Kind, ids string) ([]entry, error) {
	var all []entry
	sql := "SELECT id, changed_at, deleted, data FROM fairlead.directory_log WHERE kind = {kind:String}"
	if ids != "" {
		sql += " AND id IN {ids:Array(UInt64)}"
	}
	sql += " ORDER BY id, version, changed_at, data"
	if err := i.ch.Select(i.named("versions of "+string(kind), map[string]string{"kind": string(kind), "ids": ids}), &all, sql); err != nil {
		return nil, fmt.Errorf("read the versions of each %s: %w", kind, err)
	}
	return all, nil
}

// latest reads the entries of a kind that exist.
func latest[T any](i *inputs, kind schema.Kind, ids string) ([]T, error) {
	var all []entry
	sql := "SELECT id, changed_at, deleted, data FROM fairlead.directory WHERE kind = {kind:String}"
	if ids != "" {
		sql += " AND id IN {ids:Array(UInt64)}"
	}
	sql += " AND NOT deleted ORDER BY id"
	if err := i.ch.Select(i.named("each "+string(kind), map[string]string{"kind": string(kind), "ids": ids}), &all, sql); err != nil {
		return nil, fmt.Errorf("read each %s: %w", kind, err)
	}
	out := make([]T, len(all))
	for n, e := range all {
		if err := json.Unmarshal([]byte(e.Data), &out[n]); err != nil {
			return nil, fmt.Errorf("read %s %d of directory_log: %w", kind, e.ID, err)
		}
	}
	return out, nil
}

func (i *inputs) readSmall() error {
	w := &attribution.World{
		Partners: map[schema.PartnerID]attribution.Partner{}, Links: map[schema.LinkID]schema.PartnerID{},
		Coupons: map[string][]schema.Coupon{}, Claims: map[string][]schema.Claim{}, Rates: attribution.Rates{},
	}
	programs, err := i.log(schema.KindProgram, "")
	if err != nil {
		return err
	}
	for _, e := range programs {
		v := attribution.ProgramVersion{At: e.At.UnixMilli()}
		if err := json.Unmarshal([]byte(e.Data), &v.Program); err != nil {
			return fmt.Errorf("read the program of directory_log: %w", err)
		}
		w.Programs = append(w.Programs, v)
	}
	coupons, err := latest[schema.Coupon](i, schema.KindCoupon, "")
	if err != nil {
		return err
	}
	for _, k := range coupons {
		w.Coupons[schema.FoldCoupon(k.Code)] = append(w.Coupons[schema.FoldCoupon(k.Code)], k)
	}
	claims, err := latest[schema.Claim](i, schema.KindClaim, "")
	if err != nil {
		return err
	}
	for _, c := range claims {
		switch c.State {
		case schema.ClaimAccepted:
			w.Claims[c.Alias] = append(w.Claims[c.Alias], c)
		case schema.ClaimWaiting:
			i.waiting[c.Alias] = append(i.waiting[c.Alias], c.ID)
		}
	}
	secrets, err := latest[schema.Secret](i, schema.KindSecret, "")
	if err != nil {
		return err
	}
	for _, s := range secrets {
		i.key = s.Customers
	}
	if err := i.readRates(w.Rates); err != nil {
		return err
	}
	i.world = w
	return nil
}

func (i *inputs) readRates(into attribution.Rates) error {
	var all []struct {
		Day      time.Time `ch:"day"`
		Currency string    `ch:"currency"`
		Base     string    `ch:"base"`
		Rate     string    `ch:"rate"`
	}
	err := i.ch.Select(i.named("rates", nil), &all,
		"SELECT day, currency, base, toString(argMax(r.rate, r.noted_at)) AS rate FROM fairlead.rates AS r GROUP BY base, currency, day ORDER BY base, currency, day")
	if err != nil {
		return fmt.Errorf("read the rates: %w", err)
	}
	for _, r := range all {
		p := attribution.Pair{Currency: r.Currency, Base: r.Base}
		into[p] = append(into[p], attribution.DayRate{Day: schema.DayOf(r.Day, time.UTC), Rate: attribution.Rate(r.Rate)})
	}
	return nil
}

func (i *inputs) readLinks(wanted map[schema.LinkID]bool) error {
	if len(wanted) == 0 {
		return nil
	}
	links, err := latest[schema.Link](i, schema.KindLink, list(wanted))
	if err != nil {
		return err
	}
	for _, l := range links {
		i.world.Links[l.ID] = l.Partner
	}
	for l := range wanted {
		i.asked.links[l] = true
	}
	return nil
}

func (i *inputs) readPartners(wanted map[schema.PartnerID]bool) error {
	if len(wanted) == 0 {
		return nil
	}
	versions, err := i.log(schema.KindPartner, list(wanted))
	if err != nil {
		return err
	}
	for _, e := range versions {
		id := schema.PartnerID(e.ID)
		if e.Deleted {
			delete(i.world.Partners, id)
			continue
		}
		var p schema.Partner
		if err := json.Unmarshal([]byte(e.Data), &p); err != nil {
			return fmt.Errorf("read partner %d of directory_log: %w", e.ID, err)
		}
		known := i.world.Partners[id]
		known.Statuses = append(known.Statuses, attribution.StatusVersion{At: e.At.UnixMilli(), Status: p.Status})
		if alias := i.key.EmailAlias(p.Email); i.key != "" && alias != "" && !slices.Contains(known.Aliases, alias) {
			known.Aliases = append(known.Aliases, alias)
		}
		i.world.Partners[id] = known
	}
	if err := i.readPayPal(wanted); err != nil {
		return err
	}
	for p := range wanted {
		i.asked.partners[p] = true
	}
	return nil
}

// readPayPal adds the PayPal addresses at which partners were ever to be paid: who buys with one of them is the partner.
func (i *inputs) readPayPal(wanted map[schema.PartnerID]bool) error {
	versions, err := i.log(schema.KindPayoutMethod, list(wanted))
	if err != nil {
		return err
	}
	for _, e := range versions {
		var m schema.PayoutMethod
		if err := json.Unmarshal([]byte(e.Data), &m); err != nil {
			return fmt.Errorf("read payout method %d of directory_log: %w", e.ID, err)
		}
		known, there := i.world.Partners[m.Partner]
		if there && m.Alias != "" && !slices.Contains(known.Aliases, m.Alias) {
			known.Aliases = append(known.Aliases, m.Alias)
			i.world.Partners[m.Partner] = known
		}
	}
	return nil
}

// list writes ids as ClickHouse's text form of an array.
func list[ID ~uint32](ids map[ID]bool) string {
	texts := make([]string, 0, len(ids))
	for id := range ids {
		texts = append(texts, strconv.FormatUint(uint64(id), 10))
	}
	return "[" + strings.Join(texts, ",") + "]"
}

// texts writes strings as ClickHouse's text form of an array.
func texts(all []string) string {
	quoted := make([]string, len(all))
	for i, s := range all {
		quoted[i] = clickhouse.Quote(s)
	}
	return "[" + strings.Join(quoted, ",") + "]"
}
