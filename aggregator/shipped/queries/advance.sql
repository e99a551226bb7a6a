INSERT INTO fairlead.{bounds:Identifier}
    (node, done_to, token)
WITH (
    SELECT argMax(done_to, token)
    FROM fairlead.{bounds:Identifier}
    WHERE node = {node:String}
) AS after
SELECT
    {node:String},
    if(countIf(hole) = 0, max(last_seq), minIf(before, hole))  AS reached,
    {token:UInt64}
FROM
(
    SELECT
        last_seq,
        greatest(after, max(last_seq) OVER (
            ORDER BY first_seq, last_seq
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ))                     AS before,
        first_seq > before + 1 AS hole
    FROM fairlead.{log:Identifier} FINAL
    WHERE node = {node:String}
      AND first_seq > after
)
HAVING reached > after
