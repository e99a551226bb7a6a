INSERT INTO fairlead.{stage:Identifier}
    (partner_id, link_id, day, currency, referred, leads, sales, gross, refunds, refunded, held, review, token)
SELECT
    partner_id, link_id, day, currency, referred, leads, sales, gross, refunds, refunded, held, review, token
FROM fairlead.sale_days
WHERE {keep:Bool}
  AND toYYYYMM(day) = {month:UInt32}
  AND NOT has({touched:Array(Date)}, day)
UNION ALL
SELECT
    if(state = 'unattributed', 0, partner_id)                                                   AS partner,
    if(state = 'unattributed', 0, link_id)                                                      AS link,
    {days:Array(Date)}[arrayCount(start -> start <= occurred_at, {starts:Array(DateTime64(3, 'UTC'))})] AS on_day,
    currency,
    countIf(binds)                                                                              AS bound,
    countIf(kind = 'lead' AND state IN ('counted', 'unattributed'))                             AS all_leads,
    countIf(kind = 'sale' AND state IN ('counted', 'unattributed'))                             AS all_sales,
    sumIf(amount, kind = 'sale' AND state IN ('counted', 'unattributed'))                       AS brought,
    countIf(kind = 'refund' AND state IN ('counted', 'unattributed'))                           AS all_refunds,
    sumIf(if(kind = 'refund', amount, -amount), kind IN ('refund', 'restored') AND state IN ('counted', 'unattributed')) AS back,
    countIf(state = 'held')                                                                     AS waits,
    countIf(state = 'review')                                                                   AS reviewed,
    {token:UInt64}
FROM fairlead.attributions FINAL
WHERE NOT test
  AND state IN ('counted', 'unattributed', 'held', 'review')
  AND occurred_at >= {from:DateTime64(3, 'UTC')}
  AND occurred_at < {to:DateTime64(3, 'UTC')}
GROUP BY partner, link, on_day, currency
