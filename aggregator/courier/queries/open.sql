SELECT
    count()         AS deliveries,
    min(queued_at)  AS oldest
FROM
(
    SELECT queued_at
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
            'asked'                                            AS outcome,
            created_at                                         AS again_at,
            toUInt64(0)                                        AS run
        FROM
        (
            SELECT event_id, created_at, webhooks, postbacks
            FROM fairlead.notices
            WHERE created_at >= {since:DateTime64(3, 'UTC')}
            ORDER BY token DESC
            LIMIT 1 BY subject, audience, ordinal
        )
        UNION ALL
        SELECT
            (toString(endpoint), endpoint_id), event_id, queued_at, attempt, attempted_at, toString(state), if(attempt = 0, attempted_at, next_at), token
        FROM fairlead.deliveries
        WHERE queued_at >= {since:DateTime64(3, 'UTC')}
    )
    GROUP BY whom, event_id, queued_at
    HAVING argMax(outcome, (number, run)) IN ('asked', 'retry')
)
