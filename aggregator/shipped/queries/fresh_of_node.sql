SELECT
    s.node       AS node,
    s.month      AS month,
    s.first_seq  AS first_seq,
    s.last_seq   AS last_seq,
    s.rows       AS rows,
    s.checksum   AS checksum,
    s.quarters   AS quarters
FROM fairlead.shipments AS s FINAL
LEFT ANTI JOIN
(
    SELECT node, month, first_seq, last_seq, rows, checksum
    FROM fairlead.{log:Identifier} FINAL
    WHERE node = {node:String}
      AND first_seq > {after:UInt64}
) AS done USING (node, month, first_seq, last_seq, rows, checksum)
WHERE s.node = {node:String}
  AND s.month != 0
  AND s.fact = {fact:String}
  AND s.first_seq > {after:UInt64}
ORDER BY first_seq
LIMIT {limit:UInt64} WITH TIES
