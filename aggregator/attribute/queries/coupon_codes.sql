SELECT arrayJoin(coupons) AS code
FROM fairlead.conversions
WHERE notEmpty(coupons)
GROUP BY code
SETTINGS max_bytes_before_external_group_by = 500000000
