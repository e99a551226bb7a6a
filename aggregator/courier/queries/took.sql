SELECT
    countIf(state = 'delivered' AND attempted_at >= {first:DateTime64(3, 'UTC')})  AS taken,
    uniqExactIf(
        intDiv(toUnixTimestamp64Milli(attempted_at) - toUnixTimestamp64Milli({since:DateTime64(3, 'UTC')}), {quarter:Int64}),
        state IN ('retry', 'failed') AND attempted_at >= {since:DateTime64(3, 'UTC')})  AS quarters,
    (
        SELECT max(changed_at)
        FROM fairlead.directory_log
        WHERE kind = {kind:String} AND id = {id:UInt32}
    )  AS changed
FROM fairlead.deliveries
WHERE queued_at >= {first:DateTime64(3, 'UTC')} - INTERVAL 30 DAY
  AND toString(endpoint) = {endpoint:String}
  AND endpoint_id = {id:UInt32}
