-- The team's overview: days over all partners, a page of the partners with their month, and how many conversions need a
-- look.
WITH
    sold_of AS
    (
        SELECT
            partner_id           AS partner,
            sum(referred)        AS referred,
            groupArray(currency) AS currencies,
            groupArray(sales)    AS sales,
            groupArray(gross)    AS gross,
            groupArray(refunds)  AS refunds,
            groupArray(refunded) AS refunded
        FROM
        (
            SELECT
                partner_id,
                currency,
                sum(s.referred) AS referred,
                sum(s.sales)    AS sales,
                sum(s.gross)    AS gross,
                sum(s.refunds)  AS refunds,
                sum(s.refunded) AS refunded
            FROM fairlead.sale_days AS s
            WHERE day BETWEEN {month:Date} AND {month_end:Date}
              AND partner_id > 0
            GROUP BY partner_id, currency
        )
        GROUP BY partner_id
    ),
    listed AS
    (
        SELECT
            id,
            last.1                                                                AS data,
            row_number() OVER (ORDER BY lowerUTF8(JSONExtractString(data, 'name')), id) AS by_name
        FROM
        (
            SELECT
                id,
                argMax((data, deleted), (version, changed_at, data)) AS last
            FROM fairlead.directory_log
            WHERE kind = 'partner'
            GROUP BY id
            HAVING NOT last.2
        )
        WHERE positionCaseInsensitiveUTF8(JSONExtractString(data, 'name'), {search:String}) > 0
           OR positionCaseInsensitiveUTF8(JSONExtractString(data, 'email'), {search:String}) > 0
           OR toString(id) = {search:String}
           OR id IN
        (
            SELECT JSONExtractUInt(data, 'partner_id')
            FROM fairlead.directory_log
            WHERE kind = 'link'
              AND {search:String} != ''
              AND arrayExists(k -> position(k, {slug:String}) > 5, unique_keys)
        )
    )

SELECT
    'active'                AS part,
    toUInt64(0)             AS position,
    {month:Date}            AS date,
    ''                      AS data,
    countIf(m.clicks > 0)   AS n,
    toUInt64(0)             AS clicks,
    toUInt64(0)             AS visitors,
    toUInt64(0)             AS bots,
    toUInt64(0)             AS prefetches,
    toUInt64(0)             AS embedded,
    toUInt64(0)             AS suspended,
    toUInt64(0)             AS disabled,
    toUInt64(0)             AS expired,
    toUInt64(0)             AS referred,
    []::Array(String)       AS currencies,
    []::Array(UInt64)       AS sales,
    []::Array(Int64)        AS gross,
    []::Array(UInt64)       AS refunds,
    []::Array(Int64)        AS refunded
FROM fairlead.partner_months AS m
WHERE month = {month:Date}
  AND partner_id > 0

UNION ALL

SELECT
    'day',
    0,
    day,
    '',
    0,
    sum(d.clicks),
    sum(d.visitors),
    0, 0, 0, 0, 0, 0,
    0,
    [], [], [], [], []
FROM fairlead.partner_days AS d
WHERE day BETWEEN {from:Date} AND {to:Date}
  AND partner_id > 0
GROUP BY day

UNION ALL

SELECT
    'day',
    0,
    day,
    '',
    0,
    0, 0, 0, 0, 0, 0, 0, 0,
    sum(s.referred),
    [toString(currency)],
    [sum(s.sales)],
    [sum(s.gross)],
    [sum(s.refunds)],
    [sum(s.refunded)]
FROM fairlead.sale_days AS s
WHERE day BETWEEN {from:Date} AND {to:Date}
  AND partner_id > 0
GROUP BY day, currency

UNION ALL

SELECT
    'partner',
    rowNumberInAllBlocks() + 1,
    {month:Date},
    data,
    0,
    clicks, visitors, bots, prefetches, embedded, suspended, disabled, expired,
    referred,
    currencies,
    sales,
    gross,
    refunds,
    refunded
FROM
(
    SELECT
        listed.data,
        m.clicks,
        m.visitors,
        m.bots,
        m.prefetches,
        m.embedded,
        m.suspended,
        m.disabled,
        m.expired,
        sold_of.referred,
        sold_of.currencies,
        sold_of.sales,
        sold_of.gross,
        sold_of.refunds,
        sold_of.refunded,
        multiIf(
            {by:String} = 'name',     toInt64(listed.by_name),
            {by:String} = 'clicks',   toInt64(m.clicks),
            {by:String} = 'visitors', toInt64(m.visitors),
            {by:String} = 'referred', toInt64(sold_of.referred),
            {by:String} = 'sold',     sold_of.gross[indexOf(sold_of.currencies, {currency:String})] - sold_of.refunded[indexOf(sold_of.currencies, {currency:String})],
            toInt64(0))       AS key
    FROM listed
    LEFT JOIN
    (
        SELECT *
        FROM fairlead.partner_months
        WHERE month = {month:Date}
    ) AS m ON m.partner_id = listed.id
    LEFT JOIN sold_of ON sold_of.partner = listed.id
    ORDER BY
        if({descending:Bool}, -key, key),
        listed.id
    LIMIT {limit:UInt32}
    OFFSET {offset:UInt32}
)

UNION ALL

SELECT
    'state',
    0,
    {month:Date},
    toString(state),
    count(),
    0, 0, 0, 0, 0, 0, 0, 0,
    0,
    [], [], [], [], []
FROM fairlead.attributions FINAL
WHERE NOT test
  AND state IN ('conflict', 'unattributed', 'review', 'held', 'waiting')
  AND occurred_at >= {since:DateTime64(3, 'UTC')}
GROUP BY state
SETTINGS local_filesystem_read_method = 'pread', allow_statistics_optimize = 0
