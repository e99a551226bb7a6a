SELECT greatest(
    (
        SELECT max(last_seq)
        FROM fairlead.shipments
        WHERE node = @node
          AND last_seq >= @first
    ),
    (
        SELECT max(seq)
        FROM fairlead.clicks
        WHERE node = @node
          AND seq >= @first
          AND clicked_at >= fromUnixTimestamp64Milli(toInt64(@since), 'UTC')
    )
)
