INSERT INTO fairlead.{stage:Identifier}
    (partner_id, link_id, day, clicks, visitors, bots, prefetches, embedded, unknown_links, suspended, disabled, expired, token)
SELECT
    partner_id, link_id, day, clicks, visitors, bots, prefetches, embedded, unknown_links, suspended, disabled, expired, token
FROM fairlead.link_days
WHERE {keep:Bool}
  AND toYYYYMM(day) = {month:UInt32}
  AND NOT has({touched:Array(Date)}, day)
UNION ALL
SELECT
    partner_id,
    link_id,
    {days:Array(Date)}[arrayCount(start -> start <= clicked_at, {starts:Array(DateTime64(3, 'UTC'))})] AS day,
    countIf(verdict = 'valid')                                    AS clicks,
    uniqExactIf(visitor, verdict = 'valid' AND visitor != 0)      AS visitors,
    countIf(verdict = 'bot')                                      AS bots,
    countIf(verdict = 'prefetch')                                 AS prefetches,
    countIf(verdict = 'embedded')                                 AS embedded,
    countIf(verdict = 'unknown_link')                             AS unknown_links,
    countIf(verdict = 'suspended')                                AS suspended,
    countIf(verdict = 'disabled')                                 AS disabled,
    countIf(verdict = 'expired')                                  AS expired,
    {token:UInt64}                                              AS token
FROM fairlead.clicks
WHERE clicked_at >= {from:DateTime64(3, 'UTC')}
  AND clicked_at < {to:DateTime64(3, 'UTC')}
GROUP BY partner_id, link_id, day
SETTINGS max_bytes_before_external_group_by = 500000000
