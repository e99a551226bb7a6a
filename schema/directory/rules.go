package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"fairlead/schema"
)

// MostRules is how many rules a program may have had.
const MostRules = 100_000

// AddRule adds a rule about what partners earn. Its days are those of the program's zone; From is today where the rule
// names none. A rule that begins in the past changes what was earned since, and is refused unless backdate says that this is
// meant. Amounts are in the program's currency: a rule that was made for another one is a conflict.
func (d *Directory) AddRule(ctx context.Context, actor Actor, r schema.Rule, backdate bool, reason string) (schema.Rule, error) {
	r.Name, r.Group = strings.TrimSpace(r.Name), schema.FoldGroup(r.Group)
	err := d.write(ctx, actor, orElse(strings.TrimSpace(reason), "rule added"), func(ctx context.Context, t *tx) error {
		program, today, err := t.today(ctx)
		if err != nil {
			return err
		}
		if r.From == 0 {
			r.From = today
		}
		if r.Currency != "" && r.Currency != program.Currency {
			return conflict("currency", "The rule's amounts are in %s and the program's are in %s by now.", r.Currency, program.Currency)
		}
		if err := checkRule(r); err != nil {
			return err
		}
		if !backdate {
			if err := notBefore("from", r.From, today); err != nil {
				return err
			}
			if r.EndedFrom != 0 {
				if err := notBefore("ended_from", r.EndedFrom, today); err != nil {
					return err
				}
			}
		}
		if r.EndedFrom != 0 && r.EndedFrom <= r.From {
			return invalid("ended_from", "The rule would end on %s, before it has held for a day.", date(r.EndedFrom))
		}
		if r.Partner != 0 {
			if err := t.partnersExist(ctx, map[uint64]bool{uint64(r.Partner): true}); err != nil {
				return err
			}
		}
		if r.ID, err = t.nextID(schema.KindRule); err != nil {
			return err
		}
		if r.ID > MostRules {
			return invalid("", "There have been %d rules, which is as many as there may be.", MostRules)
		}
		r.CreatedAt = t.now
		return t.put(schema.KindRule, uint64(r.ID), nil, r)
	})
	if err != nil {
		return schema.Rule{}, err
	}
	return r, nil
}

// checkRule is the rule's own check, as an Error.
func checkRule(r schema.Rule) error {
	err := r.Validate()
	var bad *schema.RuleError
	if errors.As(err, &bad) {
		return invalid(bad.Field, "%s", bad.Message)
	}
	return err
}

// today returns the settings in force and the program-day that it is.
func (t *tx) today(ctx context.Context) (schema.Program, schema.Day, error) {
	p, _, err := get[schema.Program](ctx, t, schema.KindProgram, programID)
	if CodeOf(err) == NotFound {
		err = errNoProgram()
	}
	if err != nil {
		return p, 0, err
	}
	return p, schema.DayOf(t.now, p.Location()), nil
}

// notBefore refuses a day that is over.
func notBefore(field string, day, today schema.Day) error {
	if day < today {
		return invalid(field, "%s is over, and what was earned since would change; --backdate says that this is meant.", date(day))
	}
	return nil
}

func date(d schema.Day) string { return d.Time().Format(time.DateOnly) }

// EndRule ends a rule: from a program-day on, zero for today, it does not hold any more, and what is less specific or older
// does. A day in the past changes what was earned since, and is refused unless backdate says that this is meant. A rule
// that was ended can be ended earlier, not later: that takes a new rule.
func (d *Directory) EndRule(ctx context.Context, actor Actor, id uint32, from schema.Day, backdate bool, reason string) (schema.Rule, error) {
	var r schema.Rule
	err := d.write(ctx, actor, orElse(strings.TrimSpace(reason), "rule ended"), func(ctx context.Context, t *tx) error {
		_, today, err := t.today(ctx)
		if err != nil {
			return err
		}
		var before *entry
		if r, before, err = get[schema.Rule](ctx, t, schema.KindRule, uint64(id)); CodeOf(err) == NotFound {
			return noRule(id)
		}
		if err != nil {
			return err
		}
		end := from
		if end == 0 {
			end = today
		}
		if !backdate {
			if err := notBefore("from", end, today); err != nil {
				return err
			}
		}
		if r.EndedFrom != 0 && r.EndedFrom <= end {
			return conflict("from", "Rule %d has been ended from %s on already.", id, date(r.EndedFrom))
		}
		r.EndedFrom = end
		if err := checkRule(r); err != nil {
			return err
		}
		return t.put(schema.KindRule, uint64(id), before, r)
	})
	if err != nil {
		return schema.Rule{}, err
	}
	return r, nil
}

