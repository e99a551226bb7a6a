SELECT
    currency,
    min(day)       AS first,
    max(day)       AS last,
    max(noted_at)  AS noted
FROM fairlead.rates
WHERE noted_at > {after:DateTime64(3, 'UTC')}
  AND noted_at <= now64(3) - toIntervalMillisecond({settle:Int64})
GROUP BY currency
ORDER BY currency
