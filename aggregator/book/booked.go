package book

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fairlead/aggregator/ledger"
	"fairlead/schema"
)

// booked walks the rows of the ledger that are for conversions, by customer.
type booked struct {
	rows driver.Rows
	held bool // of and next are read, and not given out
	of   customer
	next schema.Transfer
}

func (r *run) openBooked(since schema.Month) (*booked, error) {
	values := map[string]string{"since": strconv.FormatUint(uint64(since), 10)}
	rows, err := r.ClickHouse.Query(r.named("all rows of conversions", values), fmt.Sprintf(bookedSQL, called, ledger.Columns))
	if err != nil {
		return nil, fmt.Errorf("read the ledger by customers: %w", err)
	}
	return &booked{rows: rows}, nil
}

// upTo returns the rows of the customers up to one, in the order of their hashes.
func (b *booked) upTo(last customer) (out []schema.Transfer, err error) {
	for {
		if !b.held {
			if !b.rows.Next() {
				break
			}
			var hash string
			if err := ledger.Scan(b.rows, &b.next, &hash); err != nil {
				return nil, fmt.Errorf("read the ledger by customers: %w", err)
			}
			copy(b.of[:], hash)
			b.held = true
		}
		if bytes.Compare(b.of[:], last[:]) > 0 {
			return out, nil
		}
		out, b.held = append(out, b.next), false
	}
	if err := b.rows.Err(); err != nil {
		return nil, fmt.Errorf("read the ledger by customers: %w", err)
	}
	return out, nil
}
