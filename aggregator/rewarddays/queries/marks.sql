WITH rows_of AS
(
    SELECT
        kind = 'payout'  AS paying,
        token,
        count()          AS rows
    FROM fairlead.ledger
    WHERE token >= if(kind = 'payout', {paid:UInt64}, {booked:UInt64})
    GROUP BY paying, token
)
SELECT
    maxIf(token, NOT paying)                             AS booked,
    argMaxIf(rows, token, NOT paying)                    AS booked_rows,
    sumIf(rows, NOT paying AND token = {booked:UInt64})  AS booked_before,
    maxIf(token, paying)                                 AS paid,
    argMaxIf(rows, token, paying)                        AS paid_rows,
    sumIf(rows, paying AND token = {paid:UInt64})        AS paid_before
FROM rows_of
