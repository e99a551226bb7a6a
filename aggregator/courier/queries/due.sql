SELECT
    whom.1  AS endpoint,
    whom.2  AS endpoint_id,
    event_id,
    queued_at,
    attempts,
    first_at
FROM pending
WHERE next_at <= {now:DateTime64(3, 'UTC')}
  AND NOT has({busy:Array(Tuple(String, UInt32))}, whom)
ORDER BY
    row_number() OVER (PARTITION BY whom ORDER BY queued_at, event_id),
    queued_at,
    event_id,
    whom
LIMIT {each:UInt32} BY whom
LIMIT {most:UInt32}
