package dashboard

import (
	"bytes"
	"context"
	"io"
	"net/url"

	"fairlead/schema"
)

// Statements writes what a partner is told of a payout.
type Statements interface {
	// WriteStatement writes the statement of a payout: as CSV, or as a page to print, which has its style in itself and runs no
	// script.
	WriteStatement(ctx context.Context, out io.Writer, id schema.PayoutID, csv bool) error
}

// statementPolicy is the policy of statements: they are made elsewhere, hold their own style, and need nothing else.
const statementPolicy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

// statementPath is the address of a payout's statement.
func statementPath(path string, id schema.PayoutID) string {
	return (&url.URL{Path: path, RawQuery: url.Values{"payout": {id.String()}}.Encode()}).String()
}

// statement shows the statement of a payout, to print.
func (d *Dashboard) statement(r *request) (reply, error) {
	return d.writeStatement(r, false, reply{fileType: "text/html; charset=utf-8", policy: statementPolicy})
}

// statementCSV hands out the rows of a statement.
func (d *Dashboard) statementCSV(r *request) (reply, error) {
	return d.writeStatement(r, true, reply{fileType: "text/csv; charset=utf-8"})
}

func (d *Dashboard) writeStatement(r *request, csv bool, re reply) (reply, error) {
	text := r.URL.Query().Get("payout")
	if text == "" || d.opt.Statements == nil {
		return reply{to: "/payouts"}, nil
	}
	id, err := schema.ParsePayoutID(text)
	if err != nil {
		return d.nothing(r)
	}
	theirs, err := d.figures.PaysTo(r.Context(), id, r.who.Partner.ID)
	if err != nil {
		return reply{}, err
	}
	if !theirs {
		return d.nothing(r)
	}
	var out bytes.Buffer
	if err := d.opt.Statements.WriteStatement(r.Context(), &out, id, csv); err != nil {
		return reply{}, err
	}
	re.file = out.Bytes()
	if csv {
		re.fileName = "payout-" + id.String() + ".csv"
	}
	return re, nil
}
