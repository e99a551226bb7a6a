package book

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/ext"

	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

//go:embed queries/new_entries.sql
var newEntriesSQL string

// since is from which moments on, in milliseconds since 1970, what occurred may earn something else.
type since struct {
	sale, lead int64                      // of everybody
	partners   map[schema.PartnerID]int64 // of some
}

const nothing = 1 << 62

func (s *since) partner(p schema.PartnerID, at int64) {
	if was, ok := s.partners[p]; !ok || at < was {
		s.partners[p] = at
	}
}

// entry is a version of a directory entry, and those before it that it is compared with.
type entry struct {
	Kind    string    `ch:"kind"`
	ID      uint64    `ch:"id"`
	Version uint64    `ch:"version"`
	At      time.Time `ch:"changed_at"`
	Data    string    `ch:"data"`
}

// findByDirectory adds what later versions of rules, settings and partners, and new entries by hand, touch. Rewards of
// conversions that entries take from go to conversions.
func (r *run) findByDirectory(f *found, now state, conversions map[string]bool) error {
	if err := r.inputs.open(); err != nil {
		return err
	}
	values := map[string]string{"after": strconv.FormatUint(r.state.Version, 10), "to": strconv.FormatUint(now.Version, 10)}
	rows, err := r.ClickHouse.Query(r.named("new directory entries", values), newEntriesSQL)
	if err != nil {
		return fmt.Errorf("look for new directory entries: %w", err)
	}
	defer rows.Close()
	s := &since{sale: nothing, lead: nothing, partners: map[schema.PartnerID]int64{}}
	groups := map[string]int64{} // whose partners something changes for
	var before entry
	for rows.Next() {
		var e entry
		if err := rows.ScanStruct(&e); err != nil {
			return fmt.Errorf("look for new directory entries: %w", err)
		}
		if before.Kind != e.Kind || before.ID != e.ID {
			before = entry{}
		}
		if e.Version > r.state.Version {
			if err := touch(f, s, groups, before, e); err != nil {
				return err
			}
		}
		before = e
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("look for new directory entries: %w", err)
	}
	for p, versions := range r.inputs.groups {
		for _, v := range versions {
			if at, ok := groups[v.Group]; ok {
				s.partner(p, at)
			}
		}
	}
	if err := r.reversed(f, conversions); err != nil {
		return err
	}
	return r.findSince(f, s)
}

// touch adds what a version of an entry touches, beside the one before it; that is of no kind where there is none.
func touch(f *found, s *since, groups map[string]int64, before, e entry) error {
	read := func(data string, v any) error {
		if data == "" {
			return nil
		}
		if err := json.Unmarshal([]byte(data), v); err != nil {
			return fmt.Errorf("read %s %d of directory_log: %w", e.Kind, e.ID, err)
		}
		return nil
	}
	at := e.At.UnixMilli()
	if before.Kind == "" {
		at = 0 // what comes first holds for all that was before it
	}
	switch schema.Kind(e.Kind) {
	case schema.KindProgram:
		var was, is schema.Program
		if err := read(before.Data, &was); err != nil {
			return err
		}
		if err := read(e.Data, &is); err != nil {
			return err
		}
		if was.Zone != is.Zone || was.HoldDays != is.HoldDays {
			s.sale, s.lead = min(s.sale, at), min(s.lead, at)
		}
	case schema.KindRule:
		var rule schema.Rule
		if err := read(e.Data, &rule); err != nil {
			return err
		}
		day := rule.From
		if before.Kind != "" {
			day = rule.EndedFrom
		}
		at := day.Time().Add(-24 * time.Hour).UnixMilli() // a program-day begins up to 14 hours before the day of UTC
		switch {
		case rule.Partner != 0:
			s.partner(rule.Partner, at)
		case rule.Group != "":
			if was, ok := groups[rule.Group]; !ok || at < was {
				groups[rule.Group] = at
			}
		case rule.Event == schema.Lead:
			s.lead = min(s.lead, at)
		default:
			s.sale = min(s.sale, at)
		}
	case schema.KindPartner:
		var was, is schema.Partner
		if err := read(before.Data, &was); err != nil {
			return err
		}
		if err := read(e.Data, &is); err != nil {
			return err
		}
		if was.Group != is.Group {
			s.partner(is.ID, at)
		}
		if was.OpeningBalance != is.OpeningBalance {
			f.openings[is.ID] = true
		}
	case schema.KindEntry:
		var by schema.Entry
		if err := read(e.Data, &by); err != nil {
			return err
		}
		f.rewards[by.Reward()] = true
		if !by.Adds() {
			f.openings[by.Partner] = true // the reward may be the opening balance
		}
	}
	return nil
}

