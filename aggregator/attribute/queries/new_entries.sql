SELECT
    toString(l.kind)       AS kind,
    l.id                   AS id,
    l.version = oldest     AS first,
    l.changed_at           AS changed_at,
    l.data                 AS data
FROM fairlead.directory_log AS l
INNER JOIN
(
    SELECT kind, id, min(version) AS oldest
    FROM fairlead.directory_log
    WHERE kind IN ('program', 'partner', 'link', 'coupon', 'claim', 'payout_method')
    GROUP BY kind, id
) AS o ON o.kind = l.kind AND o.id = l.id
WHERE l.kind IN ('program', 'partner', 'link', 'coupon', 'claim', 'payout_method')
  AND l.version > {after:UInt64}
  AND l.version <= {to:UInt64}
ORDER BY l.version
