SELECT
    n.node,
    max(n.last_seq)                     AS last_seq,
    max(n.shipped_at)                   AS shipped_at,
    (argMaxMerge(n.latest) AS now_at).1 AS complete_to,
    now_at.2 = 'closed'                 AS closed,
    n.node IN (
        SELECT JSONExtractString(data, 'node')
        FROM fairlead.directory
        WHERE kind = 'node'
          AND NOT deleted
          AND JSONHas(data, 'retired')
    )                                   AS retired
FROM fairlead.nodes AS n
GROUP BY n.node
ORDER BY n.node
