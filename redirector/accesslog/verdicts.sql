SELECT
    toString(verdict),
    count()
FROM fairlead.clicks
WHERE node = @node
  AND clicked_at BETWEEN fromUnixTimestamp64Milli(toInt64(@from), 'UTC') AND fromUnixTimestamp64Milli(toInt64(@to), 'UTC')
GROUP BY verdict
