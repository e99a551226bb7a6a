INSERT INTO fairlead.{stage:Identifier}
    (node, done_to, token)
SELECT
    node,
    if(countIf(hole) = 0, max(last_seq), minIf(before, hole))  AS done_to,
    {token:UInt64}
FROM
(
    SELECT
        node,
        last_seq,
        max(last_seq) OVER (
            PARTITION BY node
            ORDER BY first_seq, last_seq
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )                          AS before,
        first_seq > before + 1     AS hole
    FROM fairlead.{log:Identifier} FINAL
)
GROUP BY node
