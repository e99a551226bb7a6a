package book

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"fairlead/aggregator/attribution"
	"fairlead/aggregator/reward"
	"fairlead/schema"
)

// inputs reads what rewards depend on beside decisions, once a run, when it is first needed.
type inputs struct {
	r        *run
	read     bool
	programs []attribution.ProgramVersion
	rules    schema.Rules
	groups   map[schema.PartnerID][]schema.GroupVersion
	entries  map[schema.RewardID][]reward.Entry // what adds a reward or takes from it
}

func newInputs(r *run) *inputs {
	return &inputs{r: r, groups: map[schema.PartnerID][]schema.GroupVersion{}, entries: map[schema.RewardID][]reward.Entry{}}
}

// open reads what is not read yet.
func (i *inputs) open() error {
	if i.read {
		return nil
	}
	if err := i.readPrograms(); err != nil {
		return err
	}
	if err := i.readRules(); err != nil {
		return err
	}
	if err := i.readEntries(); err != nil {
		return err
	}
	i.read = true
	return nil
}

// entriesOf reads the entries of a kind that exist.
func entriesOf[T any](r *run, kind schema.Kind, yield func(T) error) error {
	rows, err := r.ClickHouse.Query(r.named("each "+string(kind), map[string]string{"kind": string(kind)}),
		"SELECT data FROM fairlead.directory WHERE kind = {kind:String} AND NOT deleted ORDER BY id")
	if err != nil {
		return fmt.Errorf("read each %s of the directory: %w", kind, err)
	}
	defer rows.Close()
	for rows.Next() {
		var data string
		var v T
		if err := rows.Scan(&data); err != nil {
			return fmt.Errorf("read each %s of the directory: %w", kind, err)
		}
		if err := json.Unmarshal([]byte(data), &v); err != nil {
			return fmt.Errorf("read a %s of the directory: %w", kind, err)
		}
		if err := yield(v); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read each %s of the directory: %w", kind, err)
	}
	return nil
}

func (i *inputs) readPrograms() error {
	var all []struct {
		At   time.Time `ch:"changed_at"`
		Data string    `ch:"data"`
	}
	err := i.r.ClickHouse.Select(i.r.named("versions of the settings", nil), &all,
		"SELECT changed_at, data FROM fairlead.directory_log WHERE kind = 'program' ORDER BY version, changed_at, data")
	if err != nil {
		return fmt.Errorf("read the versions of the program's settings: %w", err)
	}
	for _, e := range all {
		v := attribution.ProgramVersion{At: e.At.UnixMilli()}
		if err := json.Unmarshal([]byte(e.Data), &v.Program); err != nil {
			return fmt.Errorf("read the program of directory_log: %w", err)
		}
		v.Location() // looked up once, for every batch
		i.programs = append(i.programs, v)
	}
	if len(i.programs) == 0 { // nothing can have been decided for anybody
		i.programs = []attribution.ProgramVersion{{Program: schema.Program{Zone: "UTC"}}}
	}
	return nil
}

// readRules reads all rules, and where any is for a group, who was in one.
func (i *inputs) readRules() error {
	var all []schema.Rule
	grouped := false
	err := entriesOf(i.r, schema.KindRule, func(rule schema.Rule) error {
		all = append(all, rule)
		grouped = grouped || rule.Group != ""
		return nil
	})
	if err != nil {
		return err
	}
	i.rules = schema.NewRules(all)
	if !grouped {
		return nil
	}
	return i.readGroups()
}

// readGroups reads the groups of the partners that were ever in one.
func (i *inputs) readGroups() error {
	rows, err := i.r.ClickHouse.Query(i.r.named("groups of partners", nil), `SELECT id, changed_at, JSONExtractString(data, 'group') FROM fairlead.directory_log
		WHERE kind = 'partner' AND id IN (SELECT id FROM fairlead.directory_log WHERE kind = 'partner' AND JSONHas(data, 'group'))
		ORDER BY id, version, changed_at, data`)
	if err != nil {
		return fmt.Errorf("read the groups of partners: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id uint64
		var v schema.GroupVersion
		if err := rows.Scan(&id, &v.At, &v.Group); err != nil {
			return fmt.Errorf("read the groups of partners: %w", err)
		}
		p := schema.PartnerID(id)
		if known := i.groups[p]; len(known) == 0 || known[len(known)-1].Group != v.Group {
			i.groups[p] = append(known, v)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the groups of partners: %w", err)
	}
	return nil
}

func (i *inputs) readEntries() error {
	return entriesOf(i.r, schema.KindEntry, func(e schema.Entry) error {
		of := e.Reward()
		i.entries[of] = append(i.entries[of], reward.Entry{
			ID: e.Cause(), At: e.At.UnixMilli(), Partner: e.Partner, Reverses: e.Reverses,
			Amount: e.Amount, Currency: e.Currency, HoldDays: e.HoldDays, Note: e.Note,
		})
		return nil
	})
}

// adds reports whether a reward is one that an entry adds.
func (i *inputs) adds(id schema.RewardID) bool {
	return slices.ContainsFunc(i.entries[id], func(e reward.Entry) bool { return e.Reverses == (schema.RewardID{}) })
}

// input makes an Input of what is known beside decisions and entries.
func (i *inputs) input(decisions []attribution.Decision, booked []schema.Transfer) reward.Input {
	return reward.Input{Decisions: decisions, Groups: i.groups, Programs: i.programs, Rules: i.rules, Booked: booked, Now: i.r.now}
}
