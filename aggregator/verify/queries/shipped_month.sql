SELECT node
FROM
(
    SELECT
        node,
        'shipped'  AS source,
        s.rows     AS rows,
        s.checksum AS checksum
    FROM fairlead.shipments AS s FINAL
    WHERE month = {month:UInt32}
      AND fact = 'clicks'
      AND last_seq <= transform(node, {nodes:Array(String)}, {bounds:Array(UInt64)}, toUInt64(0))
    UNION ALL
    SELECT
        node,
        'facts',
        count(),
        groupBitXor(click_tag)
    FROM fairlead.clicks
    WHERE toYYYYMM(clicked_at) = {month:UInt32}
      AND seq <= transform(node, {nodes:Array(String)}, {bounds:Array(UInt64)}, toUInt64(0))
    GROUP BY node
) AS side
GROUP BY node
HAVING sumIf(side.rows, source = 'shipped') != sumIf(side.rows, source = 'facts')
    OR groupBitXorIf(side.checksum, source = 'shipped') != groupBitXorIf(side.checksum, source = 'facts')
ORDER BY node
