SELECT
    (
        SELECT count()
        FROM fairlead.ledger
        WHERE token >= if(kind = 'payout', {paid:UInt64}, {booked:UInt64})
    )
    +
    (
        SELECT count()
        FROM fairlead.attributions
        WHERE token > {attributions:UInt64}
    )
