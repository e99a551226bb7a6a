SELECT
    event_id,
    subject,
    audience,
    type,
    test,
    body
FROM fairlead.notices
WHERE event_id IN {events:Array(String)}
LIMIT 1 BY event_id
