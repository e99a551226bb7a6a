package ledger

import (
	"context"
	"fmt"
	"strconv"
)

// Freed is up to where rows are known by which payouts gave something back to payable. Such rows are to be looked at again: while
// the money was in a payout, a review of the reward found nothing that it could take out of payable.
type Freed struct {
	Token uint64 // the highest, of payouts: not comparable with those of other rows
	Rows  uint64 // that carry it: more may follow
}

// Freed asks how far such rows go by now, and from which token on they are new to who knows them up to known: from that of known
// itself where other rows carry it than are known. What is asked for afterwards may contain more.
func (l Ledger) Freed(ctx context.Context, known Freed) (now Freed, since uint64, err error) {
	var before uint64
	err = l.ClickHouse.QueryRow(l.named(ctx, "what payouts gave back", map[string]string{"known": strconv.FormatUint(known.Token, 10)}), `SELECT
    max(token),
    argMax(rows, token),
    sumIf(rows, token = {known:UInt64})
FROM
(
    SELECT
        token,
        uniqExact(id) AS rows
    FROM fairlead.ledger
    WHERE token >= {known:UInt64}
      AND kind = 'payout'
      AND credit = 'payable'
    GROUP BY token
)`).Scan(&now.Token, &now.Rows, &before)
	if err != nil {
		return now, 0, fmt.Errorf("ask what payouts gave back: %w", err)
	}
	if since = known.Token; before == known.Rows {
		since++
	}
	return now, since, nil
}
