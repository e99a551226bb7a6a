INSERT INTO fairlead.{stage:Identifier}
    (partner_id, link_id, day, currency, paid, holding, payable, processing, review, rewards, token)
SELECT
    partner_id, link_id, day, currency, paid, holding, payable, processing, review, rewards, token
FROM fairlead.reward_days
WHERE NOT {whole:Bool}
  AND toYYYYMM(day) = {month:UInt32}
  AND (partner_id, day) NOT IN (SELECT t.1, t.2 FROM (SELECT arrayJoin({touched:Array(Tuple(UInt32, Date))}) AS t))
UNION ALL
SELECT
    r.partner_id,
    c.link_id                                   AS link,
    r.on_day                                    AS on_day,
    r.currency                                  AS of_currency,
    sum(r.in_paid)                              AS all_paid,
    sum(r.in_holding)                           AS all_holding,
    sum(r.in_payable)                           AS all_payable,
    sum(r.in_processing)                        AS all_processing,
    sum(r.in_review)                            AS all_review,
    countIf(r.stands)                           AS all_rewards,
    {token:UInt64}
FROM
(
    SELECT
        partner_id,
        any(conversion_id)                                                                            AS conversion,
        any(currency)                                                                                 AS currency,
        minIf(at, kind IN ('earned', 'adjusted', 'added', 'reversed', 'opening'))                     AS earned_at,
        {days:Array(Date)}[arrayCount(start -> start <= earned_at, {starts:Array(DateTime64(3, 'UTC'))})]  AS on_day,
        sumIf(amount, credit = 'paid') - sumIf(amount, debit = 'paid')                                AS in_paid,
        sumIf(amount, credit = 'holding') - sumIf(amount, debit = 'holding')                          AS in_holding,
        sumIf(amount, credit = 'payable') - sumIf(amount, debit = 'payable')                          AS in_payable,
        sumIf(amount, credit = 'processing') - sumIf(amount, debit = 'processing')                    AS in_processing,
        sumIf(amount, credit = 'review') - sumIf(amount, debit = 'review')                            AS in_review,
        in_paid != 0 OR in_holding != 0 OR in_payable != 0 OR in_processing != 0 OR in_review != 0    AS stands
    FROM fairlead.ledger FINAL
    WHERE {whole:Bool}
       OR partner_id IN {partners:Array(UInt32)}
    GROUP BY partner_id, reward_id
    HAVING earned_at >= {from:DateTime64(3, 'UTC')}
       AND earned_at < {to:DateTime64(3, 'UTC')}
       AND ({whole:Bool} OR (partner_id, on_day) IN (SELECT t.1, t.2 FROM (SELECT arrayJoin({touched:Array(Tuple(UInt32, Date))}) AS t)))
) AS r
LEFT JOIN
(
    SELECT
        partner_id,
        conversion_id,
        any(link_id)  AS link_id
    FROM fairlead.attributions FINAL
    WHERE occurred_at >= {from:DateTime64(3, 'UTC')} - toIntervalDay(1)
      AND occurred_at < {to:DateTime64(3, 'UTC')} + toIntervalDay(1)
      AND NOT test
      AND conversion_id != ''
      AND state IN ('counted', 'review', 'held')
      AND ({whole:Bool} OR partner_id IN {partners:Array(UInt32)})
    GROUP BY partner_id, conversion_id
) AS c ON c.partner_id = r.partner_id AND c.conversion_id = r.conversion
GROUP BY r.partner_id, link, on_day, of_currency
HAVING all_rewards > 0
SETTINGS
    optimize_aggregation_in_order = 1,
    max_bytes_before_external_group_by = 500000000
