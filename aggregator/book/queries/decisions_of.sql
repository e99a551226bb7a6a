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
WHERE (toDate(occurred_at), node, seq) IN (
    SELECT toDate(occurred_at), node, seq
    FROM fairlead.attributions
    WHERE %[1]s IN (SELECT hash FROM wanted)
)
  AND customer IN (SELECT hash FROM wanted)
  AND NOT test
ORDER BY customer
