SELECT
    event_id,
    toString(endpoint)  AS kind,
    endpoint_id,
    queued_at,
    attempt,
    attempted_at,
    toString(state)     AS outcome,
    status,
    reason,
    error,
    answer,
    took,
    next_at,
    actor
FROM fairlead.deliveries
WHERE queued_at >= {since:DateTime64(3, 'UTC')}
  AND toString(endpoint) = {kind:String}
  AND ({id:UInt32} = 0 OR endpoint_id = {id:UInt32})
  AND ({event:String} = '' OR event_id = {event:String})
  AND (NOT {troubled:Bool} OR state IN ('retry', 'failed', 'skipped'))
ORDER BY attempted_at DESC, event_id, attempt DESC
LIMIT {limit:UInt32}
