package figures

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"fairlead/dashboard/period"
	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

// Order is what a list of partners is ordered by.
type Order struct {
	By         TeamColumn
	Descending bool
}

// TeamColumn is a column of the team's overview.
type TeamColumn string

// The columns by which partners can be ordered; the zero value is when they joined.
const (
	ByJoining  TeamColumn = ""
	ByName     TeamColumn = "name"
	ByClicks   TeamColumn = "clicks"
	ByVisitors TeamColumn = "visitors"
	ByReferred TeamColumn = "referred"
	BySold     TeamColumn = "sold" // in the program's currency
)

// TeamQuestion is what the team's overview asks for.
type TeamQuestion struct {
	Month    schema.Month // of the partners' figures
	Days     period.Range // of all partners' figures
	Currency string       // the program's
	Search   string       // in names, e-mail addresses and slugs, or an id; empty: everybody
	Order    Order
	Limit    int
	Offset   int
	Since    time.Time // from when on conversions that need a look are counted
}

// Team is days over all partners, and a month of a page of them.
type Team struct {
	Days     Days
	Active   uint64 // partners with clicks
	Partners []PartnerCounts
	// States counts the reports since TeamQuestion.Since that stand in no partner's figures, by what came of them.
	States map[schema.AttributionState]uint64
}

// PartnerCounts is a partner with their figures.
type PartnerCounts struct {
	Partner schema.Partner
	Counts  Counts
}

// teamRow is a row of the team's question: of all partners, of one, or of a state of conversions.
type teamRow struct {
	Part     string    `ch:"part"`
	Position uint64    `ch:"position"`
	Date     time.Time `ch:"date"`
	Data     string    `ch:"data"` // of a partner the directory's entry, of a state its name
	N        uint64    `ch:"n"`
	Counts
	Currencies []string `ch:"currencies"`
	Sales      []uint64 `ch:"sales"`
	Gross      []int64  `ch:"gross"`
	Refunds    []uint64 `ch:"refunds"`
	Refunded   []int64  `ch:"refunded"`
}

// counts are the row's figures.
func (r teamRow) counts() Counts {
	c := r.Counts
	for i, currency := range r.Currencies {
		c.Sold = c.Sold.Plus(Sold{{Currency: currency, Sales: r.Sales[i], Gross: r.Gross[i], Refunds: r.Refunds[i], Refunded: r.Refunded[i]}})
	}
	return c
}

// escape writes text as ClickHouse reads the value of a parameter: tab-separated.
var escape = strings.NewReplacer("\\", `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "\x00", `\0`)

//go:embed team.sql
var teamSQL string

// Team reads the team's overview. The partners come with the question for their figures, by which they can be ordered.
func (r *Reader) Team(ctx context.Context, stand Stand, q TeamQuestion) (Team, error) {
	type question struct {
		TeamQuestion
		directory string
	}
	if stand.directory == "" {
		stand.generation = "" // the partners may change unnoticed
	}
	return cached(ctx, r.cache, stand.generation, question{q, stand.directory}, func(ctx context.Context) (Team, error) { return r.team(ctx, q) },
		func(t Team) int { return len(t.Partners) + len(t.Days) + len(t.States) })
}

func (r *Reader) team(ctx context.Context, q TeamQuestion) (Team, error) {
	var rows []teamRow
	err := r.ch.Select(clickhouse.Named(ctx, "dashboard: partners", map[string]string{
		"month":      period.ISO(q.Month.FirstDay()),
		"month_end":  period.ISO(period.Month(q.Month).To),
		"from":       period.ISO(q.Days.From),
		"to":         period.ISO(q.Days.To),
		"currency":   q.Currency,
		"search":     escape.Replace(q.Search),
		"slug":       escape.Replace(schema.FoldSlug(q.Search)),
		"by":         string(q.Order.By),
		"descending": strconv.FormatBool(q.Order.Descending),
		"limit":      strconv.Itoa(q.Limit),
		"offset":     strconv.Itoa(q.Offset),
		"since":      clickhouse.Instant(q.Since),
	}), &rows, teamSQL)
	if err != nil {
		return Team{}, fmt.Errorf("read %s of all partners: %w", period.MonthName(q.Month), err)
	}
	slices.SortFunc(rows, func(a, b teamRow) int { return cmp.Compare(a.Position, b.Position) }) // a union brings them in any order
	t := Team{Days: Days{}, States: map[schema.AttributionState]uint64{}}
	for _, row := range rows {
		switch row.Part {
		case "active":
			t.Active = row.N
		case "day":
			day := schema.DayOf(row.Date, time.UTC)
			t.Days[day] = t.Days[day].Plus(row.counts())
		case "state":
			t.States[schema.AttributionState(row.Data)] = row.N
		case "partner":
			p := PartnerCounts{Counts: row.counts()}
			if err := json.Unmarshal([]byte(row.Data), &p.Partner); err != nil {
				return Team{}, fmt.Errorf("read a partner of directory_log: %w", err)
			}
			t.Partners = append(t.Partners, p)
		}
	}
	return t, nil
}