// reversed adds the conversions of the rewards that were found and are not by hand.
func (r *run) reversed(f *found, conversions map[string]bool) error {
	wanted, err := ext.NewTable("wanted", ext.Column("reward", "FixedString(16)"))
	if err != nil {
		return fmt.Errorf("BUG: the table of rewards: %w", err)
	}
	some := false
	for id := range f.rewards {
		if r.inputs.adds(id) {
			continue
		}
		some = true
		if err := wanted.Append(string(id[:])); err != nil {
			return fmt.Errorf("BUG: the table of rewards: %w", err)
		}
	}
	if !some {
		return nil
	}
	rows, err := r.ledger.Where(r.ctx, "rewards that entries take from", "conversion_id != '' AND reward_id IN (SELECT reward FROM wanted)", nil, wanted)
	for _, t := range rows {
		conversions[t.Conversion] = true
	}
	return err
}

// findSince adds the customers of whom something occurred since those moments.
func (r *run) findSince(f *found, s *since) error {
	if s.sale != nothing || s.lead != nothing {
		err := r.find(f, "customers since rules or settings changed",
			"partner_id != 0 AND (kind = 'sale' AND occurred_at >= {sale:DateTime64(3, 'UTC')} OR kind = 'lead' AND occurred_at >= {lead:DateTime64(3, 'UTC')})",
			map[string]string{"sale": clickhouse.Instant(moment(s.sale)), "lead": clickhouse.Instant(moment(s.lead))})
		if err != nil || f.much {
			return err
		}
	}
	if len(s.partners) == 0 {
		return nil
	}
	touched, err := ext.NewTable("touched", ext.Column("partner", "UInt32"), ext.Column("since", "Int64"))
	if err != nil {
		return fmt.Errorf("BUG: the table of partners: %w", err)
	}
	for p, at := range s.partners {
		if err := touched.Append(uint32(p), at); err != nil {
			return fmt.Errorf("BUG: the table of partners: %w", err)
		}
	}
	return r.find(f, "customers of partners whose rules or group changed",
		"(node, seq) IN (SELECT a.node, a.seq FROM fairlead.attributions AS a INNER JOIN touched AS t ON t.partner = a.partner_id WHERE toUnixTimestamp64Milli(a.occurred_at) >= t.since)", nil, touched)
}

// moment is nothing's year 2200, and any other one.
func moment(ms int64) time.Time {
	if ms == nothing {
		return time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return instant(max(0, ms))
}

// partners reads some partners.
func (r *run) partners(ids map[schema.PartnerID]bool, yield func(schema.Partner)) error {
	texts := make([]string, 0, len(ids))
	for id := range ids {
		texts = append(texts, id.String())
	}
	var all []struct {
		Data string `ch:"data"`
	}
	err := r.ClickHouse.Select(r.named("partners", map[string]string{"ids": "[" + strings.Join(texts, ",") + "]"}), &all,
		"SELECT data FROM fairlead.directory WHERE kind = 'partner' AND id IN {ids:Array(UInt64)} AND NOT deleted ORDER BY id")
	if err != nil {
		return fmt.Errorf("read %d partners: %w", len(ids), err)
	}
	for _, e := range all {
		var p schema.Partner
		if err := json.Unmarshal([]byte(e.Data), &p); err != nil {
			return fmt.Errorf("read a partner of the directory: %w", err)
		}
		yield(p)
	}
	return nil
}
