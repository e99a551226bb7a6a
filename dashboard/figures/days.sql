-- A partner's days of a span and of the one it is compared with.
SELECT
    day,
    clicks,
    visitors,
    bots,
    prefetches,
    embedded,
    suspended,
    disabled,
    expired
FROM fairlead.partner_days
WHERE partner_id = {partner:UInt32}
  AND (day BETWEEN {from:Date} AND {to:Date} OR day BETWEEN {before_from:Date} AND {before_to:Date})
