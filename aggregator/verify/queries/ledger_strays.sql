-- Rewards that are for nothing: there is no decision on the sale or lead, no entry by hand and no partner's opening balance
-- that they begin with.
SELECT
    lower(hex(reward_id))  AS reward,
    any(partner_id)        AS partner,
    max(conversion_id)     AS conversion,
    count()                AS found
FROM fairlead.ledger FINAL
WHERE conversion_id = ''
   OR conversion_id NOT IN (SELECT conversion_id FROM fairlead.attributions WHERE NOT test AND kind IN ('sale', 'lead'))
GROUP BY reward_id
HAVING conversion != ''
    OR countIf(kind = 'added' AND cause IN (SELECT toString(id) FROM fairlead.directory WHERE kind = 'entry' AND NOT deleted)
        OR kind = 'opening' AND cause IN (SELECT toString(id) FROM fairlead.directory WHERE kind = 'partner' AND NOT deleted)) = 0
ORDER BY reward
SETTINGS max_bytes_before_external_group_by = 500000000
