SELECT
    seq,
    count() AS rows
FROM fairlead.clicks
WHERE node = {node:String}
  AND seq >= {from:UInt64}
  AND seq < {from:UInt64} + 65536
  AND toYYYYMM(clicked_at) >= {since:UInt32}
GROUP BY seq
HAVING rows > 1
ORDER BY seq
LIMIT 10
