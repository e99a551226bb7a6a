SELECT
    subject,
    audience,
    ordinal,
    type,
    node,
    seq,
    partner_id,
    amount,
    currency
FROM fairlead.notices
WHERE subject IN {subjects:Array(String)}
ORDER BY ordinal DESC, token DESC
LIMIT 1 BY subject, audience
