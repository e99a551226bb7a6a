SELECT
    partner_id,
    count() AS clicks
FROM fairlead.clicks
WHERE clicked_at >= {from:DateTime64(3, 'UTC')}
  AND clicked_at < {to:DateTime64(3, 'UTC')}
  AND verdict = 'valid'
  AND partner_id != 0
  AND seq <= transform(node, {nodes:Array(String)}, {positions:Array(UInt64)}, toUInt64(0))
GROUP BY partner_id
