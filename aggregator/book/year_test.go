package book

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"fairlead/schema"
)

// Twelve months of sales and refunds under a rule of 20 % and one of 12.5 % for a partner: what the ledger says of every sale is what
// a question says that was written by hand, row by row.
func TestAYearRecountedByHandIsTheLedger(t *testing.T) {
	w := newWorld(t)
	w.now = time.UnixMilli(day(365))
	w.rule(1, schema.Rule{Percent: 2000})
	w.rule(2, schema.Rule{Percent: 1250, Partner: 2})
	rng := rand.New(rand.NewPCG(11, 12))
	var told []schema.Conversion
	for i := range 600 {
		at, invoice := rng.Float64()*364, fmt.Sprint("in_", i)
		amount := int64(1 + rng.IntN(20_000))
		told = append(told, sale(at, fmt.Sprint("c", i%200), invoice, amount, clicked(schema.PartnerID(1+i%200%4), 0)))
		for n := range rng.IntN(3) {
			told = append(told, refund(min(365, at+rng.Float64()*40), invoice, fmt.Sprint("re_", n), 1+rng.Int64N(amount)))
		}
	}
	w.tell("a", told...)
	w.run()
	const byHand = `
		SELECT s.conversion_id AS sale, s.partner_id AS partner, s.occurred_at AS at,
			intDiv((s.amount - b.back) * if(s.partner_id = 2, 125, 200) + 500, 1000) AS earned,
			s.occurred_at + INTERVAL 720 HOUR <= fromUnixTimestamp64Milli(%[1]d) AS ready
		FROM (SELECT * FROM fairlead.attributions FINAL WHERE kind = 'sale' AND state = 'counted') AS s
		LEFT JOIN (SELECT sale_id, sum(amount) AS back FROM fairlead.attributions FINAL WHERE kind = 'refund' AND state = 'counted' GROUP BY sale_id) AS b ON b.sale_id = s.conversion_id`
	question := fmt.Sprintf(`SELECT count() FROM (`+byHand+`) AS h
		FULL JOIN (SELECT * FROM fairlead.rewards) AS r ON r.conversion_id = h.sale
		WHERE h.partner != r.partner_id OR h.at != r.earned_at OR r.amount != h.earned OR r.holding != if(h.ready, 0, h.earned) OR r.payable != if(h.ready, h.earned, 0)`, w.now.UnixMilli())
	if n := w.Count(question); n != 0 {
		t.Errorf("%d of the year's sales stand otherwise", n)
	}
	if n := w.Count("SELECT countIf(holding != 0) * 1000000 + countIf(payable != 0) * 1000 + countIf(amount = 0) FROM fairlead.rewards"); n < 20_300_005 {
		t.Errorf("held, payable and none: %d", n)
	}
	w.again()
}
