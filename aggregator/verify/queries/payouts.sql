-- Payouts with what they list and what the ledger says of them. A ledger without the payout, or a payout without its rows,
-- has zeros.
SELECT
    side.id                                    AS payout,
    max(side.status)                           AS state,
    sum(side.amount)                           AS sum_amount,
    sum(side.listed)                           AS sum_listed,
    sum(side.processing)                       AS sum_processing,
    sum(side.paid)                             AS sum_paid,
    uniqExact(side.partner, side.currency) - 1  AS others
FROM
(
    SELECT
        lower(hex(id))      AS id,
        toString(status)    AS status,
        partner_id          AS partner,
        toString(currency)  AS currency,
        amount,
        toInt64(0)          AS listed,
        toInt64(0)          AS processing,
        toInt64(0)          AS paid
    FROM fairlead.payout_states
    UNION ALL
    SELECT
        lower(hex(p.id)), '', p.partner_id, toString(p.currency), 0, arraySum(p.part_amounts), 0, 0
    FROM fairlead.payouts AS p FINAL
    WHERE p.version = 1
    UNION ALL
    SELECT
        l.cause, '', l.partner_id, toString(l.currency), 0, 0,
        sumIf(l.amount, l.credit = 'processing') - sumIf(l.amount, l.debit = 'processing'),
        sumIf(l.amount, l.credit = 'paid') - sumIf(l.amount, l.debit = 'paid')
    FROM fairlead.ledger AS l FINAL
    WHERE l.kind = 'payout'
    GROUP BY l.cause, l.partner_id, l.currency
) AS side
GROUP BY payout
HAVING state = ''
    OR sum_listed != sum_amount
    OR others > 0
    OR sum_processing != if(state IN ('draft', 'approved', 'processing', 'sent'), sum_amount, 0)
    OR sum_paid != if(state = 'completed', sum_amount, 0)
ORDER BY payout
