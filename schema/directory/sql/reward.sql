SELECT partner_id,
       currency,
       sumIf(amount, debit IN ('expense', 'opening')) - sumIf(amount, credit IN ('expense', 'opening')) AS given
FROM fairlead.ledger FINAL
WHERE reward_id = unhex(@reward)
  AND kind IN ('earned', 'adjusted', 'added', 'opening')
GROUP BY partner_id, currency
