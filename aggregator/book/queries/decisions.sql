WITH %[1]s AS customer
SELECT
    customer,
    conversion_id,
    toString(kind),
    toUnixTimestamp64Milli(occurred_at),
    toString(state),
    partner_id,
    sale_id,
    binds,
    amount,
    currency,
    token
FROM fairlead.attributions FINAL
WHERE NOT test
  AND ({since:UInt32} = 0 OR customer IN (SELECT %[1]s FROM fairlead.attributions WHERE toYYYYMM(occurred_at) >= {since:UInt32}))
ORDER BY customer
SETTINGS max_bytes_before_external_sort = 500000000
