-- Rewards with rows of two partners or currencies, or of which more is paid or on its way than was ever given, or less than
-- nothing: less by more than was taken back, as another payout may have carried that before this one came to nothing.
SELECT
    lower(hex(reward_id))                                             AS reward,
    groupUniqArray(partner_id)                                        AS partners,
    groupUniqArray(toString(currency))                                AS currencies,
    sumIf(amount, debit IN ('expense', 'opening'))                    AS given,
    sumIf(amount, credit IN ('processing', 'paid')) - sumIf(amount, debit IN ('processing', 'paid'))  AS out
FROM fairlead.ledger FINAL
GROUP BY reward_id
HAVING length(partners) > 1
    OR length(currencies) > 1
    OR out > given
    OR out < -sumIf(amount, credit IN ('expense', 'opening'))
ORDER BY reward
SETTINGS max_bytes_before_external_group_by = 500000000
