SELECT DISTINCT arrayJoin(names)
FROM fairlead.conversions
WHERE (toDate(received_at), node, seq) IN (
    SELECT toDate(received_at), node, seq
    FROM fairlead.attributions FINAL
    WHERE reason IN {reasons:Array(String)}
)
