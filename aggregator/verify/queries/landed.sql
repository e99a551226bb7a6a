SELECT
    n.node                  AS node,
    max(n.last_seq)         AS announced,
    max(s.last_seq)         AS shipped,
    max(r.done_to)          AS rolled
FROM fairlead.nodes AS n
LEFT JOIN
(
    SELECT node, max(last_seq) AS last_seq
    FROM fairlead.shipments
    GROUP BY node
) AS s ON s.node = n.node
LEFT JOIN
(
    SELECT node, argMax(rollup_nodes.done_to, token) AS done_to
    FROM fairlead.rollup_nodes
    GROUP BY node
) AS r ON r.node = n.node
GROUP BY n.node
ORDER BY node
