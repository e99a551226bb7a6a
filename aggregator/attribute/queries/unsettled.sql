SELECT
    (
        SELECT count()
        FROM fairlead.directory_log
        WHERE kind IN ('program', 'partner', 'link', 'coupon', 'claim', 'secret')
          AND version > {version:UInt64}
    )
    +
    (
        SELECT count()
        FROM fairlead.rates
        WHERE noted_at > {rates_to:DateTime64(3, 'UTC')}
    )
