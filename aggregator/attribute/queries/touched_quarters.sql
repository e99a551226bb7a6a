SELECT DISTINCT toUInt64(toUnixTimestamp(toStartOfFifteenMinutes(occurred_at)))
FROM fairlead.attributions
WHERE token > {done:UInt64}
