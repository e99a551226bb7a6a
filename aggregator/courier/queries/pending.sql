SELECT
    whom,
    event_id,
    queued_at,
    max(number)                        AS attempts,
    minIf(at, number > 0)              AS first_at,
    argMax(again_at, (number, run))    AS next_at
FROM
(
    SELECT
        arrayJoin(arrayConcat(
            arrayMap(id -> ('webhook', id), webhooks),
            arrayMap(id -> ('postback', id), postbacks)))  AS whom,
        event_id,
        created_at                                         AS queued_at,
        toUInt32(0)                                        AS number,
        created_at                                         AS at,
        created_at                                         AS again_at,
        toUInt64(0)                                        AS run
    FROM fairlead.notices
    WHERE created_at >= {untried:DateTime64(3, 'UTC')}
    UNION ALL
    SELECT
        (toString(endpoint), endpoint_id), event_id, queued_at, attempt, attempted_at, next_at, token
    FROM fairlead.deliveries
    WHERE queued_at >= {since:DateTime64(3, 'UTC')}
      AND (state = 'retry' OR state = 'asked' AND queued_at >= {untried:DateTime64(3, 'UTC')})
)
WHERE sipHash128(whom.1, whom.2, event_id, queued_at) NOT IN
(
    SELECT sipHash128(toString(endpoint), endpoint_id, event_id, queued_at)
    FROM fairlead.deliveries
    WHERE queued_at >= {since:DateTime64(3, 'UTC')}
      AND state IN ('delivered', 'failed', 'skipped')
      AND (attempt > 1 OR queued_at >= {untried:DateTime64(3, 'UTC')})
)
GROUP BY whom, event_id, queued_at
