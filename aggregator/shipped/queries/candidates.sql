SELECT
    n.node          AS node,
    max(r.done_to)  AS done_to
FROM
(
    SELECT node, max(last_seq) AS last_seq
    FROM fairlead.nodes
    GROUP BY node
    HAVING max(fact) = {fact:String}
) AS n
LEFT JOIN
(
    SELECT node, argMax(b.done_to, token) AS done_to
    FROM fairlead.{bounds:Identifier} AS b
    GROUP BY node
) AS r ON r.node = n.node
GROUP BY n.node, n.last_seq
HAVING n.last_seq > done_to
ORDER BY node
