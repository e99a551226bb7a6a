package payout

import (
	"bytes"
	"context"
	_ "embed"
	"html/template"
	"io"
	"time"

	"fairlead/schema"
)

var (
	//go:embed statement.html
	statementHTML string
	statementPage = template.Must(template.New("statement").Parse(statementHTML))
)

// WriteStatement writes the statement of a payout: as CSV, or as a page to print. The error may be ErrNone.
func (s Statements) WriteStatement(ctx context.Context, out io.Writer, id PayoutID, csv bool) error {
	one, err := s.Statement(ctx, id)
	switch {
	case err != nil:
		return err
	case csv:
		return one.WriteCSV(out)
	}
	return one.WriteHTML(out)
}

// page is what the template shows.
type page struct {
	Program           string
	Merchant, Partner Party
	Facts             []fact
	Sections          []section
	Total             string
}

// fact is something of the payout as a whole.
type fact struct{ Name, Value string }

// section is a table of lines, with their sum.
type section struct {
	Title string
	Lines []lineText
	Sum   string
}

// lineText is a Line in words.
type lineText struct{ Day, Link, What, Note, Amount string }

// WriteHTML writes a page to print. It needs nothing beside it and runs no script.
func (s Statement) WriteHTML(out io.Writer) error {
	p := s.Payout
	v := page{Program: s.Program, Merchant: s.Merchant, Partner: s.Partner, Total: schema.FormatAmount(p.Amount, p.Currency)}
	for _, f := range []fact{
		{"Payout", p.ID.String()}, {"Status", string(p.Status)}, {"Rewards due by", s.long(p.CutOff)}, {"Drawn up", s.long(p.CreatedAt)}, {"Sent", s.long(p.SentAt)},
		{"Completed", s.long(p.CompletedAt)}, {"Paid to", p.To.Masked}, {"Reference", p.Ref}, {"Time zone", s.Zone.String()},
	} {
		if f.Value != "" {
			v.Facts = append(v.Facts, f)
		}
	}
	for _, one := range []section{
		s.section("Carried over: taken back after it had been paid", s.Carried),
		s.section("Rewards", s.Lines),
	} {
		if len(one.Lines) > 0 {
			v.Sections = append(v.Sections, one)
		}
	}
	var text bytes.Buffer
	if err := statementPage.Execute(&text, v); err != nil {
		return err
	}
	_, err := text.WriteTo(out)
	return err
}

func (s Statement) section(title string, lines []Line) section {
	out, sum := section{Title: title}, int64(0)
	for _, l := range lines {
		sum += l.Amount
		out.Lines = append(out.Lines, lineText{s.long(l.At), l.Link, l.What, l.Note, schema.FormatAmount(l.Amount, s.Payout.Currency)})
	}
	out.Sum = schema.FormatAmount(sum, s.Payout.Currency)
	return out
}

// long is the day of a moment as people write it; empty: it has not come.
func (s Statement) long(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(s.Zone).Format("2 January 2006")
}

// WriteCSV writes a line a row; what is the same for all of them stands in each. The rows' amounts sum up to the payout's.
func (s Statement) WriteCSV(out io.Writer) error {
	c, err := schema.NewCSV(out, "Payout", "Status", "Rewards due by", "Drafted", "Sent", "Completed", "Paid to", "Reference", "Merchant", "Merchant address", "Merchant tax ID",
		"Partner", "Partner address", "Partner tax ID", "Day", "Link", "What", "Note", "Carried over", "Amount", "Currency", "Payout amount")
	if err != nil {
		return err
	}
	p, day := s.Payout, func(t time.Time) string { return dayIn(s.Zone, t) }
	for i, lines := range [][]Line{s.Carried, s.Lines} {
		carried := "yes"
		if i > 0 {
			carried = "no"
		}
		for _, l := range lines {
			err := c.Row(p.ID.String(), string(p.Status), day(p.CutOff), day(p.CreatedAt), day(p.SentAt), day(p.CompletedAt), p.To.Masked, p.Ref, s.Merchant.Name, s.Merchant.Address,
				s.Merchant.TaxID, s.Partner.Name, s.Partner.Address, s.Partner.TaxID, day(l.At), l.Link, l.What, l.Note, carried, major(l.Amount, p.Currency), p.Currency,
				major(p.Amount, p.Currency))
			if err != nil {
				return err
			}
		}
	}
	return c.Close()
}
