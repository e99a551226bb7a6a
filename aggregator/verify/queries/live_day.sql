SELECT
    partner_id,
    count() AS clicks
FROM
(
    SELECT toString(node) AS node, seq, partner_id
    FROM fairlead.clicks
    WHERE clicked_at >= {from:DateTime64(3, 'UTC')}
      AND clicked_at < {to:DateTime64(3, 'UTC')}
      AND verdict = 'valid'
      AND partner_id != 0
) AS c
INNER JOIN positions AS p ON p.node = c.node AND p.shard = c.partner_id % {shards:UInt8}
WHERE c.seq <= p.seq
GROUP BY partner_id