// Rules returns every rule that there ever was, by id.
func (d *Directory) Rules(ctx context.Context) ([]schema.Rule, error) {
	return list[schema.Rule](ctx, d, schema.KindRule, 0, MostRules)
}

// Rule returns a rule; the error may be NotFound.
func (d *Directory) Rule(ctx context.Context, id uint32) (schema.Rule, error) {
	r, ok, err := lookup[schema.Rule](ctx, d, schema.KindRule, uint64(id))
	if err == nil && !ok {
		err = noRule(id)
	}
	return r, err
}

func noRule(id uint32) error {
	return notFound("There is no rule %d; `fairlead rule list` shows them.", id)
}

// RuleStep is a version of a rule: its beginning, or an end of it.
type RuleStep struct {
	At        time.Time
	Actor     string
	Reason    string
	EndedFrom schema.Day // 0: it was not ended
}

// RuleHistory returns the versions of a rule, in their order.
func (d *Directory) RuleHistory(ctx context.Context, id uint32) ([]RuleStep, error) {
	var steps []RuleStep
	err := history(ctx, d, schema.KindRule, uint64(id), func(v version, r schema.Rule) {
		steps = append(steps, RuleStep{v.At, v.Actor, v.Reason, r.EndedFrom})
	})
	return steps, err
}

// PartnerGroups returns the groups that a partner was in, by the moments from which on.
func (d *Directory) PartnerGroups(ctx context.Context, id schema.PartnerID) ([]schema.GroupVersion, error) {
	var groups []schema.GroupVersion
	err := history(ctx, d, schema.KindPartner, uint64(id), func(v version, p schema.Partner) {
		if n := len(groups); n == 0 || groups[n-1].Group != p.Group {
			groups = append(groups, schema.GroupVersion{At: v.At, Group: p.Group})
		}
	})
	return groups, err
}

// version is a row of directory_log.
type version struct {
	At     time.Time `ch:"changed_at"`
	Actor  string    `ch:"actor"`
	Reason string    `ch:"reason"`
	Data   string    `ch:"data"`
}

// history calls yield with every version of an entry, in their order.
func history[T any](ctx context.Context, d *Directory, kind schema.Kind, id uint64, yield func(version, T)) error {
	var rows []version
	err := d.ch.Select(d.asking(ctx, "an entry's history"), &rows, sql("history"), clickhouse.Named("kind", string(kind)), clickhouse.Named("id", id))
	if err != nil {
		return clickHouseSilent(err)
	}
	for _, r := range rows {
		var v T
		if err := json.Unmarshal([]byte(r.Data), &v); err != nil {
			return fmt.Errorf("read %s %d of directory_log: %w", kind, id, err)
		}
		yield(r, v)
	}
	return nil
}

// SetPartnerGroup puts a partner into a group, from now on; an empty name takes it out of any.
func (d *Directory) SetPartnerGroup(ctx context.Context, actor Actor, id schema.PartnerID, group, reason string) (schema.Partner, error) {
	if group = schema.FoldGroup(group); group != "" {
		if err := schema.CheckGroup(group); err != nil {
			return schema.Partner{}, invalid("group", "%s.", sentence(err))
		}
	}
	var p schema.Partner
	err := d.write(ctx, actor, orElse(strings.TrimSpace(reason), "group changed"), func(ctx context.Context, t *tx) error {
		var before *entry
		var err error
		if p, before, err = get[schema.Partner](ctx, t, schema.KindPartner, uint64(id)); err != nil || p.Group == group {
			return err
		}
		p.Group = group
		return t.put(schema.KindPartner, uint64(id), before, p)
	})
	if err != nil {
		return schema.Partner{}, err
	}
	return p, nil
}
