-- A partner's payouts: where the rewards of all times stand and what of them is due by the next payout day, the rewards that
-- are in no payout, and the payouts. Those are read past their view, which would sort out the versions of all partners first:
-- a payout's partner never changes, so that PREWHERE, which comes before FINAL, finds the same.
SELECT
    'balance'         AS part,
    currency,
    ''                AS id,
    ''                AS status,
    ''                AS whereto,
    [
        sum(review), sum(holding), sum(payable), sum(processing), sum(paid),
        sumIf(payable, payable < 0 OR due_at <= {cut_off:DateTime64(3, 'UTC')})
            + sumIf(holding, toUnixTimestamp64Milli(due_at) > 0 AND due_at <= {cut_off:DateTime64(3, 'UTC')})
    ]                 AS amounts,
    [minIf(due_at, holding > 0 AND toUnixTimestamp64Milli(due_at) > 0)] AS times
FROM fairlead.rewards
WHERE partner_id = {partner:UInt32}
GROUP BY currency

UNION ALL

SELECT
    'reward'          AS part,
    currency,
    conversion_id,
    '',
    '',
    [review, holding, payable],
    [earned_at, due_at]
FROM
(
    SELECT *
    FROM fairlead.rewards
    WHERE partner_id = {partner:UInt32}
      AND (review != 0 OR holding != 0 OR payable != 0)
    ORDER BY review != 0, due_at, earned_at, reward_id
    LIMIT {limit:UInt32} OFFSET {rewards_from:UInt32}
)

UNION ALL

SELECT
    'payout'          AS part,
    currency,
    lower(hex(id)),
    state,
    masked,
    [amount],
    [created_at, sent_at, completed_at]
FROM
(
    SELECT *
    FROM
    (
        SELECT
            id,
            currency,
            toString(p.status) AS state,
            masked,
            amount,
            created_at,
            sent_at,
            completed_at
        FROM fairlead.payouts AS p FINAL
        PREWHERE partner_id = {partner:UInt32}
        ORDER BY version DESC
        LIMIT 1 BY id
    )
    ORDER BY created_at DESC, id
    LIMIT {limit:UInt32} OFFSET {payouts_from:UInt32}
)
SETTINGS local_filesystem_read_method = 'pread', allow_statistics_optimize = 0
