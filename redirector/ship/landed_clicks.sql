SELECT
    seq,
    click_tag
FROM fairlead.clicks
WHERE node = @node
  AND seq BETWEEN @first AND @last
  AND clicked_at BETWEEN fromUnixTimestamp64Milli(toInt64(@from), 'UTC') AND fromUnixTimestamp64Milli(toInt64(@to), 'UTC')
