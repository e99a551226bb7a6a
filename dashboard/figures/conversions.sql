-- Reports of one state, the latest first, and how many there are of each.
SELECT
    'state'                                          AS part,
    toString(state)                                  AS state_name,
    count()                                          AS n,
    0                                                AS position,
    toDateTime64(0, 3, 'UTC')                        AS at,
    ''                                               AS kind_name,
    ''                                               AS reason,
    toUInt32(0)                                      AS partner,
    ''                                               AS customer,
    ''                                               AS conversion_id,
    ''                                               AS coupon,
    toInt64(0)                                       AS amount,
    ''                                               AS currency
FROM fairlead.attributions FINAL
WHERE NOT test
  AND state IN ('conflict', 'unattributed', 'review', 'held', 'waiting')
  AND occurred_at >= {since:DateTime64(3, 'UTC')}
GROUP BY state

UNION ALL

SELECT
    'report',
    '',
    0,
    rowNumberInAllBlocks() + 1,
    occurred_at,
    toString(kind),
    reason,
    partner_id,
    customer_id,
    conversion_id,
    coupon,
    amount,
    currency
FROM
(
    SELECT *
    FROM fairlead.attributions FINAL
    WHERE NOT test
      AND state = {state:String}
      AND occurred_at >= {since:DateTime64(3, 'UTC')}
    ORDER BY
        occurred_at DESC,
        node,
        seq DESC
    LIMIT {limit:UInt32}
    OFFSET {offset:UInt32}
)
SETTINGS local_filesystem_read_method = 'pread', allow_statistics_optimize = 0
