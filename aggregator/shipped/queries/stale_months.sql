SELECT
    node,
    month
FROM
(
    SELECT node, month, first_seq, last_seq, rows, checksum, 1 AS side
    FROM fairlead.shipments FINAL
    WHERE month != 0
      AND fact = {fact:String}
    UNION ALL
    SELECT node, month, first_seq, last_seq, rows, checksum, 2 AS side
    FROM fairlead.{log:Identifier} FINAL
)
GROUP BY node, month
HAVING groupBitXorIf(cityHash64(first_seq, last_seq, rows, checksum), side = 1) != groupBitXorIf(cityHash64(first_seq, last_seq, rows, checksum), side = 2)
ORDER BY node, month
