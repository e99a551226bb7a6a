SELECT event_id
FROM
(
    SELECT
        event_id,
        subject,
        audience,
        ordinal,
        token
    FROM fairlead.notices
    WHERE subject IN {subjects:Array(String)}
    ORDER BY token DESC
    LIMIT 1 BY subject, audience, ordinal
)
