SELECT
    count()                           AS deliveries,
    min(queued_at)                    AS oldest,
    countIf(attempts = 0)             AS untried,
    minIf(queued_at, attempts = 0)    AS oldest_untried
FROM pending
