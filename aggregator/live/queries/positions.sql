SELECT
    node,
    least(if(countIf(hole) = 0, max(last_seq), minIf(before, hole)), any(shipped_to)) AS position
FROM
(
    SELECT
        s.node                     AS node,
        s.last_seq                 AS last_seq,
        n.last_seq                 AS shipped_to,
        greatest(n.done_to, max(s.last_seq) OVER (
            PARTITION BY s.node
            ORDER BY s.first_seq, s.last_seq
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ))                         AS before,
        s.first_seq > before + 1   AS hole
    FROM
    (
        SELECT node, first_seq, last_seq
        FROM fairlead.shipments FINAL
        WHERE month != 0
    ) AS s
    INNER JOIN
    (
        SELECT
            shipped.node     AS node,
            shipped.last_seq AS last_seq,
            least(rolled.done_to, last_seq) AS done_to
        FROM
        (
            SELECT node, max(last_seq) AS last_seq
            FROM fairlead.nodes
            GROUP BY node
        ) AS shipped
        LEFT JOIN
        (
            SELECT node, argMax(rollup_nodes.done_to, token) AS done_to
            FROM fairlead.rollup_nodes
            GROUP BY node
        ) AS rolled ON rolled.node = shipped.node
    ) AS n ON n.node = s.node
    WHERE s.last_seq >= n.done_to
)
GROUP BY node
HAVING position > 0
ORDER BY node
