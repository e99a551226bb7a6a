SELECT
    node,
    month,
    first_seq,
    last_seq,
    rows
FROM fairlead.rollup_log FINAL
LEFT ANTI JOIN
(
    SELECT node, month, first_seq
    FROM fairlead.shipments
    WHERE month >= {since:UInt32}
) AS s USING (node, month, first_seq)
WHERE month >= {since:UInt32}
ORDER BY node, first_seq
LIMIT 100
