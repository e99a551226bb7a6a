SELECT
    node,
    count()   AS rows,
    min(seq)  AS first_seq
FROM fairlead.clicks
WHERE toYYYYMM(clicked_at) >= {since:UInt32}
  AND seq > transform(node, {nodes:Array(String)}, {bounds:Array(UInt64)}, toUInt64(0))
GROUP BY node
ORDER BY node
