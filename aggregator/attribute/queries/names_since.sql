SELECT DISTINCT arrayJoin(names)
FROM fairlead.conversions
WHERE occurred_at >= {since:DateTime64(3, 'UTC')}
