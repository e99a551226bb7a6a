SELECT
    currency,
    count()          AS rewards,
    sum(paid)        AS received,
    sum(processing)  AS under_way
FROM fairlead.rewards
WHERE ({partner:UInt32} = 0 OR partner_id = {partner:UInt32})
  AND conversion_id != ''
  AND rule_id IN {rules:Array(UInt32)}
  AND earned_at >= {from:DateTime64(3, 'UTC')}
  AND earned_at < {to:DateTime64(3, 'UTC')}
  AND (paid != 0 OR processing != 0)
GROUP BY currency
ORDER BY currency
