INSERT INTO fairlead.{stage:Identifier}
    (partner_id, dimension, day, rest, value, clicks, visitors, token)
WITH
    valid AS
    (
        SELECT
            partner_id,
            {days:Array(Date)}[arrayCount(start -> start <= clicked_at, {starts:Array(DateTime64(3, 'UTC'))})] AS day,
            visitor,
            dimension,
            value
        FROM fairlead.clicks
        ARRAY JOIN
            ['country', 'device', 'browser', 'referrer', 'sub_id', 'landing_page'] AS dimension,
            [toString(country), toString(device), toString(browser), toString(referrer_host), sub_id,
                multiIf(destination = '', '', path(destination) = '', '/', path(destination))] AS value
        WHERE verdict = 'valid'
          AND clicked_at >= {from:DateTime64(3, 'UTC')}
          AND clicked_at < {to:DateTime64(3, 'UTC')}
    ),
    -- A partner-day without more clicks than values are kept has no rest: few are left to look at.
    crowded AS
    (
        SELECT
            partner_id,
            day
        FROM fairlead.{counted:Identifier}
        WHERE has({days:Array(Date)}, day)
          AND clicks > {most:UInt64}
    ),
    kept AS
    (
        SELECT
            partner_id,
            day,
            dimension,
            value
        FROM valid
        WHERE (partner_id, day) IN crowded
        GROUP BY
            partner_id,
            day,
            dimension,
            value
        ORDER BY
            count() DESC,
            value
        LIMIT {most:UInt64} BY partner_id, day, dimension
    )
SELECT
    partner_id,
    dimension,
    day,
    left_over,
    shown,
    count(),
    uniqExactIf(visitor, visitor != 0),
    {token:UInt64}
FROM
(
    SELECT
        partner_id,
        dimension,
        day,
        visitor,
        (partner_id, day) IN crowded AND (partner_id, day, dimension, value) NOT IN kept  AS left_over,
        if(left_over, '', value)                                                          AS shown
    FROM valid
)
GROUP BY
    partner_id,
    dimension,
    day,
    left_over,
    shown
SETTINGS max_bytes_before_external_group_by = 500000000
