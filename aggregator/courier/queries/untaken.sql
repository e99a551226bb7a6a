SELECT event_id
FROM fairlead.deliveries
WHERE queued_at >= {since:DateTime64(3, 'UTC')}
  AND toString(endpoint) = {kind:String}
  AND endpoint_id = {id:UInt32}
GROUP BY event_id
HAVING argMax(state, (queued_at, attempt, token)) IN ('failed', 'skipped')
ORDER BY min(queued_at), event_id
